/* SPDX-License-Identifier: MIT */
/*
 * How far the values of one tensor are from those of another, whatever their
 * types: both are widened to f32 and compared element by element in the order
 * in which they are stored.
 */
#ifndef PHI_QUANT_DIFFERENCE_H
#define PHI_QUANT_DIFFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/base/tally.h"
#include "libconv/tensor/source.h"

struct phi_difference {
    bool same_bytes;    /* and the same type */
    bool compared;      /* the numbers below are there */
    uint64_t differing; /* elements of other value; NaN is like NaN */
    double rmse; /* NaN if any NaN or infinity differs, as the next two */
    double max_abs;
    double relative; /* rmse over the root mean square of a; 0 if rmse is */
};

/* Tensor i of a and tensor j of b. */
struct phi_difference_pair {
    const struct phi_source *a;
    size_t i;
    const struct phi_source *b;
    size_t j;
    uint32_t features; /* which kernels may be used, as in cpu/cpu.h */
    size_t item;       /* that it is of the tally's */
};

#define PHI_DIFFERENCE_ROOM ((size_t)1 << 20)

/*
 * Compares the two tensors of a pair. Values are compared where both have as
 * many elements and types that can be widened; types that cannot (integers)
 * are compared by their bytes where they are the same. room holds
 * PHI_DIFFERENCE_ROOM bytes, of this call alone. tally counts the bytes read.
 */
enum phi_status phi_difference_of(struct phi_difference *out,
                                  const struct phi_difference_pair *pair,
                                  void *room, struct phi_tally *tally,
                                  struct phi_err *err);

#endif
