/* SPDX-License-Identifier: MIT */
/*
 * 16-bit and 8-bit floats, bit exact (IEEE 754-2008 binary16, bfloat16,
 * OCP 8-bit Floating Point Specification 1.0). `static inline` throughout:
 * kernel files with ISA flags include this header, and no copy compiled with
 * those flags may be the one that the linker keeps for everybody.
 */
#ifndef PHI_BASE_HALF_H
#define PHI_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float phi_bits_f32(uint32_t u)
{
    float f;

    memcpy(&f, &u, sizeof(f));
    return f;
}

static inline uint32_t phi_f32_bits(float f)
{
    uint32_t u;

    memcpy(&u, &f, sizeof(u));
    return u;
}

/* Exact, with subnormals, infinities and NaN. */
static inline float phi_f16_to_f32(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    const uint32_t exp = h >> 10 & 0x1f;
    const uint32_t man = h & 0x3ff;

    if (exp == 0x1f)
        return phi_bits_f32(sign | 0x7f800000 | man << 13);
    if (exp == 0) {
        /* man * 2^-24: the product is exact, man has ten bits. */
        const float v = (float)man * phi_bits_f32(0x33800000);

        return phi_bits_f32(sign | phi_f32_bits(v));
    }
    return phi_bits_f32(sign | (exp + 112) << 23 | man << 13);
}

/*
 * Nearest, ties to even; |x| >= 65520 becomes infinity, every NaN becomes
 * sign | 0x7e00, subnormals and -0 are kept.
 */
static inline uint16_t phi_f32_to_f16(float f)
{
    const uint32_t u = phi_f32_bits(f);
    const uint32_t sign = u >> 16 & 0x8000;
    const uint32_t a = u & 0x7fffffff;

    if (a > 0x7f800000)
        return (uint16_t)(sign | 0x7e00);
    if (a >= 0x477ff000) /* 65520: halfway between 65504 and 2^16 */
        return (uint16_t)(sign | 0x7c00);
    if (a >= 0x38800000) { /* 2^-14: normal result */
        const uint32_t r = a + 0xfff + (a >> 13 & 1);

        return (uint16_t)(sign | (r - 0x38000000) >> 13);
    }
    if (a <= 0x33000000) /* at most half of the smallest subnormal */
        return (uint16_t)sign;
    {
        const uint32_t man = (a & 0x7fffff) | 0x800000;
        const uint32_t shift = 126 - (a >> 23); /* 14 to 24 */
        const uint32_t half = 1u << (shift - 1);
        const uint32_t odd = man >> shift & 1;

        return (uint16_t)(sign | (man + half - 1 + odd) >> shift);
    }
}

static inline float phi_bf16_to_f32(uint16_t b)
{
    return phi_bits_f32((uint32_t)b << 16);
}

/* Nearest, ties to even; NaN is made quiet; subnormals are kept. */
static inline uint16_t phi_f32_to_bf16(float f)
{
    const uint32_t u = phi_f32_bits(f);

    if ((u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(u >> 16 | 64);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* E4M3 "FN": bias 7, no infinity, 0x7f and 0xff are NaN, largest 448. */
static inline float phi_f8e4m3_to_f32(uint8_t b)
{
    const uint32_t sign = (uint32_t)(b & 0x80) << 24;
    const uint32_t exp = b >> 3 & 0xf;
    const uint32_t man = b & 7;

    if ((b & 0x7f) == 0x7f)
        return phi_bits_f32(sign | 0x7fc00000);
    if (exp == 0) {
        const float v = (float)man * phi_bits_f32(0x3b000000); /* 2^-9 */

        return phi_bits_f32(sign | phi_f32_bits(v));
    }
    return phi_bits_f32(sign | (exp + 120) << 23 | man << 20);
}

/* E5M2: the upper byte of a binary16. */
static inline float phi_f8e5m2_to_f32(uint8_t b)
{
    return phi_f16_to_f32((uint16_t)(b << 8));
}

#endif
