/* SPDX-License-Identifier: MIT */
/*
 * The quants of a block of 32 with AVX-512 F, BW, DQ and VL: integers of 32
 * bits, made from values and packed. quants_avx2.h and quants_neon.h have the
 * same functions:
 *
 *   q32_trunc(x, min, id, add, top)
 *                       (x - min) * id + add toward zero, at most top; what
 *                       does not fit an int has low byte 0
 *   q32_even(x, min, id, bottom, top)
 *                       (x - min) * id to nearest, ties to even, clamped
 *   q32_away(x, id)     x * id to nearest, ties away from zero; as q32_trunc
 *   q32_plus(q, n)      q + n
 *   q32_fifth(q)        bit j: bit 4 of quant j
 *   q32_store_nibbles(out, q), q32_store_bytes(out, q)
 *                       as drawn in quant_32_pack.h; the rest of each integer
 *                       is ignored
 */
#ifndef PHI_KERNELS_QUANTS_AVX512_H
#define PHI_KERNELS_QUANTS_AVX512_H

#include <stdint.h>

#include "libconv/kernels/lanes_avx512.h"

struct quants {
    __m512i low;  /* 0 to 15 */
    __m512i high; /* 16 to 31 */
};

/* x86 itself makes 0x80000000 of what does not fit. */
static inline __m512i trunc16(const float *x, float min, float id, float add,
                              int top)
{
    const __m512 above = _mm512_sub_ps(_mm512_loadu_ps(x), _mm512_set1_ps(min));
    const __m512 scaled = _mm512_mul_ps(above, _mm512_set1_ps(id));
    const __m512 v = _mm512_add_ps(scaled, _mm512_set1_ps(add));

    return _mm512_min_epi32(_mm512_cvttps_epi32(v), _mm512_set1_epi32(top));
}

static inline struct quants q32_trunc(const float *x, float min, float id,
                                      float add, int top)
{
    const struct quants q = {trunc16(x, min, id, add, top),
                             trunc16(x + 16, min, id, add, top)};

    return q;
}

static inline __m512i even16(const float *x, float min, float id, int bottom,
                             int top)
{
    const __m512 above = _mm512_sub_ps(_mm512_loadu_ps(x), _mm512_set1_ps(min));
    const __m512 scaled = _mm512_mul_ps(above, _mm512_set1_ps(id));
    const __m512i v = _mm512_cvtps_epi32(scaled);

    return _mm512_min_epi32(_mm512_max_epi32(v, _mm512_set1_epi32(bottom)),
                            _mm512_set1_epi32(top));
}

static inline struct quants q32_even(const float *x, float min, float id,
                                     int bottom, int top)
{
    const struct quants q = {even16(x, min, id, bottom, top),
                             even16(x + 16, min, id, bottom, top)};

    return q;
}

/*
 * Truncating v plus the largest number below a half, with v's sign, rounds
 * to nearest, away from zero on ties, while |v| < 2^22.
 */
static inline __m512i away16(const float *x, float id)
{
    const __m512 v = _mm512_mul_ps(_mm512_loadu_ps(x), _mm512_set1_ps(id));
    const __m512 sign = _mm512_and_ps(v, _mm512_set1_ps(-0.0f));
    const __m512 half = _mm512_or_ps(sign, _mm512_set1_ps(0x1.fffffep-2f));

    return _mm512_cvttps_epi32(_mm512_add_ps(v, half));
}

static inline struct quants q32_away(const float *x, float id)
{
    const struct quants q = {away16(x, id), away16(x + 16, id)};

    return q;
}

static inline struct quants q32_plus(struct quants q, int n)
{
    const struct quants sum = {_mm512_add_epi32(q.low, _mm512_set1_epi32(n)),
                               _mm512_add_epi32(q.high, _mm512_set1_epi32(n))};

    return sum;
}

static inline uint32_t q32_fifth(struct quants q)
{
    const __m512i bit = _mm512_set1_epi32(16);
    const uint32_t low = _mm512_test_epi32_mask(q.low, bit);
    const uint32_t high = _mm512_test_epi32_mask(q.high, bit);

    return low | high << 16;
}

static inline void q32_store_nibbles(uint8_t *out, struct quants q)
{
    const __m512i low = _mm512_and_si512(q.low, _mm512_set1_epi32(15));
    const __m512i both = _mm512_or_si512(low, _mm512_slli_epi32(q.high, 4));

    _mm_storeu_si128((__m128i *)out, _mm512_cvtepi32_epi8(both));
}

static inline void q32_store_bytes(uint8_t *out, struct quants q)
{
    _mm_storeu_si128((__m128i *)out, _mm512_cvtepi32_epi8(q.low));
    _mm_storeu_si128((__m128i *)(out + 16), _mm512_cvtepi32_epi8(q.high));
}

#endif
