/* SPDX-License-Identifier: MIT */
/*
 * f32 panels times f32 rows, AVX2: Haswell (2013) and Zen (2017) on. Two
 * registers hold a panel's sixteen columns, twelve the f32 sums of six rows.
 */
#include <immintrin.h>

#include "libconv/kernels/body.h"
#include "libconv/kernels/tables.h"

#define NR 6 /* rows of a tile, at most */

/* acc[0..15] += the sixteen f32 of lo, hi. */
static inline void add_wide(double *acc, __m256 lo, __m256 hi)
{
    const __m256d a = _mm256_cvtps_pd(_mm256_castps256_ps128(lo));
    const __m256d b = _mm256_cvtps_pd(_mm256_extractf128_ps(lo, 1));
    const __m256d c = _mm256_cvtps_pd(_mm256_castps256_ps128(hi));
    const __m256d d = _mm256_cvtps_pd(_mm256_extractf128_ps(hi, 1));

    _mm256_storeu_pd(acc, _mm256_add_pd(_mm256_loadu_pd(acc), a));
    _mm256_storeu_pd(acc + 4, _mm256_add_pd(_mm256_loadu_pd(acc + 4), b));
    _mm256_storeu_pd(acc + 8, _mm256_add_pd(_mm256_loadu_pd(acc + 8), c));
    _mm256_storeu_pd(acc + 12, _mm256_add_pd(_mm256_loadu_pd(acc + 12), d));
}

/* A block of n values of k for `rows` rows, 1 to NR. */
PHI_BODY void block(double *acc, size_t ldacc, const float *x, const float *w,
                    size_t n, size_t rows)
{
    __m256 lo[NR], hi[NR];

#pragma GCC unroll 6
    for (size_t t = 0; t < rows; t++)
        lo[t] = hi[t] = _mm256_setzero_ps();
    for (size_t k = 0; k < n; k++) {
        const __m256 a = _mm256_load_ps(w + k * PHI_PANEL);
        const __m256 b = _mm256_load_ps(w + k * PHI_PANEL + 8);

#pragma GCC unroll 6
        for (size_t t = 0; t < rows; t++) {
            const __m256 v = _mm256_broadcast_ss(x + k * PHI_PANEL + t);

            lo[t] = _mm256_fmadd_ps(v, a, lo[t]);
            hi[t] = _mm256_fmadd_ps(v, b, hi[t]);
        }
    }
#pragma GCC unroll 6
    for (size_t t = 0; t < rows; t++)
        add_wide(acc + t * ldacc, lo[t], hi[t]);
}

/* Sixteen rows, or the first of them, as 6, 6 and 4. */
static inline void tile(double *acc, size_t ldacc, const float *x,
                        const float *w, size_t n, size_t rows)
{
    size_t t = 0;

    for (; t + NR <= rows; t += NR)
        block(acc + t * ldacc, ldacc, x + t, w, n, NR);
    if (t + 4 <= rows) {
        block(acc + t * ldacc, ldacc, x + t, w, n, 4);
        t += 4;
    }
    for (; t < rows; t++)
        block(acc + t * ldacc, ldacc, x + t, w, n, 1);
}

static void gemm_f32_avx2(double *acc, size_t ldacc, const float *x, size_t ldx,
                          const float *w, size_t nt, size_t nk)
{
    for (size_t t = 0; t < nt; t += PHI_PANEL) {
        for (size_t k = 0; k < nk; k += PHI_GEMM_BLOCK) {
            const size_t n = nk - k < PHI_GEMM_BLOCK ? nk - k : PHI_GEMM_BLOCK;

            tile(acc + t * ldacc, ldacc,
                 x + t / PHI_PANEL * ldx + k * PHI_PANEL, w + k * PHI_PANEL, n,
                 nt - t < PHI_PANEL ? nt - t : PHI_PANEL);
        }
    }
}

const struct phi_gemm_kernels phi_gemm_f32_avx2 = {
    .f32 = gemm_f32_avx2,
};
