/* SPDX-License-Identifier: MIT */
/*
 * IQ4_NL and IQ4_XS with AVX-512. Values are rounded to multiples of 8, which
 * number cells c from -17 to 14; a cell [8c - 4, 8c + 4] has at most one bound
 * in it, and none at its ends. Adding 1.5 * 2^26, where floats are 8 apart,
 * leaves c in the low bits, of which permutations with two registers as table
 * take five: c modulo 32. A cell's values from its bound on have the level
 * that the next cell begins with.
 */
#include "libconv/kernels/quant_iq4_pack.h"
#include "libconv/kernels/quants_avx512.h"

#define TOGETHER 4

#define NONE HUGE_VALF

/* Cells 0 to 14, then -17 to -1. */
static const float bounds[32] = {
    NONE, 7,    19,   NONE, 31.5f, NONE, 45.5f,  NONE,    61,   NONE,   79,
    NONE, NONE, 101,  NONE, NONE,  NONE, NONE,   -115.5f, NONE, -93.5f, NONE,
    NONE, -74,  NONE, -57,  NONE,  -42,  -28.5f, NONE,    -16,  -4.5f,
};
static const float begins[32] = {
    1,   1,   13,  25,  25,   38,   38,   53,   53,   69,   69,
    89,  89,  89,  113, -127, -127, -127, -127, -104, -104, -83,
    -83, -83, -65, -65, -49,  -49,  -35,  -22,  -22,  -10,
};
static const int32_t numbers[32] = {
    8, 8, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 14, 15, 0,
    0, 0, 0, 1,  1,  2,  2,  2,  3,  3,  4,  4,  5,  6,  6,  7,
};

/* The cell that has the level of v; v is at most 113. */
static inline __m512i level_cell(__m512 v)
{
    const __m512 shifted = _mm512_add_ps(v, _mm512_set1_ps(0x1.8p26f));
    const __m512i cell = _mm512_castps_si512(shifted);
    const __m512 bound = _mm512_permutex2var_ps(_mm512_loadu_ps(bounds), cell,
                                                _mm512_loadu_ps(bounds + 16));
    const __mmask16 upper = _mm512_cmp_ps_mask(v, bound, _CMP_GE_OQ);

    return _mm512_mask_add_epi32(cell, upper, cell, _mm512_set1_epi32(1));
}

static inline __m512 iq4_level(__m512 v)
{
    /* A NaN becomes 113. */
    const __m512 most = _mm512_min_ps(v, _mm512_set1_ps(113));

    return _mm512_permutex2var_ps(_mm512_loadu_ps(begins), level_cell(most),
                                  _mm512_loadu_ps(begins + 16));
}

static inline __m512i number16(const float *x, float id)
{
    const __m512 v = _mm512_mul_ps(_mm512_loadu_ps(x), _mm512_set1_ps(id));
    const __m512 most = _mm512_min_ps(v, _mm512_set1_ps(113));
    const __m512 least = _mm512_max_ps(most, _mm512_set1_ps(-127));

    return _mm512_permutex2var_epi32(_mm512_loadu_si512(numbers),
                                     level_cell(least),
                                     _mm512_loadu_si512(numbers + 16));
}

static inline void iq4_quants(uint8_t *out, const float *x, float id)
{
    const struct quants q = {number16(x, id), number16(x + 16, id)};

    q32_store_nibbles(out, q);
}

#define QUANT_IQ4_TABLE phi_quant_iq4_avx512

#include "libconv/kernels/quant_iq4_body.h"
