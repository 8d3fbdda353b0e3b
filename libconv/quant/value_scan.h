/* SPDX-License-Identifier: MIT */
/*
 * What the values of a tensor are like, taken in pieces: which are no numbers
 * or too large for f16, and whether all are the same.
 */
#ifndef PHI_QUANT_VALUE_SCAN_H
#define PHI_QUANT_VALUE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise, add pieces in order. "First" is an index of an element. */
struct phi_value_scan {
    uint64_t n;
    uint64_t nan;
    uint64_t first_nan;
    uint64_t infinite;
    uint64_t first_infinite;
    uint64_t large; /* finite, and an infinity when rounded to f16 */
    uint64_t first_large;
    float max_abs; /* of the finite ones */
    float value;   /* of element 0 */
    bool varied;   /* some element has another value */
};

void phi_value_scan_add(struct phi_value_scan *s, const float *x, size_t n);

#endif
