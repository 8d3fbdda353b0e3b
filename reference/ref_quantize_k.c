/* SPDX-License-Identifier: MIT */
/* ref_quantize_k.c - K types from their formulas, with importance and without.
 *
 * A super-block of 256 values has sub-blocks of 16 or 32.  Each sub-block is
 * fitted by least squares (ref_fit.h), its scale (and minimum) is rounded to a
 * small whole number times a scale of the super-block, what was rounded is read
 * back, and the values are rounded once more for it.
 *
 *   Q2_K, Q4_K, Q5_K   x = scale * q - min,  q from 0
 *   Q3_K, Q6_K         x = scale * (q - half)
 *
 * Steps are in binary32, one rounding each, in named floats where order could
 * be in doubt.  The layouts are drawn in ref_dequantize.c.
 */
#include "reference/ref_fit.h"
#include "reference/ref_parts.h"
#include "reference/ref_quant.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Below this magnitude values and scales count as zero. */
#define TINY 1e-15f

/* ---- bits --------------------------------------------------------------- */

/* The quarters of each half of the values share bytes, two bits each, the
 * first quarter lowest. */
static void put_quarters(uint8_t *out, const int *q)
{
    for (int h = 0; h < 2; h++) {
        for (int l = 0; l < 32; l++) {
            int byte = 0;
            for (int quarter = 3; quarter >= 0; quarter--) {
                byte = 4 * byte + q[128 * h + 32 * quarter + l] % 4;
            }
            out[32 * h + l] = (uint8_t)byte;
        }
    }
}

/* Values of one 64 in the halves of 32 bytes. */
static void put_halves(uint8_t *out, const int *q)
{
    for (int i = 0; i < 256; i++) {
        uint8_t *const byte = out + i / 64 * 32 + i % 32;
        const int low = q[i] % 16;
        *byte = (uint8_t)(i / 32 % 2 == 0 ? low : *byte + 16 * low);
    }
}

/* Bit g of byte l is set where q[32 g + l] / unit is odd. */
static void put_bits(uint8_t *out, const int *q, int unit)
{
    memset(out, 0, 32);
    for (int i = 0; i < 256; i++) {
        out[i % 32] = (uint8_t)(out[i % 32] + (q[i] / unit % 2 << i / 32));
    }
}

static void put_six_bits(uint8_t *out, const int *q)
{
    for (int h = 0; h < 2; h++, q += 128) {
        for (int l = 0; l < 64; l++) {
            out[64 * h + l] = (uint8_t)(q[l] % 16 + q[64 + l] % 16 * 16);
        }
        for (int l = 0; l < 32; l++) {
            out[128 + 32 * h + l] =
                (uint8_t)(q[l] / 16 + q[32 + l] / 16 * 4 + q[64 + l] / 16 * 16 +
                          q[96 + l] / 16 * 64);
        }
    }
}

/* Eight whole numbers of six bits, at every other place of 12 bytes: four in
 * the low six bits of a byte, four with their high bits above those.  Numbers
 * past 63 overlap, as in the field's files. */
static void put_sixes(uint8_t *out, const int *level, int shift)
{
    for (int j = 0; j < 4; j++) {
        const int high = level[j + 4] / 16 % 4 * 64;
        out[j] = (uint8_t)(level[j] | high);
        out[8 - shift + j] =
            (uint8_t)(out[8 - shift + j] | level[j + 4] % 16 << shift);
    }
}

static int six_at(const uint8_t *out, int j, int shift)
{
    if (j < 4) {
        return out[j] % 64;
    }
    return (out[8 - shift + j - 4] >> shift) % 16 + out[j - 4] / 64 * 16;
}

/* ---- scale and minimum: Q2_K, Q4_K, Q5_K -------------------------------- */

struct line_type {
    enum ref_type type;
    int n;        /* values of a sub-block */
    int top;      /* of the quants */
    int top_sub;  /* of the sub-blocks' levels */
    float spread; /* times the mean square, in the weights by importance */
    struct ref_grid plain;
};

static const struct ref_grid weighted_grid = {-0.9f, 0.05f, 36, false};
static const struct line_type line_types[] = {
    {REF_Q2_K, 16, 3, 15, 1.0f, {-0.5f, 0.1f, 15, true}},
    {REF_Q4_K, 32, 15, 63, 2.0f, {-1.0f, 0.1f, 20, false}},
    {REF_Q5_K, 32, 31, 63, 2.0f, {-0.5f, 0.1f, 15, false}},
};

/* What the sub-blocks' fits found. */
struct subs {
    float scale[16];
    float min[16];
    float weight[16]; /* sums; with importance only */
    int q[256];
};

static void fit_subs(const struct line_type *t, const float *x,
                     const float *importance, struct subs *s)
{
    const float spread = t->spread * ref_sum_of_squares(x, 256) / 256.0f;
    const int n = t->n;

    for (int j = 0; j < 256 / n; j++, x += n) {
        const struct ref_grid *g = &weighted_grid;
        float w[32];
        if (importance != NULL) {
            s->weight[j] = ref_weigh(x, importance + n * j, n, spread, w);
        } else {
            const float mean = ref_sum_of_squares(x, n) / (float)n;
            const float more =
                t->type == REF_Q2_K ? 0.0f : ref_square_root(mean);
            for (int i = 0; i < n; i++) {
                w[i] = more + fabsf(x[i]);
            }
            g = &t->plain;
        }
        s->scale[j] =
            ref_fit_line(x, w, n, t->top, g, s->q + n * j, &s->min[j]);
    }
}

/* To whole numbers, without importance; returns the step between them. */
static float spread_levels(const struct line_type *t, const float *v,
                           int *level)
{
    float max = 0.0f;
    for (int j = 0; j < 256 / t->n; j++) {
        max = v[j] > max ? v[j] : max;
    }
    const float inverse = max > 0.0f ? (float)t->top_sub / max : 0.0f;
    for (int j = 0; j < 256 / t->n; j++) {
        level[j] = ref_low_byte(ref_nearest(inverse * v[j]));
        if (t->type != REF_Q2_K && level[j] > 63) {
            level[j] = 63;
        }
    }
    return max > 0.0f ? max / (float)t->top_sub : 0.0f;
}

/* The same with importance, for scales or for minimums. */
static float weigh_levels(const struct line_type *t, const float *v,
                          const float *weight, int *level)
{
    const float step = ref_fit_scales(v, weight, 256 / t->n, t->top_sub, level);
    for (int j = 0; t->type == REF_Q5_K && j < 8; j++) {
        level[j] = level[j] < 63 ? level[j] : 63;
    }
    return step;
}

/* Writes the levels and reads them again as they will be. */
static void store_levels(const struct line_type *t, uint8_t *out, int *scale,
                         int *min)
{
    if (t->type == REF_Q2_K) {
        for (int j = 0; j < 16; j++) {
            out[j] = (uint8_t)(scale[j] | ref_low_byte(min[j] * 16));
            scale[j] = out[j] % 16;
            min[j] = out[j] / 16;
        }
        return;
    }
    memset(out, 0, 12);
    put_sixes(out, scale, 0);
    put_sixes(out + 4, min, 4);
    for (int j = 0; j < 8; j++) {
        scale[j] = six_at(out, j, 0);
        min[j] = six_at(out + 4, j, 4);
    }
}

/* Where a stored scale is 0 the quants of the fit stay. */
static void line_block(const struct line_type *t, const float *x,
                       const float *importance, uint8_t *out)
{
    struct subs s;
    int scale[16];
    int min[16];
    float d = 0.0f;
    float dmin = 0.0f;

    fit_subs(t, x, importance, &s);
    if (importance != NULL) {
        d = weigh_levels(t, s.scale, s.weight, scale);
        dmin = weigh_levels(t, s.min, s.weight, min);
    } else {
        d = spread_levels(t, s.scale, scale);
        dmin = spread_levels(t, s.min, min);
    }
    const bool two = t->type == REF_Q2_K;
    d = ref_put_f16(out + (two ? 80 : 0), d);
    dmin = ref_put_f16(out + (two ? 82 : 2), dmin);
    store_levels(t, out + (two ? 0 : 4), scale, min);

    for (int i = 0; i < 256; i++) {
        const float step = d * (float)scale[i / t->n];
        const float up = dmin * (float)min[i / t->n];
        if (step != 0.0f) {
            s.q[i] = ref_clamp(ref_nearest((x[i] + up) / step), 0, t->top);
        }
    }
    if (two) {
        put_quarters(out + 16, s.q);
    } else if (t->type == REF_Q4_K) {
        put_halves(out + 16, s.q);
    } else {
        put_bits(out + 16, s.q, 16);
        put_halves(out + 48, s.q);
    }
}

/* ---- one scale: Q3_K, Q6_K ---------------------------------------------- */

static void round_for(const float *x, float d, const int *scale, int half,
                      int *q)
{
    for (int i = 0; i < 256; i++) {
        const float step = d * (float)scale[i / 16];
        if (step != 0.0f) {
            q[i] = ref_clamp(ref_nearest(x[i] / step), -half, half - 1) + half;
        }
    }
}

/* Sixteen numbers of six bits: four at `out`, high ones above low ones, two
 * at out + 8, four to a byte. */
static void put_sixteen(uint8_t *out, const int *level)
{
    memset(out, 0, 12);
    for (int j = 0; j < 16; j++) {
        uint8_t *const four = out + j % 8;
        uint8_t *const two = out + 8 + j % 4;
        *four = (uint8_t)(*four + (level[j] % 16 << (j < 8 ? 0 : 4)));
        *two = (uint8_t)(*two + (level[j] / 16 << j / 4 * 2));
    }
}

static int signed_byte(int v)
{
    const int low = ref_low_byte(v);
    return low < 128 ? low : low - 256;
}

static void q3_k_block(const float *x, const float *importance, uint8_t *out)
{
    const float spread = 2.0f * ref_sum_of_squares(x, 256) / 256.0f;
    float scales[16];
    float sums[16];
    int level[16] = {0};
    int q[256];
    float d = 0.0f;

    for (int j = 0; j < 16; j++) {
        if (importance != NULL) {
            float w[16];
            sums[j] = ref_weigh(x + 16 * j, importance + 16 * j, 16, spread, w);
            scales[j] = ref_fit_scale(x + 16 * j, w, 16, 4, q + 16 * j);
        } else {
            scales[j] = ref_fit_descent(x + 16 * j, q + 16 * j);
        }
    }
    const float max = ref_signed_max(scales, 16);
    if (importance != NULL) {
        d = ref_fit_scale(scales, sums, 16, 32, level);
    } else if (max != 0.0f) {
        const float inverse = -32.0f / max;
        for (int j = 0; j < 16; j++) {
            const int whole = signed_byte(ref_nearest(inverse * scales[j]));
            level[j] = ref_clamp(whole, -32, 31) + 32;
        }
        d = 1.0f / inverse;
    }
    d = ref_put_f16(out + 108, d);
    put_sixteen(out + 96, level);
    for (int j = 0; j < 16; j++) {
        level[j] -= 32;
    }
    round_for(x, d, level, 4, q);
    put_bits(out, q, 4);
    put_quarters(out + 32, q);
}

static void q6_k_block(const float *x, const float *importance, uint8_t *out)
{
    float scales[16];
    int level[16];
    int q[256];

    memset(out, 0, 210);
    for (int j = 0; j < 16; j++) {
        float w[16];
        for (int i = 0; i < 16; i++) {
            const float v = x[16 * j + i];
            w[i] = importance != NULL ? importance[16 * j + i] : v * v;
        }
        scales[j] = ref_fit_scale(x + 16 * j, w, 16, 32, q + 16 * j);
    }
    const float max = ref_signed_max(scales, 16);
    if (fabsf(max) < TINY) {
        return;
    }
    const float inverse = -128.0f / max;
    for (int j = 0; j < 16; j++) {
        const int whole = ref_nearest(inverse * scales[j]);
        level[j] = signed_byte(whole < 127 ? whole : 127);
        out[192 + j] = (uint8_t)ref_low_byte(level[j]);
    }
    round_for(x, ref_put_f16(out + 208, 1.0f / inverse), level, 32, q);
    put_six_bits(out, q);
}

/* ---- by type ------------------------------------------------------------ */

int ref_quantize_k(int type, const float *x, size_t n, size_t ncols,
                   const float *importance, uint8_t *out)
{
    const struct line_type *line = NULL;
    for (size_t i = 0; i < sizeof line_types / sizeof line_types[0]; i++) {
        line = (int)line_types[i].type == type ? &line_types[i] : line;
    }
    if (line == NULL && type != REF_Q3_K && type != REF_Q6_K) {
        return -1;
    }
    for (size_t i = 0; i < n; i += 256) {
        const float *const w =
            importance == NULL ? NULL : importance + i % ncols;
        if (line != NULL) {
            line_block(line, x + i, w, out);
        } else if (type == REF_Q3_K) {
            q3_k_block(x + i, w, out);
        } else {
            q6_k_block(x + i, w, out);
        }
        out += ref_block_bytes((enum ref_type)type);
    }
    return 0;
}
