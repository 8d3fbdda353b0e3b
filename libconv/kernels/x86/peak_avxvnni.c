/* SPDX-License-Identifier: MIT */
/* Peaks, AVX-VNNI: Alder Lake (2021) and Zen 5 (2024) on. */
#include <immintrin.h>

#include "libconv/kernels/peak_tables.h"

#define SUMS 12 /* that do not wait for each other */

static uint32_t i8(size_t rounds, const uint8_t *a, const uint8_t *b)
{
    const __m256i x = _mm256_load_si256((const __m256i *)a);
    const __m256i y = _mm256_load_si256((const __m256i *)b);
    __m256i sums[SUMS];
    uint32_t all = 0;

    for (int i = 0; i < SUMS; i++)
        sums[i] = _mm256_setzero_si256();
    for (size_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < SUMS; i++)
            sums[i] = _mm256_dpbusd_avx_epi32(sums[i], x, y);
    }
    for (int i = 0; i < SUMS; i++) {
        uint32_t v[8];

        _mm256_storeu_si256((__m256i *)v, sums[i]);
        for (int k = 0; k < 8; k++)
            all += v[k];
    }
    return all;
}

const struct phi_peak_kernels phi_peak_avxvnni = {
    .i8 = i8,
    .i8_operations = 2 * 32 * SUMS,
};
