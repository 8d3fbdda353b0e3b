/* SPDX-License-Identifier: MIT */
/* The scales and mins within a block of Q4_K or Q5_K, to be read. */
#ifndef PHI_KERNELS_K_SCALES_H
#define PHI_KERNELS_K_SCALES_H

#include <stdint.h>

/*
 * Scale and min of 32 elements, j (0..7), of the twelve bytes at s. They have
 * six bits each:
 *   0..3   scale j (0..3)        top two bits: scale j + 4's
 *   4..7   min j (0..3)          top two bits: min j + 4's
 *   8..11  scale j + 4's low half, min j + 4's low half above it
 */
static inline void phi_k_scale_min(const uint8_t *s, int j, int *scale,
                                   int *min)
{
    if (j < 4) {
        *scale = s[j] & 63;
        *min = s[j + 4] & 63;
    } else {
        *scale = (s[j + 4] & 15) | s[j - 4] >> 6 << 4;
        *min = s[j + 4] >> 4 | s[j] >> 6 << 4;
    }
}

#endif
