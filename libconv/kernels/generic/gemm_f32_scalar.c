/* SPDX-License-Identifier: MIT */
/*
 * f32 panels times f32 rows, for every machine. This is the definition; the
 * other levels do the same operations. Loops run over the sixteen columns,
 * where compilers find vectors; four k at a time, so that a sum is loaded
 * and stored once for four products.
 */
#include "libconv/kernels/tables.h"

#define NK 4

/* s[c] += x[0] * w[0][c], then x[1] * w[1][c], ... */
static inline void add_products(float s[PHI_PANEL], const float *x,
                                const float *w)
{
    for (size_t c = 0; c < PHI_PANEL; c++) {
        float v = s[c];

        v += x[0] * w[c];
        v += x[1] * w[c + PHI_PANEL];
        v += x[2] * w[c + 2 * PHI_PANEL];
        v += x[3] * w[c + 3 * PHI_PANEL];
        s[c] = v;
    }
}

static void block_f32(double *acc, const float *x, const float *w, size_t n)
{
    float s[PHI_PANEL] = {0};
    size_t k = 0;

    for (; k + NK <= n; k += NK)
        add_products(s, x + k, w + k * PHI_PANEL);
    for (; k < n; k++) {
        for (size_t c = 0; c < PHI_PANEL; c++)
            s[c] += x[k] * w[k * PHI_PANEL + c];
    }
    for (size_t c = 0; c < PHI_PANEL; c++)
        acc[c] += (double)s[c];
}

static void gemm_f32_scalar(double *acc, size_t ldacc, const float *x,
                            size_t ldx, const float *w, size_t nt, size_t nk)
{
    for (size_t t = 0; t < nt; t++) {
        for (size_t k = 0; k < nk; k += PHI_GEMM_BLOCK) {
            const size_t left = nk - k;

            block_f32(acc + t * ldacc, x + t * ldx + k, w + k * PHI_PANEL,
                      left < PHI_GEMM_BLOCK ? left : PHI_GEMM_BLOCK);
        }
    }
}

const struct phi_gemm_kernels phi_gemm_f32_scalar = {
    .f32 = gemm_f32_scalar,
};
