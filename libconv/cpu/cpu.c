/* SPDX-License-Identifier: MIT */
#include "libconv/cpu/cpu.h"

#include <string.h>

static const struct {
    const char *name;
    uint32_t features;
} levels[] = {
    {"scalar", 0},
#if defined(__x86_64__)
    {"avx2", PHI_CPU_AVX2},
    {"avx512", PHI_CPU_AVX2 | PHI_CPU_AVX512},
#elif defined(__aarch64__)
    {"neon", PHI_CPU_NEON},
#endif
};

#define NLEVELS (sizeof(levels) / sizeof(levels[0]))

uint32_t phi_cpu_detect(void)
{
    uint32_t features = 0;

#if defined(__x86_64__)
    /* These ask the operating system too: XCR0. */
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c"))
        features |= PHI_CPU_AVX2;
    if ((features & PHI_CPU_AVX2) != 0 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        features |= PHI_CPU_AVX512;
#elif defined(__aarch64__)
    features |= PHI_CPU_NEON;
#endif
    return features;
}

const char *phi_cpu_level_name(size_t i)
{
    return i < NLEVELS ? levels[i].name : NULL;
}

bool phi_cpu_level(const char *name, uint32_t *features)
{
    for (size_t i = 0; i < NLEVELS; i++) {
        if (strcmp(levels[i].name, name) == 0) {
            *features = levels[i].features;
            return true;
        }
    }
    return false;
}
