/* SPDX-License-Identifier: MIT */
/* ref_dequantize.c - what the bytes of a block stand for, in double.
 *
 * One function a layout.  Offsets are in bytes from the start of the block;
 * all words are little-endian; "f16 d" is a binary16 number.
 *
 * In the layouts of 32 values, q of element j is in the low half of byte
 * j % 16 for j < 16, and in the high half for j >= 16:
 *
 *   byte         0        1               15
 *   high low   16  0    17  1    ...    31  15
 */
#include "reference/ref_half.h"
#include "reference/ref_quant.h"

static double f16_at(const uint8_t *p)
{
    return ref_float_decode(REF_F16, p[0] + 256u * p[1]);
}

static int signed_byte(uint8_t b)
{
    return b < 128 ? b : b - 256;
}

/* `width` bits of b from bit `from` up. */
static int bits(unsigned b, int from, int width)
{
    return (int)(b >> from & ((1u << width) - 1));
}

static int nibble_of_32(const uint8_t *qs, int j)
{
    return j < 16 ? bits(qs[j], 0, 4) : bits(qs[j - 16], 4, 4);
}

static int bit_of_32(const uint8_t *qh, int j)
{
    return bits(qh[j / 8], j % 8, 1);
}

/* ---- blocks of 32 ------------------------------------------------------ */

/* 0 f16 d | 2 qs[16]                                          = 18 bytes */
static void q4_0(const uint8_t *b, double *out)
{
    const double d = f16_at(b);
    for (int j = 0; j < 32; j++) {
        out[j] = d * (nibble_of_32(b + 2, j) - 8);
    }
}

/* 0 f16 d | 2 f16 m | 4 qs[16]                                = 20 bytes */
static void q4_1(const uint8_t *b, double *out)
{
    const double d = f16_at(b);
    const double m = f16_at(b + 2);
    for (int j = 0; j < 32; j++) {
        out[j] = d * nibble_of_32(b + 4, j) + m;
    }
}

/* 0 f16 d | 2 u32 qh: bit j is bit 4 of element j | 6 qs[16]  = 22 bytes */
static void q5_0(const uint8_t *b, double *out)
{
    const double d = f16_at(b);
    for (int j = 0; j < 32; j++) {
        const int q = nibble_of_32(b + 6, j) + 16 * bit_of_32(b + 2, j);
        out[j] = d * (q - 16);
    }
}

/* 0 f16 d | 2 f16 m | 4 u32 qh | 8 qs[16]                     = 24 bytes */
static void q5_1(const uint8_t *b, double *out)
{
    const double d = f16_at(b);
    const double m = f16_at(b + 2);
    for (int j = 0; j < 32; j++) {
        const int q = nibble_of_32(b + 8, j) + 16 * bit_of_32(b + 4, j);
        out[j] = d * q + m;
    }
}

/* 0 f16 d | 2 i8 qs[32], in order                             = 34 bytes */
static void q8_0(const uint8_t *b, double *out)
{
    const double d = f16_at(b);
    for (int j = 0; j < 32; j++) {
        out[j] = d * signed_byte(b[2 + j]);
    }
}

/* The sixteen values that IQ4's quants choose from. */
static const int iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113};

/* 0 f16 d | 2 qs[16]                                          = 18 bytes */
static void iq4_nl(const uint8_t *b, double *out)
{
    const double d = f16_at(b);
    for (int j = 0; j < 32; j++) {
        out[j] = d * iq4_values[nibble_of_32(b + 2, j)];
    }
}

/* ---- super-blocks of 256 ------------------------------------------------ */

/* The two low bits of element e in qs[64], as Q2_K and Q3_K keep them: each
 * half of 128 values has 32 bytes, and byte l of them holds four values that
 * are 32 apart:
 *
 *   bits   7 6     5 4     3 2    1 0
 *         96 + l  64 + l  32 + l   l
 */
static int two_bits(const uint8_t *qs, int e)
{
    const int half = e / 128;
    const int quarter = e % 128 / 32;
    return bits(qs[32 * half + e % 32], 2 * quarter, 2);
}

/* The four low bits of element e in qs[128], as Q4_K and Q5_K keep them: each
 * 64 values have 32 bytes; low halves are the first 32 values. */
static int four_bits(const uint8_t *qs, int e)
{
    return bits(qs[32 * (e / 64) + e % 32], e % 64 < 32 ? 0 : 4, 4);
}

/* 0 scales[16] | 16 qs[64] | 80 f16 d | 82 f16 dmin           = 84 bytes
 *
 * Sixteen sub-blocks of 16.  scales[j]: low half scale, high half minimum. */
static void q2_k(const uint8_t *b, double *out)
{
    const double d = f16_at(b + 80);
    const double dmin = f16_at(b + 82);
    for (int e = 0; e < 256; e++) {
        const int scale = bits(b[e / 16], 0, 4);
        const int minimum = bits(b[e / 16], 4, 4);
        out[e] = d * scale * two_bits(b + 16, e) - dmin * minimum;
    }
}

/* 0 hmask[32] | 32 qs[64] | 96 scales[12] | 108 f16 d         = 110 bytes
 *
 * Sixteen sub-blocks of 16; value d * (scale - 32) * (q - 4).  Bit 2 of
 * element e is bit e / 32 of hmask[e % 32].  Scales have six bits:
 *
 *   scales[0..7]   low halves: low 4 bits of scale 0..7
 *                  high halves: low 4 bits of scale 8..15
 *   scales[8 + k]  high 2 bits of scales k, 4 + k, 8 + k, 12 + k,
 *                  from the lowest bits up
 */
static void q3_k(const uint8_t *b, double *out)
{
    const uint8_t *const hmask = b;
    const uint8_t *const scales = b + 96;
    const double d = f16_at(b + 108);
    for (int e = 0; e < 256; e++) {
        const int j = e / 16;
        const int low = bits(scales[j % 8], j < 8 ? 0 : 4, 4);
        const int high = bits(scales[8 + j % 4], 2 * (j / 4), 2);
        const int q = two_bits(b + 32, e) + 4 * bits(hmask[e % 32], e / 32, 1);
        out[e] = d * (low + 16 * high - 32) * (q - 4);
    }
}

/* Eight pairs of six bits, scale j and minimum j, in S[12]:
 *
 *   bits        7 6                 5 .. 0
 *   S[0..3]     scale 4..7 high 2   scale 0..3
 *   S[4..7]     minimum 4..7 high   minimum 0..3
 *   S[8..11]    7 .. 4: minimum 4..7 low 4;  3 .. 0: scale 4..7 low 4
 */
static void scale_and_minimum(const uint8_t *s, int j, int *scale, int *minimum)
{
    if (j < 4) {
        *scale = bits(s[j], 0, 6);
        *minimum = bits(s[4 + j], 0, 6);
    } else {
        *scale = bits(s[4 + j], 0, 4) + 16 * bits(s[j - 4], 6, 2);
        *minimum = bits(s[4 + j], 4, 4) + 16 * bits(s[j], 6, 2);
    }
}

/* 0 f16 d | 2 f16 dmin | 4 scales[12] | 16 qs[128]            = 144 bytes
 *
 * Eight sub-blocks of 32. */
static void q4_k(const uint8_t *b, double *out)
{
    const double d = f16_at(b);
    const double dmin = f16_at(b + 2);
    for (int e = 0; e < 256; e++) {
        int scale = 0;
        int minimum = 0;
        scale_and_minimum(b + 4, e / 32, &scale, &minimum);
        out[e] = d * scale * four_bits(b + 16, e) - dmin * minimum;
    }
}

/* 0 f16 d | 2 f16 dmin | 4 scales[12] | 16 qh[32] | 48 qs[128] = 176 bytes
 *
 * As Q4_K; bit 4 of element e is bit e / 32 of qh[e % 32]. */
static void q5_k(const uint8_t *b, double *out)
{
    const uint8_t *const qh = b + 16;
    const double d = f16_at(b);
    const double dmin = f16_at(b + 2);
    for (int e = 0; e < 256; e++) {
        int scale = 0;
        int minimum = 0;
        scale_and_minimum(b + 4, e / 32, &scale, &minimum);
        const int q = four_bits(b + 48, e) + 16 * bits(qh[e % 32], e / 32, 1);
        out[e] = d * scale * q - dmin * minimum;
    }
}

/* 0 ql[128] | 128 qh[64] | 192 i8 scales[16] | 208 f16 d      = 210 bytes
 *
 * Sixteen sub-blocks of 16; value d * scale * (q - 32).  Each half of 128
 * values has 64 bytes of ql and 32 of qh.  With l in 0..31 and the values a, b,
 * c, e at l, 32 + l, 64 + l, 96 + l of the half:
 *
 *   ql[l]        c low 4 | a low 4
 *   ql[32 + l]   e low 4 | b low 4
 *   qh[l]        e high 2 | c high 2 | b high 2 | a high 2
 */
static void q6_k(const uint8_t *b, double *out)
{
    const double d = f16_at(b + 208);
    for (int e = 0; e < 256; e++) {
        const int half = e / 128;
        const int quarter = e % 128 / 32;
        const int l = e % 32;
        const uint8_t *const ql = b + 64 * half;
        const uint8_t *const qh = b + 128 + 32 * half;
        const int low =
            bits(ql[32 * (quarter % 2) + l], quarter < 2 ? 0 : 4, 4);
        const int q = low + 16 * bits(qh[l], 2 * quarter, 2);
        out[e] = d * signed_byte(b[192 + e / 16]) * (q - 32);
    }
}

/* 0 f16 d | 2 u16 scales_h | 4 scales_l[4] | 8 qs[128]        = 136 bytes
 *
 * Eight sub-blocks of 32, each with 16 bytes of qs in the order of a block of
 * 32.  Scale k: low 4 bits in half k % 2 of scales_l[k / 2], high 2 bits in
 * scales_h from bit 2k up; value d * (scale - 32) * table[q]. */
static void iq4_xs(const uint8_t *b, double *out)
{
    const double d = f16_at(b);
    const unsigned scales_h = b[2] + 256u * b[3];
    for (int e = 0; e < 256; e++) {
        const int k = e / 32;
        const int low = bits(b[4 + k / 2], k % 2 * 4, 4);
        const int scale = low + 16 * bits(scales_h, 2 * k, 2) - 32;
        const int q = nibble_of_32(b + 8 + 16 * k, e % 32);
        out[e] = d * scale * iq4_values[q];
    }
}

/* 0 qs[48] | 48 qh[4] | 52 f16 d                              = 54 bytes
 *
 * A byte is a fraction b / 256 whose digits to base 3 are levels 0, 1, 2 for
 * -d, 0, d: digit k, from 0, is floor(b 3^(k + 1) / 256) modulo 3.
 *
 *   elements 0..159     digit e / 32 of byte e % 32
 *   elements 160..239   digit (e - 160) / 16 of byte 32 + (e - 160) % 16
 *   elements 240..255   digit (e - 240) / 4 of byte 48 + (e - 240) % 4
 */
static void tq1_0(const uint8_t *b, double *out)
{
    static const int powers[5] = {3, 9, 27, 81, 243};
    const double d = f16_at(b + 52);
    for (int e = 0; e < 256; e++) {
        const int first = e < 160 ? 0 : e < 240 ? 160 : 240;
        const int width = e < 160 ? 32 : e < 240 ? 16 : 4;
        const uint8_t *const run = b + (e < 160 ? 0 : e < 240 ? 32 : 48);
        const int digit = (e - first) / width;
        const int byte = run[(e - first) % width];
        out[e] = d * (byte * powers[digit] / 256 % 3 - 1);
    }
}

/* 0 qs[64], in the order of Q2_K | 64 f16 d                   = 66 bytes */
static void tq2_0(const uint8_t *b, double *out)
{
    const double d = f16_at(b + 64);
    for (int e = 0; e < 256; e++) {
        out[e] = d * (two_bits(b, e) - 1);
    }
}

/* ---- by type ----------------------------------------------------------- */

struct layout {
    enum ref_type type;
    size_t values;
    size_t bytes;
    void (*dequantize)(const uint8_t *block, double *out);
};

static const struct layout layouts[] = {
    {REF_Q4_0, 32, 18, q4_0},     {REF_Q4_1, 32, 20, q4_1},
    {REF_Q5_0, 32, 22, q5_0},     {REF_Q5_1, 32, 24, q5_1},
    {REF_Q8_0, 32, 34, q8_0},     {REF_Q2_K, 256, 84, q2_k},
    {REF_Q3_K, 256, 110, q3_k},   {REF_Q4_K, 256, 144, q4_k},
    {REF_Q5_K, 256, 176, q5_k},   {REF_Q6_K, 256, 210, q6_k},
    {REF_IQ4_NL, 32, 18, iq4_nl}, {REF_IQ4_XS, 256, 136, iq4_xs},
    {REF_TQ1_0, 256, 54, tq1_0},  {REF_TQ2_0, 256, 66, tq2_0},
};

static const struct layout *find_layout(enum ref_type type)
{
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        if (layouts[i].type == type) {
            return &layouts[i];
        }
    }
    return NULL;
}

size_t ref_block_values(enum ref_type type)
{
    const struct layout *const l = find_layout(type);
    return l != NULL ? l->values : 0;
}

size_t ref_block_bytes(enum ref_type type)
{
    const struct layout *const l = find_layout(type);
    return l != NULL ? l->bytes : 0;
}

int ref_dequantize(enum ref_type type, const uint8_t *blocks, size_t n,
                   double *out)
{
    const struct layout *const l = find_layout(type);
    if (l == NULL || n % l->values != 0) {
        return -1;
    }
    for (size_t i = 0; i < n / l->values; i++) {
        l->dequantize(blocks + i * l->bytes, out + i * l->values);
    }
    return 0;
}
