/* SPDX-License-Identifier: MIT */
/* ref_half.c - small floating point formats, by arithmetic. */
#include "reference/ref_half.h"

#include <math.h>
#include <string.h>

/* What the codes with the largest exponent (and minus zero) stand for. */
enum specials {
    IEEE,       /* exponent all ones: infinity, or NaN */
    ONE_NAN,    /* exponent and significand all ones: NaN */
    NO_MINUS_0, /* the code of minus zero: NaN */
};

struct format {
    int exponent_bits;
    int significand_bits;
    int bias;
    enum specials specials;
};

/* F8_E8M0 has neither sign nor significand and is handled apart. */
static const struct format formats[REF_FLOAT_FORMATS] = {
    [REF_F16] = {5, 10, 15, IEEE},
    [REF_BF16] = {8, 7, 127, IEEE},
    [REF_F8_E5M2] = {5, 2, 15, IEEE},
    [REF_F8_E4M3] = {4, 3, 7, ONE_NAN},
    [REF_F8_E5M2FNUZ] = {5, 2, 16, NO_MINUS_0},
    [REF_F8_E4M3FNUZ] = {4, 3, 8, NO_MINUS_0},
};

double ref_float_decode(enum ref_float_format format, unsigned code)
{
    if (format == REF_F8_E8M0) {
        return code == 255 ? (double)NAN : ldexp(1.0, (int)code - 127);
    }

    const struct format f = formats[format];
    const unsigned significand_codes = 1u << f.significand_bits;
    const unsigned exponent_codes = 1u << f.exponent_bits;
    const unsigned significand = code % significand_codes;
    const unsigned exponent = code / significand_codes % exponent_codes;
    const unsigned negative = code / significand_codes / exponent_codes;
    const double sign = negative ? -1.0 : 1.0;

    if (f.specials == IEEE && exponent == exponent_codes - 1) {
        return significand == 0 ? sign * (double)INFINITY : (double)NAN;
    }
    if (f.specials == ONE_NAN && exponent == exponent_codes - 1 &&
        significand == significand_codes - 1) {
        return (double)NAN;
    }
    if (f.specials == NO_MINUS_0 && negative && exponent == 0 &&
        significand == 0) {
        return (double)NAN;
    }

    /* Subnormal: 0.fff * 2^(1 - bias).  Normal: 1.fff * 2^(e - bias). */
    const double fraction = (double)significand / significand_codes;
    if (exponent == 0) {
        return sign * ldexp(fraction, 1 - f.bias);
    }
    return sign * ldexp(1.0 + fraction, (int)exponent - f.bias);
}

/* Nearest whole number of a value >= 0, ties to even.  Exact below 2^52. */
static double round_even(double v)
{
    const double below = floor(v);
    const double rest = v - below;
    if (rest > 0.5 || (rest == 0.5 && fmod(below, 2.0) != 0.0)) {
        return below + 1.0;
    }
    return below;
}

unsigned ref_float_encode(enum ref_float_format format, double value)
{
    const struct format f = formats[format];
    const unsigned significand_codes = 1u << f.significand_bits;
    const unsigned exponent_codes = 1u << f.exponent_bits;
    const unsigned infinity = (exponent_codes - 1) * significand_codes;
    const unsigned sign =
        signbit(value) ? exponent_codes * significand_codes : 0;
    const double magnitude = fabs(value);

    if (isnan(value)) {
        return sign + infinity + significand_codes / 2;
    }
    if (isinf(value)) {
        return sign + infinity;
    }
    if (magnitude == 0.0) {
        return sign;
    }

    /* magnitude = m * 2^exponent, 1 <= m < 2, or m < 1 at the bottom. */
    int exponent = 0;
    (void)frexp(magnitude, &exponent);
    exponent -= 1;
    const int lowest = 1 - f.bias;
    if (exponent < lowest) {
        exponent = lowest;
    }

    /* In units of the last place the magnitude is a whole number.  Codes of
     * positive values are consecutive, so a carry into the next exponent and
     * from the subnormals to the normals needs no case of its own. */
    const double units =
        round_even(ldexp(magnitude, f.significand_bits - exponent));
    const double code = (double)(exponent - lowest) * significand_codes + units;
    if (code >= (double)infinity) {
        return sign + infinity;
    }
    return sign + (unsigned)code;
}

uint16_t ref_f16_from_float(float value)
{
    return (uint16_t)ref_float_encode(REF_F16, (double)value);
}

uint16_t ref_bf16_from_float(float value)
{
    if (isnan(value)) {
        /* The payload of a NaN is visible in its bits only. */
        uint32_t bits = 0;
        memcpy(&bits, &value, sizeof bits);
        return (uint16_t)(bits >> 16 | 64);
    }
    return (uint16_t)ref_float_encode(REF_BF16, (double)value);
}

float ref_float_from_f16(uint16_t code)
{
    return (float)ref_float_decode(REF_F16, code);
}

float ref_float_from_bf16(uint16_t code)
{
    return (float)ref_float_decode(REF_BF16, code);
}
