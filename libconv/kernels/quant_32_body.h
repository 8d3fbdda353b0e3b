/* SPDX-License-Identifier: MIT */
/*
 * Blocks of 32 with one block a lane for what is found (magnitudes, scales,
 * searches), and one block after the other for its quants. Included after
 * quants_<isa>.h by the files that name the table, QUANT_32_TABLE.
 *
 * The bytes are the scalar kernels'.
 */
#ifndef PHI_KERNELS_QUANT_32_BODY_H
#define PHI_KERNELS_QUANT_32_BODY_H

#include <string.h>

#include "libconv/kernels/lane_search.h"
#include "libconv/kernels/quant_32_pack.h"
#include "libconv/kernels/quant_tables.h"

/* Values of the LANES blocks that are done together. */
#define GROUP ((size_t)LANES * QK)

struct b32_type {
    size_t nbytes; /* of a block */
    size_t fields; /* bytes of f16 before the quants */
    int half;      /* symmetric: quants are stored plus half; else 0 */
    int top;       /* the largest quant */
    float levels;  /* what plain quantizing divides the range by */
    float add;     /* before truncation */
    bool bytes;    /* Q8_0 */
};

/* What was found for the blocks of a group. */
struct b32_found {
    uint16_t d[LANES]; /* f16 */
    uint16_t m[LANES];
    float id[LANES];
    float min[LANES];
};

LANE_INLINE void turn(lanes v[QK], const float *x)
{
    for (int i = 0; i < QK; i += LANES)
        lanes_turn(v + i, x + i, QK);
}

LANE_INLINE void find_plain(const struct b32_type *t, struct b32_found *f,
                            const float *x)
{
    const lanes zero = lanes_set(0);
    lanes v[QK];
    lanes lo, hi, d, id;

    turn(v, x);
    lo = v[0];
    hi = v[0];
    if (t->fields == 4) {
        for (int i = 1; i < QK; i++) {
            lo = lanes_min(v[i], lo);
            hi = lanes_max(v[i], hi);
        }
        d = lanes_div(lanes_sub(hi, lo), lanes_set(t->levels));
        lanes_store_f16((uint8_t *)f->m, lo);
        lanes_store(f->min, lo);
    } else {
        const lanes max = lane_signed_max(v, QK, &hi);

        d = lanes_div(t->bytes ? hi : max, lanes_set(t->levels));
    }
    id = lanes_pick(lanes_eq(d, zero), zero, lanes_div(lanes_set(1), d));
    lanes_store_f16((uint8_t *)f->d, d);
    lanes_store(f->id, id);
}

LANE_INLINE void store_quants(const struct b32_type *t, uint8_t *out,
                              struct quants q)
{
    if (t->nbytes - t->fields == 20) {
        phi_store_u32(out, q32_fifth(q));
        out += 4;
    }
    q32_store_nibbles(out, q);
}

LANE_INLINE void store_fields(const struct b32_type *t, uint8_t *out,
                              const struct b32_found *f, int b)
{
    phi_store_u16(out, f->d[b]);
    if (t->fields == 4)
        phi_store_u16(out + 2, f->m[b]);
}

/* A group of LANES blocks without importance. */
LANE_INLINE void group_plain(const struct b32_type *t, uint8_t *out,
                             const float *x)
{
    struct b32_found f;

    find_plain(t, &f, x);
    for (int b = 0; b < LANES; b++, out += t->nbytes, x += QK) {
        store_fields(t, out, &f, b);
        if (t->bytes)
            q32_store_bytes(out + 2, q32_away(x, f.id[b]));
        else
            store_quants(t, out + t->fields,
                         q32_trunc(x, t->fields == 4 ? f.min[b] : 0, f.id[b],
                                   t->add, t->top));
    }
}

static const struct search_grid *grid_of(const struct b32_type *t)
{
    return t->top == 15 ? &b32_grid_q4_1 : &b32_grid_q5_1;
}

/* The scales and minimums of weighted blocks; false: a lane is strange. */
LANE_INLINE bool find_weighted(const struct b32_type *t, struct b32_found *f,
                               const float *x, const float *importance,
                               float sigma2)
{
    struct lane_fit fit;
    lanes v[1][QK];
    lanes w[1][QK];

    turn(v[0], x);
    turn(w[0], importance);
    for (int i = 0; i < QK; i++) {
        const lanes s =
            lanes_add(lanes_set(sigma2), lanes_mul(v[0][i], v[0][i]));

        w[0][i] = lanes_mul(w[0][i], lanes_sqrt(s));
    }
    if (t->half > 0) {
        lane_fit_scale(&fit, 1, v, w, QK, (float)t->half);
    } else {
        const struct search_grid *const g = grid_of(t);
        const struct lane_grid grid = {(float)t->top, g->first, g->step,
                                       g->nsteps, g->absolute};

        lane_fit_line(&fit, 1, v, w, QK, grid);
        lanes_store_f16((uint8_t *)f->m, lanes_neg(fit.min));
    }
    lanes_store_f16((uint8_t *)f->d, fit.scale);
    lanes_store(f->min, fit.base);
    lanes_store(f->id, fit.inverse);
    return !lanes_any(fit.strange);
}

/* A strange group, one block after the other. */
static inline void group_scalar(const struct b32_type *t, uint8_t *out,
                                const float *x, const float *importance,
                                float sigma2)
{
    for (int b = 0; b < LANES; b++, out += t->nbytes, x += QK) {
        uint8_t q[QK];
        float w[QK];

        b32_weigh(w, x, importance + b * QK, sigma2);
        if (t->half > 0) {
            b32_store_f16(out, search_scale(q, x, w, QK, t->half));
        } else {
            float lowest;

            b32_store_f16(out, search_line(q, &lowest, x, w, QK, grid_of(t)));
            b32_store_f16(out + 2, -lowest);
        }
        b32_store_quants(out + t->fields, q, t->nbytes - t->fields == 20);
    }
}

/* A group with importance; sigma2 is the mean square of the row. */
LANE_INLINE void group_weighted(const struct b32_type *t, uint8_t *out,
                                const float *x, const float *importance,
                                float sigma2)
{
    struct b32_found f;

    if (!find_weighted(t, &f, x, importance, sigma2)) {
        group_scalar(t, out, x, importance, sigma2);
        return;
    }
    for (int b = 0; b < LANES; b++, out += t->nbytes, x += QK) {
        struct quants q;

        store_fields(t, out, &f, b);
        if (t->half > 0 && f.id[b] == 0) { /* a block of zeros */
            memset(out + t->fields, 0, t->nbytes - t->fields);
            continue;
        }
        q = q32_even(x, f.min[b], f.id[b], -t->half, t->top - t->half);
        store_quants(t, out + t->fields, q32_plus(q, t->half));
    }
}

/* nblk blocks, without importance. The last group is filled up with zeros. */
LANE_INLINE void do_plain(const struct b32_type *t, uint8_t *out,
                          const float *x, size_t nblk)
{
    for (; nblk >= LANES; nblk -= LANES) {
        group_plain(t, out, x);
        out += LANES * t->nbytes;
        x += GROUP;
    }
    if (nblk > 0) {
        float values[GROUP] = {0};
        uint8_t bytes[LANES * 34];

        memcpy(values, x, nblk * QK * sizeof(*x));
        group_plain(t, bytes, values);
        memcpy(out, bytes, nblk * t->nbytes);
    }
}

/* A row with importance. */
LANE_INLINE void do_weighted(const struct b32_type *t, uint8_t *out,
                             const float *x, size_t ncols,
                             const float *importance, float sigma2)
{
    size_t i = 0;

    for (; i + GROUP <= ncols; i += GROUP, out += LANES * t->nbytes)
        group_weighted(t, out, x + i, importance + i, sigma2);
    if (i < ncols) {
        const size_t rest = (ncols - i) * sizeof(*x);
        float values[GROUP] = {0};
        float weights[GROUP] = {0};
        uint8_t bytes[LANES * 34];

        memcpy(values, x + i, rest);
        memcpy(weights, importance + i, rest);
        group_weighted(t, bytes, values, weights, sigma2);
        memcpy(out, bytes, (ncols - i) / QK * t->nbytes);
    }
}

LANE_INLINE void do_rows(const struct b32_type *t, uint8_t *out, const float *x,
                         size_t nrows, size_t ncols, const float *importance)
{
    const size_t row = ncols / QK * t->nbytes;

    for (size_t r = 0; r < nrows;) {
        const size_t n = nrows - r < LANES ? 1 : LANES;
        float sigma2[LANES];

        if (n == LANES)
            lanes_store(sigma2, lanes_div(lane_squares(x + r * ncols, ncols),
                                          lanes_set((float)ncols)));
        else
            sigma2[0] = b32_mean_square(x + r * ncols, ncols);
        for (size_t l = 0; l < n; l++, r++)
            do_weighted(t, out + r * row, x + r * ncols, ncols, importance,
                        sigma2[l]);
    }
}

#define DEFINE_B32_TYPE(name, ...)                                             \
    static void quantize_##name(uint8_t *out, const float *x, size_t nrows,    \
                                size_t ncols, const float *importance)         \
    {                                                                          \
        static const struct b32_type t = {__VA_ARGS__};                        \
                                                                               \
        if (importance != NULL && !t.bytes)                                    \
            do_rows(&t, out, x, nrows, ncols, importance);                     \
        else                                                                   \
            do_plain(&t, out, x, nrows *(ncols / QK));                         \
    }

/* ggml does not cap Q5_1; 31.5 with its rounding errors is less than 32. */
DEFINE_B32_TYPE(q4_0, 18, 2, 8, 15, -8, 8.5f, false)
DEFINE_B32_TYPE(q5_0, 22, 2, 16, 31, -16, 16.5f, false)
DEFINE_B32_TYPE(q4_1, 20, 4, 0, 15, 15, 0.5f, false)
DEFINE_B32_TYPE(q5_1, 24, 4, 0, 31, 31, 0.5f, false)
DEFINE_B32_TYPE(q8_0, 34, 2, 0, 127, 127, 0, true)

const phi_quantize_fn QUANT_32_TABLE[PHI_NDTYPES] = {
    [PHI_Q4_0] = quantize_q4_0, [PHI_Q4_1] = quantize_q4_1,
    [PHI_Q5_0] = quantize_q5_0, [PHI_Q5_1] = quantize_q5_1,
    [PHI_Q8_0] = quantize_q8_0,
};

#endif
