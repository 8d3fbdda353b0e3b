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
 * A batch is as many super-blocks as fill the groups of a search, at least
 * one.
 */
#ifndef PHI_KERNELS_QUANT_K_BODY_H
#define PHI_KERNELS_QUANT_K_BODY_H

#include "libconv/kernels/lane_search.h"
#include "libconv/kernels/quant_k_pack.h"
#include "libconv/kernels/quant_tables.h"

#define SIDES_K SIDE_MAX
#define GROUP   (SIDES_K * LANES) /* sub-blocks of one search */

/* Sub-blocks of a batch, n in each super-block, and its super-blocks. */
#define SUBS(n)   (GROUP > (n) ? GROUP : (n))
#define SUPERS(n) (SUBS(n) / (n))

#define BATCH_MAX SUPERS(8)
#define SUBS_MAX  (GROUP > 16 ? GROUP : 16)

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
    EACH_SIDE (g, SIDES_K) {
        lanes_store(f->scale + at + g * LANES, fit[g].scale);
        lanes_store(f->min + at + g * LANES, fit[g].min);
        lanes_store(f->inverse + at + g * LANES, fit[g].inverse);
        lanes_store(f->base + at + g * LANES, fit[g].base);
        f->strange = f->strange || lanes_any(fit[g].strange);
    }
}

/* Sub-blocks `at` and following, n values each, and what they weigh. */
LANE_INLINE void load(lanes (*v)[32], lanes (*w)[32], struct found *f, int at,
                      const float *x, const float *importance,
                      const float *sigma2, int n)
{
    EACH_SIDE (g, SIDES_K) {
        const int first = at + g * LANES;

        turn(v[g], x + first * n, n);
        if (importance != NULL)
            lanes_store(f->weight + first,
                        weigh(w[g], v[g], importance + first * n, n,
                              spread_sigma2(sigma2, first, n)));
    }
}

/* Lines through nsubs sub-blocks of n values. */
LANE_INLINE void find_lines(struct found *f, const float *x,
                            const float *importance, const float *sigma2,
                            int nsubs, int n, const struct search_grid *plain)
{
    const struct search_grid s =
        importance != NULL ? k_grid_weighted(plain->top) : *plain;
    const struct lane_grid grid = {(float)s.top, s.first, s.step, s.nsteps,
                                   s.absolute};
    lanes v[SIDES_K][32];
    lanes w[SIDES_K][32];

    f->strange = false;
    for (int at = 0; at < nsubs; at += GROUP) {
        struct lane_fit fit[SIDES_K];

        load(v, w, f, at, x, importance, sigma2, n);
        EACH_SIDE (g, SIDES_K) {
            if (importance == NULL)
                weigh_plain(w[g], v[g], n);
        }
        lane_fit_line(fit, SIDES_K, v, w, n, grid);
        keep(f, at, fit);
    }
}

/* sigma2 = factor * mean(x^2) of each super-block; 0 without importance. */
LANE_INLINE void find_sigma2(float *sigma2, const float *x,
                             const float *importance, int nsuper, float factor)
{
    for (int b = 0; b < nsuper; b++)
        sigma2[b] =
            importance != NULL ? k_mean_square(x + QK_K * b, factor) : 0;
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

/* k_requantize(), which does the quotients that it rounds in its own way. */
LANE_INLINE void requantize(uint8_t *restrict q, const float *restrict x, int n,
                            float d, float m, int bottom, int top)
{
    const lanes limit = lanes_set(ROUND_LIMIT);
    lanes_mask sound = lanes_eq(limit, limit);

    for (int i = 0; i < n; i += LANES) {
        const lanes v =
            lanes_div(lanes_add(lanes_load(x + i), lanes_set(m)), lanes_set(d));
        const lanes l =
            lanes_min(lanes_max(lanes_round(v), lanes_set((float)bottom)),
                      lanes_set((float)top));

        sound = lanes_and(sound, lanes_lt(lanes_abs(v), limit));
        lanes_store_u8(q + i, lanes_sub(l, lanes_set((float)bottom)));
    }
    if (lanes_any(lanes_not(sound)))
        k_requantize(q, x, n, d, m, bottom, top);
}

static inline float as_stored(float d)
{
    return phi_f16_to_f32(phi_f32_to_f16(d));
}

/* One batch; false: a lane is strange. importance may be NULL. */
LANE_INLINE bool batch_q2_k(uint8_t *out, const float *x,
                            const float *importance)
{
    float sigma2[BATCH_MAX];
    struct found f;

    find_sigma2(sigma2, x, importance, SUPERS(16), 1);
    find_lines(&f, x, importance, sigma2, SUBS(16), 16, &k_grid_q2_k);
    if (f.strange)
        return false;
    for (int first = 0; first < SUBS(16); first += 16, x += QK_K, out += 84) {
        struct k_scales s;
        uint8_t q[QK_K];
        float d;

        if (importance != NULL)
            k_share_line_weighted(&s, f.scale + first, f.min + first,
                                  f.weight + first, 16, 15);
        else
            k_share_q2_k(&s, f.scale + first, f.min + first);
        d = as_stored(s.d);
        for (int j = 0; j < 16; j++) {
            if (d * (float)(s.scale[j] & 15) == 0)
                line_levels(q + 16 * j, &f, first + j, x + 16 * j, 16, 3);
        }
        k_store_q2_k(out, x, &s, q, requantize);
    }
    return true;
}

LANE_INLINE bool batch_q45(uint8_t *out, const float *x,
                           const float *importance,
                           const struct search_grid *plain, size_t nbytes,
                           void (*store)(uint8_t *, const float *,
                                         const struct k_scales *, uint8_t *,
                                         k_requantize_fn *))
{
    float sigma2[BATCH_MAX];
    struct found f;

    find_sigma2(sigma2, x, importance, SUPERS(8), 2);
    find_lines(&f, x, importance, sigma2, SUBS(8), 32, plain);
    if (f.strange)
        return false;
    for (int first = 0; first < SUBS(8); first += 8, x += QK_K, out += nbytes) {
        struct k_scales s;
        uint8_t q[QK_K];
        float d;

        if (importance != NULL)
            k_share_q45_weighted(&s, f.scale + first, f.min + first,
                                 f.weight + first, plain->top);
        else
            k_share_q45(&s, f.scale + first, f.min + first);
        d = as_stored(s.d);
        for (int j = 0; j < 8; j++) {
            if (d * (float)s.scale[j] == 0)
                line_levels(q + 32 * j, &f, first + j, x + 32 * j, 32,
                            plain->top);
        }
        store(out, x, &s, q, requantize);
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

LANE_INLINE void find_q3_k(struct found *f, const float *x,
                           const float *importance)
{
    float sigma2[BATCH_MAX];

    find_sigma2(sigma2, x, importance, SUPERS(16), 2);
    f->strange = false;
    for (int at = 0; at < SUBS(16); at += GROUP) {
        struct lane_fit fit[SIDES_K];
        lanes v[SIDES_K][32];
        lanes w[SIDES_K][32];

        load(v, w, f, at, x, importance, sigma2, 16);
        if (importance != NULL) {
            lane_fit_scale(fit, SIDES_K, v, w, 16, 4);
        } else {
            lane_fit_descent(fit, SIDES_K, v, 16, 4, w);
            EACH_SIDE (g, SIDES_K) {
                for (int i = 0; i < 16; i++)
                    lanes_store(f->levels[i] + at + g * LANES, w[g][i]);
            }
        }
        keep(f, at, fit);
    }
}

LANE_INLINE bool batch_q3_k(uint8_t *out, const float *x,
                            const float *importance)
{
    struct found f;

    find_q3_k(&f, x, importance);
    if (f.strange)
        return false;
    for (int first = 0; first < SUBS(16); first += 16, x += QK_K, out += 110) {
        struct k_scales s;
        uint8_t q[QK_K];
        float d;

        if (importance != NULL)
            k_share_q3_k_weighted(&s, f.scale + first, f.weight + first);
        else
            k_share_q3_k(&s, f.scale + first);
        d = as_stored(s.d);
        for (int j = 0; j < 16; j++) {
            if (d * (float)(s.scale[j] - 32) != 0)
                continue;
            if (importance != NULL)
                scale_levels(q + 16 * j, &f, first + j, x + 16 * j, 16, 4);
            for (int i = 0; importance == NULL && i < 16; i++)
                q[16 * j + i] = (uint8_t)f.levels[i][first + j];
        }
        k_store_q3_k(out, x, &s, q, requantize);
    }
    return true;
}

LANE_INLINE void find_q6_k(struct found *f, const float *x,
                           const float *importance)
{
    for (int at = 0; at < SUBS(16); at += GROUP) {
        struct lane_fit fit[SIDES_K];
        lanes v[SIDES_K][32];
        lanes w[SIDES_K][32];

        EACH_SIDE (g, SIDES_K) {
            const int first = at + g * LANES;

            turn(v[g], x + 16 * first, 16);
            if (importance != NULL)
                turn(w[g], importance + 16 * first, 16);
            for (int i = 0; importance == NULL && i < 16; i++)
                w[g][i] = lanes_mul(v[g][i], v[g][i]);
        }
        lane_fit_scale(fit, SIDES_K, v, w, 16, 32);
        keep(f, at, fit);
    }
}

/* ggml rounds these quotients by its other rule: no lane is strange. */
LANE_INLINE bool batch_q6_k(uint8_t *out, const float *x,
                            const float *importance)
{
    struct found f = {.strange = false};

    find_q6_k(&f, x, importance);
    for (int first = 0; first < SUBS(16); first += 16, x += QK_K, out += 210) {
        struct k_scales s;
        uint8_t q[QK_K];
        float d;

        if (!k_share_q6_k(&s, f.scale + first)) {
            memset(out, 0, 210);
            continue;
        }
        d = as_stored(s.d);
        for (int j = 0; j < 16; j++) {
            if (d * (float)(int8_t)s.scale[j] == 0)
                scale_levels(q + 16 * j, &f, first + j, x + 16 * j, 16, 32);
        }
        k_store_q6_k(out, x, &s, q, requantize);
    }
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

DEFINE_K_TYPE(q2_k, PHI_Q2_K, 84, SUPERS(16))
DEFINE_K_TYPE(q3_k, PHI_Q3_K, 110, SUPERS(16))
DEFINE_K_TYPE(q4_k, PHI_Q4_K, 144, SUPERS(8))
DEFINE_K_TYPE(q5_k, PHI_Q5_K, 176, SUPERS(8))
DEFINE_K_TYPE(q6_k, PHI_Q6_K, 210, SUPERS(16))

const phi_quantize_fn QUANT_K_TABLE[PHI_NDTYPES] = {
    [PHI_Q2_K] = quantize_q2_k, [PHI_Q3_K] = quantize_q3_k,
    [PHI_Q4_K] = quantize_q4_k, [PHI_Q5_K] = quantize_q5_k,
    [PHI_Q6_K] = quantize_q6_k,
};

#endif
