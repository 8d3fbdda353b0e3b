/* SPDX-License-Identifier: MIT */
/*
 * CRC-32 by products without carries, after V. Gopal and others, "Fast CRC
 * Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel,
 * 2009, with its constants for the reflected polynomial 0xEDB88320. Four
 * remainders of 128 bits go side by side over 64 bytes, are folded into one,
 * and that is reduced to 32 bits.
 */
#include <immintrin.h>

#include "libconv/kernels/crc32_kernels.h"

/* x^n mod P, reflected, for the distances that are folded over. */
#define FOLD_512 0x01c6e41596, 0x0154442bd4
#define FOLD_128 0x00ccaa009e, 0x01751997d0
#define FOLD_64  0, 0x0163cd6124
/* P, and x^64 / P: Barrett's reduction. */
#define REDUCE 0x01f7011641, 0x01db710641

static __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

/* What x becomes when it is moved by a distance, added to y. */
static __m128i fold(__m128i x, __m128i distance, __m128i y)
{
    const __m128i low = _mm_clmulepi64_si128(x, distance, 0x00);
    const __m128i high = _mm_clmulepi64_si128(x, distance, 0x11);

    return _mm_xor_si128(_mm_xor_si128(low, high), y);
}

static uint32_t reduce(__m128i x)
{
    const __m128i low32 = _mm_set_epi32(0, -1, 0, -1);
    const __m128i by = _mm_set_epi64x(REDUCE);
    __m128i y = _mm_clmulepi64_si128(x, _mm_set_epi64x(FOLD_128), 0x10);

    x = _mm_xor_si128(_mm_srli_si128(x, 8), y); /* 128 bits to 96 */
    y = _mm_srli_si128(x, 4);
    x = _mm_clmulepi64_si128(_mm_and_si128(x, low32), _mm_set_epi64x(FOLD_64),
                             0x00);
    x = _mm_xor_si128(x, y); /* to 64 */
    y = _mm_clmulepi64_si128(_mm_and_si128(x, low32), by, 0x10);
    y = _mm_clmulepi64_si128(_mm_and_si128(y, low32), by, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(x, y), 1);
}

static uint32_t crc32(uint32_t crc, const void *bytes, size_t n)
{
    const __m128i far = _mm_set_epi64x(FOLD_512);
    const __m128i near = _mm_set_epi64x(FOLD_128);
    const uint8_t *p = bytes;
    __m128i x[4];

    if (n < 64)
        return phi_crc32(crc, bytes, n);
    for (int i = 0; i < 4; i++)
        x[i] = load(p + 16 * i);
    /* The register of a CRC is inverted before the first and after the last
     * byte. */
    x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)~crc));
    for (p += 64, n -= 64; n >= 64; p += 64, n -= 64) {
        for (int i = 0; i < 4; i++)
            x[i] = fold(x[i], far, load(p + 16 * i));
    }
    for (int i = 1; i < 4; i++)
        x[0] = fold(x[0], near, x[i]);
    for (; n >= 16; p += 16, n -= 16)
        x[0] = fold(x[0], near, load(p));
    return phi_crc32(~reduce(x[0]), p, n);
}

const phi_crc32_fn phi_crc32_avx2 = crc32;
