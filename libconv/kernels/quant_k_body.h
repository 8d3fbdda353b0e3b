/* SPDX-License-Identifier: MIT */
/*
 * The K types with one sub-block a lane. Included after lanes_<isa>.h by the
 * files that name the table: what ISA flags make of it is their business. The
 * bytes are the scalar kernels'.
 *
 *   values    sub-block 0: x0 x1 ...    turned     x0 of sub-blocks 0, 1, ...
 *             sub-block 1: x0 x1 ...    ------>    x1 of sub-blocks 0, 1, ...
 *             ...                                  ...
 *
 * A batch is as many super-blocks as fill the lanes: one, or two of eight
 * sub-blocks for sixteen lanes.
 */
#ifndef PHI_KERNELS_QUANT_K_BODY_H
#define PHI_KERNELS_QUANT_K_BODY_H

#include "libconv/kernels/lane_search.h"
#include "libconv/kernels/quant_k_pack.h"
#include "libconv/kernels/quant_tables.h"

#define BATCH_MAX 2
#define SUBS_MAX  16 /* of a batch, and of a super-block */

/* What the searches found in the sub-blocks of a batch. */
struct found {
    float scale[SUBS_MAX];
    float min[SUBS_MAX];
    float weight[SUBS_MAX]; /* sums of weights; with importance only */
    float inverse[SUBS_MAX];
    float base[SUBS_MAX];
    float levels[16][SUBS_MAX]; /* of the descent: (value, sub-block) */
    bool strange;
};

/* n values of LANES rows, turned. */
LANE_INLINE void turn(lanes *to, const float *from, int n)
{
    for (int i = 0; i < n; i += LANES)
        lanes_turn(to + i, from + i, (size_t)n);
}

/* w = importance * sqrt(sigma2 + x^2); returns their sums. */
LANE_INLINE lanes weigh(lanes *w, const lanes *x, const float *importance,
                        int n, lanes sigma2)
{
    lanes sum = lanes_set(0);

    turn(w, importance, n);
    for (int i = 0; i < n; i++) {
        const lanes s = lanes_sqrt(lanes_add(sigma2, lanes_mul(x[i], x[i])));

        w[i] = lanes_mul(w[i], s);
        sum = lanes_add(sum, w[i]);
    }
    return sum;
}

/* |x|, and for 32 values their root mean square besides. */
LANE_INLINE void weigh_plain(lanes *w, const lanes *x, int n)
{
    lanes mean = lanes_set(0);

    for (int i = 0; n == 32 && i < n; i++)
        mean = lanes_add(mean, lanes_mul(x[i], x[i]));
    mean = lanes_sqrt(lanes_div(mean, lanes_set(32)));
    for (int i = 0; i < n; i++)
        w[i] = n == 32 ? lanes_add(mean, lanes_abs(x[i])) : lanes_abs(x[i]);
}

/* The sigma2 of the super-block of each lane, from sub-block `first` on. */
LANE_INLINE lanes spread_sigma2(const float *sigma2, int first, int n)
{
    float each[LANES];

    for (int l = 0; l < LANES; l++)
        each[l] = sigma2[(first + l) * n / QK_K];
    return lanes_load(each);
}

LANE_INLINE void keep(struct found *f, int at, const struct lane_fit *fit)
{
    lanes_store(f->scale + at, fit->scale);
    lanes_store(f->min + at, fit->min);
    lanes_store(f->inverse + at, fit->inverse);
    lanes_store(f->base + at, fit->base);
    f->strange = f->strange || lanes_any(fit->strange);
}

/* Lines through nsubs sub-blocks of n values. */
LANE_INLINE void find_lines(struct found *f, const float *x,
                            const float *importance, const float *sigma2,
                            int nsubs, int n, const struct search_grid *plain)
{
    const struct search_grid g =
        importance != NULL ? k_grid_weighted(plain->top) : *plain;
    const struct lane_grid grid = {(float)g.top, g.first, g.step, g.nsteps,
                                   g.absolute};
    lanes v[32];
    lanes w[32];

    f->strange = false;
    for (int at = 0; at < nsubs; at += LANES) {
        struct lane_fit fit;

        turn(v, x + at * n, n);
        if (importance != NULL)
            lanes_store(f->weight + at, weigh(w, v, importance + at * n, n,
                                              spread_sigma2(sigma2, at, n)));
        else
            weigh_plain(w, v, n);
        fit = lane_fit_line(v, w, n, grid);
        keep(f, at, &fit);
    }
}

/* Of n values, where the stored scale is 0: the levels of the search. */
static inline void line_levels(uint8_t *q, const struct found *f, int j,
                               const float *x, int n, int top)
{
    for (int i = 0; i < n; i++)
        q[i] =
            (uint8_t)search_level(f->inverse[j] * (x[i] - f->base[j]), 0, top);
}

static inline void scale_levels(uint8_t *q, const struct found *f, int j,
                                const float *x, int n, int half)
{
    const int plus = f->inverse[j] != 0 ? half : 0;

    for (int i = 0; i < n; i++)
        q[i] = (uint8_t)(search_level(f->inverse[j] * x[i], -half, half - 1) +
                         plus);
}

static inline float as_stored(float d)
{
    return phi_f16_to_f32(phi_f32_to_f16(d));
}

/* One batch; false: a lane is strange. importance may be NULL. */
LANE_INLINE bool batch_q2_k(uint8_t *out, const float *x,
                            const float *importance)
{
    float sigma2 = 0;
    struct found f;
    struct k_scales s;
    uint8_t q[QK_K];
    float d;

    if (importance != NULL)
        sigma2 = k_mean_square(x, 1);
    find_lines(&f, x, importance, &sigma2, 16, 16, &k_grid_q2_k);
    if (f.strange)
        return false;
    if (importance != NULL)
        k_share_line_weighted(&s, f.scale, f.min, f.weight, 16, 15);
    else
        k_share_q2_k(&s, f.scale, f.min);
    d = as_stored(s.d);
    for (int j = 0; j < 16; j++) {
        if (d * (float)(s.scale[j] & 15) == 0)
            line_levels(q + 16 * j, &f, j, x + 16 * j, 16, 3);
    }
    k_store_q2_k(out, x, &s, q);
    return true;
}

/* The sub-blocks of 32 that fill the lanes, or a super-block's. */
#define SUBS_32  (LANES > 8 ? LANES : 8)
#define BATCH_32 (SUBS_32 / 8)

LANE_INLINE bool batch_q45(uint8_t *out, const float *x,
                           const float *importance,
                           const struct search_grid *plain, size_t nbytes,
                           void (*store)(uint8_t *, const float *,
                                         const struct k_scales *, uint8_t *))
{
    float sigma2[BATCH_MAX] = {0};
    struct found all;

    for (int b = 0; importance != NULL && b < BATCH_32; b++)
        sigma2[b] = k_mean_square(x + QK_K * b, 2);
    find_lines(&all, x, importance, sigma2, SUBS_32, 32, plain);
    if (all.strange)
        return false;
    for (int b = 0; b < BATCH_32; b++, x += QK_K, out += nbytes) {
        struct k_scales s;
        uint8_t q[QK_K];
        float d;

        if (importance != NULL)
            k_share_q45_weighted(&s, all.scale + 8 * b, all.min + 8 * b,
                                 all.weight + 8 * b, plain->top);
        else
            k_share_q45(&s, all.scale + 8 * b, all.min + 8 * b);
        d = as_stored(s.d);
        for (int j = 0; j < 8; j++) {
            if (d * (float)s.scale[j] == 0)
                line_levels(q + 32 * j, &all, 8 * b + j, x + 32 * j, 32,
                            plain->top);
        }
        store(out, x, &s, q);
    }
    return true;
}

LANE_INLINE bool batch_q4_k(uint8_t *out, const float *x,
                            const float *importance)
{
    return batch_q45(out, x, importance, &k_grid_q4_k, 144, k_store_q4_k);
}

LANE_INLINE bool batch_q5_k(uint8_t *out, const float *x,
                            const float *importance)
{
    return batch_q45(out, x, importance, &k_grid_q5_k, 176, k_store_q5_k);
}

LANE_INLINE bool batch_q3_k(uint8_t *out, const float *x,
                            const float *importance)
{
    const float sigma2 = importance != NULL ? k_mean_square(x, 2) : 0;
    struct found f = {.strange = false};
    struct k_scales s;
    uint8_t q[QK_K];
    float d;

    for (int at = 0; at < 16; at += LANES) {
        struct lane_fit fit;
        lanes v[16];
        lanes w[16];

        turn(v, x + 16 * at, 16);
        if (importance != NULL) {
            lanes_store(f.weight + at, weigh(w, v, importance + 16 * at, 16,
                                             lanes_set(sigma2)));
            fit = lane_fit_scale(v, w, 16, 4);
        } else {
            fit = lane_fit_descent(v, 16, 4, w);
            for (int i = 0; i < 16; i++)
                lanes_store(f.levels[i] + at, w[i]);
        }
        keep(&f, at, &fit);
    }
    if (f.strange)
        return false;
    if (importance != NULL)
        k_share_q3_k_weighted(&s, f.scale, f.weight);
    else
        k_share_q3_k(&s, f.scale);
    d = as_stored(s.d);
    for (int j = 0; j < 16; j++) {
        if (d * (float)(s.scale[j] - 32) != 0)
            continue;
        if (importance != NULL)
            scale_levels(q + 16 * j, &f, j, x + 16 * j, 16, 4);
        for (int i = 0; importance == NULL && i < 16; i++)
            q[16 * j + i] = (uint8_t)f.levels[i][j];
    }
    k_store_q3_k(out, x, &s, q);
    return true;
}

LANE_INLINE bool batch_q6_k(uint8_t *out, const float *x,
                            const float *importance)
{
    struct found f = {.strange = false};
    struct k_scales s;
    uint8_t q[QK_K];
    float d;

    for (int at = 0; at < 16; at += LANES) {
        struct lane_fit fit;
        lanes v[16];
        lanes w[16];

        turn(v, x + 16 * at, 16);
        if (importance != NULL)
            turn(w, importance + 16 * at, 16);
        for (int i = 0; importance == NULL && i < 16; i++)
            w[i] = lanes_mul(v[i], v[i]);
        fit = lane_fit_scale(v, w, 16, 32);
        keep(&f, at, &fit);
    }
    if (!k_share_q6_k(&s, f.scale)) {
        memset(out, 0, 210);
        return true;
    }
    d = as_stored(s.d);
    for (int j = 0; j < 16; j++) {
        if (d * (float)(int8_t)s.scale[j] == 0)
            scale_levels(q + 16 * j, &f, j, x + 16 * j, 16, 32);
    }
    k_store_q6_k(out, x, &s, q);
    return true;
}

/* A type's batches, and the kernel for a batch with a strange lane. */
struct k_type {
    bool (*batch)(uint8_t *out, const float *x, const float *importance);
    enum phi_dtype dtype;
    size_t nbytes; /* of a super-block */
    size_t nsuper; /* super-blocks of a batch */
};

/* nsuper super-blocks or, at the end, fewer: the rest is zeros. */
LANE_INLINE void do_batch(const struct k_type *t, uint8_t *out, const float *x,
                          const float *importance, size_t n)
{
    float values[BATCH_MAX * QK_K];
    float weights[BATCH_MAX * QK_K];
    uint8_t bytes[BATCH_MAX * 210];
    bool done;

    if (n == t->nsuper) {
        done = t->batch(out, x, importance);
    } else {
        memset(values, 0, sizeof(values));
        memset(weights, 0, sizeof(weights));
        memcpy(values, x, n * QK_K * sizeof(*x));
        if (importance != NULL)
            memcpy(weights, importance, n * QK_K * sizeof(*x));
        done = t->batch(bytes, values, importance != NULL ? weights : NULL);
        memcpy(out, bytes, n * t->nbytes);
    }
    if (!done)
        phi_quant_k_scalar[t->dtype](out, x, 1, n * QK_K, importance);
}

LANE_INLINE void do_rows(const struct k_type *t, uint8_t *out, const float *x,
                         size_t nrows, size_t ncols, const float *importance)
{
    const size_t nblk = ncols / QK_K;

    for (size_t r = 0; r < nrows; r++) {
        for (size_t b = 0; b < nblk; b += t->nsuper) {
            const size_t n = nblk - b < t->nsuper ? nblk - b : t->nsuper;

            do_batch(t, out, x,
                     importance != NULL ? importance + b * QK_K : NULL, n);
            x += n * QK_K;
            out += n * t->nbytes;
        }
    }
}

/* Both cases as code of their own, with the tests for importance gone. */
#define DEFINE_K_TYPE(name, type, size, n)                                     \
    static void quantize_##name(uint8_t *out, const float *x, size_t nrows,    \
                                size_t ncols, const float *importance)         \
    {                                                                          \
        static const struct k_type t = {batch_##name, type, size, n};          \
                                                                               \
        if (importance != NULL)                                                \
            do_rows(&t, out, x, nrows, ncols, importance);                     \
        else /* rows without weights are one long row */                       \
            do_rows(&t, out, x, 1, nrows *ncols, NULL);                        \
    }

DEFINE_K_TYPE(q2_k, PHI_Q2_K, 84, 1)
DEFINE_K_TYPE(q3_k, PHI_Q3_K, 110, 1)
DEFINE_K_TYPE(q4_k, PHI_Q4_K, 144, BATCH_32)
DEFINE_K_TYPE(q5_k, PHI_Q5_K, 176, BATCH_32)
DEFINE_K_TYPE(q6_k, PHI_Q6_K, 210, 1)

const phi_quantize_fn QUANT_K_TABLE[PHI_NDTYPES] = {
    [PHI_Q2_K] = quantize_q2_k, [PHI_Q3_K] = quantize_q3_k,
    [PHI_Q4_K] = quantize_q4_k, [PHI_Q5_K] = quantize_q5_k,
    [PHI_Q6_K] = quantize_q6_k,
};

#endif
