/* SPDX-License-Identifier: MIT */
/*
 * Blocks that are compared between machines. Where a scale overflowed to NaN
 * its sign is the processor's: x86 makes negative ones, Arm positive ones. The
 * pipeline refuses such blocks, so what else they hold is of no interest.
 */
#ifndef PHI_TESTS_HOSTILE_BLANK_H
#define PHI_TESTS_HOSTILE_BLANK_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "libconv/kernels/quant_kernels.h"

/* Overwrites blocks that widen to anything not finite. */
static inline void hostile_blank(uint8_t *blocks, size_t nbytes,
                                 enum phi_dtype t)
{
    const size_t size = phi_dtype_info(t)->bits / 8;
    float values[256];

    for (size_t at = 0; at < nbytes; at += size) {
        bool finite = true;

        phi_widen_kernel(0, t)(values, blocks + at, 1);
        for (uint32_t i = 0; i < phi_dtype_info(t)->block; i++)
            finite = finite && isfinite(values[i]);
        if (!finite)
            memset(blocks + at, 0xee, size);
    }
}

#endif
