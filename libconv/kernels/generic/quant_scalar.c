/* SPDX-License-Identifier: MIT */
/*
 * f32 to stored elements, scalar: the variant that all others must equal, and
 * itself equal to ggml's quantize_row_*_ref. Sums run in index order, no
 * operation is fused, products associate from the left.
 */
#include <string.h>

#include "libconv/base/bytes.h"
#include "libconv/base/half.h"
#include "libconv/kernels/quant_tables.h"
#include "libconv/kernels/rounding.h"

#define QK 32

static float magnitude(float v)
{
    return v < 0 ? -v : v;
}

/* The value with the largest magnitude, the first one on ties; 0 if all 0. */
static float signed_max(const float *x, int n)
{
    float amax = 0;
    float max = 0;

    for (int j = 0; j < n; j++) {
        const float a = magnitude(x[j]);

        if (amax < a) {
            amax = a;
            max = x[j];
        }
    }
    return max;
}

static float inverse(float d)
{
    return d != 0 ? 1.0f / d : 0.0f;
}

/* What x86 makes of a conversion to int8: the low byte of the int. */
static int low_byte(float v)
{
    return (int8_t)((uint32_t)phi_trunc_i32(v) & 0xff);
}

static void put_f16(uint8_t *out, float v)
{
    phi_store_u16(out, phi_f32_to_f16(v));
}

static void quantize_f32(uint8_t *out, const float *x, size_t nrows,
                         size_t ncols, const float *importance)
{
    const size_t n = nrows * ncols;

    (void)importance;
    memcpy(out, x, n * sizeof(*x));
}

static void quantize_f16(uint8_t *out, const float *x, size_t nrows,
                         size_t ncols, const float *importance)
{
    const size_t n = nrows * ncols;

    (void)importance;
    for (size_t i = 0; i < n; i++)
        phi_store_u16(out + 2 * i, phi_f32_to_f16(x[i]));
}

static void quantize_bf16(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    const size_t n = nrows * ncols;

    (void)importance;
    for (size_t i = 0; i < n; i++)
        phi_store_u16(out + 2 * i, phi_f32_to_bf16(x[i]));
}

/* Q8_0   d: f16 | q: 32 * int8             value = q * d */
static void quantize_q8_0(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    size_t nblk = nrows * (ncols / QK);

    (void)importance;
    for (; nblk > 0; nblk--, x += QK, out += 34) {
        const float d = magnitude(signed_max(x, QK)) / 127;
        const float id = inverse(d);

        put_f16(out, d);
        for (int j = 0; j < QK; j++)
            out[2 + j] = (uint8_t)phi_round_away_i32(x[j] * id);
    }
}

/*
 * The 4-bit quants of a block: byte j holds element j in its low half and
 * element j + 16 in its high half.
 */
static void pack_nibbles(uint8_t *out, const uint8_t q[QK])
{
    for (int j = 0; j < 16; j++)
        out[j] = (uint8_t)((q[j] & 15) | (q[j + 16] & 15) << 4);
}

/* Bit j is bit 4 of element j. */
static uint32_t fifth_bits(const uint8_t q[QK])
{
    uint32_t h = 0;

    for (int j = 0; j < QK; j++)
        h |= (uint32_t)(q[j] >> 4 & 1) << j;
    return h;
}

/* Symmetric: q = trunc(x / d + half + 0.5), at most 2 * half - 1. */
static float symmetric(uint8_t q[QK], const float *x, int half)
{
    const float d = signed_max(x, QK) / (float)-half;
    const float id = inverse(d);

    for (int j = 0; j < QK; j++) {
        const int v = low_byte(x[j] * id + ((float)half + 0.5f));

        q[j] = (uint8_t)(v < 2 * half - 1 ? v : 2 * half - 1);
    }
    return d;
}

/* Q4_0   d: f16 | q: 16 bytes              value = (q - 8) * d */
static void quantize_q4_0(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    size_t nblk = nrows * (ncols / QK);

    (void)importance;
    for (; nblk > 0; nblk--, x += QK, out += 18) {
        uint8_t q[QK];

        put_f16(out, symmetric(q, x, 8));
        pack_nibbles(out + 2, q);
    }
}

/* Q5_0   d: f16 | qh: u32 | q: 16 bytes    value = (q - 16) * d */
static void quantize_q5_0(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    size_t nblk = nrows * (ncols / QK);

    (void)importance;
    for (; nblk > 0; nblk--, x += QK, out += 22) {
        uint8_t q[QK];

        put_f16(out, symmetric(q, x, 16));
        phi_store_u32(out + 2, fifth_bits(q));
        pack_nibbles(out + 6, q);
    }
}

/*
 * Asymmetric: q = trunc((x - min) / d + 0.5), at most cap. Stores d and min.
 * ggml caps Q4_1 and not Q5_1, where rounding could reach one level more.
 */
static void asymmetric(uint8_t *out, uint8_t q[QK], const float *x, int levels,
                       int cap)
{
    float min = x[0];
    float max = x[0];
    float d;
    float id;

    for (int j = 1; j < QK; j++) {
        if (x[j] < min)
            min = x[j];
        if (x[j] > max)
            max = x[j];
    }
    d = (max - min) / (float)levels;
    id = inverse(d);
    put_f16(out, d);
    put_f16(out + 2, min);
    for (int j = 0; j < QK; j++) {
        const int v = low_byte((x[j] - min) * id + 0.5f);

        q[j] = (uint8_t)(v < cap ? v : cap);
    }
}

/* Q4_1   d: f16 | m: f16 | q: 16 bytes     value = q * d + m */
static void quantize_q4_1(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    size_t nblk = nrows * (ncols / QK);

    (void)importance;
    for (; nblk > 0; nblk--, x += QK, out += 20) {
        uint8_t q[QK];

        asymmetric(out, q, x, 15, 15);
        pack_nibbles(out + 4, q);
    }
}

/* Q5_1   d: f16 | m: f16 | qh: u32 | q: 16 bytes   value = q * d + m */
static void quantize_q5_1(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    size_t nblk = nrows * (ncols / QK);

    (void)importance;
    for (; nblk > 0; nblk--, x += QK, out += 24) {
        uint8_t q[QK];

        asymmetric(out, q, x, 31, 255);
        phi_store_u32(out + 4, fifth_bits(q));
        pack_nibbles(out + 8, q);
    }
}

#define SUB 16  /* values of a Q6_K sub-block */
#define QKK 256 /* values of a super-block */

/*
 * Scale and quants l in [-32, 31] (stored + 32) of a sub-block that minimise
 * sum x^2 (x - scale l)^2: nineteen inverse scales are tried, best first
 * taken. ggml calls it make_qx_quants, with weights x^2.
 */
static float search_symmetric(uint8_t q[SUB], const float *x)
{
    const float max = signed_max(x, SUB);
    float scale = 0;
    float best = 0;

    if (magnitude(max) < 1e-15f) {
        memset(q, 0, SUB);
        return 0;
    }
    /* The plain candidate 0 comes first, then -9 to 9 without it. */
    for (int step = -10; step <= 9; step++) {
        const int s = step == -10 ? 0 : step;
        const float isc =
            step == -10 ? -32 / max : -(32 + 0.1f * (float)s) / max;
        int8_t l[SUB];
        float xl = 0;
        float ll = 0;

        if (step == 0)
            continue;
        for (int j = 0; j < SUB; j++) {
            const float w = x[j] * x[j];
            int32_t v = phi_round_even_i32(isc * x[j]);

            v = v < -32 ? -32 : v > 31 ? 31 : v;
            l[j] = (int8_t)v;
            xl += w * x[j] * (float)v;
            ll += w * (float)v * (float)v;
        }
        if (step != -10 && !(ll > 0 && xl * xl > best * ll))
            continue;
        scale = ll != 0 ? xl / ll : 0;
        best = scale * xl;
        for (int j = 0; j < SUB; j++)
            q[j] = (uint8_t)(l[j] + 32);
    }
    return scale;
}

/*
 * ql: 128 low halves | qh: 64 high bits | scales: 16 * int8 | d: f16
 * value = d * scale * (q - 32); of each 128 values, byte l (0..31) of
 *   ql      low half value l      high half value l + 64
 *   ql+32   low half value l + 32 high half value l + 96
 *   qh      bits 01 l, 23 l + 32, 45 l + 64, 67 l + 96
 */
static void pack_q6_k(uint8_t *out, const uint8_t q[QKK])
{
    for (int h = 0; h < 2; h++, q += 128) {
        uint8_t *ql = out + 64 * h;
        uint8_t *qh = out + 128 + 32 * h;

        for (int l = 0; l < 32; l++) {
            const uint8_t a = q[l];
            const uint8_t b = q[l + 32];
            const uint8_t c = q[l + 64];
            const uint8_t e = q[l + 96];

            ql[l] = (uint8_t)((a & 15) | (c & 15) << 4);
            ql[l + 32] = (uint8_t)((b & 15) | (e & 15) << 4);
            qh[l] = (uint8_t)(a >> 4 | b >> 4 << 2 | c >> 4 << 4 | e >> 4 << 6);
        }
    }
}

static void quantize_q6_k(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    size_t nblk = nrows * (ncols / QKK);

    (void)importance;
    for (; nblk > 0; nblk--, x += QKK, out += 210) {
        float scale[16];
        uint8_t q[QKK];
        float max;
        float is;
        float d;

        for (int k = 0; k < 16; k++)
            scale[k] = search_symmetric(q + SUB * k, x + SUB * k);
        max = signed_max(scale, 16);
        if (magnitude(max) < 1e-15f) {
            memset(out, 0, 210);
            continue;
        }
        is = -128 / max;
        put_f16(out + 208, 1 / is);
        d = phi_f16_to_f32(phi_load_u16(out + 208));
        for (int k = 0; k < 16; k++) {
            const int32_t sc = phi_round_even_i32(is * scale[k]);
            float dk;

            out[192 + k] = (uint8_t)(sc < 127 ? sc : 127);
            dk = d * (float)(int8_t)out[192 + k];
            for (int j = SUB * k; dk != 0 && j < SUB * (k + 1); j++) {
                int32_t v = phi_round_even_i32(x[j] / dk);

                v = v < -32 ? -32 : v > 31 ? 31 : v;
                q[j] = (uint8_t)(v + 32);
            }
        }
        pack_q6_k(out, q);
    }
}

const phi_quantize_fn phi_quant_scalar[PHI_NDTYPES] = {
    [PHI_F32] = quantize_f32,   [PHI_F16] = quantize_f16,
    [PHI_BF16] = quantize_bf16, [PHI_Q4_0] = quantize_q4_0,
    [PHI_Q4_1] = quantize_q4_1, [PHI_Q5_0] = quantize_q5_0,
    [PHI_Q5_1] = quantize_q5_1, [PHI_Q8_0] = quantize_q8_0,
    [PHI_Q6_K] = quantize_q6_k,
};
