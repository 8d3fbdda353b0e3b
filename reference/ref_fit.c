/* SPDX-License-Identifier: MIT */
/* ref_fit.c - least squares between values and small whole numbers.
 *
 * Every search tries levels, and for each choice of levels the best scale has
 * a closed form.  One rounding to binary32 a step, in the order of the lines.
 */
#include "reference/ref_fit.h"
#include "reference/ref_parts.h"

#include <math.h>
#include <string.h>

/* Below this magnitude values and scales count as zero. */
#define TINY 1e-15f

/* ---- one scale: x = scale * l, -half <= l < half ------------------------ */

/* A = sum w x l and B = sum w l l.  For given l the best scale is A / B, and
 * the squared error is then a constant less A * A / B. */
struct fit {
    float a;
    float b;
};

static struct fit fit_of(const float *x, const float *w, const int *l, int n)
{
    struct fit f = {0.0f, 0.0f};
    for (int i = 0; i < n; i++) {
        const float wx = w[i] * x[i];
        const float wl = w[i] * (float)l[i];
        f.a += wx * (float)l[i];
        f.b += wl * (float)l[i];
    }
    return f;
}

/* Without value i at level l, or with it. */
static struct fit fit_less(struct fit f, float x, float w, int l)
{
    const float wx = w * x;
    const float wl = w * (float)l;
    f.a -= wx * (float)l;
    f.b -= wl * (float)l;
    return f;
}

static struct fit fit_plus(struct fit f, float x, float w, int l)
{
    const float wx = w * x;
    const float wl = w * (float)l;
    f.a += wx * (float)l;
    f.b += wl * (float)l;
    return f;
}

/* Whether `f` leaves less error than `g`: A A / B, without dividing. */
static bool fits_better(struct fit f, struct fit g)
{
    const float left = f.a * f.a;
    const float right = g.a * g.a;
    return left * g.b > right * f.b;
}

float ref_fit_scale(const float *x, const float *w, int n, int half, int *q)
{
    static const int tenths[] = {0, -9, -8, -7, -6, -5, -4, -3, -2, -1,
                                 1, 2,  3,  4,  5,  6,  7,  8,  9};
    const float max = ref_signed_max(x, n);
    float scale = 0.0f;
    float best = 0.0f;

    memset(q, 0, (size_t)n * sizeof *q);
    if (fabsf(max) < TINY) {
        return 0.0f;
    }
    for (int c = 0; c < 19; c++) {
        const float reach = (float)half + 0.1f * (float)tenths[c];
        const float inverse = -reach / max;
        int l[32];
        for (int i = 0; i < n; i++) {
            l[i] = ref_clamp(ref_nearest(inverse * x[i]), -half, half - 1);
        }
        const struct fit f = fit_of(x, w, l, n);
        if (c == 0) {
            scale = f.b != 0.0f ? f.a / f.b : 0.0f;
        } else if (f.b > 0.0f && f.a * f.a > best * f.b) {
            scale = f.a / f.b;
        } else {
            continue;
        }
        best = scale * f.a;
        for (int i = 0; i < n; i++) {
            q[i] = l[i] + half;
        }
    }
    return scale;
}

float ref_fit_descent(const float x[16], int q[16])
{
    const float max = ref_signed_max(x, 16);
    float w[16];
    int l[16];

    memset(q, 0, 16 * sizeof *q);
    if (fabsf(max) < TINY) {
        return 0.0f;
    }
    for (int i = 0; i < 16; i++) {
        w[i] = x[i] * x[i];
        l[i] = ref_clamp(ref_nearest(-4.0f / max * x[i]), -4, 3);
    }
    struct fit f = fit_of(x, w, l, 16);
    for (int round = 0, moved = 1; round < 5 && moved > 0; round++) {
        moved = 0;
        for (int i = 0; i < 16; i++) {
            const struct fit rest = fit_less(f, x[i], w[i], l[i]);
            if (!(rest.a > 0.0f)) {
                continue;
            }
            const float xb = x[i] * rest.b;
            const int to = ref_clamp(ref_nearest(xb / rest.a), -4, 3);
            const struct fit with = fit_plus(rest, x[i], w[i], to);
            if (to != l[i] && with.b > 0.0f && fits_better(with, f)) {
                l[i] = to;
                f = with;
                moved++;
            }
        }
    }
    for (int i = 0; i < 16; i++) {
        q[i] = l[i] + 4;
    }
    return f.b > 0.0f ? f.a / f.b : 0.0f;
}

/* ---- scale and minimum: x = scale * l - min, 0 <= l <= top --------------- */

/* `low` is the value of level 0. */
static float line_error(const float *x, const float *w, const int *l, int n,
                        float scale, float low, bool absolute)
{
    float sum = 0.0f;
    for (int i = 0; i < n; i++) {
        const float at = scale * (float)l[i] + low;
        const float off = at - x[i];
        const float counted = absolute ? fabsf(off) : off * off;
        sum += w[i] * counted;
    }
    return sum;
}

static void line_levels(const float *x, int n, float inverse, float low,
                        int top, int *l)
{
    for (int i = 0; i < n; i++) {
        const float above = x[i] - low;
        l[i] = ref_clamp(ref_nearest(inverse * above), 0, top);
    }
}

/* The line of least squares for given levels; false if there is none. */
static bool line_of(const float *x, const float *w, const int *l, int n,
                    float *scale, float *low)
{
    float sw = w[0];
    float sx = w[0] * x[0];
    float sl = 0.0f;
    float sll = 0.0f;
    float slx = 0.0f;

    for (int i = 0; i < n; i++) {
        const float wl = w[i] * (float)l[i];
        if (i > 0) {
            sw += w[i];
            sx += w[i] * x[i];
        }
        sl += wl;
        sll += wl * (float)l[i];
        slx += wl * x[i];
    }
    const float det = sw * sll - sl * sl;
    if (!(det > 0.0f)) {
        return false;
    }
    *scale = (sw * slx - sx * sl) / det;
    *low = (sll * sx - sl * slx) / det;
    if (*low > 0.0f) {
        *low = 0.0f;
        *scale = slx / sll;
    }
    return true;
}

float ref_fit_line(const float *x, const float *w, int n, int top,
                   const struct ref_grid *g, int *q, float *min)
{
    float low = x[0];
    float high = x[0];

    for (int i = 1; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    low = low > 0.0f ? 0.0f : low;
    memset(q, 0, (size_t)n * sizeof *q);
    *min = -low;
    if (high == low) {
        return 0.0f;
    }
    const float inverse = (float)top / (high - low);
    float scale = 1.0f / inverse;
    line_levels(x, n, inverse, low, top, q);
    float best = line_error(x, w, q, n, scale, low, g->absolute);

    for (int i = 0; i <= g->last; i++) {
        const float more = g->first + g->step * (float)i;
        const float levels = more + (float)top;
        float s = 0.0f;
        float m = 0.0f;
        int l[32];
        /* `low` is that of the best line until now, `high` never moves. */
        line_levels(x, n, levels / (high - low), low, top, l);
        if (!line_of(x, w, l, n, &s, &m)) {
            continue;
        }
        const float error = line_error(x, w, l, n, s, m, g->absolute);
        if (error < best) {
            best = error;
            scale = s;
            low = m;
            memcpy(q, l, (size_t)n * sizeof *q);
        }
    }
    *min = -low;
    return scale;
}

/* ---- scales of sub-blocks, with importance ------------------------------ */

static float scales_error(const float *x, const float *w, const int *l, int n,
                          float scale)
{
    float sum = 0.0f;
    for (int i = 0; i < n; i++) {
        const float off = x[i] - scale * (float)l[i];
        const float weighted = w[i] * off;
        sum += weighted * off;
    }
    return sum;
}

float ref_fit_scales(const float *x, const float *w, int n, int top, int *q)
{
    int l[16];
    float max = 0.0f;

    memset(q, 0, (size_t)n * sizeof *q);
    for (int i = 0; i < n; i++) {
        max = max > x[i] ? max : x[i];
    }
    if (max < TINY) {
        return 0.0f;
    }

    float inverse = (float)top / max;
    for (int i = 0; i < n; i++) {
        l[i] = ref_low_byte(ref_nearest(inverse * x[i]));
    }
    float best = scales_error(x, w, l, n, 1.0f / inverse);
    for (int tenths = -4; tenths <= 4; tenths++) {
        const float other = (0.1f * (float)tenths + (float)top) / max;
        for (int i = 0; i < n; i++) {
            const int whole = ref_nearest(other * x[i]);
            l[i] = whole < top ? whole : top;
        }
        const float error = scales_error(x, w, l, n, 1.0f / other);
        if (tenths != 0 && error < best) {
            best = error;
            inverse = other;
        }
    }

    for (int i = 0; i < n; i++) {
        const int whole = ref_nearest(inverse * x[i]);
        l[i] = whole < top ? whole : top;
        q[i] = ref_low_byte(l[i]);
    }
    struct fit f = fit_of(x, w, l, n);
    for (int round = 0, moved = 1; round < 5 && moved > 0; round++) {
        moved = 0;
        for (int i = 0; i < n; i++) {
            const struct fit rest = fit_less(f, x[i], w[i], q[i]);
            if (!(rest.a > 0.0f && rest.b > 0.0f)) {
                continue;
            }
            const float xb = x[i] * rest.b;
            const int whole = ref_nearest(xb / rest.a);
            const int to = whole < top ? whole : top;
            const struct fit with = fit_plus(rest, x[i], w[i], to);
            if (to != q[i] && fits_better(with, f)) {
                q[i] = ref_low_byte(to);
                f = with;
                moved++;
            }
        }
    }
    return f.b > 0.0f ? f.a / f.b : 0.0f;
}
