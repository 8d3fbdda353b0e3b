/* SPDX-License-Identifier: MIT */
/*
 * What this processor can do, as bits, and the names of levels that a user
 * may ask for. A level is listed only if there are kernels for it.
 */
#ifndef PHI_CPU_CPU_H
#define PHI_CPU_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* AVX2, F16C and PCLMULQDQ: Haswell 2013, Zen 2017. */
#define PHI_CPU_AVX2 (UINT32_C(1) << 0)
/* AVX-512 F, BW, DQ and VL: Skylake-X 2017, Zen 4 2022. */
#define PHI_CPU_AVX512 (UINT32_C(1) << 1)
/* Advanced SIMD: every AArch64. */
#define PHI_CPU_NEON (UINT32_C(1) << 2)
/* Dot products of bytes on 256 bits, AVX-VNNI: Alder Lake 2021, Zen 5 2024. */
#define PHI_CPU_AVXVNNI (UINT32_C(1) << 3)
/* The same on 512 bits, AVX-512 VNNI: Cascade Lake 2019, Zen 4 2022. */
#define PHI_CPU_AVX512VNNI (UINT32_C(1) << 4)
/* SDOT and UDOT: Cortex-A55 and A76 2018, Apple A13, Neoverse N1. */
#define PHI_CPU_DOTPROD (UINT32_C(1) << 5)
/* Products of 2 x 8 matrices of bytes: Neoverse V1 and N2, Apple M2. */
#define PHI_CPU_I8MM (UINT32_C(1) << 6)
/* SHA-256's rounds: Goldmont 2016, Zen 2017, Ice Lake 2019. No level has it:
 * what a user asks for by name computes, and this only checks. */
#define PHI_CPU_SHA (UINT32_C(1) << 7)

/* The features of the processor that runs this, as far as the OS lets. */
uint32_t phi_cpu_detect(void);

/* The name of level i, simplest first; NULL past the last. */
const char *phi_cpu_level_name(size_t i);

/*
 * The features that level `name` may use; false if there is no such level on
 * this architecture. Whether the processor has them is another question.
 */
bool phi_cpu_level(const char *name, uint32_t *features);

#endif
