/* SPDX-License-Identifier: MIT */
/*
 * f32 panels times f32 rows, AVX-512: Skylake-X (2017) and Zen 4 (2022) on.
 * One register holds a panel's sixteen columns, sixteen the f32 sums of as many
 * rows: two units are busy although results come some cycles later, and each
 * load of weights serves sixteen products. Rows past the last are summed too,
 * and forgotten.
 */
#include <immintrin.h>
#include <string.h>

#include "libconv/kernels/tables.h"

#define NR    PHI_PANEL /* rows of a tile */
#define AHEAD 8

/* acc[0..15] += the sixteen f32 of sum. */
static inline void add_wide(double *acc, __m512 sum)
{
    const __m512d lo = _mm512_cvtps_pd(_mm512_castps512_ps256(sum));
    const __m512d hi = _mm512_cvtps_pd(_mm512_extractf32x8_ps(sum, 1));

    _mm512_storeu_pd(acc, _mm512_add_pd(_mm512_loadu_pd(acc), lo));
    _mm512_storeu_pd(acc + 8, _mm512_add_pd(_mm512_loadu_pd(acc + 8), hi));
}

/* A block of n values of k for NR rows. */
static void block(double *acc, size_t ldacc, const float *x, const float *w,
                  size_t n)
{
    __m512 sum[NR];

#pragma GCC unroll 16
    for (size_t t = 0; t < NR; t++)
        sum[t] = _mm512_setzero_ps();
    for (size_t k = 0; k < n; k++) {
        const __m512 v = _mm512_load_ps(w + k * PHI_PANEL);

        _mm_prefetch(x + (k + AHEAD) * NR, _MM_HINT_T0);
#pragma GCC unroll 16
        for (size_t t = 0; t < NR; t++)
            sum[t] = _mm512_fmadd_ps(_mm512_set1_ps(x[k * NR + t]), v, sum[t]);
    }
#pragma GCC unroll 16
    for (size_t t = 0; t < NR; t++)
        add_wide(acc + t * ldacc, sum[t]);
}

/* The last nt < NR rows, through sums of NR. */
static void block_some(double *acc, size_t ldacc, const float *x,
                       const float *w, size_t nt, size_t n)
{
    double all[NR * PHI_PANEL] = {0};

    for (size_t t = 0; t < nt; t++)
        memcpy(all + t * PHI_PANEL, acc + t * ldacc, PHI_PANEL * sizeof(*acc));
    block(all, PHI_PANEL, x, w, n);
    for (size_t t = 0; t < nt; t++)
        memcpy(acc + t * ldacc, all + t * PHI_PANEL, PHI_PANEL * sizeof(*acc));
}

/* A block of weights, 8 KiB, stays in the first cache for all rows. */
static void gemm_f32_avx512(double *acc, size_t ldacc, const float *x,
                            size_t ldx, const float *w, size_t nt, size_t nk)
{
    for (size_t k = 0; k < nk; k += PHI_GEMM_BLOCK) {
        const size_t n = nk - k < PHI_GEMM_BLOCK ? nk - k : PHI_GEMM_BLOCK;
        const float *const from = x + k * NR;
        size_t t = 0;

        for (; t + NR <= nt; t += NR)
            block(acc + t * ldacc, ldacc, from + t / NR * ldx,
                  w + k * PHI_PANEL, n);
        if (t < nt)
            block_some(acc + t * ldacc, ldacc, from + t / NR * ldx,
                       w + k * PHI_PANEL, nt - t, n);
    }
}

const struct phi_gemm_kernels phi_gemm_f32_avx512 = {
    .f32 = gemm_f32_avx512,
};
