/* SPDX-License-Identifier: MIT */
/*
 * Peaks, FMA on 256 bits, which came with AVX2: a product and a sum, rounded
 * once. Nothing else here is allowed to fuse; this says what that leaves.
 */
#include <immintrin.h>

#include "libconv/kernels/peak_tables.h"

#define VALUES 12 /* that do not wait for each other */

static float fused(size_t rounds, float factor, float add)
{
    const __m256 f = _mm256_set1_ps(factor);
    const __m256 d = _mm256_set1_ps(add);
    __m256 value[VALUES];
    float all = 0;

    for (int i = 0; i < VALUES; i++)
        value[i] = _mm256_setzero_ps();
    for (size_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < VALUES; i++)
            value[i] = _mm256_fmadd_ps(f, d, value[i]);
    }
    for (int i = 0; i < VALUES; i++) {
        float v[8];

        _mm256_storeu_ps(v, value[i]);
        for (int k = 0; k < 8; k++)
            all += v[k];
    }
    return all;
}

const struct phi_peak_kernels phi_peak_fma = {
    .fused = fused,
    .fused_operations = 2 * 8 * VALUES,
};
