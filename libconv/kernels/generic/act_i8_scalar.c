/* SPDX-License-Identifier: MIT */
/* Activations to one or two bytes, for every machine; see gemm_i8.h. */
#include <stdbool.h>
#include <string.h>

#include "libconv/base/half.h"
#include "libconv/kernels/gemm_i8_tables.h"
#include "libconv/kernels/rounding.h"

/*
 * max |x| by its bits, whose order is that of magnitudes with infinity and
 * NaN on top.
 */
static uint32_t max_bits(const float *x)
{
    uint32_t max = 0;

    for (int i = 0; i < PHI_I8_BLOCK; i++) {
        const uint32_t u = phi_f32_bits(x[i]) & 0x7fffffff;

        max = u > max ? u : max;
    }
    return max;
}

static void put_tail(uint8_t *out, float scale, const int32_t sum[2],
                     bool again)
{
    const int16_t pair[2] = {again ? (int16_t)sum[0] : 0,
                             again ? (int16_t)sum[1] : 0};

    memcpy(out, &scale, 4);
    memcpy(out + 4, sum, 8);
    memcpy(out + 12, pair, 4);
}

/* v = x * (top / amax), rounded; the scale is returned. */
static float round_block(int32_t v[PHI_I8_BLOCK], const float *x, float top)
{
    const uint32_t bits = max_bits(x);
    const float amax = phi_bits_f32(bits);

    memset(v, 0, PHI_I8_BLOCK * sizeof(*v));
    if (bits >= 0x7f800000)
        return phi_bits_f32(0x7fc00000);
    if (amax < 0x1p-100f)
        return 0;
    {
        const float factor = top / amax;

        for (int i = 0; i < PHI_I8_BLOCK; i++)
            v[i] = phi_round_even_i32(x[i] * factor);
    }
    return amax / top;
}

static void act_fast(uint8_t *out, const float *x, size_t ncols)
{
    for (; ncols > 0; ncols -= PHI_I8_BLOCK, x += PHI_I8_BLOCK, out += 48) {
        int32_t v[PHI_I8_BLOCK];
        const float scale = round_block(v, x, 127);
        int32_t sum[2] = {0, 0};

        for (int i = 0; i < PHI_I8_BLOCK; i++) {
            out[i] = (uint8_t)v[i];
            sum[i / 16] += v[i];
        }
        put_tail(out + 32, scale, sum, true);
    }
}

static void act_exact(uint8_t *out, const float *x, size_t ncols)
{
    for (; ncols > 0; ncols -= PHI_I8_BLOCK, x += PHI_I8_BLOCK, out += 80) {
        int32_t v[PHI_I8_BLOCK];
        const float scale = round_block(v, x, 32639);
        int32_t sum[2] = {0, 0};

        for (int i = 0; i < PHI_I8_BLOCK; i++) {
            /* Shifted as a positive number: floor for every sign. */
            const int hi = ((v[i] + 128 + 32768) >> 8) - 128;
            const int lo = v[i] - 256 * hi;
            const int kept = lo < -127 ? -127 : lo;

            out[i] = (uint8_t)hi;
            out[i + 32] = (uint8_t)kept;
            sum[i / 16] += 256 * hi + kept;
        }
        put_tail(out + 64, scale, sum, false);
    }
}

const phi_act_fn phi_act_i8_scalar[PHI_ACT_MODES] = {act_fast, act_exact};
