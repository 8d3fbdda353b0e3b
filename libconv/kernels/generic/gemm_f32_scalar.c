/* SPDX-License-Identifier: MIT */
/*
 * f32 panels times f32 rows, for every machine. This is the definition; the
 * other levels do the same operations with instructions of their own.
 */
#include "libconv/kernels/fused.h"
#include "libconv/kernels/tables.h"

/*
 * s[c] = x * w[c] + s[c], rounded once. In double the product is exact and the
 * sum at most half an ulp off; where both ends of that round to the same f32,
 * it is the result. gcc makes vectors only of loops that it has not unrolled.
 */
static inline void add_products(float s[PHI_PANEL], float x, const float *w)
{
    float below[PHI_PANEL], above[PHI_PANEL];
    int doubtful = 0;

#pragma GCC unroll 1
    for (size_t c = 0; c < PHI_PANEL; c++) {
        const double t = (double)x * (double)w[c] + (double)s[c];
        const double ulp = t * 0x1p-52;

        below[c] = (float)(t - ulp);
        above[c] = (float)(t + ulp);
    }
#pragma GCC unroll 1
    for (size_t c = 0; c < PHI_PANEL; c++)
        doubtful |= below[c] != above[c];
    if (doubtful) {
        for (size_t c = 0; c < PHI_PANEL; c++)
            s[c] = phi_fused(x, w[c], s[c]);
        return;
    }
    memcpy(s, above, sizeof(above)); /* of zeros, the one with t's sign */
}

static void block_f32(double *acc, const float *x, const float *w, size_t n)
{
    float s[PHI_PANEL] = {0};

    for (size_t k = 0; k < n; k++)
        add_products(s, x[k * PHI_PANEL], w + k * PHI_PANEL);
    for (size_t c = 0; c < PHI_PANEL; c++)
        acc[c] += (double)s[c];
}

static void gemm_f32_scalar(double *acc, size_t ldacc, const float *x,
                            size_t ldx, const float *w, size_t nt, size_t nk)
{
    for (size_t t = 0; t < nt; t++) {
        for (size_t k = 0; k < nk; k += PHI_GEMM_BLOCK) {
            const size_t left = nk - k;

            block_f32(acc + t * ldacc,
                      x + t / PHI_PANEL * ldx + k * PHI_PANEL + t % PHI_PANEL,
                      w + k * PHI_PANEL,
                      left < PHI_GEMM_BLOCK ? left : PHI_GEMM_BLOCK);
        }
    }
}

const struct phi_gemm_kernels phi_gemm_f32_scalar = {
    .f32 = gemm_f32_scalar,
};
