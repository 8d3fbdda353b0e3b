/* SPDX-License-Identifier: MIT */
/* ref_act.h - activations as integers with a scale for each 32 values.
 *
 * x[i] is about scale * v[i], |v[i]| <= top.  Steps are binary32 with one
 * rounding each (FLT_EVAL_METHOD must be 0), since the integers are promised
 * to the bit.
 */
#ifndef REF_ACT_H
#define REF_ACT_H

/* 32 values to 32 integers; the scale is returned.  top = 127 fills one byte.
 * top = 32639 fills two, v = 256 hi + lo with both in -127..127: of the
 * integers in range only 256 hi - 128 have no such form, and become one more.
 * All zero below 2^-100; NaN, with zeros, if any value is not finite. */
float ref_act_quantize(const float x[32], int top, int v[32]);

#endif
