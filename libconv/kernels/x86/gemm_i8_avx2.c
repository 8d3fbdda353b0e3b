/* SPDX-License-Identifier: MIT */
/*
 * The integer product with AVX2: Haswell 2013, Zen 2017. vpmaddubsw adds two
 * products of unsigned and signed bytes in 16 bits and would saturate there,
 * so sums of few products, which cannot, are widened in time:
 *
 *     quants of 4 bits   8 steps    8 * 2 * 15 * 127 = 30480
 *               5 bits   4 steps    4 * 2 * 31 * 127 = 31496
 *               6 bits   2 steps    2 * 2 * 63 * 127 = 32004
 *               8 bits   1 step         2 * 128 * 127 = 32512
 *
 * the last with the quants' magnitudes (128 taken off) as the unsigned bytes
 * and their signs given to the activations, which are never -128.
 */
#define TOKENS   3
#define SIGNED_8 1
#include "libconv/kernels/gemm_i8_256_body.h"

/* Sixteen sums of two products each. */
static inline __m256i pairs(__m256i w, __m256i v, int bits)
{
    if (bits == 8) {
        w = _mm256_xor_si256(w, _mm256_set1_epi8(-128));
        return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(v, w));
    }
    return _mm256_maddubs_epi16(w, v);
}

PHI_BODY void dots(__m256i i[TOKENS][2], const uint8_t *w,
                   const uint8_t *const a[TOKENS], size_t at, int n, int bits)
{
    const int limit = bits == 4 ? 8 : bits == 5 ? 4 : bits == 6 ? 2 : 1;
    const int group = limit < n ? limit : n;
    const __m256i ones = _mm256_set1_epi16(1);

    for (int s = 0; s < n; s += group) {
        __m256i sum[TOKENS][2];

#pragma GCC unroll 3
        for (int t = 0; t < TOKENS; t++)
            sum[t][0] = sum[t][1] = _mm256_setzero_si256();
        for (int g = s; g < s + group; g++) {
            const __m256i *const p = (const __m256i *)(w + 128 * g);
            const __m256i w0 = _mm256_load_si256(p);
            const __m256i w1 = _mm256_load_si256(p + 1);

#pragma GCC unroll 3
            for (int t = 0; t < TOKENS; t++) {
                const __m256i v = four(a[t] + at + 4 * (size_t)g);

                sum[t][0] = _mm256_add_epi16(sum[t][0], pairs(w0, v, bits));
                sum[t][1] = _mm256_add_epi16(sum[t][1], pairs(w1, v, bits));
            }
        }
#pragma GCC unroll 3
        for (int t = 0; t < TOKENS; t++) {
            i[t][0] =
                _mm256_add_epi32(i[t][0], _mm256_madd_epi16(sum[t][0], ones));
            i[t][1] =
                _mm256_add_epi32(i[t][1], _mm256_madd_epi16(sum[t][1], ones));
        }
    }
}

phi_gemm_i8_table phi_gemm_i8_avx2 = GEMM_TABLE;
