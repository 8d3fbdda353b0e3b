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

/* The name and features of level i; false if there is none or it does not run
 * here. */
static inline bool level_here(size_t i, const char **name, uint32_t *features)
{
    *name = phi_cpu_level_name(i);
    return *name != NULL && phi_cpu_level(*name, features) &&
           (*features & ~cpu_here()) == 0;
}

/* The same of the first level from *i on that runs here; false if none does.
 * Levels are in order: those that share a kernel follow each other. */
static inline bool level_next(size_t *i, const char **name, uint32_t *features)
{
    while ((*name = phi_cpu_level_name(*i)) != NULL &&
           !level_here(*i, name, features))
        (*i)++;
    return *name != NULL;
}

#endif
