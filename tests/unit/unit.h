/* SPDX-License-Identifier: MIT */
/* What every unit test needs: the framework, its main, and small checks. */
#ifndef PHI_TESTS_UNIT_H
#define PHI_TESTS_UNIT_H

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/err.h"

/* The longest test file. */
#define UNIT_LINES 600

/*
 * Check writes to a file, each time that an assertion holds, where that was:
 * should the process be killed, this is the last that is known. In loops the
 * first time is enough; the rest took most of the time of some tests.
 */
static inline void unit_mark(const char *file, int line)
{
    static _Thread_local bool marked[UNIT_LINES + 1];

    if (line <= UNIT_LINES && marked[line])
        return;
    if (line <= UNIT_LINES)
        marked[line] = true;
    (_mark_point)(file, line);
}
#define _mark_point(file, line) unit_mark(file, line)

/* The call must succeed; its error message is shown if not. */
#define ck_ok(call)                                                            \
    do {                                                                       \
        struct phi_err err = {0};                                              \
        const enum phi_status st_ = (call);                                    \
        ck_assert_msg(st_ == PHI_OK, "%s: %s", #call, err.msg);                \
    } while (0)

/* The call must fail with this status and a message that holds `text`. */
#define ck_refused(call, status_, text)                                        \
    do {                                                                       \
        struct phi_err err = {0};                                              \
        const enum phi_status st_ = (call);                                    \
        ck_assert_msg(st_ == (status_), "%s: status %d, message \"%s\"",       \
                      #call, (int)st_, err.msg);                               \
        ck_assert_msg(strstr(err.msg, (text)) != NULL,                         \
                      "%s: \"%s\" does not hold \"%s\"", #call, err.msg,       \
                      (text));                                                 \
    } while (0)

/* A byte for each thing that was passed over: every test is a process. */
static FILE *unit_skips;

/* Says what is passed over, for want of what, and lets unit_main() know. */
static inline void unit_skip(const char *what, const char *why)
{
    printf("skipped: %s (%s)\n", what, why);
    if (unit_skips != NULL) {
        fputc('.', unit_skips);
        fflush(unit_skips);
    }
}

/* Runs a suite; the exit code for main(): 77 if nothing failed, but something
 * was passed over, so that ctest does not call it passed. */
static inline int unit_main(Suite *s)
{
    SRunner *runner = srunner_create(s);
    bool skipped;
    int failed;

    unit_skips = tmpfile();
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    skipped = unit_skips != NULL && fseek(unit_skips, 0, SEEK_END) == 0 &&
              ftell(unit_skips) > 0;
    if (unit_skips != NULL)
        fclose(unit_skips);
    if (failed != 0)
        return EXIT_FAILURE;
    return skipped ? 77 : EXIT_SUCCESS;
}

/* The folder of larger test data, or NULL after saying that it is missing. */
static inline const char *unit_test_data(const char *what)
{
    const char *dir = getenv("PHICONV_TEST_DATA");

    if (dir == NULL || dir[0] == '\0') {
        unit_skip(what, "PHICONV_TEST_DATA is not set");
        return NULL;
    }
    return dir;
}

#endif
