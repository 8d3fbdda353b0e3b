/* SPDX-License-Identifier: MIT */
/* ref_parts.h - what the reference's block quantizers have in common.
 *
 * For the files of the quantizers only.
 */
#ifndef REF_PARTS_H
#define REF_PARTS_H

#include <float.h>
#include <stddef.h>
#include <stdint.h>

#if FLT_EVAL_METHOD != 0
#error "the reference quantizers need binary32 arithmetic as written"
#endif

/* Nearest whole number, ties to even, for |v| < 2^22.
 *
 * The field's files are made by adding 1.5 * 2^23 and taking the 23 stored
 * bits of the sum's significand, less 2^22.  That is the same there, and this
 * for larger numbers and infinities too, where it is no rounding of anything
 * but decides bytes.  A NaN gives 0. */
int ref_nearest(float v);

int ref_clamp(int v, int low, int high);

/* v modulo 256: what is left of it in a byte. */
int ref_low_byte(int v);

/* The value with the largest magnitude, the first one on ties; 0 if none. */
float ref_signed_max(const float *x, int n);

/* Correctly rounded. */
float ref_square_root(float v);

/* One after the other. */
float ref_sum_of_squares(const float *x, size_t n);

/* w = importance * sqrt(spread + x^2); returns the sum. */
float ref_weigh(const float *x, const float *importance, int n, float spread,
                float *w);

/* 0 for zeros. */
float ref_reciprocal(float d);

/* Two bytes, the lower one first; returns the value that they hold. */
float ref_put_f16(uint8_t *out, float v);

/* Sixteen bytes: element j low, element j + 16 high.  Low four bits of q. */
void ref_put_nibbles(uint8_t out[16], const int q[32]);

/* Blocks of 256, n a multiple of it, in rows of ncols weighted by importance
 * (ncols) unless that is NULL.  Returns 0, or -1 if `type` is no K type. */
int ref_quantize_k(int type, const float *x, size_t n, size_t ncols,
                   const float *importance, uint8_t *out);

/* The same for IQ4_NL, of 32, and IQ4_XS, of 256. */
int ref_quantize_iq4(int type, const float *x, size_t n, size_t ncols,
                     const float *importance, uint8_t *out);

/* TQ1_0 and TQ2_0, of 256, which do not weigh. */
int ref_quantize_tq(int type, const float *x, size_t n, uint8_t *out);

#endif
