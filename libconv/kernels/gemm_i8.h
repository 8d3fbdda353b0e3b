/* SPDX-License-Identifier: MIT */
/*
 * The contract of the integer product: quantized weights, unpacked to panels
 * of bytes, times activations quantized to one or two bytes. Kernels are pure
 * (no allocation, threads, errors or state) and of the class "same bits
 * everywhere": all levels are compared with the scalar one by memcmp.
 *
 * A panel is 32 rows of weights, cut along k into blocks of 32; blocks follow
 * each other in order of k, panels in order of rows. Every level reads the
 * same panel, so that panels may be stored in a file. One block:
 *
 *     byte 0     q: 1024 bytes, four k of a row side by side
 *
 *                k = 0..3             k = 4..7                 k = 28..31
 *                row0 row1 .. row31 | row0 row1 .. row31 | .. | .. row31
 *                0123 0123    0123    4567 4567    4567
 *
 *     1024       scale: nscales times (32 rows) f32
 *     + 128 a scale
 *                min: nmins times (32 rows) f32
 *     + 128 a min: the next block
 *
 * A weight is scale * (q - zero) - min, exactly what its GGUF block says. With
 * two scales or mins, the first is for k 0..15 of the block, the second for
 * k 16..31. Little-endian; every field stands at a multiple of 128 bytes from
 * the panel's beginning. Rows past the matrix's last have scale 0 and min 0.
 *
 * Q2_K and Q3_K have scales of few bits inside their scale: q is the product
 * of both, at most 3 * 15 and within -128..124, and the outer scale is all
 * that is left. (Q3_K: q = 128 - product, the scale negated.)
 *
 * Activations: each token has its own blocks of 32, one after another:
 *
 *     PHI_ACT_FAST   q: 32 int8 | scale: f32 | sum: 2 int32 | sum: 2 int16
 *     PHI_ACT_EXACT  hi: 32 int8 | lo: 32 int8 | scale | sum | 0: 4 bytes
 *
 * x = scale * q, or scale * (256 hi + lo): |q|, |hi|, |lo| <= 127. sum[h] is
 * the sum of q, or of 256 hi + lo, over elements 16 h .. 16 h + 15; those of q
 * are there twice, for kernels that multiply pairs of 16 bits.
 */
#ifndef PHI_KERNELS_GEMM_I8_H
#define PHI_KERNELS_GEMM_I8_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/tensor/dtype.h"

#define PHI_I8_ROWS  32 /* of a panel */
#define PHI_I8_BLOCK 32 /* k of a block, in panels and activations */
#define PHI_I8_QUANT (PHI_I8_ROWS * PHI_I8_BLOCK) /* bytes of q */
#define PHI_I8_FIELD (PHI_I8_ROWS * 4)            /* of a scale or min */
/* Bytes of a block of a panel, at most. */
#define PHI_I8_MOST (PHI_I8_QUANT + 4 * PHI_I8_FIELD)

/* How the blocks of a panel are made; a kernel for each. */
enum phi_panel_form {
    PHI_PANEL_Z4,  /* four bits, zero 8: Q4_0 */
    PHI_PANEL_Z5,  /* five bits, zero 16: Q5_0 */
    PHI_PANEL_Z8,  /* eight bits, zero 128: Q8_0, IQ4_NL, IQ4_XS, Q3_K */
    PHI_PANEL_M4,  /* four bits and a min: Q4_1, Q4_K */
    PHI_PANEL_M5,  /* five bits and a min: Q5_1, Q5_K */
    PHI_PANEL_MM6, /* q <= 45 and two mins: Q2_K */
    PHI_PANEL_S6,  /* six bits, zero 32, two scales: Q6_K */
    PHI_PANEL_FORMS
};

enum phi_act_mode {
    PHI_ACT_FAST,  /* one byte */
    PHI_ACT_EXACT, /* two bytes */
    PHI_ACT_MODES
};

struct phi_panel_layout {
    enum phi_panel_form form;
    uint32_t zero;
    uint32_t nscales;
    uint32_t nmins;
    uint32_t block_nbytes; /* of a block of a panel */
};

/* How a type's weights are laid out; NULL: it has no panels. */
const struct phi_panel_layout *phi_panel_layout(enum phi_dtype t);

/* Bytes of a block of activations. */
static inline size_t phi_act_nbytes(enum phi_act_mode mode)
{
    return mode == PHI_ACT_FAST ? 48 : 80;
}

/*
 * Part of up to 32 stored rows to part of a panel: ncols values, a multiple
 * of the type's block, from `blocks`, which is row 0's first of them; row r
 * begins at blocks + r * stride. nrows 1..32; the other rows of the panel are
 * made zero. panel (ncols / 32 * block_nbytes), any alignment. Class exact.
 */
typedef void (*phi_unpack_fn)(uint8_t *panel, const uint8_t *blocks,
                              size_t stride, size_t nrows, size_t ncols);

/*
 * ncols values, a multiple of 32, to blocks of activations. Class exact:
 *
 *     amax = max |x|, top = 127 (fast) or 32639 = 127 * 256 + 127
 *     scale = amax / top             both divisions are rounded to f32
 *     v = x * (top / amax)           rounded to f32, then to nearest even
 *     fast: q = v
 *     exact: hi = floor((v + 128) / 256), lo = v - 256 hi; -127 for -128
 *
 * amax < 2^-100 counts as all zeros, scale 0. A block that holds an infinity
 * or a NaN gets the scale NaN and zeros, so that what it makes is NaN.
 * |x - scale * q| <= scale * (1/2 + top * 2^-22), or 3/2 where lo was -128.
 */
typedef void (*phi_act_fn)(uint8_t *blocks, const float *x, size_t ncols);

/* Some tokens' activations. */
struct phi_act {
    const uint8_t *blocks; /* of the first token */
    size_t stride;         /* bytes from a token to the next */
    size_t ntokens;        /* 0 is allowed */
};

/*
 * acc[t][r] += the product of token t and row r over nblk blocks, for all 32
 * rows of a panel; row t of acc begins at acc + t * ldacc. For each block, in
 * order of k, with integers that are exact, and fma(a, b, c) = a b + c rounded
 * once:
 *
 *     i = sum over k of (q - zero) * a, a one of the activation's integers
 *     fast           s = fma(M + i0, scale0, scale0 * -M), M = PHI_I8_MAGIC
 *     exact          s = (float)i0 * scale0
 *     two scales     s = fma((float)i1, scale1, s)
 *     one min        s = fma(-(float)(sum0 + sum1), min0, s)
 *     two            s = fma(-(float)sum1, min1, fma(-(float)sum0, min0, s))
 *     acc = fma(s, activation's scale, acc)
 *
 * (float) rounds to nearest even. In fast mode |i| < 2^22, so that M + i is a
 * float, whose bits are those of M plus i: sums that start from the bits of M
 * need no conversion. The scales of all types have at most 17 bits, so that
 * M scale0 is exact and s is i0 scale0 rounded once. In exact mode |i| < 2^30.
 *
 * A long k in pieces gives the bits of the whole. panel: 64-byte aligned; acc,
 * blocks: any alignment that their types allow. The zero goes into the value
 * that the integer sums start from: -zero * sum.
 *
 * With u = 2^-24 and n blocks, the error is at most
 * ((n + 4) u) * sum over blocks of (sum |scale (q - zero)| + |min sum|...) as
 * absolute values of the terms above.
 */
#define PHI_I8_MAGIC      12582912.0f /* 1.5 * 2^23 */
#define PHI_I8_MAGIC_BITS 0x4b400000

typedef void (*phi_gemm_i8_fn)(float *acc, size_t ldacc, const uint8_t *panel,
                               const struct phi_act *act, size_t nblk);

/*
 * The best kernels that need no more than `features` (cpu/cpu.h; 0: the scalar
 * ones). NULL only for a type without panels.
 */
phi_unpack_fn phi_unpack_kernel(uint32_t features, enum phi_dtype t);
phi_act_fn phi_act_kernel(uint32_t features, enum phi_act_mode mode);
phi_gemm_i8_fn phi_gemm_i8_kernel(uint32_t features, enum phi_dtype t,
                                  enum phi_act_mode mode);

#endif
