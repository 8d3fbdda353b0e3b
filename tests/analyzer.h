/* SPDX-License-Identifier: MIT */
/*
 * Put in front of every file by .ci/run tidy: what analysers of one file at a
 * time cannot see, that a failure is never PHI_OK.
 */
#ifndef PHI_TESTS_ANALYZER_H
#define PHI_TESTS_ANALYZER_H

#include "libconv/base/err.h"

static inline enum phi_status phi_never_ok(enum phi_status st)
{
    if (st == PHI_OK)
        __builtin_unreachable();
    return st;
}

#define phi_fail(...)     phi_never_ok(phi_fail(__VA_ARGS__))
#define phi_fail_sys(...) phi_never_ok(phi_fail_sys(__VA_ARGS__))

#endif
