/* SPDX-License-Identifier: MIT */
/*
 * Stored elements to f32, scalar. Every product has at most 24 significant
 * bits or is rounded in the one order that ggml's dequantize_row_* use.
 */
#include <string.h>

#include "libconv/base/bytes.h"
#include "libconv/base/half.h"
#include "libconv/kernels/k_scales.h"
#include "libconv/kernels/quant_tables.h"

static float get_f16(const uint8_t *p)
{
    return phi_f16_to_f32(phi_load_u16(p));
}

static void widen_f32(float *out, const uint8_t *p, size_t n)
{
    memcpy(out, p, n * sizeof(*out));
}

static void widen_f16(float *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = get_f16(p + 2 * i);
}

static void widen_bf16(float *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = phi_bf16_to_f32(phi_load_u16(p + 2 * i));
}

static void widen_f64(float *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t u = phi_load_u64(p + 8 * i);
        double v;

        memcpy(&v, &u, sizeof(v));
        out[i] = (float)v;
    }
}

static void widen_f8_e4m3(float *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = phi_f8e4m3_to_f32(p[i]);
}

static void widen_f8_e5m2(float *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = phi_f8e5m2_to_f32(p[i]);
}

/* ---- blocks of 32: element j in byte j's low half, j + 16 in its high --- */

/* d: f16 | q: 16 bytes */
static void widen_q4_0(float *out, const uint8_t *p, size_t nblk)
{
    for (; nblk > 0; nblk--, p += 18, out += 32) {
        const float d = get_f16(p);

        for (int j = 0; j < 16; j++) {
            out[j] = (float)((p[2 + j] & 15) - 8) * d;
            out[j + 16] = (float)((p[2 + j] >> 4) - 8) * d;
        }
    }
}

/* d: f16 | m: f16 | q: 16 bytes */
static void widen_q4_1(float *out, const uint8_t *p, size_t nblk)
{
    for (; nblk > 0; nblk--, p += 20, out += 32) {
        const float d = get_f16(p);
        const float m = get_f16(p + 2);

        for (int j = 0; j < 16; j++) {
            out[j] = (float)(p[4 + j] & 15) * d + m;
            out[j + 16] = (float)(p[4 + j] >> 4) * d + m;
        }
    }
}

/* Quant j of five bits: four at q, the fifth is bit j of h. */
static int five_bits(const uint8_t *q, uint32_t h, int j)
{
    const int low = j < 16 ? q[j] & 15 : q[j - 16] >> 4;

    return low | (int)(h >> j & 1) << 4;
}

/* d: f16 | qh: u32 | q: 16 bytes */
static void widen_q5_0(float *out, const uint8_t *p, size_t nblk)
{
    for (; nblk > 0; nblk--, p += 22, out += 32) {
        const float d = get_f16(p);
        const uint32_t h = phi_load_u32(p + 2);

        for (int j = 0; j < 32; j++)
            out[j] = (float)(five_bits(p + 6, h, j) - 16) * d;
    }
}

/* d: f16 | m: f16 | qh: u32 | q: 16 bytes */
static void widen_q5_1(float *out, const uint8_t *p, size_t nblk)
{
    for (; nblk > 0; nblk--, p += 24, out += 32) {
        const float d = get_f16(p);
        const float m = get_f16(p + 2);
        const uint32_t h = phi_load_u32(p + 4);

        for (int j = 0; j < 32; j++)
            out[j] = (float)five_bits(p + 8, h, j) * d + m;
    }
}

/* d: f16 | q: 32 * int8 */
static void widen_q8_0(float *out, const uint8_t *p, size_t nblk)
{
    for (; nblk > 0; nblk--, p += 34, out += 32) {
        const float d = get_f16(p);

        for (int j = 0; j < 32; j++)
            out[j] = (float)(int8_t)p[2 + j] * d;
    }
}

/* The sixteen levels of the IQ4 types. */
static const int8_t iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113};

/* d: f16 | q: 16 bytes */
static void widen_iq4_nl(float *out, const uint8_t *p, size_t nblk)
{
    for (; nblk > 0; nblk--, p += 18, out += 32) {
        const float d = get_f16(p);

        for (int j = 0; j < 16; j++) {
            out[j] = d * (float)iq4_levels[p[2 + j] & 15];
            out[j + 16] = d * (float)iq4_levels[p[2 + j] >> 4];
        }
    }
}

/* ---- super-blocks of 256 ------------------------------------------------ */

/*
 * Two bits of element e in Q2_K and Q3_K: of each 128, byte l (0..31) holds
 * elements l, l + 32, l + 64, l + 96 from the low end up.
 */
static int two_bits(const uint8_t *qs, int e)
{
    return qs[e / 128 * 32 + e % 32] >> (e % 128 / 32 * 2) & 3;
}

/* scales: 16 * (scale: low half, min: high half) | qs: 64 | d | dmin */
static void widen_q2_k(float *out, const uint8_t *p, size_t nblk)
{
    for (; nblk > 0; nblk--, p += 84, out += 256) {
        const float d = get_f16(p + 80);
        const float dmin = get_f16(p + 82);

        for (int e = 0; e < 256; e++) {
            const float scale = d * (float)(p[e / 16] & 15);
            const float min = dmin * (float)(p[e / 16] >> 4);

            out[e] = scale * (float)two_bits(p + 16, e) - min;
        }
    }
}

/*
 * hmask: 32 | qs: 64 | scales: 12 | d: f16. The third bit of element e is bit
 * e / 32 of hmask[e % 32]; clear means 4 less. Scale j of six bits: four in
 * the halves of bytes 0..7, two in bytes 8..11.
 */
static void widen_q3_k(float *out, const uint8_t *p, size_t nblk)
{
    for (; nblk > 0; nblk--, p += 110, out += 256) {
        const uint8_t *s = p + 96;
        const float d = get_f16(p + 108);

        for (int e = 0; e < 256; e++) {
            const int j = e / 16;
            const int low = j < 8 ? s[j] & 15 : s[j - 8] >> 4;
            const int scale = low | (s[8 + j % 4] >> (j / 4 * 2) & 3) << 4;
            const int q =
                two_bits(p + 32, e) - (p[e % 32] >> (e / 32) & 1 ? 0 : 4);

            out[e] = d * (float)(scale - 32) * (float)q;
        }
    }
}

/*
 * d | dmin | scales: 12 | qh: 32, Q5_K only | qs: 128. Of each 64 elements,
 * byte l (0..31) of qs holds element l low and l + 32 high; bit g of qh[l]
 * is the fifth bit of element 32 g + l.
 */
static void widen_q45_k(float *out, const uint8_t *p, const uint8_t *qh,
                        const uint8_t *qs)
{
    const float d = get_f16(p);
    const float dmin = get_f16(p + 2);

    for (int g = 0; g < 8; g++) {
        int sc;
        int mn;
        float scale;
        float min;

        phi_k_scale_min(p + 4, g, &sc, &mn);
        scale = d * (float)sc;
        min = dmin * (float)mn;
        for (int l = 0; l < 32; l++) {
            const uint8_t byte = qs[g / 2 * 32 + l];
            int q = g % 2 == 0 ? byte & 15 : byte >> 4;

            if (qh != NULL)
                q |= (qh[l] >> g & 1) << 4;
            out[32 * g + l] = scale * (float)q - min;
        }
    }
}

static void widen_q4_k(float *out, const uint8_t *p, size_t nblk)
{
    for (; nblk > 0; nblk--, p += 144, out += 256)
        widen_q45_k(out, p, NULL, p + 16);
}

static void widen_q5_k(float *out, const uint8_t *p, size_t nblk)
{
    for (; nblk > 0; nblk--, p += 176, out += 256)
        widen_q45_k(out, p, p + 16, p + 48);
}

/* ql: 128 | qh: 64 | scales: 16 * int8 | d: f16; drawn in quant_scalar.c. */
static void widen_q6_k(float *out, const uint8_t *p, size_t nblk)
{
    for (; nblk > 0; nblk--, p += 210, out += 256) {
        const float d = get_f16(p + 208);

        for (int e = 0; e < 256; e++) {
            const int h = e / 128;
            const int l = e % 32;
            const int g = e % 128 / 32;
            const uint8_t byte = p[64 * h + g % 2 * 32 + l];
            const int low = g < 2 ? byte & 15 : byte >> 4;
            const int high = p[128 + 32 * h + l] >> (2 * g) & 3;
            const float scale = d * (float)(int8_t)p[192 + e / 16];

            out[e] = scale * (float)((low | high << 4) - 32);
        }
    }
}

/* d: f16 | scales_h: u16 | scales_l: 4 | qs: 128, each 16 like IQ4_NL's. */
static void widen_iq4_xs(float *out, const uint8_t *p, size_t nblk)
{
    for (; nblk > 0; nblk--, p += 136, out += 256) {
        const float d = get_f16(p);
        const int high = phi_load_u16(p + 2);

        for (int k = 0; k < 8; k++) {
            const int low = p[4 + k / 2] >> (k % 2 * 4) & 15;
            const float dl = d * (float)((low | (high >> 2 * k & 3) << 4) - 32);
            const uint8_t *q = p + 8 + 16 * k;

            for (int j = 0; j < 16; j++) {
                out[32 * k + j] = dl * (float)iq4_levels[q[j] & 15];
                out[32 * k + j + 16] = dl * (float)iq4_levels[q[j] >> 4];
            }
        }
    }
}

const phi_widen_fn phi_widen_scalar[PHI_NDTYPES] = {
    [PHI_F32] = widen_f32,         [PHI_F16] = widen_f16,
    [PHI_BF16] = widen_bf16,       [PHI_F64] = widen_f64,
    [PHI_F8_E4M3] = widen_f8_e4m3, [PHI_F8_E5M2] = widen_f8_e5m2,
    [PHI_Q4_0] = widen_q4_0,       [PHI_Q4_1] = widen_q4_1,
    [PHI_Q5_0] = widen_q5_0,       [PHI_Q5_1] = widen_q5_1,
    [PHI_Q8_0] = widen_q8_0,       [PHI_IQ4_NL] = widen_iq4_nl,
    [PHI_Q2_K] = widen_q2_k,       [PHI_Q3_K] = widen_q3_k,
    [PHI_Q4_K] = widen_q4_k,       [PHI_Q5_K] = widen_q5_k,
    [PHI_Q6_K] = widen_q6_k,       [PHI_IQ4_XS] = widen_iq4_xs,
};
