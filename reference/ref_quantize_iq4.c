/* SPDX-License-Identifier: MIT */
/* ref_quantize_iq4.c - IQ4_NL and IQ4_XS: sixteen levels, denser around 0.
 *
 * A sub-block of 32 values is fitted with sixteen candidates of its scale; in
 * IQ4_XS eight of them share a scale in whole numbers.  Steps are in binary32,
 * one rounding each.  The layouts are drawn in ref_dequantize.c.
 */
#include "reference/ref_parts.h"
#include "reference/ref_quant.h"

#include <math.h>

/* Below this magnitude values count as zero. */
#define TINY 1e-15f

static const int levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                               1,    13,   25,  38,  53,  69,  89,  113};

/* The level at the smallest distance, the upper one of two; the last one for a
 * NaN, which has none.  Distances in double are exact where they decide. */
static int nearest_level(float v)
{
    int k = 0;
    if (isnan(v)) {
        return 15;
    }
    while (k < 15 && (double)levels[k + 1] - v <= (double)v - levels[k]) {
        k++;
    }
    return k;
}

/* value = scale * level, for the least weighted squared error: A / B with
 * A = sum w x level and B = sum w level level.  It is a constant less A A / B,
 * so the largest of these wins. */
static float fit_levels(const float *x, const float *w)
{
    const float max = ref_signed_max(x, 32);
    float scale = 0.0f;
    float best = 0.0f;

    if (fabsf(max) < TINY) {
        return 0.0f;
    }
    /* First the largest value goes to +127, in whose place there is 113, then
     * to -127 and its neighbours up to seven: -134 / max ... -120 / max. */
    for (int c = 0; c < 16; c++) {
        const float unit = max / 127.0f;
        const float inverse = c == 0 ? 1.0f / unit : (float)(c - 8 - 127) / max;
        float a = 0.0f;
        float b = 0.0f;
        for (int i = 0; i < 32; i++) {
            const float level = (float)levels[nearest_level(inverse * x[i])];
            const float wl = w[i] * level;
            a += wl * x[i];
            b += wl * level;
        }
        if (c == 0) {
            scale = b > 0.0f ? a / b : 0.0f;
            best = scale * a;
        } else if (b > 0.0f && a * a > best * b) {
            scale = a / b;
            best = scale * a;
        }
    }
    return scale;
}

/* The scale of 32 values; `spread` only counts with importance. */
static float sub_scale(const float *x, const float *importance, float spread)
{
    float w[32];
    for (int i = 0; i < 32; i++) {
        w[i] = x[i] * x[i];
    }
    if (importance != NULL) {
        (void)ref_weigh(x, importance, 32, spread, w);
    }
    return fit_levels(x, w);
}

static float spread_of(const float *x, size_t n)
{
    return ref_sum_of_squares(x, n) * (2.0f / (float)n);
}

static void put_levels(uint8_t out[16], const float *x, float inverse)
{
    int q[32];
    for (int i = 0; i < 32; i++) {
        q[i] = nearest_level(inverse * x[i]);
    }
    ref_put_nibbles(out, q);
}

static void nl_block(const float *x, const float *importance, uint8_t *out)
{
    const float scale = sub_scale(x, importance, spread_of(x, 32));
    (void)ref_put_f16(out, scale);
    put_levels(out + 2, x, ref_reciprocal(scale));
}

static void xs_block(const float *x, const float *importance, uint8_t *out)
{
    const float spread = spread_of(x, 256);
    float scales[8];

    for (int k = 0; k < 8; k++) {
        scales[k] =
            sub_scale(x + 32 * k,
                      importance != NULL ? importance + 32 * k : NULL, spread);
    }
    const float d = -ref_signed_max(scales, 8) / 32.0f;
    const float inverse = ref_reciprocal(d);
    (void)ref_put_f16(out, d);
    for (int byte = 2; byte < 8; byte++) {
        out[byte] = 0;
    }
    for (int k = 0; k < 8; k++) {
        const int whole = ref_clamp(ref_nearest(inverse * scales[k]), -32, 31);
        const int stored = whole + 32;
        uint8_t *const high = out + 2 + k / 4;
        uint8_t *const low = out + 4 + k / 2;
        *high = (uint8_t)(*high + (stored / 16 << k % 4 * 2));
        *low = (uint8_t)(*low + (stored % 16 << k % 2 * 4));
        put_levels(out + 8 + 16 * k, x + 32 * k,
                   ref_reciprocal(d * (float)whole));
    }
}

int ref_quantize_iq4(int type, const float *x, size_t n, size_t ncols,
                     const float *importance, uint8_t *out)
{
    if (type != REF_IQ4_NL && type != REF_IQ4_XS) {
        return -1;
    }
    const size_t values = ref_block_values((enum ref_type)type);
    for (size_t i = 0; i < n; i += values) {
        const float *const w =
            importance == NULL ? NULL : importance + i % ncols;
        if (type == REF_IQ4_NL) {
            nl_block(x + i, w, out);
        } else {
            xs_block(x + i, w, out);
        }
        out += ref_block_bytes((enum ref_type)type);
    }
    return 0;
}
