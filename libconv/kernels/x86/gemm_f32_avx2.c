/* SPDX-License-Identifier: MIT */
/*
 * f32 panels times f32 rows, AVX2: Haswell (2013) and Zen (2017) on. Two
 * registers hold a panel's sixteen columns, eight the f32 sums of four rows.
 * Multiplications and additions are separate on purpose: see kernels.h.
 */
#include <immintrin.h>

#include "libconv/kernels/tables.h"

#define NR 4 /* rows of a tile */

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

static inline __m256 add_product(__m256 sum, __m256 a, __m256 b)
{
    return _mm256_add_ps(sum, _mm256_mul_ps(a, b));
}

static void block_4rows(double *acc, size_t ldacc, const float *x, size_t ldx,
                        const float *w, size_t n)
{
    const float *const x1 = x + ldx;
    const float *const x2 = x1 + ldx;
    const float *const x3 = x2 + ldx;
    __m256 a0 = _mm256_setzero_ps(), b0 = a0;
    __m256 a1 = a0, b1 = a0, a2 = a0, b2 = a0, a3 = a0, b3 = a0;

    for (size_t k = 0; k < n; k++) {
        const __m256 lo = _mm256_load_ps(w + k * PHI_PANEL);
        const __m256 hi = _mm256_load_ps(w + k * PHI_PANEL + 8);
        __m256 v = _mm256_broadcast_ss(x + k);

        a0 = add_product(a0, v, lo);
        b0 = add_product(b0, v, hi);
        v = _mm256_broadcast_ss(x1 + k);
        a1 = add_product(a1, v, lo);
        b1 = add_product(b1, v, hi);
        v = _mm256_broadcast_ss(x2 + k);
        a2 = add_product(a2, v, lo);
        b2 = add_product(b2, v, hi);
        v = _mm256_broadcast_ss(x3 + k);
        a3 = add_product(a3, v, lo);
        b3 = add_product(b3, v, hi);
    }
    add_wide(acc, a0, b0);
    add_wide(acc + ldacc, a1, b1);
    add_wide(acc + 2 * ldacc, a2, b2);
    add_wide(acc + 3 * ldacc, a3, b3);
}

static void block_1row(double *acc, const float *x, const float *w, size_t n)
{
    __m256 a = _mm256_setzero_ps(), b = a;

    for (size_t k = 0; k < n; k++) {
        const __m256 v = _mm256_broadcast_ss(x + k);

        a = add_product(a, v, _mm256_load_ps(w + k * PHI_PANEL));
        b = add_product(b, v, _mm256_load_ps(w + k * PHI_PANEL + 8));
    }
    add_wide(acc, a, b);
}

static void gemm_f32_avx2(double *acc, size_t ldacc, const float *x, size_t ldx,
                          const float *w, size_t nt, size_t nk)
{
    size_t t = 0;

    for (; t < nt; t += nt - t >= NR ? NR : 1) {
        double *const a = acc + t * ldacc;
        const float *const row = x + t * ldx;

        for (size_t k = 0; k < nk; k += PHI_GEMM_BLOCK) {
            const size_t n = nk - k < PHI_GEMM_BLOCK ? nk - k : PHI_GEMM_BLOCK;

            if (nt - t >= NR)
                block_4rows(a, ldacc, row + k, ldx, w + k * PHI_PANEL, n);
            else
                block_1row(a, row + k, w + k * PHI_PANEL, n);
        }
    }
}

const struct phi_gemm_kernels phi_gemm_f32_avx2 = {
    .f32 = gemm_f32_avx2,
};
