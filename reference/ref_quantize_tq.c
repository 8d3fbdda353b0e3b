/* SPDX-License-Identifier: MIT */
/* ref_quantize_tq.c - TQ1_0 and TQ2_0: 256 values in {-1, 0, 1} times a scale.
 *
 * The layouts are drawn in ref_dequantize.c.
 */
#include "reference/ref_parts.h"
#include "reference/ref_quant.h"

#include <math.h>
#include <string.h>

/* 0, 1 or 2 for each value; returns the scale.  Where its reciprocal
 * overflows, products are not finite and x86's rounding ends in 1. */
static float three_levels(const float *x, int q[256])
{
    const float d = fabsf(ref_signed_max(x, 256));
    const float inverse = ref_reciprocal(d);
    for (int e = 0; e < 256; e++) {
        const float scaled = x[e] * inverse;
        q[e] = isfinite(scaled) ? (int)roundf(scaled) + 1 : 1;
    }
    return d;
}

/* Digits to base 3, the first one highest, as a fraction of 243 in 256ths that
 * is rounded up. */
static uint8_t put_digits(const int *q, int apart, int ndigits)
{
    int number = 0;
    for (int k = 0; k < 5; k++) {
        number = 3 * number + (k < ndigits ? q[k * apart] : 0);
    }
    return (uint8_t)ceil(number * 256.0 / 243.0);
}

static void tq1_0_block(const float *x, uint8_t *out)
{
    int q[256];
    (void)ref_put_f16(out + 52, three_levels(x, q));
    for (int i = 0; i < 32; i++) {
        out[i] = put_digits(q + i, 32, 5);
    }
    for (int i = 0; i < 16; i++) {
        out[32 + i] = put_digits(q + 160 + i, 16, 5);
    }
    for (int i = 0; i < 4; i++) {
        out[48 + i] = put_digits(q + 240 + i, 4, 4);
    }
}

static void tq2_0_block(const float *x, uint8_t *out)
{
    int q[256];
    memset(out, 0, 66);
    (void)ref_put_f16(out + 64, three_levels(x, q));
    for (int e = 0; e < 256; e++) {
        uint8_t *const byte = out + 32 * (e / 128) + e % 32;
        *byte = (uint8_t)(*byte + (q[e] << e % 128 / 32 * 2));
    }
}

int ref_quantize_tq(int type, const float *x, size_t n, uint8_t *out)
{
    if (type != REF_TQ1_0 && type != REF_TQ2_0) {
        return -1;
    }
    for (size_t i = 0; i < n; i += 256) {
        if (type == REF_TQ1_0) {
            tq1_0_block(x + i, out);
        } else {
            tq2_0_block(x + i, out);
        }
        out += ref_block_bytes((enum ref_type)type);
    }
    return 0;
}
