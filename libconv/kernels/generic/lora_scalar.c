/* SPDX-License-Identifier: MIT */
/* The delta of an adapter, element after element: the other variants' truth. */
#include "libconv/kernels/lora_tables.h"

static void lora(float *x, size_t nrows, size_t ncols, const float *b,
                 const float *a, size_t rank, float scale)
{
    for (size_t r = 0; r < nrows; r++, x += ncols, b += rank) {
        for (size_t c = 0; c < ncols; c++) {
            float d = 0;

            for (size_t k = 0; k < rank; k++)
                d += b[k] * a[k * ncols + c];
            d = scale * d;
            if (d != 0)
                x[c] += d;
        }
    }
}

const phi_lora_fn phi_lora_scalar = lora;
