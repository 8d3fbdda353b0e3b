/* SPDX-License-Identifier: MIT */
#include "libconv/engine/statistics.h"

#include <math.h>
#include <stdlib.h>

#include "libconv/kernels/elementary.h"

/* The n for which sequences are as narrow as they can be. */
#define SEQUENCE_N 50

/* The 95th percentile of the normal distribution. */
#define Z95 1.6448536269514727

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

    if (s->n < 2)
        return NAN;
    return variance > 0 ? sqrt(variance / (double)(s->n - 1)) : 0;
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

double phi_student_95(size_t freedom)
{
    static const double few[] = {6.3137515146750431, 2.9199855803537257,
                                 2.3533634348018239, 2.1318467863266503,
                                 2.0150483733330242, 1.9431802805153032,
                                 1.8945786050900074, 1.8595480375308984,
                                 1.8331129326562372, 1.8124611228116764};
    const double v = 1 / (double)freedom;
    double sum;

    if (freedom == 0)
        return NAN;
    if (freedom <= sizeof(few) / sizeof(few[0]))
        return few[freedom - 1];
    /* (79 z^9 + 776 z^7 + 1482 z^5 - 1920 z^3 - 945 z) / 92160 and so on. */
    sum = 0.43387645450490032;
    sum = sum * v + 0.9830015120343044; /* 3 z^7 + 19 z^5 + 17 z^3 - 15 z */
    sum = sum * v + 1.4202029826359438; /* 5 z^5 + 16 z^3 + 3 z */
    sum = sum * v + 1.5237691475737827; /* z^3 + z, by 4 */
    return sum * v + Z95;
}

double phi_sums_reach_95(const struct phi_sums *s)
{
    return s->n < 2 ? NAN : phi_student_95(s->n - 1) * phi_sums_error(s);
}

double phi_share_low(double share, double n, double z)
{
    const double part = z * z / n;
    const double half = sqrt(part * share * (1 - share) + part * part / 4);
    const double low = (share + part / 2 - half) / (1 + part);

    return low > 0 ? low : 0; /* a rounding can be below */
}

double phi_sums_share_95(const struct phi_sums *s, double share, size_t n)
{
    const double error = phi_sums_error(s);
    const double apart = phi_share_low(share, (double)n, Z95);
    double together;

    if (s->n < 2)
        return NAN;
    if (!(error > 0))
        return apart;
    together = phi_share_low(share, share * (1 - share) / (error * error),
                             phi_student_95(s->n - 1));
    return together < apart ? together : apart;
}

/*
 * Empirical Bernstein, after Waudby-Smith and Ramdas, "Estimating means of
 * bounded random variables by betting" (arXiv:2010.09686), theorem 2.
 *
 * Let mu be the true mean, m > 0 a guess of it by the values before v, and
 * x = v - m, which is -m or more. For 0 <= L < 1 / m
 *
 *     e^(L x - x^2 f) <= 1 + L x    with f = (-ln(1 - m L) - m L) / m^2
 *
 * (Fan, Grama and Liu, "Exponential inequalities for martingales with
 * applications", 2015, for x / m and m L), so that the mean of
 * e^(L (v - mu) - x^2 f), given what was before, is at most
 * e^(L (m - mu)) (1 + L (mu - m)) <= 1. The product of these over all values
 * is then a supermartingale that begins with 1, and exceeds 1 / alpha, ever,
 * with a probability of at most alpha (Ville's inequality). Where it does not,
 *
 *     sum of L (v - mu) - x^2 f <= ln(1 / alpha)
 *
 * which is the end solved for mu. This holds for any L that does not look at
 * v; the one below makes the sequence narrow: the best of a fixed n, with the
 * variance by the values before, spread over all n, as theirs.
 */
void phi_low_add(struct phi_low *s, double v, double alpha)
{
    const double most = 0.75; /* of m L */
    const double t = (double)++s->n;
    const double m = (0.5 + s->sum) / t;
    const double x = v - m;
    const double variance = (0.25 + s->squares) / t;
    const double best =
        sqrt(-2 * phi_log_f64(alpha) / (variance * t * phi_log_f64(1 + t)));
    const double ml = m * best < most ? m * best : most;
    const double f = (-phi_log_f64(1 - ml) - ml) / (m * m);

    s->gain += ml / m * v - x * x * f;
    s->weight += ml / m;
    s->sum += v;
    s->squares += x * x;
}

double phi_low_end(const struct phi_low *s, double alpha)
{
    return (s->gain + phi_log_f64(alpha)) / s->weight;
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
