/* SPDX-License-Identifier: MIT */
/*
 * The integer product on 256-bit registers, two of which hold sixteen rows of
 * a panel. Float sums stay in memory, in the first-level cache: sixteen
 * registers are few. The file that includes this gives
 *
 *     TOKENS          tokens of a tile
 *     SIGNED_8        1: its dots() take zero 128 off by themselves
 *     dots()          i[t][h] += products of n steps of four k, for the
 *                     quants of `bits` bits at w (two registers a step, 128
 *                     bytes apart) and the bytes at a[t] + at
 */
#ifndef PHI_KERNELS_GEMM_I8_256_BODY_H
#define PHI_KERNELS_GEMM_I8_256_BODY_H

#include <immintrin.h>
#include <string.h>

#define TILE_ROWS 16
#include "libconv/kernels/gemm_i8_tiles_body.h"

static inline __m256i four(const uint8_t *a)
{
    int32_t v;

    memcpy(&v, a, sizeof(v));
    return _mm256_set1_epi32(v);
}

static inline __m256 factor(const uint8_t *a)
{
    float v;

    memcpy(&v, a, sizeof(v));
    return _mm256_set1_ps(v);
}

PHI_BODY void dots(__m256i i[TOKENS][2], const uint8_t *w,
                   const uint8_t *const a[TOKENS], size_t at, int n, int bits);

/* The integers that sums start from: -zero * sum, in fast mode past magic. */
static inline __m256i start(__m256i sum, struct form form,
                            enum phi_act_mode mode)
{
    const __m256i from = mode == PHI_ACT_FAST
                             ? _mm256_set1_epi32(PHI_I8_MAGIC_BITS)
                             : _mm256_setzero_si256();

    if (form.zero_bits < 0 || (form.bits == 8 && SIGNED_8))
        return from;
    return _mm256_sub_epi32(from, _mm256_slli_epi32(sum, form.zero_bits));
}

/* The sums over a block, or over its half `part` if it has two scales. */
PHI_BODY void sum_block(__m256i i[TOKENS][2], const uint8_t *w,
                        const struct tile *tile, size_t at, size_t tail,
                        int part, struct form form, enum phi_act_mode mode)
{
    const int n = 8 / form.nscales;
    __m256i first[TOKENS];

    for (int t = 0; t < TOKENS; t++) {
        const uint8_t *const sums = tile->a[t] + tail + 4;
        __m256i sum = four(sums + 4 * part);

        if (form.nscales == 1)
            sum = _mm256_add_epi32(sum, four(sums + 4));
        first[t] = start(sum, form, mode);
    }
    for (int t = 0; t < TOKENS; t++) {
        i[t][0] = mode == PHI_ACT_FAST ? first[t] : _mm256_setzero_si256();
        i[t][1] = i[t][0];
    }
    w += part * (PHI_I8_QUANT / 2);
    at += (size_t)part * 16;
    dots(i, w, tile->a, at, n, form.bits);
    if (mode == PHI_ACT_FAST)
        return;
    for (int t = 0; t < TOKENS; t++) {
        for (int h = 0; h < 2; h++)
            i[t][h] = _mm256_add_epi32(_mm256_slli_epi32(i[t][h], 8), first[t]);
    }
    dots(i, w, tile->a, at + PHI_I8_BLOCK, n, form.bits);
}

/* i * scale, for eight rows. */
static inline __m256 scaled(__m256i i, __m256 scale, enum phi_act_mode mode)
{
    if (mode == PHI_ACT_FAST)
        return _mm256_fmadd_ps(
            _mm256_castsi256_ps(i), scale,
            _mm256_mul_ps(scale, _mm256_set1_ps(-PHI_I8_MAGIC)));
    return _mm256_mul_ps(_mm256_cvtepi32_ps(i), scale);
}

static inline __m256 as_float(__m256i i, enum phi_act_mode mode)
{
    if (mode == PHI_ACT_FAST)
        return _mm256_sub_ps(_mm256_castsi256_ps(i),
                             _mm256_set1_ps(PHI_I8_MAGIC));
    return _mm256_cvtepi32_ps(i);
}

/* s less the mins' part of it, for eight rows. */
static inline __m256 less_mins(__m256 s, const float *min, const uint8_t *tail,
                               struct form form)
{
    const __m256i sum0 = four(tail + 4);
    const __m256i sum1 = four(tail + 8);
    const __m256i sum = form.nmins == 1 ? _mm256_add_epi32(sum0, sum1) : sum0;

    s = _mm256_fnmadd_ps(_mm256_cvtepi32_ps(sum), _mm256_load_ps(min), s);
    if (form.nmins == 1)
        return s;
    return _mm256_fnmadd_ps(_mm256_cvtepi32_ps(sum1),
                            _mm256_load_ps(min + PHI_I8_ROWS), s);
}

/* All blocks of sixteen rows, the first of which are at w. */
PHI_BODY void run_tile(const struct tile *tile, const uint8_t *w, size_t nblk,
                       struct form form, enum phi_act_mode mode)
{
    const size_t step = phi_act_nbytes(mode);

    for (size_t b = 0; b < nblk; b++) {
        const float *const scale = (const float *)(w + PHI_I8_QUANT);
        const size_t at = b * step;
        const size_t tail = at + step - 16;
        __m256i i[TOKENS][2];
        __m256 s[TOKENS][2];

        sum_block(i, w, tile, at, tail, 0, form, mode);
        for (int t = 0; t < TOKENS; t++) {
            for (int h = 0; h < 2; h++)
                s[t][h] = scaled(i[t][h], _mm256_load_ps(scale + 8 * h), mode);
        }
        if (form.nscales == 2) {
            sum_block(i, w, tile, at, tail, 1, form, mode);
            for (int t = 0; t < TOKENS; t++) {
                for (int h = 0; h < 2; h++)
                    s[t][h] = _mm256_fmadd_ps(
                        as_float(i[t][h], mode),
                        _mm256_load_ps(scale + PHI_I8_ROWS + 8 * h), s[t][h]);
            }
        }
        for (int t = 0; t < TOKENS; t++) {
            const uint8_t *const end = tile->a[t] + tail;

            for (int h = 0; h < 2; h++) {
                float *const acc = tile->acc[t] + 8 * h;

                if (form.nmins > 0)
                    s[t][h] = less_mins(s[t][h], scale + PHI_I8_ROWS + 8 * h,
                                        end, form);
                _mm256_storeu_ps(acc, _mm256_fmadd_ps(s[t][h], factor(end),
                                                      _mm256_loadu_ps(acc)));
            }
        }
        w += PHI_I8_QUANT + (size_t)(form.nscales + form.nmins) * PHI_I8_FIELD;
    }
}

#endif
