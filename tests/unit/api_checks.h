/* SPDX-License-Identifier: MIT */
/* Calls of the public interface that must succeed or be refused; the struct
 * phiconv_error that they fill is e. */
#ifndef PHI_TESTS_UNIT_API_CHECKS_H
#define PHI_TESTS_UNIT_API_CHECKS_H

#include "tests/unit/unit.h"

#define api_ok(call)                                                           \
    do {                                                                       \
        const enum phiconv_status st_ = (call);                                \
        ck_assert_msg(st_ == PHICONV_OK, "%s: %s", #call, e.message);          \
    } while (0)

#define api_refused(call, status_, text)                                       \
    do {                                                                       \
        const enum phiconv_status st_ = (call);                                \
        ck_assert_msg(st_ == (status_), "%s: status %d, \"%s\"", #call,        \
                      (int)st_, e.message);                                    \
        ck_assert_int_eq(e.status, st_);                                       \
        ck_assert_msg(strstr(e.message, (text)) != NULL,                       \
                      "%s: \"%s\" does not hold \"%s\"", #call, e.message,     \
                      (text));                                                 \
    } while (0)

#endif
