/* SPDX-License-Identifier: MIT */
/*
 * The vector kernels as loops over sixteen lanes, which compilers turn into
 * whatever registers the including file's flags allow; the operations and
 * their order are the same in all of them. The includer defines
 *
 *   PHI_VEC_NAME(op)   the name of a function: op##_avx2
 *
 * and makes its table of the six functions.
 */
#ifndef PHI_VEC_NAME
#error "define PHI_VEC_NAME before including vec_f32_body.h"
#endif

#include <math.h>

#include "libconv/kernels/body.h"
#include "libconv/kernels/elementary.h"

#define LANES 16

/* The fixed tree: halves, quarters, pairs. */
static inline double add_lanes(const double s[LANES])
{
    double h[LANES / 2];

    for (size_t l = 0; l < 8; l++)
        h[l] = s[l] + s[l + 8];
    for (size_t l = 0; l < 4; l++)
        h[l] += h[l + 4];
    return (h[0] + h[2]) + (h[1] + h[3]);
}

/* NaN loses every comparison and shows in the sums instead. */
static inline float max_of(const float *x, size_t n)
{
    float m[LANES];
    float best = -INFINITY;
    size_t i = 0;

    for (size_t l = 0; l < LANES; l++)
        m[l] = -INFINITY;
    for (; i + LANES <= n; i += LANES) {
        for (size_t l = 0; l < LANES; l++)
            m[l] = x[i + l] > m[l] ? x[i + l] : m[l];
    }
    for (size_t l = 0; l < n - i; l++)
        m[l] = x[i + l] > m[l] ? x[i + l] : m[l];
    for (size_t l = 0; l < LANES; l++)
        best = m[l] > best ? m[l] : best;
    return best;
}

static void PHI_VEC_NAME(norm)(float *y, const float *x, const float *gain,
                               const float *bias, size_t n, double eps)
{
    double s[LANES] = {0};
    double mean, scale;
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        for (size_t l = 0; l < LANES; l++)
            s[l] += (double)x[i + l];
    }
    for (size_t l = 0; l < n - i; l++)
        s[l] += (double)x[i + l];
    mean = add_lanes(s) / (double)n;

    for (size_t l = 0; l < LANES; l++)
        s[l] = 0;
    for (i = 0; i + LANES <= n; i += LANES) {
        for (size_t l = 0; l < LANES; l++) {
            const double d = (double)x[i + l] - mean;

            s[l] += d * d;
        }
    }
    for (size_t l = 0; l < n - i; l++) {
        const double d = (double)x[i + l] - mean;

        s[l] += d * d;
    }
    scale = 1.0 / sqrt(add_lanes(s) / (double)n + eps);

    for (i = 0; i < n; i++)
        y[i] = (float)(((double)x[i] - mean) * scale * (double)gain[i] +
                       (double)bias[i]);
}

PHI_BODY void finish_as(float *restrict y, const double *restrict acc,
                        const float *restrict sums, const double *restrict bias,
                        size_t n, bool with_acc, bool with_sums, bool onto)
{
    for (size_t i = 0; i < n; i++) {
        const double a = with_acc ? acc[i] : 0;
        const double s = with_sums ? (double)sums[i] : 0;
        const double v = (a + s) + bias[i];

        y[i] = (float)(onto ? (double)y[i] + v : v);
    }
}

static void PHI_VEC_NAME(finish)(float *y, const double *acc, const float *sums,
                                 const double *bias, size_t n, bool onto)
{
    if (acc == NULL && onto)
        finish_as(y, acc, sums, bias, n, false, true, true);
    else if (acc == NULL)
        finish_as(y, acc, sums, bias, n, false, true, false);
    else if (sums == NULL && onto)
        finish_as(y, acc, sums, bias, n, true, false, true);
    else if (sums == NULL)
        finish_as(y, acc, sums, bias, n, true, false, false);
    else if (onto)
        finish_as(y, acc, sums, bias, n, true, true, true);
    else
        finish_as(y, acc, sums, bias, n, true, true, false);
}

static void PHI_VEC_NAME(scale)(float *restrict y, const double *restrict acc,
                                double factor, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)(acc[i] * factor);
}

static void PHI_VEC_NAME(gelu_new)(float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float z = y[i];
        const float cube = z * z * z;

        /* 1.59... = 2 sqrt(2/pi): (1 + tanh u) / 2 = 1 / (1 + e^-2u) */
        y[i] =
            z / (1.0f + phi_exp_f32(-1.5957691216f * (z + 0.044715f * cube)));
    }
}

static void PHI_VEC_NAME(softmax)(double sums[PHI_PANEL], float *s, size_t n,
                                  size_t seen)
{
    const size_t all = seen < n ? seen : n; /* which every column sees */
    float max[LANES];
    double sum[LANES] = {0};

    for (size_t l = 0; l < LANES; l++)
        max[l] = -INFINITY;
    for (size_t j = 0; j < all; j++) {
        for (size_t l = 0; l < LANES; l++)
            max[l] = s[j * LANES + l] > max[l] ? s[j * LANES + l] : max[l];
    }
    for (size_t j = all; j < n; j++) {
        for (size_t l = 0; l < LANES; l++) {
            const float v = j < seen + l ? s[j * LANES + l] : -INFINITY;

            max[l] = v > max[l] ? v : max[l];
        }
    }
    for (size_t j = 0; j < all; j++) {
        for (size_t l = 0; l < LANES; l++) {
            s[j * LANES + l] = phi_exp_f32(s[j * LANES + l] - max[l]);
            sum[l] += (double)s[j * LANES + l];
        }
    }
    for (size_t j = all; j < n; j++) {
        for (size_t l = 0; l < LANES; l++) {
            const float e = phi_exp_f32(s[j * LANES + l] - max[l]);

            s[j * LANES + l] = j < seen + l ? e : 0;
            sum[l] += (double)s[j * LANES + l];
        }
    }
    memcpy(sums, sum, sizeof(sum));
}

/* Raises *max to that of the piece; the factor for sums made with the old. */
static inline double raise_max(double *max, float piece)
{
    const double old = *max;

    if (!((double)piece > old))
        return 1.0;
    *max = (double)piece;
    return old == -INFINITY ? 0.0 : phi_exp_f64(old - (double)piece);
}

static void PHI_VEC_NAME(lse)(struct phi_lse *row, const float *x, size_t n)
{
    const float piece = max_of(x, n);
    double s[LANES] = {0};
    double max, factor;
    size_t i = 0;

    if ((double)piece > row->max) {
        size_t at = 0;

        while (x[at] != piece)
            at++;
        row->top = row->seen + at;
    }
    row->seen += n;
    factor = raise_max(&row->max, piece);
    max = row->max;
    for (; i + LANES <= n; i += LANES) {
        for (size_t l = 0; l < LANES; l++)
            s[l] += phi_exp_f64((double)x[i + l] - max);
    }
    for (size_t l = 0; l < n - i; l++)
        s[l] += phi_exp_f64((double)x[i + l] - max);
    row->sum = row->sum * factor + add_lanes(s);
}

static void PHI_VEC_NAME(kld)(struct phi_kld *row, const float *p,
                              const float *q, size_t n)
{
    const double factor = raise_max(&row->max, max_of(p, n));
    const double max = row->max;
    double s[LANES] = {0};
    double d[LANES] = {0};
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        for (size_t l = 0; l < LANES; l++) {
            const double e = phi_exp_f64((double)p[i + l] - max);

            s[l] += e;
            d[l] += e * ((double)p[i + l] - (double)q[i + l]);
        }
    }
    for (size_t l = 0; l < n - i; l++) {
        const double e = phi_exp_f64((double)p[i + l] - max);

        s[l] += e;
        d[l] += e * ((double)p[i + l] - (double)q[i + l]);
    }
    row->sum = row->sum * factor + add_lanes(s);
    row->diff = row->diff * factor + add_lanes(d);
}
