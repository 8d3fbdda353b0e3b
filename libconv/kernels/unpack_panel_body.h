/* SPDX-License-Identifier: MIT */
/*
 * Stored blocks to panels of bytes (gemm_i8.h), for every type that has them.
 * Loops over the 32 quants of a block are written for compilers to vectorize;
 * the file that includes this has flags, and gives
 *
 *     nibbles(q, p)      32 quants of four bits: element j in byte j's low
 *                        half, j + 16 in its high
 *     fifth_bits(q, h)   adds bit j of h to quant j, as its fifth bit
 *     iq4_levels(q)      the level + 128 of each
 *
 * and a table made of the unpack_* functions below.
 */
#ifndef PHI_KERNELS_UNPACK_PANEL_BODY_H
#define PHI_KERNELS_UNPACK_PANEL_BODY_H

#include <string.h>

#include "libconv/base/bytes.h"
#include "libconv/base/half.h"
#include "libconv/kernels/gemm_i8_tables.h"
#include "libconv/kernels/k_scales.h"

static inline void nibbles(uint8_t q[32], const uint8_t p[16]);
static inline void fifth_bits(uint8_t q[32], uint32_t h);
static inline void iq4_levels(uint8_t q[32]);

/* One row of a panel's block: where its first quants go. */
static inline void put_quants(uint8_t *row, const uint8_t q[32])
{
    for (int s = 0; s < 8; s++)
        memcpy(row + s * 4 * PHI_I8_ROWS, q + 4 * s, 4);
}

/* Field f: scales, then mins. */
static inline void put_field(uint8_t *row, int f, float v)
{
    memcpy(row + PHI_I8_QUANT + f * PHI_I8_FIELD, &v, sizeof(v));
}

static inline float get_f16(const uint8_t *p)
{
    return phi_f16_to_f32(phi_load_u16(p));
}

/* ---- blocks of 32 ------------------------------------------------------- */

/* d: f16 | q: 16 bytes */
static inline void row_q4_0(uint8_t *row, const uint8_t *p)
{
    uint8_t q[32];

    nibbles(q, p + 2);
    put_quants(row, q);
    put_field(row, 0, get_f16(p));
}

/* d: f16 | m: f16 | q: 16 bytes */
static inline void row_q4_1(uint8_t *row, const uint8_t *p)
{
    uint8_t q[32];

    nibbles(q, p + 4);
    put_quants(row, q);
    put_field(row, 0, get_f16(p));
    put_field(row, 1, -get_f16(p + 2));
}

/* d: f16 | qh: u32 | q: 16 bytes */
static inline void row_q5_0(uint8_t *row, const uint8_t *p)
{
    uint8_t q[32];

    nibbles(q, p + 6);
    fifth_bits(q, phi_load_u32(p + 2));
    put_quants(row, q);
    put_field(row, 0, get_f16(p));
}

/* d: f16 | m: f16 | qh: u32 | q: 16 bytes */
static inline void row_q5_1(uint8_t *row, const uint8_t *p)
{
    uint8_t q[32];

    nibbles(q, p + 8);
    fifth_bits(q, phi_load_u32(p + 4));
    put_quants(row, q);
    put_field(row, 0, get_f16(p));
    put_field(row, 1, -get_f16(p + 2));
}

/* d: f16 | q: 32 * int8 */
static inline void row_q8_0(uint8_t *row, const uint8_t *p)
{
    uint8_t q[32];

    for (int j = 0; j < 32; j++)
        q[j] = p[2 + j] ^ 0x80;
    put_quants(row, q);
    put_field(row, 0, get_f16(p));
}

/* d: f16 | q: 16 bytes */
static inline void row_iq4_nl(uint8_t *row, const uint8_t *p)
{
    uint8_t q[32];

    nibbles(q, p + 2);
    iq4_levels(q);
    put_quants(row, q);
    put_field(row, 0, get_f16(p));
}

/* ---- super-blocks of 256: eight blocks of a panel ----------------------- */

#define BYTES(fields) (PHI_I8_QUANT + (fields)*PHI_I8_FIELD)

/*
 * Two bits of 32 elements in Q2_K and Q3_K: of each 128, byte l (0..31) holds
 * elements l, l + 32, l + 64, l + 96 from the low end up.
 */
static inline void two_bits(uint8_t q[32], const uint8_t *qs, int g)
{
    for (int l = 0; l < 32; l++)
        q[l] = qs[g / 4 * 32 + l] >> (g % 4 * 2) & 3;
}

/* scales: 16 * (scale: low half, min: high half) | qs: 64 | d | dmin */
static inline void row_q2_k(uint8_t *row, const uint8_t *p)
{
    const float d = get_f16(p + 80);
    const float dmin = get_f16(p + 82);

    for (int g = 0; g < 8; g++, row += BYTES(3)) {
        const uint8_t a = p[2 * g];
        const uint8_t b = p[2 * g + 1];
        uint8_t q[32];

        two_bits(q, p + 16, g);
        for (int l = 0; l < 16; l++) {
            q[l] = (uint8_t)(q[l] * (a & 15));
            q[l + 16] = (uint8_t)(q[l + 16] * (b & 15));
        }
        put_quants(row, q);
        put_field(row, 0, d);
        put_field(row, 1, dmin * (float)(a >> 4));
        put_field(row, 2, dmin * (float)(b >> 4));
    }
}

/* The six-bit scale of sub-block j of Q3_K: four bits at s, two at s + 8. */
static inline int q3_scale(const uint8_t *s, int j)
{
    const int low = j < 8 ? s[j] & 15 : s[j - 8] >> 4;

    return (low | (s[8 + j % 4] >> (j / 4 * 2) & 3) << 4) - 32;
}

/*
 * hmask: 32 | qs: 64 | scales: 12 | d: f16. The third bit of element e is bit
 * e / 32 of hmask[e % 32]; clear means 4 less.
 */
static inline void row_q3_k(uint8_t *row, const uint8_t *p)
{
    const float d = get_f16(p + 108);

    for (int g = 0; g < 8; g++, row += BYTES(1)) {
        const int a = q3_scale(p + 96, 2 * g);
        const int b = q3_scale(p + 96, 2 * g + 1);
        uint8_t q[32];

        two_bits(q, p + 32, g);
        for (int l = 0; l < 32; l++)
            q[l] |= (uint8_t)((p[l] >> g & 1) << 2);
        for (int l = 0; l < 16; l++) {
            q[l] = (uint8_t)(128 - (q[l] - 4) * a);
            q[l + 16] = (uint8_t)(128 - (q[l + 16] - 4) * b);
        }
        put_quants(row, q);
        put_field(row, 0, -d);
    }
}

/*
 * d | dmin | scales: 12 | qh: 32, Q5_K only | qs: 128. Of each 64 elements,
 * byte l (0..31) of qs holds element l low and l + 32 high; bit g of qh[l]
 * is the fifth bit of element 32 g + l.
 */
static inline void row_q45_k(uint8_t *row, const uint8_t *p, const uint8_t *qh,
                             const uint8_t *qs)
{
    const float d = get_f16(p);
    const float dmin = get_f16(p + 2);

    for (int g = 0; g < 8; g++, row += BYTES(2)) {
        const int shift = g % 2 * 4;
        uint8_t q[32];
        int sc;
        int mn;

        for (int l = 0; l < 32; l++)
            q[l] = qs[g / 2 * 32 + l] >> shift & 15;
        for (int l = 0; qh != NULL && l < 32; l++)
            q[l] |= (uint8_t)((qh[l] >> g & 1) << 4);
        phi_k_scale_min(p + 4, g, &sc, &mn);
        put_quants(row, q);
        put_field(row, 0, d * (float)sc);
        put_field(row, 1, dmin * (float)mn);
    }
}

static inline void row_q4_k(uint8_t *row, const uint8_t *p)
{
    row_q45_k(row, p, NULL, p + 16);
}

static inline void row_q5_k(uint8_t *row, const uint8_t *p)
{
    row_q45_k(row, p, p + 16, p + 48);
}

/*
 * ql: 128 | qh: 64 | scales: 16 * int8 | d: f16. Of each 128 elements, those
 * of group g (0..3) have four bits in ql's half g / 2 of 32 bytes g % 2, and
 * two in qh at bit 2 g.
 */
static inline void row_q6_k(uint8_t *row, const uint8_t *p)
{
    const float d = get_f16(p + 208);

    for (int g = 0; g < 8; g++, row += BYTES(2)) {
        const uint8_t *ql = p + g / 4 * 64 + g % 2 * 32;
        const uint8_t *qh = p + 128 + g / 4 * 32;
        const int low = g % 4 / 2 * 4;
        const int high = g % 4 * 2;
        uint8_t q[32];

        for (int l = 0; l < 32; l++)
            q[l] = (uint8_t)((ql[l] >> low & 15) | (qh[l] >> high & 3) << 4);
        put_quants(row, q);
        put_field(row, 0, d * (float)(int8_t)p[192 + 2 * g]);
        put_field(row, 1, d * (float)(int8_t)p[193 + 2 * g]);
    }
}

/* d: f16 | scales_h: u16 | scales_l: 4 | qs: 128, each 16 like IQ4_NL's. */
static inline void row_iq4_xs(uint8_t *row, const uint8_t *p)
{
    const float d = get_f16(p);
    const int high = phi_load_u16(p + 2);

    for (int g = 0; g < 8; g++, row += BYTES(1)) {
        const int low = p[4 + g / 2] >> (g % 2 * 4) & 15;
        uint8_t q[32];

        nibbles(q, p + 8 + 16 * g);
        iq4_levels(q);
        put_quants(row, q);
        put_field(row, 0, d * (float)((low | (high >> 2 * g & 3) << 4) - 32));
    }
}

/* ---- rows of blocks ----------------------------------------------------- */

struct unpack_shape {
    size_t values; /* of a stored block */
    size_t nbytes; /* of a stored block */
    size_t out;    /* bytes of a block of the panel */
};

/* Rows that the matrix does not have: zero quants, scales and mins. */
static inline void zero_rows(uint8_t *panel, size_t nrows, size_t ncols,
                             size_t block)
{
    const size_t n = (PHI_I8_ROWS - nrows) * 4;

    if (n == 0)
        return;
    for (size_t at = 0; at < ncols / PHI_I8_BLOCK * block; at += PHI_I8_FIELD)
        memset(panel + at + nrows * 4, 0, n);
}

PHI_BODY void unpack(uint8_t *panel, const uint8_t *blocks, size_t stride,
                     size_t nrows, size_t ncols,
                     void (*row)(uint8_t *row, const uint8_t *p),
                     struct unpack_shape s)
{
    for (size_t b = 0; b < ncols / s.values; b++) {
        for (size_t r = 0; r < nrows; r++)
            row(panel + b * (s.values / PHI_I8_BLOCK) * s.out + 4 * r,
                blocks + r * stride + b * s.nbytes);
    }
    zero_rows(panel, nrows, ncols, s.out);
}

#define UNPACK(type, values, nbytes, fields)                                   \
    static void unpack_##type(uint8_t *panel, const uint8_t *blocks,           \
                              size_t stride, size_t nrows, size_t ncols)       \
    {                                                                          \
        unpack(panel, blocks, stride, nrows, ncols, row_##type,                \
               (struct unpack_shape){values, nbytes, BYTES(fields)});          \
    }

UNPACK(q4_0, 32, 18, 1)
UNPACK(q4_1, 32, 20, 2)
UNPACK(q5_0, 32, 22, 1)
UNPACK(q5_1, 32, 24, 2)
UNPACK(q8_0, 32, 34, 1)
UNPACK(iq4_nl, 32, 18, 1)
UNPACK(q2_k, 256, 84, 3)
UNPACK(q3_k, 256, 110, 1)
UNPACK(q4_k, 256, 144, 2)
UNPACK(q5_k, 256, 176, 2)
UNPACK(q6_k, 256, 210, 2)
UNPACK(iq4_xs, 256, 136, 1)

#define UNPACK_TABLE                                                           \
    {                                                                          \
        [PHI_Q4_0] = unpack_q4_0, [PHI_Q4_1] = unpack_q4_1,                    \
        [PHI_Q5_0] = unpack_q5_0, [PHI_Q5_1] = unpack_q5_1,                    \
        [PHI_Q8_0] = unpack_q8_0, [PHI_IQ4_NL] = unpack_iq4_nl,                \
        [PHI_Q2_K] = unpack_q2_k, [PHI_Q3_K] = unpack_q3_k,                    \
        [PHI_Q4_K] = unpack_q4_k, [PHI_Q5_K] = unpack_q5_k,                    \
        [PHI_Q6_K] = unpack_q6_k, [PHI_IQ4_XS] = unpack_iq4_xs,                \
    }

#endif
