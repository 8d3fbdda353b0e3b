/* SPDX-License-Identifier: MIT */
/* Peaks, AVX-512: Skylake-X (2017) and Zen 4 (2022) on. */
#include <immintrin.h>

#include "libconv/kernels/peak_tables.h"

#define VALUES 12 /* of a kind, that do not wait for each other */

static inline float sum_of(const __m512 *value, int n)
{
    float all = 0;

    for (int i = 0; i < n; i++) {
        float v[16];

        _mm512_storeu_ps(v, value[i]);
        for (int k = 0; k < 16; k++)
            all += v[k];
    }
    return all;
}

static float apart(size_t rounds, float factor, float add)
{
    const __m512 f = _mm512_set1_ps(factor);
    const __m512 d = _mm512_set1_ps(add);
    __m512 product[VALUES], sum[VALUES];

    for (int i = 0; i < VALUES; i++) {
        product[i] = _mm512_set1_ps(1);
        sum[i] = _mm512_setzero_ps();
    }
    for (size_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < VALUES; i++) {
            product[i] = _mm512_mul_ps(product[i], f);
            sum[i] = _mm512_add_ps(sum[i], d);
        }
    }
    return sum_of(product, VALUES) + sum_of(sum, VALUES);
}

static float fused(size_t rounds, float factor, float add)
{
    const __m512 f = _mm512_set1_ps(factor);
    const __m512 d = _mm512_set1_ps(add);
    __m512 value[VALUES];

    for (int i = 0; i < VALUES; i++)
        value[i] = _mm512_setzero_ps();
    for (size_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < VALUES; i++)
            value[i] = _mm512_fmadd_ps(f, d, value[i]);
    }
    return sum_of(value, VALUES);
}

static uint64_t read_all(const uint8_t *p, size_t n)
{
    __m512i bits[8];
    uint64_t all = 0;

    for (int i = 0; i < 8; i++)
        bits[i] = _mm512_setzero_si512();
    for (size_t at = 0; at < n; at += sizeof(bits)) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
            bits[i] =
                _mm512_xor_si512(bits[i], _mm512_load_si512(p + at + 64 * i));
    }
    for (int i = 0; i < 8; i++) {
        uint64_t v[8];

        _mm512_storeu_si512(v, bits[i]);
        for (int k = 0; k < 8; k++)
            all ^= v[k];
    }
    return all;
}

const struct phi_peak_kernels phi_peak_avx512 = {
    .apart = apart,
    .apart_operations = 2 * 16 * VALUES,
    .fused = fused,
    .fused_operations = 2 * 16 * VALUES,
    .read = read_all,
};
