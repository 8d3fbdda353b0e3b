/* SPDX-License-Identifier: MIT */
/* Locales whose numbers have a comma, or a point of two bytes, made here: the
 * machine may have none but C. Define _POSIX_C_SOURCE 200809L before any
 * header. */
#ifndef PHI_TESTS_COMMA_H
#define PHI_TESTS_COMMA_H

#include <locale.h>
#include <stdlib.h>

#include "tests/unit/unit.h"

/* Until comma_end(); false, after saying so, where no locale can be made. The
 * point: what localedef calls it; and what 1.5 looks like then. */
static inline bool comma_make(const char *point, const char *want)
{
    static const char make[] =
        "cd \"$LOCPATH\" && "
        "printf '<code_set_name> UTF-8\n<escape_char> /\n<mb_cur_min> 1\n"
        "<mb_cur_max> 2\nCHARMAP\n"
        "<U0000>..<U007F> /x00\n<U066B> /xd9/xab\nEND CHARMAP\n' >map && "
        "printf 'LC_NUMERIC\ndecimal_point \"%s\"\nthousands_sep \"\"\n"
        "grouping -1\nEND LC_NUMERIC\n' \"$POINT\" >source && "
        "localedef -c -i source -f map ./comma >log 2>&1; "
        "[ -f comma/LC_NUMERIC ]";
    char dir[] = "/tmp/phiconv-locale-XXXXXX";
    char text[8];

    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(setenv("LOCPATH", dir, 1), 0);
    ck_assert_int_eq(setenv("POINT", point, 1), 0);
    if (system("command -v localedef >/dev/null") != 0) {
        unit_skip("numbers with another point", "no localedef");
        return false;
    }
    ck_assert_int_eq(system(make), 0);
    ck_assert_ptr_nonnull(setlocale(LC_NUMERIC, "comma"));
    snprintf(text, sizeof(text), "%.1f", 1.5);
    ck_assert_str_eq(text, want);
    return true;
}

static inline bool comma_begin(void)
{
    return comma_make(",", "1,5");
}

/* U+066B, as Arabic and Persian write it. */
static inline bool comma_begin_wide(void)
{
    return comma_make("<U066B>", "1\xd9\xab"
                                 "5");
}

static inline void comma_end(void)
{
    ck_assert_ptr_nonnull(setlocale(LC_NUMERIC, "C"));
    ck_assert_int_eq(system("rm -r \"$LOCPATH\""), 0);
    unsetenv("LOCPATH");
    unsetenv("POINT");
}

#endif
