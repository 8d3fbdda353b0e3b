/* SPDX-License-Identifier: MIT */
/*
 * The searches for a block's or sub-block's scale, for one at a time. They
 * fix the order of operations that every variant keeps: sums in index order,
 * products from the left, nothing fused. Named as ggml's functions do it:
 *
 *   search_scale        make_qx_quants   x = scale l,       l in [-half, half)
 *   search_descent      make_q3_quants   the same, by coordinate descent
 *   search_line         make_qkx2, qkx3  x = scale l - min, l in [0, top]
 *   search_nonnegative  make_qp_quants   x = scale l,       l in [0, top]
 *
 * Each returns the scale. Levels go to `l`; symmetric ones are stored plus
 * half, except in blocks of zeros, where they are 0.
 */
#ifndef PHI_KERNELS_QUANT_SEARCH_H
#define PHI_KERNELS_QUANT_SEARCH_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "libconv/kernels/rounding.h"

/* Blocks with nothing larger are zero: ggml's GROUP_MAX_EPS. */
#define SEARCH_ZERO 1e-15f

static inline float search_magnitude(float v)
{
    return v < 0 ? -v : v;
}

/* IEEE's square root, correctly rounded: on every machine the same. */
static inline float search_sqrt(float v)
{
    return sqrtf(v);
}

/* The value of largest magnitude, the first one on ties; 0 if all are 0. */
static inline float search_signed_max(const float *x, int n)
{
    float amax = 0;
    float max = 0;

    for (int i = 0; i < n; i++) {
        const float a = search_magnitude(x[i]);

        if (a > amax) {
            amax = a;
            max = x[i];
        }
    }
    return max;
}

static inline int32_t search_level(float v, int32_t bottom, int32_t top)
{
    const int32_t l = phi_round_even_i32(v);

    return l < bottom ? bottom : l > top ? top : l;
}

/* w: (n) weights of the squared errors. n at most 32. */
static inline float search_scale(uint8_t *l, const float *x, const float *w,
                                 int n, int half)
{
    const float max = search_signed_max(x, n);
    float scale = 0;
    float best = 0;

    if (search_magnitude(max) < SEARCH_ZERO) {
        memset(l, 0, (size_t)n);
        return 0;
    }
    /* The plain candidate comes first, then -9 to 9 without it. */
    for (int step = -10; step <= 9; step++) {
        const bool first = step == -10;
        const float inverse = first ? (float)-half / max
                                    : -((float)half + 0.1f * (float)step) / max;
        float xl = 0;
        float ll = 0;

        if (step == 0)
            continue;
        for (int i = 0; i < n; i++) {
            const float v =
                (float)search_level(inverse * x[i], -half, half - 1);

            xl += w[i] * x[i] * v;
            ll += w[i] * v * v;
        }
        if (!first && !(ll > 0 && xl * xl > best * ll))
            continue;
        scale = ll != 0 ? xl / ll : 0;
        best = scale * xl;
        for (int i = 0; i < n; i++)
            l[i] =
                (uint8_t)(search_level(inverse * x[i], -half, half - 1) + half);
    }
    return scale;
}

/* Sums of w x l and w l l: of a fit without level i, or with another. */
struct search_sums {
    float xl;
    float ll;
};

/* Weights x^2; at most five rounds over the n (at most 32) levels. */
static inline float search_descent(uint8_t *l, const float *x, int n, int half)
{
    const float max = search_signed_max(x, n);
    const float inverse = (float)-half / max;
    struct search_sums sums = {0, 0};
    int32_t at[32];
    bool changed = true;

    if (search_magnitude(max) < SEARCH_ZERO) {
        memset(l, 0, (size_t)n);
        return 0;
    }
    for (int i = 0; i < n; i++) {
        const float w = x[i] * x[i];

        at[i] = search_level(inverse * x[i], -half, half - 1);
        sums.xl += w * x[i] * (float)at[i];
        sums.ll += w * (float)at[i] * (float)at[i];
    }
    for (int round = 0; round < 5 && changed; round++) {
        changed = false;
        for (int i = 0; i < n; i++) {
            const float w = x[i] * x[i];
            struct search_sums s = {sums.xl - w * x[i] * (float)at[i],
                                    sums.ll - w * (float)at[i] * (float)at[i]};
            int32_t to;

            if (!(s.xl > 0))
                continue;
            to = search_level(x[i] * s.ll / s.xl, -half, half - 1);
            if (to == at[i])
                continue;
            s.xl += w * x[i] * (float)to;
            s.ll += w * (float)to * (float)to;
            if (!(s.ll > 0 && s.xl * s.xl * sums.ll > sums.xl * sums.xl * s.ll))
                continue;
            at[i] = to;
            sums = s;
            changed = true;
        }
    }
    for (int i = 0; i < n; i++)
        l[i] = (uint8_t)(at[i] + half);
    return sums.ll > 0 ? sums.xl / sums.ll : 0;
}

/* Inverse scales to try: (first + step * i + top) / range, i <= nsteps. */
struct search_grid {
    int top;
    float first;
    float step;
    int nsteps;
    bool absolute; /* errors count by magnitude, else squared */
};

static inline float search_error(const float *x, const float *w,
                                 const uint8_t *l, int n, float scale,
                                 float min, bool absolute)
{
    float sum = 0;

    for (int i = 0; i < n; i++) {
        const float d = scale * (float)l[i] + min - x[i];

        sum += w[i] * (absolute ? search_magnitude(d) : d * d);
    }
    return sum;
}

/*
 * For each inverse scale the levels, and for these the line of least squares,
 * whose minimum may not be above 0; *lowest becomes minus the minimum.
 */
static inline float search_line(uint8_t *l, float *lowest, const float *x,
                                const float *w, int n,
                                const struct search_grid *g)
{
    float min = x[0];
    float max = x[0];
    float sum_w = w[0];
    float sum_x = sum_w * x[0];
    float inverse;
    float scale;
    float best;

    for (int i = 1; i < n; i++) {
        if (x[i] < min)
            min = x[i];
        if (x[i] > max)
            max = x[i];
        sum_w += w[i];
        sum_x += w[i] * x[i];
    }
    if (min > 0)
        min = 0;
    if (max == min) {
        memset(l, 0, (size_t)n);
        *lowest = -min;
        return 0;
    }
    inverse = (float)g->top / (max - min);
    scale = 1 / inverse;
    for (int i = 0; i < n; i++)
        l[i] = (uint8_t)search_level(inverse * (x[i] - min), 0, g->top);
    best = search_error(x, w, l, n, scale, min, g->absolute);
    for (int step = 0; step <= g->nsteps; step++) {
        uint8_t to[32];
        float sum_l = 0;
        float sum_ll = 0;
        float sum_xl = 0;
        float det, s, m, error;

        inverse =
            (g->first + g->step * (float)step + (float)g->top) / (max - min);
        for (int i = 0; i < n; i++) {
            const int32_t v = search_level(inverse * (x[i] - min), 0, g->top);

            to[i] = (uint8_t)v;
            sum_l += w[i] * (float)v;
            sum_ll += w[i] * (float)v * (float)v;
            sum_xl += w[i] * (float)v * x[i];
        }
        det = sum_w * sum_ll - sum_l * sum_l;
        if (!(det > 0))
            continue;
        s = (sum_w * sum_xl - sum_x * sum_l) / det;
        m = (sum_ll * sum_x - sum_l * sum_xl) / det;
        if (m > 0) {
            m = 0;
            s = sum_xl / sum_ll;
        }
        error = search_error(x, w, to, n, s, m, g->absolute);
        if (!(error < best))
            continue;
        memcpy(l, to, (size_t)n);
        best = error;
        scale = s;
        min = m;
    }
    *lowest = -min;
    return scale;
}

/* Of the scales or minimums of a super-block: n at most 16. */
static inline float search_nonnegative(uint8_t *l, const float *x,
                                       const float *w, int n, int top)
{
    struct search_sums sums = {0, 0};
    float max = 0;
    float inverse;
    float best = 0;
    bool changed = true;

    for (int i = 0; i < n; i++)
        max = max > x[i] ? max : x[i];
    if (max < SEARCH_ZERO) {
        memset(l, 0, (size_t)n);
        return 0;
    }
    inverse = (float)top / max;
    for (int i = 0; i < n; i++) {
        const uint8_t v = (uint8_t)phi_round_even_i32(inverse * x[i]);
        const float d = x[i] - 1 / inverse * (float)v;

        best += w[i] * d * d;
    }
    for (int step = -4; step <= 4; step++) {
        const float other = (0.1f * (float)step + (float)top) / max;
        const float scale = 1 / other;
        float sum = 0;

        if (step == 0)
            continue;
        for (int i = 0; i < n; i++) {
            const int32_t v = phi_round_even_i32(other * x[i]);
            const float d = x[i] - scale * (float)(v < top ? v : top);

            sum += w[i] * d * d;
        }
        if (sum < best) {
            best = sum;
            inverse = other;
        }
    }
    for (int i = 0; i < n; i++) {
        const int32_t v = phi_round_even_i32(inverse * x[i]);

        l[i] = (uint8_t)(v < top ? v : top);
        /* ggml sums with the int, stores the byte. */
        sums.xl += w[i] * x[i] * (float)(v < top ? v : top);
        sums.ll +=
            w[i] * (float)(v < top ? v : top) * (float)(v < top ? v : top);
    }
    for (int round = 0; round < 5 && changed; round++) {
        changed = false;
        for (int i = 0; i < n; i++) {
            struct search_sums s = {sums.xl - w[i] * x[i] * (float)l[i],
                                    sums.ll - w[i] * (float)l[i] * (float)l[i]};
            int32_t to;

            if (!(s.xl > 0 && s.ll > 0))
                continue;
            to = phi_round_even_i32(x[i] * s.ll / s.xl);
            to = to < top ? to : top;
            if (to == l[i])
                continue;
            s.xl += w[i] * x[i] * (float)to;
            s.ll += w[i] * (float)to * (float)to;
            if (!(s.xl * s.xl * sums.ll > sums.xl * sums.xl * s.ll))
                continue;
            l[i] = (uint8_t)to;
            sums = s;
            changed = true;
        }
    }
    return sums.ll > 0 ? sums.xl / sums.ll : 0;
}

#endif
