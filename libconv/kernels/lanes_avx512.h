/* SPDX-License-Identifier: MIT */
/*
 * Sixteen lanes of f32 for searches that work on one sub-block a lane, with
 * AVX-512 F, BW, DQ and VL. lanes_avx2.h and lanes_neon.h have the same
 * functions for eight and four. Every one is an exact IEEE operation, so that
 * a search has the bits of its scalar counterpart in each lane.
 */
#ifndef PHI_KERNELS_LANES_AVX512_H
#define PHI_KERNELS_LANES_AVX512_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 16

typedef __m512 lanes;
typedef __mmask16 lanes_mask;

static inline lanes lanes_set(float v)
{
    return _mm512_set1_ps(v);
}

static inline lanes lanes_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void lanes_store(float *p, lanes v)
{
    _mm512_storeu_ps(p, v);
}

/*
 * To and from LANES f16 at any address: nearest, ties to even, as in
 * base/half.h but for the bits of NaN.
 */
static inline void lanes_store_f16(uint8_t *p, lanes v)
{
    const __m256i h =
        _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);

    _mm256_storeu_si256((__m256i *)p, h);
}

static inline lanes lanes_load_f16(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

/* Integers from 0 to 255, to LANES bytes at any address. */
static inline void lanes_store_u8(uint8_t *p, lanes v)
{
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v)));
}

static inline lanes lanes_add(lanes a, lanes b)
{
    return _mm512_add_ps(a, b);
}

static inline lanes lanes_sub(lanes a, lanes b)
{
    return _mm512_sub_ps(a, b);
}

static inline lanes lanes_mul(lanes a, lanes b)
{
    return _mm512_mul_ps(a, b);
}

static inline lanes lanes_div(lanes a, lanes b)
{
    return _mm512_div_ps(a, b);
}

static inline lanes lanes_sqrt(lanes a)
{
    return _mm512_sqrt_ps(a);
}

static inline lanes lanes_abs(lanes a)
{
    return _mm512_abs_ps(a);
}

static inline lanes lanes_neg(lanes a)
{
    return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f));
}

/* a < b ? a : b, and a > b ? a : b: b where they are equal or NaN. */
static inline lanes lanes_min(lanes a, lanes b)
{
    return _mm512_min_ps(a, b);
}

static inline lanes lanes_max(lanes a, lanes b)
{
    return _mm512_max_ps(a, b);
}

/* To the nearest integer, ties to even. */
static inline lanes lanes_round(lanes a)
{
    return _mm512_roundscale_ps(a,
                                _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* Comparisons: false where either is NaN. */
static inline lanes_mask lanes_lt(lanes a, lanes b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

static inline lanes_mask lanes_eq(lanes a, lanes b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}

static inline lanes_mask lanes_and(lanes_mask a, lanes_mask b)
{
    return (lanes_mask)(a & b);
}

static inline lanes_mask lanes_or(lanes_mask a, lanes_mask b)
{
    return (lanes_mask)(a | b);
}

static inline lanes_mask lanes_not(lanes_mask a)
{
    return (lanes_mask)~a;
}

static inline bool lanes_any(lanes_mask a)
{
    return a != 0;
}

static inline lanes lanes_pick(lanes_mask m, lanes yes, lanes no)
{
    return _mm512_mask_blend_ps(m, no, yes);
}

static inline __m512 lanes_unpack64(__m512 a, __m512 b, bool high)
{
    const __m512d x = _mm512_castps_pd(a);
    const __m512d y = _mm512_castps_pd(b);

    return _mm512_castpd_ps(high ? _mm512_unpackhi_pd(x, y)
                                 : _mm512_unpacklo_pd(x, y));
}

/*
 * Turns sixteen rows of sixteen values: to[i] gets value i of every row. Row
 * l begins at from + l * stride.
 */
static inline void lanes_turn(lanes *to, const float *from, size_t stride)
{
    __m512 a[16];
    __m512 b[16];

    for (int i = 0; i < 8; i++) {
        const __m512 p = lanes_load(from + stride * (size_t)(2 * i));
        const __m512 q = lanes_load(from + stride * (size_t)(2 * i + 1));

        a[2 * i] = _mm512_unpacklo_ps(p, q);
        a[2 * i + 1] = _mm512_unpackhi_ps(p, q);
    }
    for (int i = 0; i < 4; i++) {
        b[4 * i] = lanes_unpack64(a[4 * i], a[4 * i + 2], false);
        b[4 * i + 1] = lanes_unpack64(a[4 * i], a[4 * i + 2], true);
        b[4 * i + 2] = lanes_unpack64(a[4 * i + 1], a[4 * i + 3], false);
        b[4 * i + 3] = lanes_unpack64(a[4 * i + 1], a[4 * i + 3], true);
    }
    for (int i = 0; i < 4; i++) {
        a[i] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0x88);
        a[i + 4] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0xdd);
        a[i + 8] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0x88);
        a[i + 12] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0xdd);
    }
    for (int i = 0; i < 8; i++) {
        to[i] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0x88);
        to[i + 8] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0xdd);
    }
}

#endif
