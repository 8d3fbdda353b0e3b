/* SPDX-License-Identifier: MIT */
/* Activations to one or two bytes with AVX2; see gemm_i8.h. */
#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#include "libconv/base/half.h"
#include "libconv/kernels/gemm_i8_tables.h"

/* 32 integers, and the scale of the block. */
struct rounded {
    __m256i v[4];
    float scale;
};

/* max |x| by its bits, which order infinity and NaN above all. */
static inline uint32_t max_bits(const float *x)
{
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i max = _mm256_setzero_si256();
    __m128i m;

    for (int i = 0; i < 4; i++) {
        const __m256i u = _mm256_loadu_si256((const __m256i *)(x + 8 * i));

        max = _mm256_max_epi32(max, _mm256_and_si256(u, magnitude));
    }
    m = _mm_max_epi32(_mm256_castsi256_si128(max),
                      _mm256_extracti128_si256(max, 1));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(m);
}

static inline struct rounded round_block(const float *x, float top)
{
    const uint32_t bits = max_bits(x);
    const float amax = phi_bits_f32(bits);
    struct rounded r;

    if (bits >= 0x7f800000 || amax < 0x1p-100f) {
        for (int i = 0; i < 4; i++)
            r.v[i] = _mm256_setzero_si256();
        r.scale = bits >= 0x7f800000 ? phi_bits_f32(0x7fc00000) : 0;
        return r;
    }
    {
        const __m256 factor = _mm256_set1_ps(top / amax);

        for (int i = 0; i < 4; i++)
            r.v[i] = _mm256_cvtps_epi32(
                _mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), factor));
    }
    r.scale = amax / top;
    return r;
}

static inline int32_t sum8(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v),
                              _mm256_extracti128_si256(v, 1));

    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
    return _mm_cvtsi128_si32(s);
}

static inline void put_tail(uint8_t *out, const struct rounded *r, bool again)
{
    const int32_t sum[2] = {sum8(_mm256_add_epi32(r->v[0], r->v[1])),
                            sum8(_mm256_add_epi32(r->v[2], r->v[3]))};
    const int16_t pair[2] = {again ? (int16_t)sum[0] : 0,
                             again ? (int16_t)sum[1] : 0};

    memcpy(out, &r->scale, 4);
    memcpy(out + 4, sum, 8);
    memcpy(out + 12, pair, 4);
}

/* 32 integers that fit a signed byte. */
static inline void put_bytes(uint8_t *out, const __m256i v[4])
{
    const __m256i a = _mm256_packs_epi32(v[0], v[1]);
    const __m256i b = _mm256_packs_epi32(v[2], v[3]);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);

    _mm256_storeu_si256((__m256i *)out, _mm256_permutevar8x32_epi32(
                                            _mm256_packs_epi16(a, b), order));
}

static void act_fast(uint8_t *out, const float *x, size_t ncols)
{
    for (; ncols > 0; ncols -= PHI_I8_BLOCK, x += PHI_I8_BLOCK, out += 48) {
        const struct rounded r = round_block(x, 127);

        put_bytes(out, r.v);
        put_tail(out + 32, &r, true);
    }
}

static void act_exact(uint8_t *out, const float *x, size_t ncols)
{
    for (; ncols > 0; ncols -= PHI_I8_BLOCK, x += PHI_I8_BLOCK, out += 80) {
        struct rounded r = round_block(x, 32639);
        __m256i hi[4];
        __m256i lo[4];

        for (int i = 0; i < 4; i++) {
            hi[i] = _mm256_srai_epi32(
                _mm256_add_epi32(r.v[i], _mm256_set1_epi32(128)), 8);
            lo[i] = _mm256_sub_epi32(r.v[i], _mm256_slli_epi32(hi[i], 8));
            lo[i] = _mm256_max_epi32(lo[i], _mm256_set1_epi32(-127));
            r.v[i] = _mm256_add_epi32(_mm256_slli_epi32(hi[i], 8), lo[i]);
        }
        put_bytes(out, hi);
        put_bytes(out + 32, lo);
        put_tail(out + 64, &r, false);
    }
}

const phi_act_fn phi_act_i8_avx2[PHI_ACT_MODES] = {act_fast, act_exact};
