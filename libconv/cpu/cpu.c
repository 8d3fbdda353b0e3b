/* SPDX-License-Identifier: MIT */
#include "libconv/cpu/cpu.h"

#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

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

#if defined(__x86_64__)
/* Where there is AVX2, so that the OS saves its registers. clang 14's
   __builtin_cpu_supports() does not know f16c. */
static bool has_f16c(void)
{
    unsigned a, b, c, d;

    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

uint32_t phi_cpu_detect(void)
{
    uint32_t features = 0;

#if defined(__x86_64__)
    /* These ask the operating system too: XCR0. */
    if (__builtin_cpu_supports("avx2") && has_f16c())
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
