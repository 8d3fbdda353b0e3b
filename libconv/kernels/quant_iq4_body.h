/* SPDX-License-Identifier: MIT */
/*
 * IQ4_NL and IQ4_XS with one sub-block of 32 a lane. Included after
 * quants_<isa>.h by the files that name the table, QUANT_IQ4_TABLE, and
 * define
 *
 *   TOGETHER            how many inverse scales are tried side by side: as
 *                       many as the registers hold, for the sums are chains
 *   iq4_level(v)        the level nearest to each of LANES values; v within
 *                       what inverse scales of the search make of a block
 *   iq4_quants(out, x, id)
 *                       as iq4_quants_fn; any x and id
 *
 * The bytes are the scalar kernels'.
 */
#ifndef PHI_KERNELS_QUANT_IQ4_BODY_H
#define PHI_KERNELS_QUANT_IQ4_BODY_H

#include <string.h>

#include "libconv/kernels/lane_search.h"
#include "libconv/kernels/quant_tables.h"

/* Sub-blocks that fill the lanes, and a super-block at least. */
#define SUBS  (LANES > 8 ? LANES : 8)
#define TRIES (2 * IQ4_STEPS + 2)

struct iq4_type {
    size_t nbytes; /* of a block */
    size_t nsubs;  /* sub-blocks of a block: 1 or 8 */
};

/* Sums of w q x and w q q with each of the inverse scales. */
struct iq4_sums {
    lanes qx[TOGETHER];
    lanes qq[TOGETHER];
};

LANE_INLINE void turn(lanes v[QK], const float *x)
{
    for (int i = 0; i < QK; i += LANES)
        lanes_turn(v + i, x + i, QK);
}

LANE_INLINE struct iq4_sums add_up(const lanes *x, const lanes *w,
                                   const lanes *id)
{
    struct iq4_sums s;

    for (int t = 0; t < TOGETHER; t++) {
        s.qx[t] = lanes_set(0);
        s.qq[t] = lanes_set(0);
    }
    for (int j = 0; j < QK; j++) {
        for (int t = 0; t < TOGETHER; t++) {
            const lanes q = iq4_level(lanes_mul(id[t], x[j]));
            const lanes wq = lanes_mul(w[j], q);

            s.qx[t] = lanes_add(s.qx[t], lanes_mul(wq, x[j]));
            s.qq[t] = lanes_add(s.qq[t], lanes_mul(wq, q));
        }
    }
    return s;
}

/* The scale of each lane; 0 for sub-blocks of zeros. */
LANE_INLINE lanes search_levels(const lanes *x, const lanes *w)
{
    const lanes zero = lanes_set(0);
    const lanes lowest = lanes_set(iq4_levels[0]);
    lanes amax;
    const lanes max = lane_signed_max(x, QK, &amax);
    lanes id[TRIES];
    lanes scale = zero;
    lanes best = zero;

    id[0] = lanes_div(lanes_set(1), lanes_div(lanes_neg(max), lowest));
    for (int t = 1; t < TRIES; t++) {
        const float f = (float)(t - 1 - IQ4_STEPS) + iq4_levels[0];

        id[t] = lanes_div(lanes_set(f), max);
    }
    for (int from = 0; from < TRIES; from += TOGETHER) {
        const struct iq4_sums s = add_up(x, w, id + from);

        for (int t = 0; t < TOGETHER; t++) {
            const lanes qx = s.qx[t];
            const lanes qq = s.qq[t];
            const lanes d = lanes_div(qx, qq);
            lanes_mask better = lanes_lt(zero, qq);

            /* The first is taken anyhow: 0 stands for no scale. */
            if (from + t > 0)
                better = lanes_and(
                    better, lanes_lt(lanes_mul(best, qq), lanes_mul(qx, qx)));
            scale = lanes_pick(better, d, scale);
            best = from + t > 0 ? lanes_pick(better, lanes_mul(d, qx), best)
                                : lanes_mul(scale, qx);
        }
    }
    return lanes_pick(lanes_lt(amax, lanes_set(ZERO_LIMIT)), zero, scale);
}

/*
 * The scales of LANES sub-blocks. With importance ggml weighs by
 * importance * sqrt(sigma2 + x^2), without by x^2; sigma2 is twice the mean
 * square of the block, here for each lane or, where NULL, its own 32 values'.
 */
LANE_INLINE void find_scales(float *scale, const float *x,
                             const float *importance, const float *sigma2)
{
    lanes v[QK];
    lanes w[QK];
    lanes sigma = lanes_set(0);

    turn(v, x);
    for (int j = 0; j < QK; j++) {
        w[j] = lanes_mul(v[j], v[j]);
        sigma = lanes_add(sigma, w[j]);
    }
    if (importance != NULL) {
        lanes weight[QK];

        turn(weight, importance);
        sigma = sigma2 != NULL ? lanes_load(sigma2)
                               : lanes_mul(sigma, lanes_set(2.0f / QK));
        for (int j = 0; j < QK; j++)
            w[j] = lanes_mul(weight[j], lanes_sqrt(lanes_add(sigma, w[j])));
    }
    lanes_store(scale, search_levels(v, w));
}

/* SUBS sub-blocks; sigma2 (SUBS) or NULL, as in find_scales(). */
LANE_INLINE void do_group(const struct iq4_type *t, uint8_t *out,
                          const float *x, const float *importance,
                          const float *sigma2)
{
    float scale[SUBS];

    for (size_t s = 0; s < SUBS; s += LANES)
        find_scales(scale + s, x + s * QK,
                    importance != NULL ? importance + s * QK : NULL,
                    sigma2 != NULL ? sigma2 + s : NULL);
    for (size_t s = 0; s < SUBS; s += t->nsubs, out += t->nbytes) {
        if (t->nsubs == 1)
            iq4_store_nl(out, x + s * QK, scale[s], iq4_quants);
        else
            iq4_store_xs(out, x + s * QK, scale + s, iq4_quants);
    }
}

/* ggml's sigma2 of super-blocks, at most LANES: whole lanes, or one by one. */
LANE_INLINE void find_sigma2(float sigma2[LANES], const float *x, size_t n)
{
    if (n == LANES) {
        lanes_store(sigma2, lanes_mul(lane_squares(x, 8 * QK),
                                      lanes_set(2.0f / (8 * QK))));
        return;
    }
    for (size_t i = 0; i < n; i++)
        sigma2[i] = iq4_sigma2(x + i * 8 * QK, 8 * QK);
}

/* The importance of n sub-blocks, the first of them sub-block `at`. */
static inline void gather(float *to, const float *importance, size_t ncols,
                          size_t at, size_t n)
{
    size_t column = at * QK % ncols;

    for (size_t i = 0; i < n; i++) {
        memcpy(to + i * QK, importance + column, QK * sizeof(*to));
        column = column + QK < ncols ? column + QK : 0;
    }
}

/* n sub-blocks from `at` on, at most SUBS. Fewer: the rest is zeros. */
LANE_INLINE void do_some(const struct iq4_type *t, uint8_t *out, const float *x,
                         size_t n, const float *importance, const float *sigma2)
{
    if (n == SUBS) {
        do_group(t, out, x, importance, sigma2);
    } else {
        float values[SUBS * QK] = {0};
        uint8_t bytes[SUBS * 18];

        memcpy(values, x, n * QK * sizeof(*x));
        do_group(t, bytes, values, importance, sigma2);
        memcpy(out, bytes, n / t->nsubs * t->nbytes);
    }
}

/* Rows one after the other, as sub-blocks. */
LANE_INLINE void do_all(const struct iq4_type *t, uint8_t *out, const float *x,
                        size_t nsubs, size_t ncols, const float *importance)
{
    float of_super[LANES] = {0};
    float weights[SUBS * QK] = {0};
    float sigma2[SUBS] = {0};

    for (size_t at = 0; at < nsubs; at += SUBS) {
        const size_t n = nsubs - at < SUBS ? nsubs - at : SUBS;
        const size_t super = at / 8;

        if (importance != NULL)
            gather(weights, importance, ncols, at, n);
        if (importance != NULL && t->nsubs == 8) {
            if (super % LANES == 0) {
                const size_t rest = nsubs / 8 - super;

                find_sigma2(of_super, x, rest < LANES ? rest : LANES);
            }
            for (size_t s = 0; s < SUBS; s++)
                sigma2[s] = of_super[super % LANES + s / 8];
        }
        do_some(t, out, x, n, importance != NULL ? weights : NULL,
                t->nsubs == 8 ? sigma2 : NULL);
        x += n * QK;
        out += n / t->nsubs * t->nbytes;
    }
}

/* Both cases as code of their own, with the tests for importance gone. */
#define DEFINE_IQ4_TYPE(name, size, n)                                         \
    static void quantize_##name(uint8_t *out, const float *x, size_t nrows,    \
                                size_t ncols, const float *importance)         \
    {                                                                          \
        static const struct iq4_type t = {size, n};                            \
                                                                               \
        if (importance != NULL)                                                \
            do_all(&t, out, x, nrows *(ncols / QK), ncols, importance);        \
        else                                                                   \
            do_all(&t, out, x, nrows *(ncols / QK), ncols, NULL);              \
    }

DEFINE_IQ4_TYPE(iq4_nl, 18, 1)
DEFINE_IQ4_TYPE(iq4_xs, 136, 8)

const phi_quantize_fn QUANT_IQ4_TABLE[PHI_NDTYPES] = {
    [PHI_IQ4_NL] = quantize_iq4_nl,
    [PHI_IQ4_XS] = quantize_iq4_xs,
};

#endif
