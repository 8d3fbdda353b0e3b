/* SPDX-License-Identifier: MIT */
#include "libconv/engine/statistics.h"

#include <math.h>
#include <stdlib.h>

#include "libconv/kernels/elementary.h"

/* The n for which sequences are as narrow as they can be. */
#define SEQUENCE_N 50

void phi_sums_add(struct phi_sums *s, double v)
{
    s->n++;
    s->sum += v;
    s->squares += v * v;
}

double phi_sums_mean(const struct phi_sums *s)
{
    return s->sum / (double)s->n;
}

double phi_sums_error(const struct phi_sums *s)
{
    const double mean = phi_sums_mean(s);
    const double variance = s->squares / (double)s->n - mean * mean;

    if (s->n < 2 || !(variance > 0))
        return 0;
    return sqrt(variance / (double)(s->n - 1));
}

double phi_sums_sequence(const struct phi_sums *s, double alpha)
{
    const double n = (double)s->n;
    const double two = -2 * phi_log_f64(alpha);
    const double rho2 = (two + phi_log_f64(two) + 1) / SEQUENCE_N; /* (2.9) */
    const double m = n * rho2 + 1;

    if (s->n <= 5)
        return INFINITY;
    return phi_sums_error(s) * sqrt((n - 1) / (n - 5)) *
           sqrt(m / (n * rho2) * (phi_log_f64(m) + two));
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return (x > y) - (x < y);
}

void phi_sort(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), compare);
}

double phi_percentile(const double *sorted, size_t n, double percent)
{
    const double at = percent / 100 * (double)(n - 1);
    const size_t i = (size_t)at;
    const double part = at - (double)i;

    return (1 - part) * sorted[i] + part * sorted[i + 1 < n ? i + 1 : i];
}
