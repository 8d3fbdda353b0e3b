/* SPDX-License-Identifier: MIT */
/*
 * Float to integer, defined for every input and without libm, exactly as the
 * quantizers need it. `static inline`: kernel files with ISA flags use it.
 */
#ifndef PHI_KERNELS_ROUNDING_H
#define PHI_KERNELS_ROUNDING_H

#include <stdint.h>
#include <string.h>

/* Toward zero; what does not fit an int becomes INT32_MIN, as cvttss2si. */
static inline int32_t phi_trunc_i32(float v)
{
    if (v > -2147483648.0f && v < 2147483648.0f)
        return (int32_t)v;
    return INT32_MIN;
}

/*
 * Nearest, ties to even, for |v| <= 2^22: adding 1.5 * 2^23 leaves the
 * integer in the low mantissa bits. Larger and NaN give some integer.
 */
static inline int32_t phi_round_even_i32(float v)
{
    const float shifted = v + 12582912.0f;
    uint32_t u;

    memcpy(&u, &shifted, sizeof(u));
    return (int32_t)(u & 0x007fffff) - 0x00400000;
}

/* Nearest, ties away from zero; INT32_MIN where it does not fit. */
static inline int32_t phi_round_away_i32(float v)
{
    int32_t i;
    float rest;

    if (!(v > -8388608.0f && v < 8388608.0f)) /* already whole, or NaN */
        return phi_trunc_i32(v);
    i = (int32_t)v;
    rest = v - (float)i; /* exact */
    return i + (rest >= 0.5f) - (rest <= -0.5f);
}

#endif
