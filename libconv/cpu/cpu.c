/* SPDX-License-Identifier: MIT */
#include "libconv/cpu/cpu.h"

#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

/* From the kernel's asm/hwcap.h. */
#define CAP_DOTPROD (1ul << 20) /* of AT_HWCAP */
#define CAP2_I8MM   (1ul << 13) /* of AT_HWCAP2 */
#endif

static const struct {
    const char *name;
    uint32_t features;
} levels[] = {
    {"scalar", 0},
#if defined(__x86_64__)
    {"avx2", PHI_CPU_AVX2},
    {"avxvnni", PHI_CPU_AVX2 | PHI_CPU_AVXVNNI},
    {"avx512", PHI_CPU_AVX2 | PHI_CPU_AVX512},
    {"avx512vnni", PHI_CPU_AVX2 | PHI_CPU_AVX512 | PHI_CPU_AVX512VNNI},
#elif defined(__aarch64__)
    {"neon", PHI_CPU_NEON},
    {"dotprod", PHI_CPU_NEON | PHI_CPU_DOTPROD},
    {"i8mm", PHI_CPU_NEON | PHI_CPU_DOTPROD | PHI_CPU_I8MM},
#endif
};

#define NLEVELS (sizeof(levels) / sizeof(levels[0]))

#if defined(__x86_64__)
/* Where there is AVX2, so that the OS saves its registers: Haswell and Zen
   have all of it. clang 14's __builtin_cpu_supports() does not know f16c. */
static bool has_what_comes_with_avx2(void)
{
    const unsigned all = bit_F16C | bit_FMA | bit_PCLMUL;
    unsigned a, b, c, d;

    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & all) == all;
}

/* With the SSE that its kernel uses besides, which is older. */
static bool has_sha(void)
{
    unsigned a, b, c, d;

    return __builtin_cpu_supports("sse4.1") &&
           __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b >> 29 & 1) != 0;
}

/* Nor does it know this; registers are those of AVX2. */
static bool has_avxvnni(void)
{
    unsigned a, b, c, d;

    return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a >> 4 & 1) != 0;
}
#endif

uint32_t phi_cpu_detect(void)
{
    uint32_t features = 0;

#if defined(__x86_64__)
    /* These ask the operating system too: XCR0. */
    if (__builtin_cpu_supports("avx2") && has_what_comes_with_avx2())
        features |= PHI_CPU_AVX2;
    if ((features & PHI_CPU_AVX2) != 0 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        features |= PHI_CPU_AVX512;
    if ((features & PHI_CPU_AVX2) != 0 && has_avxvnni())
        features |= PHI_CPU_AVXVNNI;
    if ((features & PHI_CPU_AVX512) != 0 &&
        __builtin_cpu_supports("avx512vnni"))
        features |= PHI_CPU_AVX512VNNI;
    if (has_sha())
        features |= PHI_CPU_SHA;
#elif defined(__aarch64__)
    features |= PHI_CPU_NEON;
#if defined(__linux__)
    if ((getauxval(AT_HWCAP) & CAP_DOTPROD) != 0)
        features |= PHI_CPU_DOTPROD;
    if ((features & PHI_CPU_DOTPROD) != 0 &&
        (getauxval(AT_HWCAP2) & CAP2_I8MM) != 0)
        features |= PHI_CPU_I8MM;
#endif
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
