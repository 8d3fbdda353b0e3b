/* SPDX-License-Identifier: MIT */
/* ref_quantize.c - block quantizers in binary32, from their formulas.
 *
 * Intermediate results are stored in named floats, so that the order of the
 * roundings can be read off.  Bytes are made with % and /, not with shifts and
 * masks.  The layouts are drawn in ref_dequantize.c.
 */
#include "reference/ref_half.h"
#include "reference/ref_quant.h"

#include <float.h>
#include <math.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
#error "the reference quantizers need binary32 arithmetic as written"
#endif

/* ---- rounding ---------------------------------------------------------- */

/* Whole number of v, cut towards zero, in a signed (low) byte. */
static int truncate_to_byte(float v)
{
    if (!(fabsf(v) < 2147483648.0f)) {
        return 0;
    }
    const int whole = (int)v;
    const int low = whole & 255;
    return low < 128 ? low : low - 256;
}

/* Nearest whole number, ties to even; |v| < 2^22. */
static int nearest_even(float v)
{
    const double below = floor((double)v);
    const double rest = (double)v - below;
    const int whole = (int)below;
    if (rest > 0.5 || (rest == 0.5 && whole % 2 != 0)) {
        return whole + 1;
    }
    return whole;
}

static int clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

/* ---- fields ------------------------------------------------------------ */

static void put_f16(uint8_t *out, float v)
{
    const uint16_t code = ref_f16_from_float(v);
    out[0] = (uint8_t)(code % 256);
    out[1] = (uint8_t)(code / 256);
}

/* Sixteen bytes: element j low, element j + 16 high.  Low four bits of q. */
static void put_nibbles(uint8_t out[16], const int q[32])
{
    for (int j = 0; j < 16; j++) {
        out[j] = (uint8_t)(q[j] % 16 + q[j + 16] % 16 * 16);
    }
}

/* Four bytes: bit j of the little-endian word is bit 4 of element j. */
static void put_fifth_bits(uint8_t out[4], const int q[32])
{
    for (int byte = 0; byte < 4; byte++) {
        int bits = 0;
        for (int j = 0; j < 8; j++) {
            bits += q[8 * byte + j] / 16 % 2 << j;
        }
        out[byte] = (uint8_t)bits;
    }
}

/* ---- what a block's scale is made from --------------------------------- */

/* The value with the largest magnitude, the first one on ties; 0 if none. */
static float signed_max(const float *x, int n)
{
    float max = 0.0f;
    for (int j = 0; j < n; j++) {
        if (fabsf(x[j]) > fabsf(max)) {
            max = x[j];
        }
    }
    return max;
}

static float smallest(const float *x, int n)
{
    float m = x[0];
    for (int j = 1; j < n; j++) {
        m = x[j] < m ? x[j] : m;
    }
    return m;
}

static float largest(const float *x, int n)
{
    float m = x[0];
    for (int j = 1; j < n; j++) {
        m = x[j] > m ? x[j] : m;
    }
    return m;
}

static float reciprocal_or_0(float d)
{
    return d != 0.0f ? 1.0f / d : 0.0f;
}

/* ---- blocks of 32 ------------------------------------------------------ */

/* Symmetric about `half`: value = (q - half) * d.  The value with the largest
 * magnitude becomes q = 0, so d has the opposite sign.  Returns d. */
static float quantize_signed(const float *x, int half, int q[32])
{
    const float d = signed_max(x, 32) / (float)-half;
    const float inverse = reciprocal_or_0(d);
    for (int j = 0; j < 32; j++) {
        const float scaled = x[j] * inverse;
        const float shifted = scaled + ((float)half + 0.5f);
        const int whole = truncate_to_byte(shifted);
        q[j] = whole < 2 * half - 1 ? whole : 2 * half - 1;
    }
    return d;
}

/* Between the smallest and the largest value: value = q * d + m, q in
 * 0..steps.  The shifted value is never negative, and at most steps + 0.5,
 * whose rounding error may still reach steps + 1 in principle: Q4_1 guards
 * against it, Q5_1 does not, so neither is "corrected" here. */
static void quantize_between(const float *x, int steps, float *d, float *m,
                             int q[32])
{
    *m = smallest(x, 32);
    *d = (largest(x, 32) - *m) / (float)steps;
    const float inverse = reciprocal_or_0(*d);
    for (int j = 0; j < 32; j++) {
        const float above = x[j] - *m;
        const float scaled = above * inverse;
        const float shifted = scaled + 0.5f;
        q[j] = truncate_to_byte(shifted);
    }
}

void ref_quantize_q4_0(const float *x, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i += 32, out += 18) {
        int q[32];
        const float d = quantize_signed(x + i, 8, q);
        put_f16(out, d);
        put_nibbles(out + 2, q);
    }
}

void ref_quantize_q5_0(const float *x, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i += 32, out += 22) {
        int q[32];
        const float d = quantize_signed(x + i, 16, q);
        put_f16(out, d);
        put_fifth_bits(out + 2, q);
        put_nibbles(out + 6, q);
    }
}

void ref_quantize_q4_1(const float *x, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i += 32, out += 20) {
        float d = 0.0f;
        float m = 0.0f;
        int q[32];
        quantize_between(x + i, 15, &d, &m, q);
        for (int j = 0; j < 32; j++) {
            q[j] = q[j] < 15 ? q[j] : 15;
        }
        put_f16(out, d);
        put_f16(out + 2, m);
        put_nibbles(out + 4, q);
    }
}

void ref_quantize_q5_1(const float *x, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i += 32, out += 24) {
        float d = 0.0f;
        float m = 0.0f;
        int q[32];
        quantize_between(x + i, 31, &d, &m, q);
        put_f16(out, d);
        put_f16(out + 2, m);
        put_fifth_bits(out + 4, q);
        put_nibbles(out + 8, q);
    }
}

/* value = q * d, q in -127..127, ties away from zero. */
void ref_quantize_q8_0(const float *x, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i += 32, out += 34) {
        const float d = fabsf(signed_max(x + i, 32)) / 127.0f;
        const float inverse = reciprocal_or_0(d);
        put_f16(out, d);
        for (size_t j = 0; j < 32; j++) {
            const float scaled = x[i + j] * inverse;
            out[2 + j] = (uint8_t)truncate_to_byte(roundf(scaled));
        }
    }
}

/* ---- Q6_K: super-blocks of 256, sixteen scales of one byte -------------- */

/* Below this magnitude a block or a scale counts as zero. */
#define TINY 1e-15f

/* Nineteen candidates of a scale for sixteen values, each weighted by its own
 * square; q in -32..31 is stored as 0..63.  For a candidate's quants l the
 * best scale is A / B, with A = sum w x l and B = sum w l l, and the weighted
 * squared error is then a constant less A * A / B: the largest A * A / B
 * wins.  Returns the scale, 0 with all q = 0 for a block of zeros. */
static float search_scale(const float x[16], int q[16])
{
    const float max = signed_max(x, 16);
    float scale = 0.0f;
    float best = 0.0f;

    memset(q, 0, 16 * sizeof *q);
    if (fabsf(max) < TINY) {
        return 0.0f;
    }

    /* The plain candidate first, then the steps around it: order decides
     * between equals. */
    for (int candidate = -1; candidate < 19; candidate++) {
        const int step = candidate < 0 ? 0 : candidate - 9;
        if (candidate >= 0 && step == 0) {
            continue;
        }
        const float reach = candidate < 0 ? 32.0f : 32.0f + 0.1f * (float)step;
        const float inverse = -reach / max;

        int l[16];
        float a = 0.0f;
        float b = 0.0f;
        for (int i = 0; i < 16; i++) {
            l[i] = clamp(nearest_even(inverse * x[i]), -32, 31);
            const float w = x[i] * x[i];
            const float wx = w * x[i];
            const float wl = w * (float)l[i];
            a += wx * (float)l[i];
            b += wl * (float)l[i];
        }

        int better = 0;
        if (candidate < 0) {
            scale = b != 0.0f ? a / b : 0.0f;
            better = 1;
        } else if (b > 0.0f && a * a > best * b) {
            scale = a / b;
            better = 1;
        }
        if (better) {
            best = scale * a;
            for (int i = 0; i < 16; i++) {
                q[i] = l[i] + 32;
            }
        }
    }
    return scale;
}

/* 64 bytes of low nibbles and 32 bytes of upper bit pairs for half a
 * super-block; the four quarters of 32 values share bytes. */
static void put_six_bits(uint8_t low[64], uint8_t high[32], const int q[128])
{
    for (int l = 0; l < 32; l++) {
        const int a = q[l];
        const int b = q[32 + l];
        const int c = q[64 + l];
        const int e = q[96 + l];
        low[l] = (uint8_t)(a % 16 + c % 16 * 16);
        low[32 + l] = (uint8_t)(b % 16 + e % 16 * 16);
        high[l] = (uint8_t)(a / 16 + b / 16 * 4 + c / 16 * 16 + e / 16 * 64);
    }
}

static void quantize_q6_k_block(const float x[256], uint8_t out[210])
{
    int q[256];
    float scales[16];

    memset(out, 0, 210);
    for (int j = 0; j < 16; j++) {
        scales[j] = search_scale(x + 16 * j, q + 16 * j);
    }
    const float max_scale = signed_max(scales, 16);
    if (fabsf(max_scale) < TINY) {
        return;
    }

    const float inverse = -128.0f / max_scale;
    put_f16(out + 208, 1.0f / inverse);
    const float d = ref_float_from_f16(ref_f16_from_float(1.0f / inverse));

    for (int j = 0; j < 16; j++) {
        const int rounded = nearest_even(inverse * scales[j]);
        const int scale = rounded < 127 ? rounded : 127;
        out[192 + j] = (uint8_t)scale;

        /* The quants are made again for the scale as it is stored. */
        const float stored = d * (float)scale;
        if (stored == 0.0f) {
            continue;
        }
        for (int i = 16 * j; i < 16 * j + 16; i++) {
            q[i] = clamp(nearest_even(x[i] / stored), -32, 31) + 32;
        }
    }
    put_six_bits(out, out + 128, q);
    put_six_bits(out + 64, out + 160, q + 128);
}

void ref_quantize_q6_k(const float *x, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i += 256, out += 210) {
        quantize_q6_k_block(x + i, out);
    }
}

/* ---- by type ----------------------------------------------------------- */

int ref_quantize(enum ref_type type, const float *x, size_t n, uint8_t *out)
{
    static const struct {
        enum ref_type type;
        void (*quantize)(const float *x, size_t n, uint8_t *out);
    } rows[] = {
        {REF_Q4_0, ref_quantize_q4_0}, {REF_Q4_1, ref_quantize_q4_1},
        {REF_Q5_0, ref_quantize_q5_0}, {REF_Q5_1, ref_quantize_q5_1},
        {REF_Q8_0, ref_quantize_q8_0}, {REF_Q6_K, ref_quantize_q6_k},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].type == type) {
            rows[i].quantize(x, n, out);
            return 0;
        }
    }
    return -1;
}
