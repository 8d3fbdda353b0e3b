/* SPDX-License-Identifier: MIT */
/* ref_quant.h - block quantizers and dequantizers, written to be read.
 *
 * A row of floats is cut into blocks of 32 or 256 (super-block) values; each
 * block becomes a fixed number of bytes.  The layouts are drawn beside the
 * functions that read them, in ref_dequantize.c.
 *
 * Quantizers work in binary32, one rounding an operation, in the order of the
 * formulas, because that is what the bytes of the field's files depend on
 * (FLT_EVAL_METHOD must be 0, and the compiler must not fuse).  Dequantizers
 * work in double; every product of a block's fields has at most 24 significant
 * bits, so (float)out is also the binary32 value that the formats prescribe.
 *
 * Source: the descriptions of the GGUF tensor types; checked against files
 * written by llama-quantize (llama.cpp of 2026-08, x86-64).
 */
#ifndef REF_QUANT_H
#define REF_QUANT_H

#include <stddef.h>
#include <stdint.h>

/* The numbers are GGUF's ids of the tensor types. */
enum ref_type {
    REF_Q4_0 = 2,
    REF_Q4_1 = 3,
    REF_Q5_0 = 6,
    REF_Q5_1 = 7,
    REF_Q8_0 = 8,
    REF_Q2_K = 10,
    REF_Q3_K = 11,
    REF_Q4_K = 12,
    REF_Q5_K = 13,
    REF_Q6_K = 14,
    REF_IQ4_NL = 20,
    REF_IQ4_XS = 23,
    REF_TQ1_0 = 34,
    REF_TQ2_0 = 35
};

/* Values and bytes of one block; 0 for a number that is not in the enum. */
size_t ref_block_values(enum ref_type type);
size_t ref_block_bytes(enum ref_type type);

/* Each takes n finite values, n a multiple of 32, and writes n / 32 blocks to
 * out.  n = 0 writes nothing.
 *
 * Where a scale is so small that its reciprocal overflows, C does not define
 * the conversion to an integer; these do what x86 does (the quant becomes the
 * low byte of 0x80000000, which is 0). */
void ref_quantize_q4_0(const float *x, size_t n, uint8_t *out);
void ref_quantize_q4_1(const float *x, size_t n, uint8_t *out);
void ref_quantize_q5_0(const float *x, size_t n, uint8_t *out);
void ref_quantize_q5_1(const float *x, size_t n, uint8_t *out);
void ref_quantize_q8_0(const float *x, size_t n, uint8_t *out);

/* The same for every type of the enum, n a multiple of its block.  Returns 0,
 * or -1 for a type that is not in it. */
int ref_quantize(enum ref_type type, const float *x, size_t n, uint8_t *out);

/* x (nrows, ncols), ncols a multiple of the block, to rows of blocks without
 * gaps; importance (ncols), finite and not negative, weighs the squared errors
 * of the columns.  NULL is ref_quantize(), and Q8_0, TQ1_0 and TQ2_0 never
 * weigh. */
int ref_quantize_weighted(enum ref_type type, const float *x, size_t nrows,
                          size_t ncols, const float *importance, uint8_t *out);

/* n values from n / block length blocks.  Returns 0, or -1 for a type that
 * is not in the enum or an n that is not whole blocks. */
int ref_dequantize(enum ref_type type, const uint8_t *blocks, size_t n,
                   double *out);

#endif
