/* SPDX-License-Identifier: MIT */
/*
 * Stored blocks to panels of bytes, for AVX2. Quants are stored 32 bytes at
 * once: loads of 32 bytes would wait for several smaller stores.
 */
#include <immintrin.h>

#include "libconv/kernels/unpack_panel_body.h"

static inline void put(uint8_t q[32], __m256i v)
{
    _mm256_storeu_si256((__m256i *)q, v);
}

static inline __m256i get(const uint8_t q[32])
{
    return _mm256_loadu_si256((const __m256i *)q);
}

static inline void nibbles(uint8_t q[32], const uint8_t p[16])
{
    const __m128i low = _mm_loadu_si128((const __m128i *)p);
    const __m256i both = _mm256_set_m128i(_mm_srli_epi16(low, 4), low);

    put(q, _mm256_and_si256(both, _mm256_set1_epi8(15)));
}

static inline void fifth_bits(uint8_t q[32], uint32_t h)
{
    /* Byte j / 8 of h to byte j, and bit j % 8 of that. */
    const __m256i byte = _mm256_setr_epi64x(
        0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit =
        _mm256_set1_epi64x((long long)UINT64_C(0x8040201008040201));
    const __m256i all =
        _mm256_shuffle_epi8(_mm256_set1_epi32((int32_t)h), byte);
    const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(all, bit), bit);

    put(q,
        _mm256_or_si256(get(q), _mm256_and_si256(set, _mm256_set1_epi8(16))));
}

static inline void iq4_levels(uint8_t q[32])
{
    /* The sixteen levels, -127 to 113, and 128. */
    const __m128i levels = _mm_setr_epi8(1, 24, 45, 63, 79, 93, 106, 118, -127,
                                         -115, -103, -90, -75, -59, -39, -15);

    put(q, _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(levels), get(q)));
}

const phi_unpack_fn phi_unpack_panel_avx2[PHI_NDTYPES] = UNPACK_TABLE;
