/* SPDX-License-Identifier: MIT */
/* ref_parts.c - rounding and fields, by arithmetic rather than by bits. */
#include "reference/ref_parts.h"
#include "reference/ref_half.h"

#include <math.h>

int ref_nearest(float v)
{
    const float sum = v + 12582912.0f;
    int exponent = 0;

    if (isnan(sum)) {
        return 0;
    }
    if (isinf(sum) || sum == 0.0f) {
        return -4194304; /* no bit of the significand is set */
    }
    /* |sum| = (1 + stored / 2^23) * 2^e; here with half of that fraction.
     * No sum is subnormal: numbers that cancel this much are whole. */
    const double fraction = fabs(frexp((double)sum, &exponent));
    return (int)((2.0 * fraction - 1.0) * 8388608.0) - 4194304;
}

int ref_clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

int ref_low_byte(int v)
{
    return (v % 256 + 256) % 256;
}

float ref_signed_max(const float *x, int n)
{
    float max = 0.0f;
    for (int j = 0; j < n; j++) {
        if (fabsf(x[j]) > fabsf(max)) {
            max = x[j];
        }
    }
    return max;
}

float ref_square_root(float v)
{
    return (float)sqrt((double)v); /* rounding twice is harmless here */
}

float ref_sum_of_squares(const float *x, size_t n)
{
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++) {
        sum += x[i] * x[i];
    }
    return sum;
}

float ref_weigh(const float *x, const float *importance, int n, float spread,
                float *w)
{
    float sum = 0.0f;
    for (int i = 0; i < n; i++) {
        const float square = x[i] * x[i];
        w[i] = importance[i] * ref_square_root(spread + square);
        sum += w[i];
    }
    return sum;
}

float ref_reciprocal(float d)
{
    return d != 0.0f ? 1.0f / d : 0.0f;
}

float ref_put_f16(uint8_t *out, float v)
{
    const uint16_t code = ref_f16_from_float(v);
    out[0] = (uint8_t)(code % 256);
    out[1] = (uint8_t)(code / 256);
    return ref_float_from_f16(code);
}

void ref_put_nibbles(uint8_t out[16], const int q[32])
{
    for (int j = 0; j < 16; j++) {
        out[j] = (uint8_t)(q[j] % 16 + q[j + 16] % 16 * 16);
    }
}
