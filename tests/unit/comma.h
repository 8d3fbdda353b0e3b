/* SPDX-License-Identifier: MIT */
/* A locale whose numbers have a comma, made here: the machine may have none but
 * C. Define _POSIX_C_SOURCE 200809L before any header. */
#ifndef PHI_TESTS_COMMA_H
#define PHI_TESTS_COMMA_H

#include <locale.h>
#include <stdlib.h>

#include "tests/unit/unit.h"

/* Until comma_end(); false, after saying so, where no locale can be made. */
static inline bool comma_begin(void)
{
    static const char make[] =
        "cd \"$LOCPATH\" && "
        "printf '<code_set_name> ASCII\\n<mb_cur_max> 1\\nCHARMAP\\n"
        "<U0000>..<U007F> /x00\\nEND CHARMAP\\n' >map && "
        "printf 'LC_NUMERIC\\ndecimal_point \",\"\\nthousands_sep \"\"\\n"
        "grouping -1\\nEND LC_NUMERIC\\n' >source && "
        "localedef -c -i source -f map ./comma >log 2>&1; "
        "[ -f comma/LC_NUMERIC ]";
    char dir[] = "/tmp/phiconv-locale-XXXXXX";
    char text[8];

    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(setenv("LOCPATH", dir, 1), 0);
    if (system("command -v localedef >/dev/null") != 0) {
        unit_skip("numbers with a comma", "no localedef");
        return false;
    }
    ck_assert_int_eq(system(make), 0);
    ck_assert_ptr_nonnull(setlocale(LC_NUMERIC, "comma"));
    snprintf(text, sizeof(text), "%.1f", 1.5);
    ck_assert_str_eq(text, "1,5");
    return true;
}

static inline void comma_end(void)
{
    ck_assert_ptr_nonnull(setlocale(LC_NUMERIC, "C"));
    ck_assert_int_eq(system("rm -r \"$LOCPATH\""), 0);
    unsetenv("LOCPATH");
}

#endif
