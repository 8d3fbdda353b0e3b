/* SPDX-License-Identifier: MIT */
/*
 * The searches for scales and minimums of sub-blocks, one sub-block a lane.
 * Included after lanes_<isa>.h. Each lane does what quant_search.h does for
 * one sub-block, operation by operation, so the bits are the same.
 *
 * One thing lanes do not copy: ggml rounds by adding 1.5 * 2^23, which gives
 * rubbish past 2^22. Where a quotient may get there, the lane is reported as
 * strange and the caller asks the scalar kernel.
 */
#ifndef PHI_KERNELS_LANE_SEARCH_H
#define PHI_KERNELS_LANE_SEARCH_H

/* Loops over candidates pay only with their parameters known. */
#define LANE_INLINE static inline __attribute__((always_inline))

#define ROUND_LIMIT 4194304.0f
#define ZERO_LIMIT  1e-15f /* ggml's GROUP_MAX_EPS */

/* What was found; level i is round(inverse * (x[i] - base)), clamped. */
struct lane_fit {
    lanes scale;
    lanes min; /* value = scale * level - min; 0 in symmetric searches */
    lanes inverse;
    lanes base;
    lanes_mask strange;
};

/* Levels 0 to top; inverse scales (first + step * i + top) / range. */
struct lane_grid {
    float top;
    float first;
    float step;
    int nsteps;
    bool absolute; /* errors count by magnitude, else squared */
};

/* The sum of squares of each of LANES rows, in order; n: whole LANES. */
LANE_INLINE lanes lane_squares(const float *x, size_t n)
{
    lanes sum = lanes_set(0);

    for (size_t i = 0; i < n; i += LANES) {
        lanes v[LANES];

        lanes_turn(v, x + i, n);
        for (int j = 0; j < LANES; j++)
            sum = lanes_add(sum, lanes_mul(v[j], v[j]));
    }
    return sum;
}

LANE_INLINE lanes lane_level(lanes inverse, lanes x, lanes bottom, lanes top)
{
    const lanes v = lanes_round(lanes_mul(inverse, x));

    return lanes_min(lanes_max(v, bottom), top);
}

/* Sum of w * error of the levels l with this scale and minimum. */
LANE_INLINE lanes lane_error(const lanes *x, const lanes *w, const lanes *l,
                             int n, lanes scale, lanes min, bool absolute)
{
    lanes sum = lanes_set(0);

    for (int i = 0; i < n; i++) {
        const lanes d = lanes_sub(lanes_add(lanes_mul(scale, l[i]), min), x[i]);
        const lanes e = absolute ? lanes_abs(d) : lanes_mul(d, d);

        sum = lanes_add(sum, lanes_mul(w[i], e));
    }
    return sum;
}

/*
 * Scale and minimum >= 0 that make sum w (x - (scale l - min))^2 small, over
 * the grid's inverse scales, each with its least-squares line. ggml:
 * make_qkx2_quants and make_qkx3_quants. n values a lane, 16 or 32.
 */
LANE_INLINE struct lane_fit lane_fit_line(const lanes *x, const lanes *w, int n,
                                          struct lane_grid g)
{
    const lanes zero = lanes_set(0);
    const lanes top = lanes_set(g.top);
    const lanes limit = lanes_set(ROUND_LIMIT);
    lanes l[32];
    lanes lo = x[0];
    lanes hi = x[0];
    lanes sum_w = w[0];
    lanes sum_x = lanes_mul(w[0], x[0]);
    lanes lowest;
    lanes best;
    lanes_mask flat;
    struct lane_fit fit;

    for (int i = 1; i < n; i++) {
        lo = lanes_min(x[i], lo);
        hi = lanes_max(x[i], hi);
        sum_w = lanes_add(sum_w, w[i]);
        sum_x = lanes_add(sum_x, lanes_mul(w[i], x[i]));
    }
    lowest = lo;
    fit.min = lanes_min(zero, lo);
    fit.base = fit.min;
    flat = lanes_eq(hi, fit.min);
    fit.inverse = lanes_div(top, lanes_sub(hi, fit.min));
    fit.scale = lanes_div(lanes_set(1), fit.inverse);
    for (int i = 0; i < n; i++)
        l[i] = lane_level(fit.inverse, lanes_sub(x[i], fit.min), zero, top);
    best = lane_error(x, w, l, n, fit.scale, fit.min, g.absolute);
    fit.strange = lanes_not(
        lanes_lt(lanes_mul(fit.inverse, lanes_sub(hi, fit.min)), limit));

    for (int step = 0; step <= g.nsteps; step++) {
        const float f = g.first + g.step * (float)step + g.top;
        const lanes inverse = lanes_div(lanes_set(f), lanes_sub(hi, fit.min));
        const lanes reach = lanes_max(lanes_abs(lanes_sub(hi, fit.min)),
                                      lanes_abs(lanes_sub(lowest, fit.min)));
        lanes sum_l = zero;
        lanes sum_ll = zero;
        lanes sum_xl = zero;
        lanes det, scale, min, error;
        lanes_mask better, above;

        for (int i = 0; i < n; i++) {
            lanes wl;

            l[i] = lane_level(inverse, lanes_sub(x[i], fit.min), zero, top);
            wl = lanes_mul(w[i], l[i]);
            sum_l = lanes_add(sum_l, wl);
            sum_ll = lanes_add(sum_ll, lanes_mul(wl, l[i]));
            sum_xl = lanes_add(sum_xl, lanes_mul(wl, x[i]));
        }
        det = lanes_sub(lanes_mul(sum_w, sum_ll), lanes_mul(sum_l, sum_l));
        scale = lanes_div(
            lanes_sub(lanes_mul(sum_w, sum_xl), lanes_mul(sum_x, sum_l)), det);
        min = lanes_div(
            lanes_sub(lanes_mul(sum_ll, sum_x), lanes_mul(sum_l, sum_xl)), det);
        above = lanes_lt(zero, min);
        min = lanes_pick(above, zero, min);
        scale = lanes_pick(above, lanes_div(sum_xl, sum_ll), scale);
        error = lane_error(x, w, l, n, scale, min, g.absolute);
        better = lanes_and(lanes_lt(zero, det), lanes_lt(error, best));
        fit.strange = lanes_or(
            fit.strange,
            lanes_not(lanes_lt(lanes_mul(lanes_abs(inverse), reach), limit)));
        best = lanes_pick(better, error, best);
        fit.inverse = lanes_pick(better, inverse, fit.inverse);
        fit.base = lanes_pick(better, fit.min, fit.base);
        fit.scale = lanes_pick(better, scale, fit.scale);
        fit.min = lanes_pick(better, min, fit.min);
    }
    /* Lanes of one value: level 0, scale 0, the value as minimum. */
    lowest = lanes_min(zero, lowest);
    fit.strange = lanes_and(fit.strange, lanes_not(flat));
    fit.inverse = lanes_pick(flat, zero, fit.inverse);
    fit.base = lanes_pick(flat, zero, fit.base);
    fit.scale = lanes_pick(flat, zero, fit.scale);
    fit.min = lanes_neg(lanes_pick(flat, lowest, fit.min));
    return fit;
}

/* The value of largest magnitude, the first on ties; *amax: its magnitude. */
LANE_INLINE lanes lane_signed_max(const lanes *x, int n, lanes *amax)
{
    lanes max = lanes_set(0);

    *amax = lanes_set(0);
    for (int i = 0; i < n; i++) {
        const lanes a = lanes_abs(x[i]);
        const lanes_mask more = lanes_lt(*amax, a);

        *amax = lanes_pick(more, a, *amax);
        max = lanes_pick(more, x[i], max);
    }
    return max;
}

/*
 * The scale that makes sum w (x - scale l)^2 small, l in [-half, half - 1],
 * over nineteen inverse scales. ggml: make_qx_quants. n is 16 or 32.
 */
LANE_INLINE struct lane_fit lane_fit_scale(const lanes *x, const lanes *w,
                                           int n, float half)
{
    const lanes zero = lanes_set(0);
    const lanes bottom = lanes_set(-half);
    const lanes top = lanes_set(half - 1);
    lanes wx[32];
    lanes amax;
    const lanes max = lane_signed_max(x, n, &amax);
    const lanes_mask none = lanes_lt(amax, lanes_set(ZERO_LIMIT));
    lanes best = zero;
    struct lane_fit fit = {zero, zero, zero, zero, lanes_lt(zero, zero)};

    for (int i = 0; i < n; i++)
        wx[i] = lanes_mul(w[i], x[i]);
    /* The plain candidate 0 comes first, then -9 to 9 without it. */
    for (int step = -10; step <= 9; step++) {
        const float f = step == -10 ? -half : -(half + 0.1f * (float)step);
        const lanes inverse = lanes_div(lanes_set(f), max);
        lanes sum_xl = zero;
        lanes sum_ll = zero;
        lanes scale;
        lanes_mask better;

        if (step == 0)
            continue;
        for (int i = 0; i < n; i++) {
            const lanes l = lane_level(inverse, x[i], bottom, top);

            sum_xl = lanes_add(sum_xl, lanes_mul(wx[i], l));
            sum_ll = lanes_add(sum_ll, lanes_mul(lanes_mul(w[i], l), l));
        }
        scale = lanes_div(sum_xl, sum_ll);
        if (step == -10) {
            fit.scale = lanes_pick(lanes_eq(sum_ll, zero), zero, scale);
            fit.inverse = inverse;
            best = lanes_mul(fit.scale, sum_xl);
            continue;
        }
        better = lanes_and(
            lanes_lt(zero, sum_ll),
            lanes_lt(lanes_mul(best, sum_ll), lanes_mul(sum_xl, sum_xl)));
        fit.scale = lanes_pick(better, scale, fit.scale);
        fit.inverse = lanes_pick(better, inverse, fit.inverse);
        best = lanes_pick(better, lanes_mul(scale, sum_xl), best);
    }
    fit.scale = lanes_pick(none, zero, fit.scale);
    fit.inverse = lanes_pick(none, zero, fit.inverse);
    return fit;
}

/*
 * As lane_fit_scale() with w = x^2, by descent: level after level moves to
 * where it is best, up to five times round. ggml: make_q3_quants. n = 16. The
 * levels end in l, plus half; those of zero lanes are 0.
 */
LANE_INLINE struct lane_fit lane_fit_descent(const lanes *x, int n, float half,
                                             lanes *l)
{
    const lanes zero = lanes_set(0);
    const lanes bottom = lanes_set(-half);
    const lanes top = lanes_set(half - 1);
    const lanes limit = lanes_set(ROUND_LIMIT);
    lanes amax;
    const lanes max = lane_signed_max(x, n, &amax);
    const lanes inverse = lanes_div(lanes_set(-half), max);
    const lanes_mask some = lanes_not(lanes_lt(amax, lanes_set(ZERO_LIMIT)));
    lanes w[16];
    lanes wx[16];
    lanes sum_xl = zero;
    lanes sum_ll = zero;
    lanes_mask changed = some;
    struct lane_fit fit = {zero, zero, zero, zero, lanes_lt(zero, zero)};

    for (int i = 0; i < n; i++) {
        w[i] = lanes_mul(x[i], x[i]);
        wx[i] = lanes_mul(w[i], x[i]);
        l[i] = lane_level(inverse, x[i], bottom, top);
        sum_xl = lanes_add(sum_xl, lanes_mul(wx[i], l[i]));
        sum_ll = lanes_add(sum_ll, lanes_mul(lanes_mul(w[i], l[i]), l[i]));
    }
    for (int round = 0; round < 5 && lanes_any(changed); round++) {
        changed = lanes_lt(zero, zero);
        for (int i = 0; i < n; i++) {
            lanes xl = lanes_sub(sum_xl, lanes_mul(wx[i], l[i]));
            lanes ll =
                lanes_sub(sum_ll, lanes_mul(lanes_mul(w[i], l[i]), l[i]));
            const lanes v = lanes_div(lanes_mul(x[i], ll), xl);
            const lanes to = lanes_min(lanes_max(lanes_round(v), bottom), top);
            lanes_mask take = lanes_and(some, lanes_lt(zero, xl));

            fit.strange = lanes_or(
                fit.strange,
                lanes_and(take, lanes_not(lanes_lt(lanes_abs(v), limit))));
            take = lanes_and(take, lanes_not(lanes_eq(to, l[i])));
            xl = lanes_add(xl, lanes_mul(wx[i], to));
            ll = lanes_add(ll, lanes_mul(lanes_mul(w[i], to), to));
            take = lanes_and(lanes_and(take, lanes_lt(zero, ll)),
                             lanes_lt(lanes_mul(lanes_mul(sum_xl, sum_xl), ll),
                                      lanes_mul(lanes_mul(xl, xl), sum_ll)));
            l[i] = lanes_pick(take, to, l[i]);
            sum_xl = lanes_pick(take, xl, sum_xl);
            sum_ll = lanes_pick(take, ll, sum_ll);
            changed = lanes_or(changed, take);
        }
    }
    for (int i = 0; i < n; i++)
        l[i] = lanes_pick(some, lanes_add(l[i], lanes_set(half)), zero);
    fit.scale = lanes_pick(lanes_and(some, lanes_lt(zero, sum_ll)),
                           lanes_div(sum_xl, sum_ll), zero);
    return fit;
}

#endif
