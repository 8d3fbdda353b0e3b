/* SPDX-License-Identifier: MIT */
/*
 * IQ4_NL and IQ4_XS with AVX2: binary search of the bounds, which are looked
 * up in a register by what is known of the number. Comparisons give -1, so it
 * grows downwards: number k is entry -k, modulo the table's size.
 */
#include "libconv/kernels/quant_iq4_pack.h"
#include "libconv/kernels/quants_avx2.h"

#define TOGETHER 2

/* Bounds 1, 5, 9, 13, for each half of the register; bounds 0, 2 ... 14. */
static const float quarters[8] = {-93.5f, 79, 19, -28.5f,
                                  -93.5f, 79, 19, -28.5f};
static const float eighths[8] = {-115.5f, 101, 61, 31.5f, 7, -16, -42, -74};
/* Levels 0, 2 ... 14, and 1, 3 ... 15. */
static const float evens[8] = {-127, 89, 53, 25, 1, -22, -49, -83};
static const float odds[8] = {-104, 113, 69, 38, 13, -10, -35, -65};

/* v >= bound; NaN counts as above. */
static inline __m256 above(__m256 v, __m256 bound)
{
    return _mm256_cmp_ps(v, bound, _CMP_NLT_UQ);
}

static inline __m256i twice_plus(__m256i k, __m256 mask)
{
    return _mm256_add_epi32(_mm256_add_epi32(k, k), _mm256_castps_si256(mask));
}

/* Minus half the number of the nearest level; *odd: its last bit. */
static inline __m256i nearest_half(__m256 v, __m256 *odd)
{
    const __m256 half = above(v, _mm256_set1_ps(-4.5f));
    const __m256 middle =
        _mm256_blendv_ps(_mm256_set1_ps(-57), _mm256_set1_ps(45.5f), half);
    __m256i k = twice_plus(_mm256_castps_si256(half), above(v, middle));

    k = twice_plus(
        k, above(v, _mm256_permutevar_ps(_mm256_loadu_ps(quarters), k)));
    *odd = above(v, _mm256_permutevar8x32_ps(_mm256_loadu_ps(eighths), k));
    return k;
}

static inline __m256 iq4_level(__m256 v)
{
    __m256 odd;
    const __m256i k = nearest_half(v, &odd);
    const __m256 a = _mm256_permutevar8x32_ps(_mm256_loadu_ps(evens), k);
    const __m256 b = _mm256_permutevar8x32_ps(_mm256_loadu_ps(odds), k);

    return _mm256_blendv_ps(a, b, odd);
}

static inline void iq4_quants(uint8_t *out, const float *x, float id)
{
    struct quants q;

    for (int i = 0; i < 4; i++) {
        const __m256 v =
            _mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), _mm256_set1_ps(id));
        __m256 odd;
        const __m256i k = nearest_half(v, &odd);

        q.v[i] = _mm256_sub_epi32(_mm256_setzero_si256(), twice_plus(k, odd));
    }
    q32_store_nibbles(out, q);
}

#define QUANT_IQ4_TABLE phi_quant_iq4_avx2

#include "libconv/kernels/quant_iq4_body.h"
