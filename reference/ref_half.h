/* SPDX-License-Identifier: MIT */
/* ref_half.h - small floating point formats, by arithmetic.
 *
 * Every format is sign, exponent and significand fields, so one table row
 * a format and two functions are enough.  Nothing here looks at the bits of
 * a float, except for the payload of a NaN: values are taken apart and put
 * together with frexp, ldexp and whole numbers, which is slow, and a different
 * method from the one a fast converter uses.
 *
 * Sources: IEEE 754-2019 sections 3.3, 3.4 and 4.3.1; bfloat16 is the upper
 * half of a binary32; the eight-bit formats are those of the OCP 8-bit
 * Floating Point Specification (2023) and the "fnuz" variants which
 * safetensors names besides.
 */
#ifndef REF_HALF_H
#define REF_HALF_H

#include <stdint.h>

enum ref_float_format {
    REF_F16,         /* 1-5-10, bias 15, infinities */
    REF_BF16,        /* 1-8-7, bias 127, infinities */
    REF_F8_E5M2,     /* 1-5-2, bias 15, infinities */
    REF_F8_E4M3,     /* 1-4-3, bias 7, no infinity, NaN is S.1111.111 */
    REF_F8_E5M2FNUZ, /* 1-5-2, bias 16, no infinity, no -0, NaN is 0x80 */
    REF_F8_E4M3FNUZ, /* 1-4-3, bias 8, no infinity, no -0, NaN is 0x80 */
    REF_F8_E8M0,     /* 2^(code - 127), no sign, no zero, NaN is 0xff */
    REF_FLOAT_FORMATS
};

/* The value of a code.  Exact: every value of every format is a double.
 * Bits of `code` above the format's width must be zero. */
double ref_float_decode(enum ref_float_format format, unsigned code);

/* The code nearest to `value`, ties to the even significand, subnormals kept,
 * beyond the largest finite value infinity.  A zero keeps its sign.
 * Only for the formats that have infinities: F16, BF16, F8_E5M2.  A NaN gives
 * the sign, an exponent of ones and the highest bit of the significand. */
unsigned ref_float_encode(enum ref_float_format format, double value);

/* The two conversions that files need, binary32 to sixteen bits.  F16: any NaN
 * becomes sign | 0x7e00.  BF16: a NaN keeps the upper half of its bits and
 * becomes quiet, as ggml does; everything else is ref_float_encode(). */
uint16_t ref_f16_from_float(float value);
uint16_t ref_bf16_from_float(float value);

/* Exact; the float is the value of the code. */
float ref_float_from_f16(uint16_t code);
float ref_float_from_bf16(uint16_t code);

#endif
