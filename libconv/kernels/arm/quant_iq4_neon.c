/* SPDX-License-Identifier: MIT */
/*
 * IQ4_NL and IQ4_XS with Advanced SIMD: binary search of the bounds. The last
 * of them and the level are looked up by byte in a table of sixteen floats:
 * the four bytes of a lane are 4k, 4k + 1, 4k + 2, 4k + 3 for number k.
 */
#include "libconv/kernels/quant_iq4_pack.h"
#include "libconv/kernels/quants_neon.h"

#define TOGETHER 4

/* Entry 15 is never looked up. */
static const float bounds[16] = {IQ4_BOUNDS, 0};

static inline float32x4_t look_up(const float *table, uint32x4_t bytes)
{
    const uint8x16x4_t t = {{
        vreinterpretq_u8_f32(vld1q_f32(table)),
        vreinterpretq_u8_f32(vld1q_f32(table + 4)),
        vreinterpretq_u8_f32(vld1q_f32(table + 8)),
        vreinterpretq_u8_f32(vld1q_f32(table + 12)),
    }};

    return vreinterpretq_f32_u8(vqtbl4q_u8(t, vreinterpretq_u8_u32(bytes)));
}

/* bytes with n added to the number where the mask is set. */
static inline uint32x4_t count(uint32x4_t bytes, uint32x4_t mask, uint32_t n)
{
    return vaddq_u32(bytes, vandq_u32(mask, vdupq_n_u32(n * 0x04040404)));
}

/* The bytes of the number of the nearest level; v is not NaN. */
static inline uint32x4_t nearest_bytes(float32x4_t v)
{
    const uint32x4_t a = vcgeq_f32(v, vdupq_n_f32(-4.5f));
    const uint32x4_t b =
        vcgeq_f32(v, vbslq_f32(a, vdupq_n_f32(45.5f), vdupq_n_f32(-57)));
    const float32x4_t lower =
        vbslq_f32(b, vdupq_n_f32(-28.5f), vdupq_n_f32(-93.5f));
    const float32x4_t upper = vbslq_f32(b, vdupq_n_f32(79), vdupq_n_f32(19));
    const uint32x4_t c = vcgeq_f32(v, vbslq_f32(a, upper, lower));
    uint32x4_t bytes = vdupq_n_u32(0x03020100);

    bytes = count(count(count(bytes, a, 8), b, 4), c, 2);
    return count(bytes, vcgeq_f32(v, look_up(bounds, bytes)), 1);
}

static inline float32x4_t iq4_level(float32x4_t v)
{
    return look_up(iq4_levels, nearest_bytes(v));
}

static inline void iq4_quants(uint8_t *out, const float *x, float id)
{
    struct quants q;

    for (int i = 0; i < 8; i++) {
        const float32x4_t v = vmulq_n_f32(vld1q_f32(x + 4 * i), id);
        const float32x4_t number =
            vbslq_f32(vceqq_f32(v, v), v, vdupq_n_f32(113)); /* not NaN */
        const uint32x4_t bytes = nearest_bytes(number);

        q.v[i] = vreinterpretq_s32_u32(vshrq_n_u32(bytes, 2));
    }
    q32_store_nibbles(out, q);
}

#define QUANT_IQ4_TABLE phi_quant_iq4_neon

#include "libconv/kernels/quant_iq4_body.h"
