/* SPDX-License-Identifier: MIT */
/*
 * a * b + c rounded once, as the fused instructions of newer processors do it,
 * on any processor and without libm. `static inline`, because files with ISA
 * flags may include this header.
 */
#ifndef PHI_KERNELS_FUSED_H
#define PHI_KERNELS_FUSED_H

#include "libconv/kernels/elementary.h"

/*
 * In double the product is exact, and the sum is rounded to odd: to the
 * neighbour whose last bit is set, if it is not exact. After that a rounding
 * to f32 is as if it were the only one (S. Boldo and G. Melquiond, "Emulation
 * of a FMA and Correctly Rounded Sums: Proved Algorithms Using Rounding to
 * Odd", IEEE Trans. Comp. 57, 2008).
 */
static inline float phi_fused(float a, float b, float c)
{
    const double p = (double)a * (double)b;
    const double t = p + (double)c;
    const double back = t - p;
    /* What the sum lost, exactly (D. Knuth, TAOCP 2, 4.2.2). */
    const double lost = (p - (t - back)) + ((double)c - back);
    uint64_t u = phi_f64_bits(t);

    /* NaN and infinities lose nothing that compares. */
    if ((lost > 0 || lost < 0) && (u & 1) == 0)
        u += (lost > 0) == (t > 0) ? 1 : (uint64_t)-1;
    return (float)phi_bits_f64(u);
}

#endif
