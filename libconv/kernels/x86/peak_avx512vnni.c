/* SPDX-License-Identifier: MIT */
/* Peaks, AVX-512 VNNI: Cascade Lake (2019) and Zen 4 (2022) on. */
#include <immintrin.h>

#include "libconv/kernels/peak_tables.h"

#define SUMS 16 /* that do not wait for each other */

static uint32_t i8(size_t rounds, const uint8_t *a, const uint8_t *b)
{
    const __m512i x = _mm512_load_si512(a);
    const __m512i y = _mm512_load_si512(b);
    __m512i sums[SUMS];
    uint32_t all = 0;

    for (int i = 0; i < SUMS; i++)
        sums[i] = _mm512_setzero_si512();
    for (size_t r = 0; r < rounds; r++) {
#pragma GCC unroll 16
        for (int i = 0; i < SUMS; i++)
            sums[i] = _mm512_dpbusd_epi32(sums[i], x, y);
    }
    for (int i = 0; i < SUMS; i++) {
        uint32_t v[16];

        _mm512_storeu_si512(v, sums[i]);
        for (int k = 0; k < 16; k++)
            all += v[k];
    }
    return all;
}

const struct phi_peak_kernels phi_peak_avx512vnni = {
    .i8 = i8,
    .i8_operations = 2 * 64 * SUMS,
};
