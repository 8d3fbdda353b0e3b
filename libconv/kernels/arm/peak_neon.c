/* SPDX-License-Identifier: MIT */
/* Peaks, Advanced SIMD: every AArch64. */
#include <arm_neon.h>

#include "libconv/kernels/peak_tables.h"

#define VALUES 12 /* of a kind, that do not wait for each other */

static inline float sum_of(const float32x4_t *value, int n)
{
    float all = 0;

    for (int i = 0; i < n; i++) {
        float v[4];

        vst1q_f32(v, value[i]);
        for (int k = 0; k < 4; k++)
            all += v[k];
    }
    return all;
}

/* Sums of sixteen bits, as the kernels have them within a block. Bytes are
 * read anew, or a compiler might multiply them once for all rounds. */
static uint32_t i8(size_t rounds, const uint8_t *a, const uint8_t *b)
{
    const int8x16_t x = vreinterpretq_s8_u8(vld1q_u8(a));
    int16x8_t sums[VALUES];
    uint32_t all = 0;

    for (int i = 0; i < VALUES; i++)
        sums[i] = vdupq_n_s16(0);
    for (size_t r = 0; r < rounds; r++) {
        const uint8_t *const at = b + r % 2 * (PHI_PEAK_BYTES / 2);

#pragma GCC unroll 6
        for (int i = 0; i < VALUES; i += 2) {
            const int8x16_t y = vreinterpretq_s8_u8(vld1q_u8(at + 8 * i));

            sums[i] = vmlal_s8(sums[i], vget_low_s8(x), vget_low_s8(y));
            sums[i + 1] = vmlal_high_s8(sums[i + 1], x, y);
        }
    }
    for (int i = 0; i < VALUES; i++) {
        uint16_t v[8];

        vst1q_u16(v, vreinterpretq_u16_s16(sums[i]));
        for (int k = 0; k < 8; k++)
            all += v[k];
    }
    return all;
}

static float apart(size_t rounds, float factor, float add)
{
    const float32x4_t f = vdupq_n_f32(factor);
    const float32x4_t d = vdupq_n_f32(add);
    float32x4_t product[VALUES], sum[VALUES];

    for (int i = 0; i < VALUES; i++) {
        product[i] = vdupq_n_f32(1);
        sum[i] = vdupq_n_f32(0);
    }
    for (size_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < VALUES; i++) {
            product[i] = vmulq_f32(product[i], f);
            sum[i] = vaddq_f32(sum[i], d);
        }
    }
    return sum_of(product, VALUES) + sum_of(sum, VALUES);
}

static float fused(size_t rounds, float factor, float add)
{
    const float32x4_t f = vdupq_n_f32(factor);
    const float32x4_t d = vdupq_n_f32(add);
    float32x4_t value[VALUES];

    for (int i = 0; i < VALUES; i++)
        value[i] = vdupq_n_f32(0);
    for (size_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < VALUES; i++)
            value[i] = vfmaq_f32(value[i], f, d);
    }
    return sum_of(value, VALUES);
}

static uint64_t read_all(const uint8_t *p, size_t n)
{
    uint64x2_t bits[8];
    uint64_t all = 0;

    for (int i = 0; i < 8; i++)
        bits[i] = vdupq_n_u64(0);
    for (size_t at = 0; at < n; at += sizeof(bits)) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
            bits[i] = veorq_u64(
                bits[i], vreinterpretq_u64_u8(vld1q_u8(p + at + 16 * i)));
    }
    for (int i = 0; i < 8; i++)
        all ^= vgetq_lane_u64(bits[i], 0) ^ vgetq_lane_u64(bits[i], 1);
    return all;
}

const struct phi_peak_kernels phi_peak_neon = {
    .i8 = i8,
    .i8_operations = 2 * 8 * VALUES,
    .apart = apart,
    .apart_operations = 2 * 4 * VALUES,
    .fused = fused,
    .fused_operations = 2 * 4 * VALUES,
    .read = read_all,
};
