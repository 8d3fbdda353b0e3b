/* SPDX-License-Identifier: MIT */
/*
 * The integer product with AVX-VNNI: Alder Lake 2021, Sierra Forest and
 * Zen 5 2024. Eight integer sums, four tokens' of sixteen rows.
 */
#define TOKENS   4
#define SIGNED_8 0
#include "libconv/kernels/gemm_i8_256_body.h"

PHI_BODY void dots(__m256i i[TOKENS][2], const uint8_t *w,
                   const uint8_t *const a[TOKENS], size_t at, int n, int bits)
{
    (void)bits;
    for (int s = 0; s < n; s++) {
        const __m256i w0 = _mm256_load_si256((const __m256i *)(w + 128 * s));
        const __m256i w1 =
            _mm256_load_si256((const __m256i *)(w + 128 * s + 32));

#pragma GCC unroll 4
        for (int t = 0; t < TOKENS; t++) {
            const __m256i v = four(a[t] + at + 4 * (size_t)s);

            i[t][0] = _mm256_dpbusd_avx_epi32(i[t][0], w0, v);
            i[t][1] = _mm256_dpbusd_avx_epi32(i[t][1], w1, v);
        }
    }
}

phi_gemm_i8_table phi_gemm_i8_avxvnni = GEMM_TABLE;
