/* SPDX-License-Identifier: MIT */
/*
 * The product of f32 panels in double, as loops over a panel's columns that
 * compilers turn into whatever registers the including file's flags allow.
 * A product of two f32 is exact in double, so that it is all the same whether
 * it is fused with the sum.
 */
#ifndef PHI_KERNELS_GEMM_F64_BODY_H
#define PHI_KERNELS_GEMM_F64_BODY_H

#include <string.h>

#include "libconv/kernels/body.h"
#include "libconv/kernels/kernels.h"

#define F64_ROWS 4 /* of a tile */

PHI_BODY void tile_f64(double *acc, size_t ldacc, const float *x,
                       const float *w, size_t nk, size_t rows)
{
    double sum[F64_ROWS][PHI_PANEL];

    for (size_t t = 0; t < rows; t++)
        memcpy(sum[t], acc + t * ldacc, sizeof(sum[t]));
    for (size_t k = 0; k < nk; k++) {
        for (size_t t = 0; t < rows; t++) {
            const double v = (double)x[k * PHI_PANEL + t];

            /* gcc makes vectors only of loops that it has not unrolled. */
#pragma GCC unroll 1
            for (size_t c = 0; c < PHI_PANEL; c++)
                sum[t][c] += v * (double)w[k * PHI_PANEL + c];
        }
    }
    for (size_t t = 0; t < rows; t++)
        memcpy(acc + t * ldacc, sum[t], sizeof(sum[t]));
}

static void gemm_f64(double *acc, size_t ldacc, const float *x, size_t ldx,
                     const float *w, size_t nt, size_t nk)
{
    for (size_t t = 0; t < nt; t += F64_ROWS) {
        const float *const from = x + t / PHI_PANEL * ldx + t % PHI_PANEL;

        if (nt - t >= F64_ROWS)
            tile_f64(acc + t * ldacc, ldacc, from, w, nk, F64_ROWS);
        else
            tile_f64(acc + t * ldacc, ldacc, from, w, nk, nt - t);
    }
}

#endif
