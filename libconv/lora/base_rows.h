/* SPDX-License-Identifier: MIT */
/* Rows of a base's tensor as f32, some at a time. */
#ifndef PHI_LORA_BASE_ROWS_H
#define PHI_LORA_BASE_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/kernels/quant_kernels.h"
#include "libconv/tensor/source.h"

/* Zero-initialise; end with phi_base_rows_release(), after an error too. */
struct phi_base_rows {
    const struct phi_source *source;
    size_t tensor;
    size_t cols; /* of a vector: its length, in one row */
    size_t rows; /* at a time, at most */
    float *x;    /* (rows, cols), and at least as many as were asked for */
    /* its own */
    phi_widen_fn widen;
    uint8_t *raw;
    size_t row_nbytes;
    size_t row_nblk;
    uint64_t have; /* rows of the tensor */
};

/* x gets at least nfloats elements. */
enum phi_status phi_base_rows_init(struct phi_base_rows *b,
                                   const struct phi_source *source,
                                   size_t tensor, size_t nfloats,
                                   uint32_t features, struct phi_err *err);

/* Fills x with rows [row, row + n), n <= b->rows, as far as there are any. */
enum phi_status phi_base_rows_read(const struct phi_base_rows *b, uint64_t row,
                                   size_t n, struct phi_err *err);
void phi_base_rows_release(struct phi_base_rows *b);

#endif
