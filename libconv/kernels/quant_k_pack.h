/* SPDX-License-Identifier: MIT */
/*
 * The K types' super-blocks of 256 values, after the searches: sub-blocks'
 * scales and minimums become small integers times one f16 each, the values
 * are quantized again with what was stored, and the bits are packed. Shared
 * by all variants; loops are written for compilers to vectorise.
 *
 *   type  sub-blocks  value of a quant q of sub-block j
 *   Q2_K  16 of 16    d scale[j] q - dmin min[j]            q in 0..3
 *   Q3_K  16 of 16    d (scale[j] - 32) (q - 4)             q in 0..7
 *   Q4_K   8 of 32    d scale[j] q - dmin min[j]            q in 0..15
 *   Q5_K   8 of 32    d scale[j] q - dmin min[j]            q in 0..31
 *   Q6_K  16 of 16    d scale[j] (q - 32)                   q in 0..63
 */
#ifndef PHI_KERNELS_QUANT_K_PACK_H
#define PHI_KERNELS_QUANT_K_PACK_H

#include <stdint.h>
#include <string.h>

#include "libconv/base/bytes.h"
#include "libconv/base/half.h"
#include "libconv/kernels/quant_search.h"
#include "libconv/kernels/rounding.h"

#define QK_K 256

/* A super-block's scales as stored; `min` is not used by Q3_K and Q6_K. */
struct k_scales {
    float d;
    float dmin;
    uint8_t scale[16];
    uint8_t min[16];
};

/* Largest value, 0 if none is above. */
static inline float k_max(const float *x, int n)
{
    float max = 0;

    for (int j = 0; j < n; j++)
        max = x[j] > max ? x[j] : max;
    return max;
}

static inline float k_store_f16(uint8_t *out, float v)
{
    const uint16_t h = phi_f32_to_f16(v);

    phi_store_u16(out, h);
    return phi_f16_to_f32(h);
}

/*
 * n values x = d (q + bottom) - m: q again, with the scale and the minimum
 * that were stored; q + bottom is in [bottom, top].
 */
static inline void k_requantize(uint8_t *restrict q, const float *restrict x,
                                int n, float d, float m, int bottom, int top)
{
    for (int j = 0; j < n; j++) {
        int32_t v = phi_round_even_i32((x[j] + m) / d);

        v = v > top ? top : v;
        q[j] = (uint8_t)((v < bottom ? bottom : v) - bottom);
    }
}

/* That function, or one with the same results. */
typedef void k_requantize_fn(uint8_t *restrict q, const float *restrict x,
                             int n, float d, float m, int bottom, int top);

/* Four values a byte, bits 01 23 45 67: l, l + 32, l + 64, l + 96. */
static inline void k_pack_pairs(uint8_t *restrict out,
                                const uint8_t *restrict q)
{
    for (int h = 0; h < 2; h++, q += 128, out += 32) {
        for (int l = 0; l < 32; l++)
            out[l] = (uint8_t)((q[l] & 3) | (q[l + 32] & 3) << 2 |
                               (q[l + 64] & 3) << 4 | (q[l + 96] & 3) << 6);
    }
}

/* Low halves of two values a byte: l and l + 32 of each 64. */
static inline void k_pack_halves(uint8_t *restrict out,
                                 const uint8_t *restrict q)
{
    for (int g = 0; g < 4; g++, q += 64, out += 32) {
        for (int l = 0; l < 32; l++)
            out[l] = (uint8_t)((q[l] & 15) | (q[l + 32] & 15) << 4);
    }
}

/* Bit g of byte l: bit `bit` of value 32 g + l. */
static inline void k_pack_bit(uint8_t *restrict out, const uint8_t *restrict q,
                              int bit)
{
    for (int l = 0; l < 32; l++) {
        int v = 0;

        for (int g = 0; g < 8; g++)
            v |= (q[32 * g + l] >> bit & 1) << g;
        out[l] = (uint8_t)v;
    }
}

/*
 * Q2_K: scales: 16 bytes, scale low, min high | quants: 64 | d, dmin: f16.
 * q holds the searches' levels, which stay where a stored scale is 0; so in
 * the functions below.
 */
static inline void k_store_q2_k(uint8_t *restrict out, const float *restrict x,
                                const struct k_scales *restrict s,
                                uint8_t *restrict q,
                                k_requantize_fn *requantize)
{
    const float d = k_store_f16(out + 80, s->d);
    const float dmin = k_store_f16(out + 82, s->dmin);

    for (int j = 0; j < 16; j++) {
        float dj;

        out[j] = (uint8_t)(s->scale[j] | s->min[j] << 4);
        dj = d * (float)(out[j] & 15);
        if (dj != 0)
            requantize(q + 16 * j, x + 16 * j, 16, dj,
                       dmin * (float)(out[j] >> 4), 0, 3);
    }
    k_pack_pairs(out + 16, q);
}

/*
 * Q3_K: third bits: 32 | quants: 64 | scales: 12 | d: f16. Scale j has 6
 * bits: low four in byte j or, past 7, the high half of byte j - 8; high two
 * in byte 8 + j % 4 at bit 2 (j / 4).
 */
static inline void k_store_q3_k(uint8_t *restrict out, const float *restrict x,
                                const struct k_scales *restrict s,
                                uint8_t *restrict q,
                                k_requantize_fn *requantize)
{
    uint8_t *const scales = out + 96;
    const float d = k_store_f16(out + 108, s->d);

    memset(scales, 0, 12);
    for (int j = 0; j < 16; j++) {
        const float dj = d * (float)(s->scale[j] - 32);

        scales[j % 8] |= (uint8_t)((s->scale[j] & 15) << (j < 8 ? 0 : 4));
        scales[8 + j % 4] |= (uint8_t)(s->scale[j] >> 4 << 2 * (j / 4));
        if (dj != 0)
            requantize(q + 16 * j, x + 16 * j, 16, dj, 0, -4, 3);
    }
    k_pack_bit(out, q, 2);
    k_pack_pairs(out + 32, q);
}

/*
 * Eight scales and minimums of 6 bits in 12 bytes:
 *   byte j      scale j             | scale j + 4, high two bits
 *   byte j + 4  min j               | min j + 4, high two bits
 *   byte j + 8  scale j + 4, low four bits | min j + 4, low four bits
 */
static inline void k_pack_scales(uint8_t out[12], const struct k_scales *s)
{
    for (int j = 0; j < 4; j++) {
        const uint8_t sc = s->scale[j + 4];
        const uint8_t mn = s->min[j + 4];

        out[j] = (uint8_t)(s->scale[j] | sc >> 4 << 6);
        out[j + 4] = (uint8_t)(s->min[j] | mn >> 4 << 6);
        out[j + 8] = (uint8_t)((sc & 15) | (mn & 15) << 4);
    }
}

/* d, dmin: f16 | scales: 12, both in Q4_K and Q5_K. */
static inline void k_store_q45(uint8_t *restrict out, const float *restrict x,
                               const struct k_scales *restrict s,
                               uint8_t *restrict q, int top,
                               k_requantize_fn *requantize)
{
    const float d = k_store_f16(out, s->d);
    const float dmin = k_store_f16(out + 2, s->dmin);

    k_pack_scales(out + 4, s);
    for (int j = 0; j < 8; j++) {
        const float dj = d * (float)s->scale[j];

        if (dj != 0)
            requantize(q + 32 * j, x + 32 * j, 32, dj, dmin * (float)s->min[j],
                       0, top);
    }
}

/* Q4_K: d, dmin | scales | quants: 128. */
static inline void k_store_q4_k(uint8_t *restrict out, const float *restrict x,
                                const struct k_scales *restrict s,
                                uint8_t *restrict q,
                                k_requantize_fn *requantize)
{
    k_store_q45(out, x, s, q, 15, requantize);
    k_pack_halves(out + 16, q);
}

/* Q5_K: d, dmin | scales | fifth bits: 32 | low halves: 128. */
static inline void k_store_q5_k(uint8_t *restrict out, const float *restrict x,
                                const struct k_scales *restrict s,
                                uint8_t *restrict q,
                                k_requantize_fn *requantize)
{
    k_store_q45(out, x, s, q, 31, requantize);
    k_pack_bit(out + 16, q, 4);
    k_pack_halves(out + 48, q);
}

/*
 * Q6_K: low halves: 128 | high bits: 64 | scales: 16 of int8 | d: f16; of
 * each 128 values, byte l (0..31) of
 *   low halves       value l and, high, value l + 64
 *   low halves + 32  value l + 32 and, high, value l + 96
 *   high bits        01 l, 23 l + 32, 45 l + 64, 67 l + 96
 */
static inline void k_store_q6_k(uint8_t *restrict out, const float *restrict x,
                                const struct k_scales *restrict s,
                                uint8_t *restrict q,
                                k_requantize_fn *requantize)
{
    const float d = k_store_f16(out + 208, s->d);

    for (int j = 0; j < 16; j++) {
        const float dj = d * (float)(int8_t)s->scale[j];

        out[192 + j] = s->scale[j];
        if (dj != 0)
            requantize(q + 16 * j, x + 16 * j, 16, dj, 0, -32, 31);
    }
    for (int h = 0; h < 2; h++, q += 128) {
        uint8_t *const low = out + 64 * h;
        uint8_t *const high = out + 128 + 32 * h;

        for (int l = 0; l < 64; l++)
            low[l] = (uint8_t)((q[l] & 15) | (q[l + 64] & 15) << 4);
        for (int l = 0; l < 32; l++)
            high[l] = (uint8_t)(q[l] >> 4 | q[l + 32] >> 4 << 2 |
                                q[l + 64] >> 4 << 4 | q[l + 96] >> 4 << 6);
    }
}

/* Scales (or minimums) >= 0 as integers to `top`; returns the f32 step. */
static inline float k_share_line(uint8_t *out, const float *v, int n, int top,
                                 int cap)
{
    const float max = k_max(v, n);
    const float inverse = max > 0 ? (float)top / max : 0.0f;

    for (int j = 0; j < n; j++) {
        const uint8_t l = (uint8_t)phi_round_even_i32(inverse * v[j]);

        out[j] = l < cap ? l : (uint8_t)cap;
    }
    return max / (float)top;
}

/*
 * From the sub-blocks' scales and minimums to a block's, without importance.
 * Q2_K divides by 15 and does not clamp, which can only matter for NaN.
 */
static inline void k_share_q2_k(struct k_scales *s, const float *scale,
                                const float *min)
{
    s->d = k_share_line(s->scale, scale, 16, 15, 255);
    s->dmin = k_share_line(s->min, min, 16, 15, 255);
}

static inline void k_share_q45(struct k_scales *s, const float *scale,
                               const float *min)
{
    s->d = k_share_line(s->scale, scale, 8, 63, 63);
    s->dmin = k_share_line(s->min, min, 8, 63, 63);
}

/* Scale j is stored plus 32. All bits are 0 where no scale is. */
static inline void k_share_q3_k(struct k_scales *s, const float *scale)
{
    const float max = search_signed_max(scale, 16);
    const float inverse = -32 / max;

    *s = (struct k_scales){0};
    if (max == 0)
        return;
    for (int j = 0; j < 16; j++) {
        int32_t l = (int8_t)phi_round_even_i32(inverse * scale[j]);

        l = l > 31 ? 31 : l;
        s->scale[j] = (uint8_t)((l < -32 ? -32 : l) + 32);
    }
    s->d = 1 / inverse;
}

/* False: the block is zero and all its bytes are. */
static inline bool k_share_q6_k(struct k_scales *s, const float *scale)
{
    const float max = search_signed_max(scale, 16);
    const float inverse = -128 / max;

    if (search_magnitude(max) < SEARCH_ZERO)
        return false;
    for (int j = 0; j < 16; j++) {
        const int32_t l = phi_round_even_i32(inverse * scale[j]);

        s->scale[j] = (uint8_t)(l < 127 ? l : 127);
    }
    s->d = 1 / inverse;
    return true;
}

/* With importance: `weight` is each sub-block's sum of weights. */
static inline void k_share_line_weighted(struct k_scales *s, const float *scale,
                                         const float *min, const float *weight,
                                         int n, int top)
{
    s->d = search_nonnegative(s->scale, scale, weight, n, top);
    s->dmin = search_nonnegative(s->min, min, weight, n, top);
}

/*
 * Eight levels as k_pack_scales() makes them readable. Levels over 63 spill
 * into the high bits of the one four places on; the packed bytes are the same
 * for what is returned.
 */
static inline void k_as_packed(uint8_t level[8])
{
    for (int j = 0; j < 4; j++) {
        const int spill = level[j] >> 6 << 4;

        level[j] &= 63;
        level[j + 4] = (uint8_t)((level[j + 4] & 63) | spill);
    }
}

/*
 * The line of least squares may fall where values hardly differ. Such a
 * scale's level is negative and wraps in its byte: ggml holds it down to 63
 * in Q5_K, and in Q4_K packs it as it is.
 */
static inline void k_share_q45_weighted(struct k_scales *s, const float *scale,
                                        const float *min, const float *weight,
                                        int top)
{
    k_share_line_weighted(s, scale, min, weight, 8, 63);
    for (int j = 0; top == 31 && j < 8; j++) {
        s->scale[j] = s->scale[j] < 63 ? s->scale[j] : 63;
        s->min[j] = s->min[j] < 63 ? s->min[j] : 63;
    }
    k_as_packed(s->scale);
    k_as_packed(s->min);
}

static inline void k_share_q3_k_weighted(struct k_scales *s, const float *scale,
                                         const float *weight)
{
    s->d = search_scale(s->scale, scale, weight, 16, 32);
}

/* `times` the mean of the squares of a super-block, summed in order. */
static inline float k_mean_square(const float *x, float times)
{
    float sum = 0;

    for (int j = 0; j < QK_K; j++)
        sum += x[j] * x[j];
    return times * sum / QK_K;
}

/* The grids of the line searches: without and with importance. */
static const struct search_grid k_grid_q2_k = {3, -0.5f, 0.1f, 15, true};
static const struct search_grid k_grid_q4_k = {15, -1.0f, 0.1f, 20, false};
static const struct search_grid k_grid_q5_k = {31, -0.5f, 0.1f, 15, false};

static inline struct search_grid k_grid_weighted(int top)
{
    return (struct search_grid){top, -0.9f, 0.05f, 36, false};
}

#endif
