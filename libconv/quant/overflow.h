/* SPDX-License-Identifier: MIT */
/*
 * Weights that were too large for a type, found without reading them back:
 * what overflows is a block's scale, stored in half precision as infinity or
 * NaN.
 */
#ifndef PHI_QUANT_OVERFLOW_H
#define PHI_QUANT_OVERFLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "libconv/tensor/dtype.h"

/*
 * Whether phi_overflow_find() knows the type: every type that is written, and
 * F64, which is copied.
 */
bool phi_overflow_known(enum phi_dtype t);

/*
 * The first of nblk blocks that reads back as anything but finite numbers,
 * nblk if there is none. Any alignment.
 */
size_t phi_overflow_find(enum phi_dtype t, const void *blocks, size_t nblk);

/*
 * The first of n values that is NaN, infinite or larger than `limit` in
 * magnitude, n if there is none.
 */
size_t phi_overflow_value(const float *x, size_t n, float limit);

#endif
