/* SPDX-License-Identifier: MIT */
/* What this processor can do, asked once: CPUID takes microseconds where a
 * hypervisor answers, longer than most kernels under test. */
#ifndef PHI_TESTS_HERE_H
#define PHI_TESTS_HERE_H

#include "libconv/cpu/cpu.h"

static inline uint32_t cpu_here(void)
{
    static uint32_t features;
    static bool known;

    if (!known) {
        features = phi_cpu_detect();
        known = true;
    }
    return features;
}

#endif
