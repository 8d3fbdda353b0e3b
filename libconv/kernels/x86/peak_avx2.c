/* SPDX-License-Identifier: MIT */
/* Peaks, AVX2: Haswell (2013) and Zen (2017) on. */
#include <immintrin.h>

#include "libconv/kernels/peak_tables.h"

#define SUMS 8 /* that do not wait for each other */
/* Sixteen registers hold two kinds of values and what meets them. */
#define VALUES 6

static inline uint64_t xor_of(__m256i v)
{
    uint64_t w[4];

    _mm256_storeu_si256((__m256i *)w, v);
    return w[0] ^ w[1] ^ w[2] ^ w[3];
}

/* Pairs of products are added in sixteen bits, as long as they fit there: the
 * kernels of four bits do so for a whole block. */
static uint32_t i8(size_t rounds, const uint8_t *a, const uint8_t *b)
{
    const __m256i x = _mm256_load_si256((const __m256i *)a);
    __m256i sums[SUMS];
    uint32_t all = 0;

    for (int i = 0; i < SUMS; i++)
        sums[i] = _mm256_setzero_si256();
    for (size_t r = 0; r < rounds; r++) {
        const uint8_t *const at = b + r % 2 * (PHI_PEAK_BYTES / 2);

#pragma GCC unroll 8
        for (int i = 0; i < SUMS; i++)
            sums[i] = _mm256_add_epi16(
                sums[i],
                _mm256_maddubs_epi16(
                    x, _mm256_load_si256((const __m256i *)(at + 32 * i))));
    }
    for (int i = 0; i < SUMS; i++) {
        uint16_t v[16];

        _mm256_storeu_si256((__m256i *)v, sums[i]);
        for (int k = 0; k < 16; k++)
            all += v[k];
    }
    return all;
}

static float apart(size_t rounds, float factor, float add)
{
    const __m256 f = _mm256_set1_ps(factor);
    const __m256 d = _mm256_set1_ps(add);
    __m256 product[VALUES], sum[VALUES];
    float all = 0;

    for (int i = 0; i < VALUES; i++) {
        product[i] = _mm256_set1_ps(1);
        sum[i] = _mm256_setzero_ps();
    }
    for (size_t r = 0; r < rounds; r++) {
#pragma GCC unroll 6
        for (int i = 0; i < VALUES; i++) {
            product[i] = _mm256_mul_ps(product[i], f);
            sum[i] = _mm256_add_ps(sum[i], d);
        }
    }
    for (int i = 0; i < VALUES; i++) {
        float v[8];

        _mm256_storeu_ps(v, _mm256_add_ps(product[i], sum[i]));
        for (int k = 0; k < 8; k++)
            all += v[k];
    }
    return all;
}

static float fused(size_t rounds, float factor, float add)
{
    const __m256 f = _mm256_set1_ps(factor);
    const __m256 d = _mm256_set1_ps(add);
    __m256 value[2 * VALUES];
    float all = 0;

    for (int i = 0; i < 2 * VALUES; i++)
        value[i] = _mm256_setzero_ps();
    for (size_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < 2 * VALUES; i++)
            value[i] = _mm256_fmadd_ps(f, d, value[i]);
    }
    for (int i = 0; i < 2 * VALUES; i++) {
        float v[8];

        _mm256_storeu_ps(v, value[i]);
        for (int k = 0; k < 8; k++)
            all += v[k];
    }
    return all;
}

static uint64_t read_all(const uint8_t *p, size_t n)
{
    __m256i bits[8];
    uint64_t all = 0;

    for (int i = 0; i < 8; i++)
        bits[i] = _mm256_setzero_si256();
    for (size_t at = 0; at < n; at += sizeof(bits)) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
            bits[i] = _mm256_xor_si256(
                bits[i], _mm256_load_si256((const __m256i *)(p + at + 32 * i)));
    }
    for (int i = 0; i < 8; i++)
        all ^= xor_of(bits[i]);
    return all;
}

const struct phi_peak_kernels phi_peak_avx2 = {
    .i8 = i8,
    .i8_operations = 2 * 32 * SUMS,
    .apart = apart,
    .apart_operations = 2 * 8 * VALUES,
    .fused = fused,
    .fused_operations = 2 * 8 * 2 * VALUES,
    .read = read_all,
};
