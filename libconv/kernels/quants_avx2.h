/* SPDX-License-Identifier: MIT */
/* 32 quants in four registers with AVX2 and F16C; see quants_avx512.h. */
#ifndef PHI_KERNELS_QUANTS_AVX2_H
#define PHI_KERNELS_QUANTS_AVX2_H

#include <stdint.h>

#include "libconv/kernels/lanes_avx2.h"

struct quants {
    __m256i v[4]; /* eight each */
};

static inline __m256 scaled8(const float *x, float min, float id)
{
    const __m256 above = _mm256_sub_ps(_mm256_loadu_ps(x), _mm256_set1_ps(min));

    return _mm256_mul_ps(above, _mm256_set1_ps(id));
}

/* x86 itself makes 0x80000000 of what does not fit. */
static inline struct quants q32_trunc(const float *x, float min, float id,
                                      float add, int top)
{
    struct quants q;

    for (int i = 0; i < 4; i++) {
        const __m256 v =
            _mm256_add_ps(scaled8(x + 8 * i, min, id), _mm256_set1_ps(add));

        q.v[i] =
            _mm256_min_epi32(_mm256_cvttps_epi32(v), _mm256_set1_epi32(top));
    }
    return q;
}

static inline struct quants q32_even(const float *x, float min, float id,
                                     int bottom, int top)
{
    struct quants q;

    for (int i = 0; i < 4; i++) {
        const __m256i v = _mm256_cvtps_epi32(scaled8(x + 8 * i, min, id));
        const __m256i up = _mm256_max_epi32(v, _mm256_set1_epi32(bottom));

        q.v[i] = _mm256_min_epi32(up, _mm256_set1_epi32(top));
    }
    return q;
}

/*
 * Truncating v plus the largest number below a half, with v's sign, rounds
 * to nearest, away from zero on ties, while |v| < 2^22.
 */
static inline struct quants q32_away(const float *x, float id)
{
    struct quants q;

    for (int i = 0; i < 4; i++) {
        const __m256 v =
            _mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), _mm256_set1_ps(id));
        const __m256 sign = _mm256_and_ps(v, _mm256_set1_ps(-0.0f));
        const __m256 half = _mm256_or_ps(sign, _mm256_set1_ps(0x1.fffffep-2f));

        q.v[i] = _mm256_cvttps_epi32(_mm256_add_ps(v, half));
    }
    return q;
}

static inline struct quants q32_plus(struct quants q, int n)
{
    for (int i = 0; i < 4; i++)
        q.v[i] = _mm256_add_epi32(q.v[i], _mm256_set1_epi32(n));
    return q;
}

static inline uint32_t q32_fifth(struct quants q)
{
    uint32_t h = 0;

    for (int i = 0; i < 4; i++) {
        const __m256i top = _mm256_slli_epi32(q.v[i], 27);

        h |= (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(top)) << 8 * i;
    }
    return h;
}

/* The low bytes of sixteen integers. */
static inline __m128i bytes16(__m256i a, __m256i b)
{
    const __m256i byte = _mm256_set1_epi32(255);
    const __m256i words = _mm256_packus_epi32(_mm256_and_si256(a, byte),
                                              _mm256_and_si256(b, byte));
    const __m256i sorted = _mm256_permute4x64_epi64(words, 0xd8);

    return _mm_packus_epi16(_mm256_castsi256_si128(sorted),
                            _mm256_extracti128_si256(sorted, 1));
}

static inline void q32_store_nibbles(uint8_t *out, struct quants q)
{
    __m256i both[2];

    for (int i = 0; i < 2; i++) {
        const __m256i low = _mm256_and_si256(q.v[i], _mm256_set1_epi32(15));

        both[i] = _mm256_or_si256(low, _mm256_slli_epi32(q.v[i + 2], 4));
    }
    _mm_storeu_si128((__m128i *)out, bytes16(both[0], both[1]));
}

static inline void q32_store_bytes(uint8_t *out, struct quants q)
{
    _mm_storeu_si128((__m128i *)out, bytes16(q.v[0], q.v[1]));
    _mm_storeu_si128((__m128i *)(out + 16), bytes16(q.v[2], q.v[3]));
}

#endif
