/* SPDX-License-Identifier: MIT */
/*
 * exp, log, sine and cosine of our own, so that their bits depend on no C
 * library: only +, -, *, / in a written order and integer operations on the
 * bits. Branch-free where kernels use them in vectors of lanes. `static
 * inline` throughout, because files with ISA flags include this header.
 *
 * Polynomials are Taylor's: at the reduced arguments their last term is below
 * half a unit in the last place, and every coefficient explains itself.
 * Reduction after Cody and Waite, "Software Manual for the Elementary
 * Functions", 1980; split constants as in fdlibm.
 */
#ifndef PHI_KERNELS_ELEMENTARY_H
#define PHI_KERNELS_ELEMENTARY_H

#include <stdint.h>
#include <string.h>

static inline double phi_bits_f64(uint64_t u)
{
    double f;

    memcpy(&f, &u, sizeof(f));
    return f;
}

static inline uint64_t phi_f64_bits(double f)
{
    uint64_t u;

    memcpy(&u, &f, sizeof(u));
    return u;
}

/*
 * e^x, within 2 units in the last place; x is held in [-87, 64], where the
 * kernels' results no longer change and no subnormal numbers (very slow on
 * many processors) come out of 1 / e^x. NaN stays NaN.
 */
static inline float phi_exp_f32(float x)
{
    /* 1.5 * 2^23: a sum with it has the integer in its lowest bits. */
    const float magic = 12582912.0f;
    float t, n, r, p, scale;
    uint32_t bits;

    x = x < -87.0f ? -87.0f : x;
    x = x > 64.0f ? 64.0f : x;
    t = x * 1.44269504f + magic;
    n = t - magic;
    /* x = n ln2 + r, |r| <= 0.3466; the first product is exact. */
    r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    memcpy(&bits, &t, sizeof(bits));
    bits = (bits + 127) << 23;
    memcpy(&scale, &bits, sizeof(scale));
    return p * scale;
}

/* e^x, within 2 units in the last place; x is held in [-708, 709]. */
static inline double phi_exp_f64(double x)
{
    const double magic = 6755399441055744.0; /* 1.5 * 2^52 */
    double t, n, r, p;

    x = x < -708.0 ? -708.0 : x;
    x = x > 709.0 ? 709.0 : x;
    t = x * 1.4426950408889634 + magic;
    n = t - magic;
    r = x - n * 6.93147180369123816490e-01;
    r = r - n * 1.90821492927058770002e-10;
    p = 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    return p * phi_bits_f64((phi_f64_bits(t) + 1023) << 52);
}

/* The same for any x: what is not in that range gives 0 or infinity. */
static inline double phi_exp_any_f64(double x)
{
    if (x > 709.0)
        return phi_bits_f64(UINT64_C(0x7ff0000000000000));
    return x < -708.0 ? 0.0 : phi_exp_f64(x);
}

/* ln x for a normal x > 0; anything else gives NaN. */
static inline double phi_log_f64(double x)
{
    const double sqrt2 = 1.4142135623730951;
    double k, m, s, z, p;

    if (!(x >= 2.2250738585072014e-308 && x <= 1.7976931348623157e308))
        return phi_bits_f64(UINT64_C(0x7ff8000000000000));
    k = (double)(int)(phi_f64_bits(x) >> 52) - 1023;
    m = phi_bits_f64((phi_f64_bits(x) & UINT64_C(0xfffffffffffff)) |
                     UINT64_C(0x3ff0000000000000));
    if (m > sqrt2) {
        m *= 0.5;
        k += 1;
    }
    /* ln m = 2 artanh(s) = 2 (s + s^3/3 + s^5/5 + ...), |s| <= 0.1716 */
    s = (m - 1.0) / (m + 1.0);
    z = s * s;
    p = 1.0 / 23;
    p = p * z + 1.0 / 21;
    p = p * z + 1.0 / 19;
    p = p * z + 1.0 / 17;
    p = p * z + 1.0 / 15;
    p = p * z + 1.0 / 13;
    p = p * z + 1.0 / 11;
    p = p * z + 1.0 / 9;
    p = p * z + 1.0 / 7;
    p = p * z + 1.0 / 5;
    p = p * z + 1.0 / 3;
    p = 2.0 * s + 2.0 * s * (p * z);
    return k * 6.93147180369123816490e-01 +
           (p + k * 1.90821492927058770002e-10);
}

#define PHI_LN10 2.302585092994046

/* The base-10 logarithm, as phi_log_f64(). */
static inline double phi_log10_f64(double x)
{
    return phi_log_f64(x) / PHI_LN10;
}

/* 10^x for |x| up to 307; of an integer up to 22 what a literal has. */
static inline double phi_exp10_f64(double x)
{
    const int n = (int)x; /* towards 0: the rest has the sign of x */
    double power = 1.0;

    for (int i = n < 0 ? -n : n; i > 0; i--)
        power *= 10.0;
    return (n < 0 ? 1.0 / power : power) *
           phi_exp_f64((x - (double)n) * PHI_LN10);
}

#define PHI_SINCOS_MAX 524288.0 /* 2^19 */

/* Sine and cosine for |x| up to PHI_SINCOS_MAX, within 2e-16 absolute. */
static inline void phi_sincos_f64(double x, double *sine, double *cosine)
{
    const double magic = 6755399441055744.0;
    const double t = x * 0.63661977236758134308 + magic;
    const double n = t - magic;
    double r, z, s, c;

    /* x = n pi/2 + r, |r| <= pi/4, with pi/2 in three parts */
    r = x - n * 1.57079632673412561417e+00;
    r = r - n * 6.07710050630396597660e-11;
    r = r - n * 2.02226624879595063154e-21;
    z = r * r;
    s = 1.0 / 355687428096000.0;
    s = s * z - 1.0 / 1307674368000.0;
    s = s * z + 1.0 / 6227020800.0;
    s = s * z - 1.0 / 39916800.0;
    s = s * z + 1.0 / 362880.0;
    s = s * z - 1.0 / 5040.0;
    s = s * z + 1.0 / 120.0;
    s = s * z - 1.0 / 6.0;
    s = r + r * (s * z);
    c = -1.0 / 6402373705728000.0;
    c = c * z + 1.0 / 20922789888000.0;
    c = c * z - 1.0 / 87178291200.0;
    c = c * z + 1.0 / 479001600.0;
    c = c * z - 1.0 / 3628800.0;
    c = c * z + 1.0 / 40320.0;
    c = c * z - 1.0 / 720.0;
    c = c * z + 1.0 / 24.0;
    c = c * z - 0.5;
    c = 1.0 + c * z;
    switch (phi_f64_bits(t) & 3) { /* n modulo 4 */
    case 0:
        *sine = s;
        *cosine = c;
        break;
    case 1:
        *sine = c;
        *cosine = -s;
        break;
    case 2:
        *sine = -s;
        *cosine = -c;
        break;
    default:
        *sine = -c;
        *cosine = s;
        break;
    }
}

#endif
