/* SPDX-License-Identifier: MIT */
/*
 * f32 panels times f32 rows, Advanced SIMD, every AArch64. Four registers hold
 * a panel's sixteen columns, sixteen the f32 sums of four rows; a row's value
 * is a lane of a register, so that no instruction is spent on copies of it.
 */
#include <arm_neon.h>

#include "libconv/kernels/body.h"
#include "libconv/kernels/tables.h"

#define NR    4 /* rows of a tile */
#define QUADS (PHI_PANEL / 4)

/* acc[0..3] += the four f32 of sum. */
static inline void add_wide(double *acc, float32x4_t sum)
{
    const float64x2_t lo = vcvt_f64_f32(vget_low_f32(sum));
    const float64x2_t hi = vcvt_high_f64_f32(sum);

    vst1q_f64(acc, vaddq_f64(vld1q_f64(acc), lo));
    vst1q_f64(acc + 2, vaddq_f64(vld1q_f64(acc + 2), hi));
}

/* A block of n values of k for `rows` rows, 1 to NR. */
PHI_BODY void block(double *acc, size_t ldacc, const float *x, const float *w,
                    size_t n, size_t rows)
{
    float32x4_t sum[NR][QUADS];

    for (size_t t = 0; t < rows; t++) {
        for (size_t q = 0; q < QUADS; q++)
            sum[t][q] = vdupq_n_f32(0);
    }
    for (size_t k = 0; k < n; k++) {
        const float *const row = x + k * PHI_PANEL;
        float32x4_t v[QUADS];

        for (size_t q = 0; q < QUADS; q++)
            v[q] = vld1q_f32(w + k * PHI_PANEL + 4 * q);
        for (size_t t = 0; t < rows; t++) {
            for (size_t q = 0; q < QUADS; q++)
                sum[t][q] = vfmaq_n_f32(sum[t][q], v[q], row[t]);
        }
    }
    for (size_t t = 0; t < rows; t++) {
        for (size_t q = 0; q < QUADS; q++)
            add_wide(acc + t * ldacc + 4 * q, sum[t][q]);
    }
}

static void gemm_f32_neon(double *acc, size_t ldacc, const float *x, size_t ldx,
                          const float *w, size_t nt, size_t nk)
{
    for (size_t t = 0; t < nt; t += nt - t >= NR ? NR : 1) {
        for (size_t k = 0; k < nk; k += PHI_GEMM_BLOCK) {
            const size_t n = nk - k < PHI_GEMM_BLOCK ? nk - k : PHI_GEMM_BLOCK;
            double *const to = acc + t * ldacc;
            const float *const from =
                x + t / PHI_PANEL * ldx + k * PHI_PANEL + t % PHI_PANEL;

            if (nt - t >= NR)
                block(to, ldacc, from, w + k * PHI_PANEL, n, NR);
            else
                block(to, ldacc, from, w + k * PHI_PANEL, n, 1);
        }
    }
}

const struct phi_gemm_kernels phi_gemm_f32_neon = {
    .f32 = gemm_f32_neon,
};
