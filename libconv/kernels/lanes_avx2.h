/* SPDX-License-Identifier: MIT */
/* Eight lanes of f32 with AVX2; see lanes_avx512.h. */
#ifndef PHI_KERNELS_LANES_AVX2_H
#define PHI_KERNELS_LANES_AVX2_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 8

typedef __m256 lanes;
typedef __m256 lanes_mask; /* all bits of a lane, or none */

static inline lanes lanes_set(float v)
{
    return _mm256_set1_ps(v);
}

static inline lanes lanes_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void lanes_store(float *p, lanes v)
{
    _mm256_storeu_ps(p, v);
}

static inline void lanes_store_f16(uint8_t *p, lanes v)
{
    const __m128i h =
        _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);

    _mm_storeu_si128((__m128i *)p, h);
}

static inline lanes lanes_load_f16(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}

/* Integers from 0 to 255, to LANES bytes at any address. */
static inline void lanes_store_u8(uint8_t *p, lanes v)
{
    const __m256i i = _mm256_cvtps_epi32(v);
    const __m128i h = _mm_packus_epi32(_mm256_castsi256_si128(i),
                                       _mm256_extracti128_si256(i, 1));

    _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(h, h));
}

static inline lanes lanes_add(lanes a, lanes b)
{
    return _mm256_add_ps(a, b);
}

static inline lanes lanes_sub(lanes a, lanes b)
{
    return _mm256_sub_ps(a, b);
}

static inline lanes lanes_mul(lanes a, lanes b)
{
    return _mm256_mul_ps(a, b);
}

static inline lanes lanes_div(lanes a, lanes b)
{
    return _mm256_div_ps(a, b);
}

static inline lanes lanes_sqrt(lanes a)
{
    return _mm256_sqrt_ps(a);
}

static inline lanes lanes_abs(lanes a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

static inline lanes lanes_neg(lanes a)
{
    return _mm256_xor_ps(a, _mm256_set1_ps(-0.0f));
}

static inline lanes lanes_min(lanes a, lanes b)
{
    return _mm256_min_ps(a, b);
}

static inline lanes lanes_max(lanes a, lanes b)
{
    return _mm256_max_ps(a, b);
}

static inline lanes lanes_round(lanes a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline lanes_mask lanes_lt(lanes a, lanes b)
{
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}

static inline lanes_mask lanes_eq(lanes a, lanes b)
{
    return _mm256_cmp_ps(a, b, _CMP_EQ_OQ);
}

static inline lanes_mask lanes_and(lanes_mask a, lanes_mask b)
{
    return _mm256_and_ps(a, b);
}

static inline lanes_mask lanes_or(lanes_mask a, lanes_mask b)
{
    return _mm256_or_ps(a, b);
}

static inline lanes_mask lanes_not(lanes_mask a)
{
    const __m256i ones = _mm256_set1_epi32(-1);

    return _mm256_xor_ps(a, _mm256_castsi256_ps(ones));
}

static inline bool lanes_any(lanes_mask a)
{
    return _mm256_movemask_ps(a) != 0;
}

static inline lanes lanes_pick(lanes_mask m, lanes yes, lanes no)
{
    return _mm256_blendv_ps(no, yes, m);
}

/* Eight rows of eight values. */
static inline void lanes_turn(lanes *to, const float *from, size_t stride)
{
    __m256 a[8];
    __m256 b[8];

    for (int i = 0; i < 4; i++) {
        const __m256 p = lanes_load(from + stride * (size_t)(2 * i));
        const __m256 q = lanes_load(from + stride * (size_t)(2 * i + 1));

        a[2 * i] = _mm256_unpacklo_ps(p, q);
        a[2 * i + 1] = _mm256_unpackhi_ps(p, q);
    }
    for (int i = 0; i < 2; i++) {
        const __m256 *const p = a + 4 * i;

        b[4 * i] = _mm256_shuffle_ps(p[0], p[2], 0x44);
        b[4 * i + 1] = _mm256_shuffle_ps(p[0], p[2], 0xee);
        b[4 * i + 2] = _mm256_shuffle_ps(p[1], p[3], 0x44);
        b[4 * i + 3] = _mm256_shuffle_ps(p[1], p[3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        to[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        to[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
}

#endif
