/* SPDX-License-Identifier: MIT */
/*
 * The integer product on 128-bit registers of Arm, a quad of rows of a panel
 * each. Float sums stay in memory, in the first-level cache. The file that
 * includes this gives
 *
 *     TOKENS, QUADS   tokens and quads of rows of a tile
 *     SIGNED_8        1: its dots() take zero 128 off by themselves
 *     dots()          i[t][q] += products of n steps of four k (n is 4 or 8),
 *                     for the quants of `bits` bits at w (QUADS registers a
 *                     step, 128 bytes apart) and the bytes at a[t] + at
 */
#ifndef PHI_KERNELS_GEMM_I8_128_BODY_H
#define PHI_KERNELS_GEMM_I8_128_BODY_H

#include <arm_neon.h>
#include <string.h>

#define TILE_ROWS (4 * QUADS)
#include "libconv/kernels/gemm_i8_tiles_body.h"

/* What follows the bytes of a block of activations. */
struct tail {
    float scale;
    int32_t sum[2];
};

PHI_BODY void dots(int32x4_t i[TOKENS][QUADS], const uint8_t *w,
                   const uint8_t *const a[TOKENS], size_t at, int n, int bits);

static inline struct tail tail_at(const uint8_t *p)
{
    struct tail tail;

    memcpy(&tail, p, sizeof(tail));
    return tail;
}

/* The integer that sums start from: -zero * sum, in fast mode past magic. */
static inline int32x4_t start(int32_t sum, struct form form,
                              enum phi_act_mode mode)
{
    const int32_t from = mode == PHI_ACT_FAST ? PHI_I8_MAGIC_BITS : 0;

    if (form.zero_bits < 0 || (form.bits == 8 && SIGNED_8))
        return vdupq_n_s32(from);
    return vdupq_n_s32(from - sum * (1 << (form.zero_bits & 7)));
}

/* The sums over a block, or over its half `part` if it has two scales. */
PHI_BODY void sum_block(int32x4_t i[TOKENS][QUADS], const uint8_t *w,
                        const struct tile *tile, size_t at, size_t end,
                        int part, struct form form, enum phi_act_mode mode)
{
    const int n = 8 / form.nscales;
    int32x4_t first[TOKENS];

    for (int t = 0; t < TOKENS; t++) {
        const struct tail tail = tail_at(tile->a[t] + end);

        first[t] = start(form.nscales == 1 ? tail.sum[0] + tail.sum[1]
                                           : tail.sum[part],
                         form, mode);
        for (int q = 0; q < QUADS; q++)
            i[t][q] = mode == PHI_ACT_FAST ? first[t] : vdupq_n_s32(0);
    }
    w += part * (PHI_I8_QUANT / 2);
    at += (size_t)part * 16;
    dots(i, w, tile->a, at, n, form.bits);
    if (mode == PHI_ACT_FAST)
        return;
    for (int t = 0; t < TOKENS; t++) {
        for (int q = 0; q < QUADS; q++)
            i[t][q] = vaddq_s32(vshlq_n_s32(i[t][q], 8), first[t]);
    }
    dots(i, w, tile->a, at + PHI_I8_BLOCK, n, form.bits);
}

/* i * scale, for four rows. */
static inline float32x4_t scaled(int32x4_t i, float32x4_t scale,
                                 enum phi_act_mode mode)
{
    if (mode == PHI_ACT_FAST)
        return vfmaq_f32(vmulq_n_f32(scale, -PHI_I8_MAGIC),
                         vreinterpretq_f32_s32(i), scale);
    return vmulq_f32(vcvtq_f32_s32(i), scale);
}

static inline float32x4_t as_float(int32x4_t i, enum phi_act_mode mode)
{
    if (mode == PHI_ACT_FAST)
        return vsubq_f32(vreinterpretq_f32_s32(i), vdupq_n_f32(PHI_I8_MAGIC));
    return vcvtq_f32_s32(i);
}

/* s less the mins' part of it, for four rows. */
static inline float32x4_t less_mins(float32x4_t s, const float *min,
                                    struct tail tail, struct form form)
{
    const int32_t sum =
        form.nmins == 1 ? tail.sum[0] + tail.sum[1] : tail.sum[0];

    s = vfmsq_n_f32(s, vld1q_f32(min), (float)sum);
    if (form.nmins == 1)
        return s;
    return vfmsq_n_f32(s, vld1q_f32(min + PHI_I8_ROWS), (float)tail.sum[1]);
}

/* s = i * scale */
PHI_BODY void scale_sums(float32x4_t s[TOKENS][QUADS],
                         int32x4_t i[TOKENS][QUADS], const float *scale,
                         enum phi_act_mode mode)
{
    for (int t = 0; t < TOKENS; t++) {
        for (int q = 0; q < QUADS; q++)
            s[t][q] = scaled(i[t][q], vld1q_f32(scale + 4 * q), mode);
    }
}

/* s += i * scale */
PHI_BODY void add_scaled(float32x4_t s[TOKENS][QUADS],
                         int32x4_t i[TOKENS][QUADS], const float *scale,
                         enum phi_act_mode mode)
{
    for (int t = 0; t < TOKENS; t++) {
        for (int q = 0; q < QUADS; q++)
            s[t][q] = vfmaq_f32(s[t][q], as_float(i[t][q], mode),
                                vld1q_f32(scale + 4 * q));
    }
}

/* All blocks of the rows whose first quants are at w. */
PHI_BODY void run_tile(const struct tile *tile, const uint8_t *w, size_t nblk,
                       struct form form, enum phi_act_mode mode)
{
    const size_t step = phi_act_nbytes(mode);

    for (size_t b = 0; b < nblk; b++) {
        const float *const scale = (const float *)(w + PHI_I8_QUANT);
        const float *const min = scale + form.nscales * PHI_I8_ROWS;
        const size_t at = b * step;
        const size_t end = at + step - 16;
        int32x4_t i[TOKENS][QUADS];
        float32x4_t s[TOKENS][QUADS];

        sum_block(i, w, tile, at, end, 0, form, mode);
        scale_sums(s, i, scale, mode);
        if (form.nscales == 2) {
            sum_block(i, w, tile, at, end, 1, form, mode);
            add_scaled(s, i, scale + PHI_I8_ROWS, mode);
        }
        for (int t = 0; t < TOKENS; t++) {
            const struct tail tail = tail_at(tile->a[t] + end);

            for (int q = 0; q < QUADS; q++) {
                float *const acc = tile->acc[t] + 4 * q;
                float32x4_t v = s[t][q];

                if (form.nmins > 0)
                    v = less_mins(v, min + 4 * q, tail, form);
                vst1q_f32(acc, vfmaq_n_f32(vld1q_f32(acc), v, tail.scale));
            }
        }
        w += PHI_I8_QUANT + (size_t)(form.nscales + form.nmins) * PHI_I8_FIELD;
    }
}

#endif
