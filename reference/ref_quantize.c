/* SPDX-License-Identifier: MIT */
/* ref_quantize.c - blocks of 32 in binary32, from their formulas.
 *
 * Intermediate results are stored in named floats, so that the order of the
 * roundings can be read off.  Bytes are made with % and /, not with shifts and
 * masks.  The layouts are drawn in ref_dequantize.c; the other types are in
 * ref_quantize_k.c, ref_quantize_iq4.c and ref_quantize_tq.c.
 */
#include "reference/ref_fit.h"
#include "reference/ref_parts.h"
#include "reference/ref_quant.h"

#include <math.h>
#include <stdbool.h>

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

/* ---- fields ------------------------------------------------------------ */

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

/* ---- without importance ------------------------------------------------- */

/* Symmetric about `half`: value = (q - half) * d.  The value with the largest
 * magnitude becomes q = 0, so d has the opposite sign.  Returns d. */
static float quantize_signed(const float *x, int half, int q[32])
{
    const float d = ref_signed_max(x, 32) / (float)-half;
    const float inverse = ref_reciprocal(d);
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
    const float inverse = ref_reciprocal(*d);
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
        (void)ref_put_f16(out, d);
        ref_put_nibbles(out + 2, q);
    }
}

void ref_quantize_q5_0(const float *x, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i += 32, out += 22) {
        int q[32];
        const float d = quantize_signed(x + i, 16, q);
        (void)ref_put_f16(out, d);
        put_fifth_bits(out + 2, q);
        ref_put_nibbles(out + 6, q);
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
        (void)ref_put_f16(out, d);
        (void)ref_put_f16(out + 2, m);
        ref_put_nibbles(out + 4, q);
    }
}

void ref_quantize_q5_1(const float *x, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i += 32, out += 24) {
        float d = 0.0f;
        float m = 0.0f;
        int q[32];
        quantize_between(x + i, 31, &d, &m, q);
        (void)ref_put_f16(out, d);
        (void)ref_put_f16(out + 2, m);
        put_fifth_bits(out + 4, q);
        ref_put_nibbles(out + 8, q);
    }
}

/* value = q * d, q in -127..127, ties away from zero. */
void ref_quantize_q8_0(const float *x, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i += 32, out += 34) {
        const float d = fabsf(ref_signed_max(x + i, 32)) / 127.0f;
        const float inverse = ref_reciprocal(d);
        (void)ref_put_f16(out, d);
        for (size_t j = 0; j < 32; j++) {
            const float scaled = x[i + j] * inverse;
            out[2 + j] = (uint8_t)truncate_to_byte(roundf(scaled));
        }
    }
}

/* ---- with importance ----------------------------------------------------- */

/* A type of four or five bits: the bytes of its f16 fields, half of the levels
 * where there is no minimum, and the largest level. */
struct small_type {
    enum ref_type type;
    size_t fields;
    int half;
    int top;
};

static const struct small_type small_types[] = {
    {REF_Q4_0, 2, 8, 15},
    {REF_Q5_0, 2, 16, 31},
    {REF_Q4_1, 4, 0, 15},
    {REF_Q5_1, 4, 0, 31},
};

static void weighted_block(const struct small_type *t, const float *x,
                           const float *w, uint8_t *out)
{
    static const struct ref_grid grid = {-0.9f, 0.05f, 36, false};
    int q[32];

    if (t->half > 0) {
        (void)ref_put_f16(out, ref_fit_scale(x, w, 32, t->half, q));
    } else {
        float min = 0.0f;
        (void)ref_put_f16(out, ref_fit_line(x, w, 32, t->top, &grid, q, &min));
        (void)ref_put_f16(out + 2, -min);
    }
    out += t->fields;
    if (t->top > 15) {
        put_fifth_bits(out, q);
        out += 4;
    }
    ref_put_nibbles(out, q);
}

static void weighted_row(const struct small_type *t, const float *x, size_t n,
                         const float *importance, uint8_t *out)
{
    const float mean = ref_sum_of_squares(x, n) / (float)n;
    for (size_t i = 0; i < n; i += 32) {
        float w[32];
        (void)ref_weigh(x + i, importance + i, 32, mean, w);
        weighted_block(t, x + i, w, out);
        out += ref_block_bytes(t->type);
    }
}

/* ---- by type ----------------------------------------------------------- */

/* The types of the other files. */
static int quantize_others(enum ref_type type, const float *x, size_t n,
                           size_t ncols, const float *importance, uint8_t *out)
{
    if (ref_quantize_k((int)type, x, n, ncols, importance, out) == 0 ||
        ref_quantize_iq4((int)type, x, n, ncols, importance, out) == 0) {
        return 0;
    }
    return ref_quantize_tq((int)type, x, n, out);
}

int ref_quantize(enum ref_type type, const float *x, size_t n, uint8_t *out)
{
    static const struct {
        enum ref_type type;
        void (*quantize)(const float *x, size_t n, uint8_t *out);
    } rows[] = {
        {REF_Q4_0, ref_quantize_q4_0}, {REF_Q4_1, ref_quantize_q4_1},
        {REF_Q5_0, ref_quantize_q5_0}, {REF_Q5_1, ref_quantize_q5_1},
        {REF_Q8_0, ref_quantize_q8_0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].type == type) {
            rows[i].quantize(x, n, out);
            return 0;
        }
    }
    return quantize_others(type, x, n, n, NULL, out);
}

int ref_quantize_weighted(enum ref_type type, const float *x, size_t nrows,
                          size_t ncols, const float *importance, uint8_t *out)
{
    if (importance == NULL || type == REF_Q8_0) {
        return ref_quantize(type, x, nrows * ncols, out);
    }
    for (size_t i = 0; i < sizeof small_types / sizeof small_types[0]; i++) {
        const struct small_type *const t = &small_types[i];
        const size_t nbytes = ncols / 32 * ref_block_bytes(type);
        for (size_t r = 0; t->type == type && r < nrows; r++) {
            weighted_row(t, x + r * ncols, ncols, importance, out + r * nbytes);
        }
        if (t->type == type) {
            return 0;
        }
    }
    return quantize_others(type, x, nrows * ncols, ncols, importance, out);
}
