/* SPDX-License-Identifier: MIT */
/* 32 quants in eight registers with Advanced SIMD; see quants_avx512.h. */
#ifndef PHI_KERNELS_QUANTS_NEON_H
#define PHI_KERNELS_QUANTS_NEON_H

#include <stdint.h>

#include "libconv/kernels/lanes_neon.h"

struct quants {
    int32x4_t v[8]; /* four each */
};

static inline float32x4_t scaled4(const float *x, float min, float id)
{
    const float32x4_t above = vsubq_f32(vld1q_f32(x), vdupq_n_f32(min));

    return vmulq_f32(above, vdupq_n_f32(id));
}

/* 0 for NaN and what does not fit, as the low byte of x86's result. */
static inline int32x4_t toward_zero(float32x4_t v)
{
    const uint32x4_t fits = vcaltq_f32(v, vdupq_n_f32(2147483648.0f));

    return vandq_s32(vcvtq_s32_f32(v), vreinterpretq_s32_u32(fits));
}

static inline struct quants q32_trunc(const float *x, float min, float id,
                                      float add, int top)
{
    struct quants q;

    for (int i = 0; i < 8; i++) {
        const float32x4_t v =
            vaddq_f32(scaled4(x + 4 * i, min, id), vdupq_n_f32(add));

        q.v[i] = vminq_s32(toward_zero(v), vdupq_n_s32(top));
    }
    return q;
}

static inline struct quants q32_even(const float *x, float min, float id,
                                     int bottom, int top)
{
    struct quants q;

    for (int i = 0; i < 8; i++) {
        const int32x4_t v = vcvtnq_s32_f32(scaled4(x + 4 * i, min, id));

        q.v[i] = vminq_s32(vmaxq_s32(v, vdupq_n_s32(bottom)), vdupq_n_s32(top));
    }
    return q;
}

/* FRINTA: to nearest, ties away from zero. */
static inline struct quants q32_away(const float *x, float id)
{
    struct quants q;

    for (int i = 0; i < 8; i++) {
        const float32x4_t v = vmulq_n_f32(vld1q_f32(x + 4 * i), id);

        q.v[i] = toward_zero(vrndaq_f32(v));
    }
    return q;
}

static inline struct quants q32_plus(struct quants q, int n)
{
    for (int i = 0; i < 8; i++)
        q.v[i] = vaddq_s32(q.v[i], vdupq_n_s32(n));
    return q;
}

static inline uint32_t q32_fifth(struct quants q)
{
    static const int32_t places[4] = {0, 1, 2, 3};
    const uint32x4_t bit = vdupq_n_u32(1);
    uint32_t h = 0;

    for (int i = 0; i < 8; i++) {
        const uint32x4_t v = vreinterpretq_u32_s32(q.v[i]);
        const uint32x4_t fifth = vandq_u32(vshrq_n_u32(v, 4), bit);

        h |= vaddvq_u32(vshlq_u32(fifth, vld1q_s32(places))) << 4 * i;
    }
    return h;
}

/* The low bytes of sixteen integers. */
static inline uint8x16_t bytes16(const int32x4_t *v)
{
    const int16x8_t a = vcombine_s16(vmovn_s32(v[0]), vmovn_s32(v[1]));
    const int16x8_t b = vcombine_s16(vmovn_s32(v[2]), vmovn_s32(v[3]));

    return vreinterpretq_u8_s8(vcombine_s8(vmovn_s16(a), vmovn_s16(b)));
}

static inline void q32_store_nibbles(uint8_t *out, struct quants q)
{
    const uint8x16_t low = vandq_u8(bytes16(q.v), vdupq_n_u8(15));
    const uint8x16_t high = vshlq_n_u8(bytes16(q.v + 4), 4);

    vst1q_u8(out, vorrq_u8(low, high));
}

static inline void q32_store_bytes(uint8_t *out, struct quants q)
{
    vst1q_u8(out, bytes16(q.v));
    vst1q_u8(out + 16, bytes16(q.v + 4));
}

#endif
