/* SPDX-License-Identifier: MIT */
/*
 * IQ4_NL and IQ4_XS: sixteen levels that are not evenly spaced, for blocks
 * and sub-blocks of 32. What all variants share: the levels, the nearest
 * level, and the bytes once the scales are known. Nibbles as in IQ4_NL's
 * neighbours of 32 (quant_32_pack.h).
 *
 *   IQ4_NL   d: f16 | q: 16 bytes          value = d * level[q]
 *   IQ4_XS   d: f16 | scales_h: u16 | scales_l: 4 bytes | q: 8 * 16 bytes
 *            value = d * (scale[k] - 32) * level[q] in sub-block k; of
 *            scale[k] four bits are in half k % 2 of scales_l[k / 2], two in
 *            bits 2k and 2k + 1 of scales_h
 */
#ifndef PHI_KERNELS_QUANT_IQ4_PACK_H
#define PHI_KERNELS_QUANT_IQ4_PACK_H

#include "libconv/kernels/quant_32_pack.h"

#define IQ4_LEVELS                                                             \
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113

/* Halfway between neighbours; a value on one belongs to the upper level. */
#define IQ4_BOUNDS                                                             \
    -115.5f, -93.5f, -74, -57, -42, -28.5f, -16, -4.5f, 7, 19, 31.5f, 45.5f,   \
        61, 79, 101

/* Inverse scales tried: (step - 127) / max for steps -7 to 7. */
#define IQ4_STEPS 7

static const float iq4_levels[16] = {IQ4_LEVELS};
static const float iq4_bounds[15] = {IQ4_BOUNDS};

/*
 * The index of the level nearest to v: the number of bounds not above it. The
 * same as comparing the distances to two neighbours, as ggml does, because
 * close to a bound both differences are exact. NaN gives 15, also there.
 */
static inline int iq4_nearest(float v)
{
    int k = v < iq4_bounds[7] ? 0 : 8;

    k += v < iq4_bounds[k + 3] ? 0 : 4;
    k += v < iq4_bounds[k + 1] ? 0 : 2;
    k += v < iq4_bounds[k] ? 0 : 1;
    return k;
}

static inline float iq4_inverse(float d)
{
    return d != 0 ? 1.0f / d : 0.0f;
}

/* Twice the mean square of the n values of a block: ggml's sigma2 here. */
static inline float iq4_sigma2(const float *x, int n)
{
    float sum = 0;

    for (int j = 0; j < n; j++)
        sum += x[j] * x[j];
    return sum * (2.0f / (float)n);
}

/* The quants of 32 values with inverse scale id, as nibbles. */
typedef void (*iq4_quants_fn)(uint8_t *out, const float *x, float id);

static inline void iq4_store_nl(uint8_t *out, const float *x, float scale,
                                iq4_quants_fn quants)
{
    b32_store_f16(out, scale);
    quants(out + 2, x, iq4_inverse(scale));
}

/* The scales become integers in -32..31 times one f16; x: (256). */
static inline void iq4_store_xs(uint8_t *out, const float *x,
                                const float scale[8], iq4_quants_fn quants)
{
    const float d = -search_signed_max(scale, 8) / 32;
    const float id = iq4_inverse(d);
    unsigned high = 0;

    b32_store_f16(out, d);
    for (int k = 0; k < 8; k++) {
        const int32_t l = search_level(id * scale[k], -32, 31);
        const unsigned u = (unsigned)(l + 32);
        uint8_t *const low = out + 4 + k / 2;

        *low = (uint8_t)(k % 2 == 0 ? u & 15 : *low | (u & 15) << 4);
        high |= u >> 4 << 2 * k;
        quants(out + 8 + 16 * k, x + 32 * k, iq4_inverse(d * (float)l));
    }
    phi_store_u16(out + 2, (uint16_t)high);
}

#endif
