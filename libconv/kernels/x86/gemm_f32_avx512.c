/* SPDX-License-Identifier: MIT */
/*
 * f32 panels times f32 rows, AVX-512: Skylake-X (2017) and Zen 4 (2022) on.
 * One register holds a panel's sixteen columns, sixteen the f32 sums of as many
 * rows: two adders are busy although results come some cycles later, and each
 * load of weights serves sixteen products. Multiplications and additions are
 * separate on purpose: see kernels.h.
 */
#include <immintrin.h>

#include "libconv/kernels/body.h"
#include "libconv/kernels/tables.h"

#define NR 16 /* rows of a tile */

/* acc[0..15] += the sixteen f32 of sum. */
static inline void add_wide(double *acc, __m512 sum)
{
    const __m512d lo = _mm512_cvtps_pd(_mm512_castps512_ps256(sum));
    const __m512d hi = _mm512_cvtps_pd(_mm512_extractf32x8_ps(sum, 1));

    _mm512_storeu_pd(acc, _mm512_add_pd(_mm512_loadu_pd(acc), lo));
    _mm512_storeu_pd(acc + 8, _mm512_add_pd(_mm512_loadu_pd(acc + 8), hi));
}

/* A block of n values of k for `rows` rows, 1 to NR. */
PHI_BODY void block(double *acc, size_t ldacc, const float *x, size_t ldx,
                    const float *w, size_t n, size_t rows)
{
    __m512 sum[NR];

#pragma GCC unroll 16
    for (size_t t = 0; t < rows; t++)
        sum[t] = _mm512_setzero_ps();
    for (size_t k = 0; k < n; k++) {
        const __m512 v = _mm512_load_ps(w + k * PHI_PANEL);

#pragma GCC unroll 16
        for (size_t t = 0; t < rows; t++)
            sum[t] = _mm512_add_ps(
                sum[t], _mm512_mul_ps(_mm512_set1_ps(x[t * ldx + k]), v));
    }
#pragma GCC unroll 16
    for (size_t t = 0; t < rows; t++)
        add_wide(acc + t * ldacc, sum[t]);
}

static void gemm_f32_avx512(double *acc, size_t ldacc, const float *x,
                            size_t ldx, const float *w, size_t nt, size_t nk)
{
    size_t rows;

    for (size_t t = 0; t < nt; t += rows) {
        const size_t left = nt - t;

        rows = left >= NR ? NR : left >= 4 ? 4 : 1;
        for (size_t k = 0; k < nk; k += PHI_GEMM_BLOCK) {
            const size_t n = nk - k < PHI_GEMM_BLOCK ? nk - k : PHI_GEMM_BLOCK;
            double *const to = acc + t * ldacc;
            const float *const from = x + t * ldx + k;

            if (rows == NR)
                block(to, ldacc, from, ldx, w + k * PHI_PANEL, n, NR);
            else if (rows == 4)
                block(to, ldacc, from, ldx, w + k * PHI_PANEL, n, 4);
            else
                block(to, ldacc, from, ldx, w + k * PHI_PANEL, n, 1);
        }
    }
}

const struct phi_gemm_kernels phi_gemm_f32_avx512 = {
    .f32 = gemm_f32_avx512,
};
