/* SPDX-License-Identifier: MIT */
/* Four lanes of f32 with Advanced SIMD (AArch64); see lanes_avx512.h. */
#ifndef PHI_KERNELS_LANES_NEON_H
#define PHI_KERNELS_LANES_NEON_H

#include <arm_neon.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LANES 4

typedef float32x4_t lanes;
typedef uint32x4_t lanes_mask; /* all bits of a lane, or none */

static inline lanes lanes_set(float v)
{
    return vdupq_n_f32(v);
}

static inline lanes lanes_load(const float *p)
{
    return vld1q_f32(p);
}

static inline void lanes_store(float *p, lanes v)
{
    vst1q_f32(p, v);
}

static inline void lanes_store_f16(uint8_t *p, lanes v)
{
    vst1_u8(p, vreinterpret_u8_f16(vcvt_f16_f32(v)));
}

static inline lanes lanes_load_f16(const uint8_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
}

/* Integers from 0 to 255, to LANES bytes at any address. */
static inline void lanes_store_u8(uint8_t *p, lanes v)
{
    const uint16x4_t h = vmovn_u32(vcvtnq_u32_f32(v));
    const uint8x8_t b = vmovn_u16(vcombine_u16(h, h));

    const uint32_t word = vget_lane_u32(vreinterpret_u32_u8(b), 0);

    memcpy(p, &word, sizeof(word));
}

static inline lanes lanes_add(lanes a, lanes b)
{
    return vaddq_f32(a, b);
}

static inline lanes lanes_sub(lanes a, lanes b)
{
    return vsubq_f32(a, b);
}

static inline lanes lanes_mul(lanes a, lanes b)
{
    return vmulq_f32(a, b);
}

static inline lanes lanes_div(lanes a, lanes b)
{
    return vdivq_f32(a, b);
}

static inline lanes lanes_sqrt(lanes a)
{
    return vsqrtq_f32(a);
}

static inline lanes lanes_abs(lanes a)
{
    return vabsq_f32(a);
}

static inline lanes lanes_neg(lanes a)
{
    return vnegq_f32(a);
}

static inline lanes_mask lanes_lt(lanes a, lanes b)
{
    return vcltq_f32(a, b);
}

static inline lanes_mask lanes_eq(lanes a, lanes b)
{
    return vceqq_f32(a, b);
}

static inline lanes_mask lanes_and(lanes_mask a, lanes_mask b)
{
    return vandq_u32(a, b);
}

static inline lanes_mask lanes_or(lanes_mask a, lanes_mask b)
{
    return vorrq_u32(a, b);
}

static inline lanes_mask lanes_not(lanes_mask a)
{
    return vmvnq_u32(a);
}

static inline bool lanes_any(lanes_mask a)
{
    return vmaxvq_u32(a) != 0;
}

static inline lanes lanes_pick(lanes_mask m, lanes yes, lanes no)
{
    return vbslq_f32(m, yes, no);
}

/* Not vminq and vmaxq: those differ from x86 in NaN and the sign of zero. */
static inline lanes lanes_min(lanes a, lanes b)
{
    return lanes_pick(lanes_lt(a, b), a, b);
}

static inline lanes lanes_max(lanes a, lanes b)
{
    return lanes_pick(lanes_lt(b, a), a, b);
}

static inline lanes lanes_round(lanes a)
{
    return vrndnq_f32(a);
}

/* Four rows of four values. */
static inline void lanes_turn(lanes *to, const float *from, size_t stride)
{
    const float32x4x2_t a =
        vtrnq_f32(vld1q_f32(from), vld1q_f32(from + stride));
    const float32x4x2_t b =
        vtrnq_f32(vld1q_f32(from + 2 * stride), vld1q_f32(from + 3 * stride));

    for (int i = 0; i < 2; i++) {
        to[i] = vcombine_f32(vget_low_f32(a.val[i]), vget_low_f32(b.val[i]));
        to[i + 2] =
            vcombine_f32(vget_high_f32(a.val[i]), vget_high_f32(b.val[i]));
    }
}

#endif
