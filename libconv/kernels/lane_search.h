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

/*
 * Groups of lanes that a search works on side by side, `sides` of them, known
 * when it is compiled. Sums have one order, so a group is a chain of
 * additions, each waiting for the one before; two chains keep adders busy.
 */
#define SIDE_MAX 2

#define EACH_SIDE(g, sides) for (int g = 0; g < (sides); g++)

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

/* Sums of w * error of the levels l with this scale and minimum. */
LANE_INLINE void lane_error(lanes *sum, int sides, lanes (*x)[32],
                            lanes (*w)[32], lanes (*l)[32], int n,
                            const lanes *scale, const lanes *min, bool absolute)
{
    EACH_SIDE (g, sides)
        sum[g] = lanes_set(0);
    for (int i = 0; i < n; i++) {
        EACH_SIDE (g, sides) {
            const lanes d = lanes_sub(
                lanes_add(lanes_mul(scale[g], l[g][i]), min[g]), x[g][i]);
            const lanes e = absolute ? lanes_abs(d) : lanes_mul(d, d);

            sum[g] = lanes_add(sum[g], lanes_mul(w[g][i], e));
        }
    }
}

/* Of one group: what a line through its values is fitted to. */
struct lane_sums {
    lanes lo;
    lanes hi;
    lanes w;
    lanes x; /* of w x */
};

/* Of one group and one candidate. */
struct lane_level_sums {
    lanes l;  /* of w l */
    lanes ll; /* of w l^2 */
    lanes xl; /* of w x l */
};

LANE_INLINE struct lane_sums lane_sum_up(const lanes *x, const lanes *w, int n)
{
    struct lane_sums s = {x[0], x[0], w[0], lanes_mul(w[0], x[0])};

    for (int i = 1; i < n; i++) {
        s.lo = lanes_min(x[i], s.lo);
        s.hi = lanes_max(x[i], s.hi);
        s.w = lanes_add(s.w, w[i]);
        s.x = lanes_add(s.x, lanes_mul(w[i], x[i]));
    }
    return s;
}

/* The least-squares line of a candidate; its minimum is at most 0. */
LANE_INLINE lanes_mask lane_line(lanes *scale, lanes *min,
                                 const struct lane_sums *s,
                                 const struct lane_level_sums *c)
{
    const lanes zero = lanes_set(0);
    const lanes det = lanes_sub(lanes_mul(s->w, c->ll), lanes_mul(c->l, c->l));
    lanes_mask above;

    *scale = lanes_div(lanes_sub(lanes_mul(s->w, c->xl), lanes_mul(s->x, c->l)),
                       det);
    *min = lanes_div(lanes_sub(lanes_mul(c->ll, s->x), lanes_mul(c->l, c->xl)),
                     det);
    above = lanes_lt(zero, *min);
    *min = lanes_pick(above, zero, *min);
    *scale = lanes_pick(above, lanes_div(c->xl, c->ll), *scale);
    return lanes_lt(zero, det);
}

/*
 * Scale and minimum >= 0 that make sum w (x - (scale l - min))^2 small, over
 * the grid's inverse scales, each with its least-squares line. ggml:
 * make_qkx2_quants and make_qkx3_quants. n values a lane, 16 or 32.
 */
LANE_INLINE void lane_fit_line(struct lane_fit *fit, int sides, lanes (*x)[32],
                               lanes (*w)[32], int n, struct lane_grid grid)
{
    const lanes zero = lanes_set(0);
    const lanes top = lanes_set(grid.top);
    const lanes limit = lanes_set(ROUND_LIMIT);
    struct lane_sums s[SIDE_MAX];
    lanes_mask flat[SIDE_MAX];
    lanes l[SIDE_MAX][32];
    lanes best[SIDE_MAX];
    lanes scale[SIDE_MAX];
    lanes min[SIDE_MAX];
    lanes error[SIDE_MAX];

    EACH_SIDE (g, sides) {
        lanes range;

        s[g] = lane_sum_up(x[g], w[g], n);
        min[g] = lanes_min(zero, s[g].lo);
        range = lanes_sub(s[g].hi, min[g]);
        flat[g] = lanes_eq(s[g].hi, min[g]);
        fit[g].min = fit[g].base = min[g];
        fit[g].inverse = lanes_div(top, range);
        fit[g].scale = scale[g] = lanes_div(lanes_set(1), fit[g].inverse);
        fit[g].strange =
            lanes_not(lanes_lt(lanes_mul(fit[g].inverse, range), limit));
        for (int i = 0; i < n; i++)
            l[g][i] = lane_level(fit[g].inverse, lanes_sub(x[g][i], min[g]),
                                 zero, top);
    }
    lane_error(best, sides, x, w, l, n, scale, min, grid.absolute);

    for (int step = 0; step <= grid.nsteps; step++) {
        const lanes f =
            lanes_set(grid.first + grid.step * (float)step + grid.top);
        struct lane_level_sums c[SIDE_MAX];
        lanes inverse[SIDE_MAX];
        lanes_mask sound[SIDE_MAX];

        EACH_SIDE (g, sides) {
            inverse[g] = lanes_div(f, lanes_sub(s[g].hi, fit[g].min));
            c[g] = (struct lane_level_sums){zero, zero, zero};
        }
        for (int i = 0; i < n; i++) {
            EACH_SIDE (g, sides) {
                const lanes v = lane_level(
                    inverse[g], lanes_sub(x[g][i], fit[g].min), zero, top);
                const lanes wl = lanes_mul(w[g][i], v);

                l[g][i] = v;
                c[g].l = lanes_add(c[g].l, wl);
                c[g].ll = lanes_add(c[g].ll, lanes_mul(wl, v));
                c[g].xl = lanes_add(c[g].xl, lanes_mul(wl, x[g][i]));
            }
        }
        EACH_SIDE (g, sides)
            sound[g] = lane_line(&scale[g], &min[g], &s[g], &c[g]);
        lane_error(error, sides, x, w, l, n, scale, min, grid.absolute);
        EACH_SIDE (g, sides) {
            const lanes reach =
                lanes_max(lanes_abs(lanes_sub(s[g].hi, fit[g].min)),
                          lanes_abs(lanes_sub(s[g].lo, fit[g].min)));
            const lanes_mask better =
                lanes_and(sound[g], lanes_lt(error[g], best[g]));

            fit[g].strange =
                lanes_or(fit[g].strange,
                         lanes_not(lanes_lt(
                             lanes_mul(lanes_abs(inverse[g]), reach), limit)));
            best[g] = lanes_pick(better, error[g], best[g]);
            fit[g].inverse = lanes_pick(better, inverse[g], fit[g].inverse);
            fit[g].base = lanes_pick(better, fit[g].min, fit[g].base);
            fit[g].scale = lanes_pick(better, scale[g], fit[g].scale);
            fit[g].min = lanes_pick(better, min[g], fit[g].min);
        }
    }
    /* Lanes of one value: level 0, scale 0, the value as minimum. */
    EACH_SIDE (g, sides) {
        const lanes lowest = lanes_min(zero, s[g].lo);

        fit[g].strange = lanes_and(fit[g].strange, lanes_not(flat[g]));
        fit[g].inverse = lanes_pick(flat[g], zero, fit[g].inverse);
        fit[g].base = lanes_pick(flat[g], zero, fit[g].base);
        fit[g].scale = lanes_pick(flat[g], zero, fit[g].scale);
        fit[g].min = lanes_neg(lanes_pick(flat[g], lowest, fit[g].min));
    }
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
LANE_INLINE void lane_fit_scale(struct lane_fit *fit, int sides, lanes (*x)[32],
                                lanes (*w)[32], int n, float half)
{
    const lanes zero = lanes_set(0);
    const lanes bottom = lanes_set(-half);
    const lanes top = lanes_set(half - 1);
    const lanes_mask no = lanes_lt(zero, zero);
    lanes wx[SIDE_MAX][32];
    lanes max[SIDE_MAX];
    lanes best[SIDE_MAX];
    lanes_mask none[SIDE_MAX];

    EACH_SIDE (g, sides) {
        lanes amax;

        max[g] = lane_signed_max(x[g], n, &amax);
        none[g] = lanes_lt(amax, lanes_set(ZERO_LIMIT));
        best[g] = zero;
        fit[g] = (struct lane_fit){zero, zero, zero, zero, no};
        for (int i = 0; i < n; i++)
            wx[g][i] = lanes_mul(w[g][i], x[g][i]);
    }
    /* The plain candidate 0 comes first, then -9 to 9 without it. */
    for (int step = -10; step <= 9; step++) {
        const lanes f =
            lanes_set(step == -10 ? -half : -(half + 0.1f * (float)step));
        lanes inverse[SIDE_MAX];
        lanes sum_xl[SIDE_MAX];
        lanes sum_ll[SIDE_MAX];

        if (step == 0)
            continue;
        EACH_SIDE (g, sides) {
            inverse[g] = lanes_div(f, max[g]);
            sum_xl[g] = sum_ll[g] = zero;
        }
        for (int i = 0; i < n; i++) {
            EACH_SIDE (g, sides) {
                const lanes l = lane_level(inverse[g], x[g][i], bottom, top);

                sum_xl[g] = lanes_add(sum_xl[g], lanes_mul(wx[g][i], l));
                sum_ll[g] =
                    lanes_add(sum_ll[g], lanes_mul(lanes_mul(w[g][i], l), l));
            }
        }
        EACH_SIDE (g, sides) {
            const lanes scale = lanes_div(sum_xl[g], sum_ll[g]);
            lanes_mask better;

            if (step == -10) {
                fit[g].scale =
                    lanes_pick(lanes_eq(sum_ll[g], zero), zero, scale);
                fit[g].inverse = inverse[g];
                best[g] = lanes_mul(fit[g].scale, sum_xl[g]);
                continue;
            }
            better = lanes_and(lanes_lt(zero, sum_ll[g]),
                               lanes_lt(lanes_mul(best[g], sum_ll[g]),
                                        lanes_mul(sum_xl[g], sum_xl[g])));
            fit[g].scale = lanes_pick(better, scale, fit[g].scale);
            fit[g].inverse = lanes_pick(better, inverse[g], fit[g].inverse);
            best[g] = lanes_pick(better, lanes_mul(scale, sum_xl[g]), best[g]);
        }
    }
    EACH_SIDE (g, sides) {
        fit[g].scale = lanes_pick(none[g], zero, fit[g].scale);
        fit[g].inverse = lanes_pick(none[g], zero, fit[g].inverse);
    }
}

/* A group on its descent: levels, their sums, and what may still move. */
struct lane_descent {
    lanes sum_xl;
    lanes sum_ll;
    lanes_mask some; /* lanes that are not all zeros */
    lanes_mask changed;
    lanes_mask strange;
};

/* Moves level l of value x to where it is best. */
LANE_INLINE void lane_step_down(struct lane_descent *d, lanes *l, lanes x,
                                lanes w, lanes wx, lanes bottom, lanes top)
{
    const lanes zero = lanes_set(0);
    lanes xl = lanes_sub(d->sum_xl, lanes_mul(wx, *l));
    lanes ll = lanes_sub(d->sum_ll, lanes_mul(lanes_mul(w, *l), *l));
    const lanes v = lanes_div(lanes_mul(x, ll), xl);
    const lanes to = lanes_min(lanes_max(lanes_round(v), bottom), top);
    lanes_mask take = lanes_and(d->some, lanes_lt(zero, xl));

    d->strange = lanes_or(
        d->strange,
        lanes_and(take,
                  lanes_not(lanes_lt(lanes_abs(v), lanes_set(ROUND_LIMIT)))));
    take = lanes_and(take, lanes_not(lanes_eq(to, *l)));
    xl = lanes_add(xl, lanes_mul(wx, to));
    ll = lanes_add(ll, lanes_mul(lanes_mul(w, to), to));
    take = lanes_and(lanes_and(take, lanes_lt(zero, ll)),
                     lanes_lt(lanes_mul(lanes_mul(d->sum_xl, d->sum_xl), ll),
                              lanes_mul(lanes_mul(xl, xl), d->sum_ll)));
    *l = lanes_pick(take, to, *l);
    d->sum_xl = lanes_pick(take, xl, d->sum_xl);
    d->sum_ll = lanes_pick(take, ll, d->sum_ll);
    d->changed = lanes_or(d->changed, take);
}

/*
 * As lane_fit_scale() with w = x^2, by descent: level after level moves to
 * where it is best, up to five times round. ggml: make_q3_quants. n = 16. The
 * levels end in l, plus half; those of zero lanes are 0. A group that is done
 * stays as it is while others move.
 */
LANE_INLINE void lane_fit_descent(struct lane_fit *fit, int sides,
                                  lanes (*x)[32], int n, float half,
                                  lanes (*l)[32])
{
    const lanes zero = lanes_set(0);
    const lanes bottom = lanes_set(-half);
    const lanes top = lanes_set(half - 1);
    const lanes_mask no = lanes_lt(zero, zero);
    struct lane_descent d[SIDE_MAX];
    lanes_mask moving = no;
    lanes w[SIDE_MAX][16];
    lanes wx[SIDE_MAX][16];

    EACH_SIDE (g, sides) {
        lanes amax;
        const lanes max = lane_signed_max(x[g], n, &amax);
        const lanes inverse = lanes_div(lanes_set(-half), max);

        d[g] = (struct lane_descent){zero, zero, no, no, no};
        d[g].some = lanes_not(lanes_lt(amax, lanes_set(ZERO_LIMIT)));
        moving = lanes_or(moving, d[g].some);
        for (int i = 0; i < n; i++) {
            const lanes v = lane_level(inverse, x[g][i], bottom, top);

            w[g][i] = lanes_mul(x[g][i], x[g][i]);
            wx[g][i] = lanes_mul(w[g][i], x[g][i]);
            d[g].sum_xl = lanes_add(d[g].sum_xl, lanes_mul(wx[g][i], v));
            d[g].sum_ll =
                lanes_add(d[g].sum_ll, lanes_mul(lanes_mul(w[g][i], v), v));
            l[g][i] = v;
        }
    }
    for (int round = 0; round < 5 && lanes_any(moving); round++) {
        EACH_SIDE (g, sides)
            d[g].changed = no;
        for (int i = 0; i < n; i++) {
            EACH_SIDE (g, sides)
                lane_step_down(&d[g], &l[g][i], x[g][i], w[g][i], wx[g][i],
                               bottom, top);
        }
        moving = no;
        EACH_SIDE (g, sides)
            moving = lanes_or(moving, d[g].changed);
    }
    EACH_SIDE (g, sides) {
        for (int i = 0; i < n; i++)
            l[g][i] = lanes_pick(d[g].some, lanes_add(l[g][i], lanes_set(half)),
                                 zero);
        fit[g] = (struct lane_fit){zero, zero, zero, zero, d[g].strange};
        fit[g].scale =
            lanes_pick(lanes_and(d[g].some, lanes_lt(zero, d[g].sum_ll)),
                       lanes_div(d[g].sum_xl, d[g].sum_ll), zero);
    }
}

#endif
