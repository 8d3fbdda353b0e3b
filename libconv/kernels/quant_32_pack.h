/* SPDX-License-Identifier: MIT */
/*
 * Blocks of 32 values: what all variants share before the search for a scale
 * and after it. Of the 4-bit quants byte j holds element j in its low half
 * and element j + 16 in its high half; bit j of the word of fifth bits is
 * bit 4 of element j.
 *
 *   Q8_0  d: f16 | q: 32 * int8                     value = q * d
 *   Q4_0  d: f16 | q: 16 bytes                      value = (q - 8) * d
 *   Q5_0  d: f16 | qh: u32 | q: 16 bytes            value = (q - 16) * d
 *   Q4_1  d: f16 | m: f16 | q: 16 bytes             value = q * d + m
 *   Q5_1  d: f16 | m: f16 | qh: u32 | q: 16 bytes   value = q * d + m
 */
#ifndef PHI_KERNELS_QUANT_32_PACK_H
#define PHI_KERNELS_QUANT_32_PACK_H

#include <stdint.h>

#include "libconv/base/bytes.h"
#include "libconv/base/half.h"
#include "libconv/kernels/quant_search.h"

#define QK 32

static inline void b32_store_f16(uint8_t *out, float v)
{
    phi_store_u16(out, phi_f32_to_f16(v));
}

static inline void b32_store_nibbles(uint8_t *out, const uint8_t q[QK])
{
    for (int j = 0; j < 16; j++)
        out[j] = (uint8_t)((q[j] & 15) | (q[j + 16] & 15) << 4);
}

static inline uint32_t b32_fifth_bits(const uint8_t q[QK])
{
    uint32_t h = 0;

    for (int j = 0; j < QK; j++)
        h |= (uint32_t)(q[j] >> 4 & 1) << j;
    return h;
}

/* Four bits of each quant, or with `five` the fifth ones first. */
static inline void b32_store_quants(uint8_t *out, const uint8_t q[QK],
                                    bool five)
{
    if (five) {
        phi_store_u32(out, b32_fifth_bits(q));
        out += 4;
    }
    b32_store_nibbles(out, q);
}

static inline float b32_mean_square(const float *x, size_t n)
{
    float sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sum / (float)n;
}

/* Weights of a block's errors; sigma2 is the mean square of the row. */
static inline void b32_weigh(float w[QK], const float *x,
                             const float *importance, float sigma2)
{
    for (int j = 0; j < QK; j++)
        w[j] = importance[j] * search_sqrt(sigma2 + x[j] * x[j]);
}

/* Inverse scales tried with importance; a line's top is 15 or 31. */
static const struct search_grid b32_grid_q4_1 = {15, -0.9f, 0.05f, 36, false};
static const struct search_grid b32_grid_q5_1 = {31, -0.9f, 0.05f, 36, false};

#endif
