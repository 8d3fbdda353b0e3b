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

const phi_quantize_fn phi_quant_scalar[PHI_NDTYPES] = {
    [PHI_F32] = quantize_f32,   [PHI_F16] = quantize_f16,
    [PHI_BF16] = quantize_bf16, [PHI_Q4_0] = quantize_q4_0,
    [PHI_Q4_1] = quantize_q4_1, [PHI_Q5_0] = quantize_q5_0,
    [PHI_Q5_1] = quantize_q5_1, [PHI_Q8_0] = quantize_q8_0,
};
