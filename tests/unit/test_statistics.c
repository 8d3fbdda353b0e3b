/* SPDX-License-Identifier: MIT */
/* What means, percentiles and confidence sequences promise. */
#define _DEFAULT_SOURCE
#include <math.h>

#include "libconv/engine/statistics.h"
#include "tests/unit/unit.h"

/* Uniform in (0, 1). */
static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
}

/* Mean 0 and variance 1: normal, or the sum of four of an exponential. */
static double sample(uint64_t *state, int kind)
{
    const double u = uniform(state);
    const double v = uniform(state);

    if (kind == 0)
        return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
    return (-log(u * v * uniform(state) * uniform(state)) - 4) / 2;
}

START_TEST(errors_are_those_of_two_passes)
{
    uint64_t state = 7;
    struct phi_sums s = {0};
    double v[500];
    double mean = 0;
    double squares = 0;

    for (size_t i = 0; i < 500; i++) {
        v[i] = 3 + sample(&state, 1);
        phi_sums_add(&s, v[i]);
        mean += v[i] / 500;
        if (i == 0) /* one sample says nothing of its error */
            ck_assert(isnan(phi_sums_error(&s)));
    }
    for (size_t i = 0; i < 500; i++)
        squares += (v[i] - mean) * (v[i] - mean);
    ck_assert_double_eq_tol(phi_sums_mean(&s), mean, 1e-12);
    ck_assert_double_eq_tol(phi_sums_error(&s), sqrt(squares / 500 / 499),
                            1e-12);
}
END_TEST

/* The formula as the paper has it, in its own terms. */
START_TEST(sequence_is_the_papers)
{
    static const double alphas[] = {0.05, 0.01};
    struct phi_sums s = {0};
    uint64_t state = 3;

    for (size_t n = 1; n <= 2000; n++) {
        phi_sums_add(&s, sample(&state, 0));
        if (n < 6)
            ck_assert(isinf(phi_sums_sequence(&s, 0.01)));
        for (size_t k = 0; n > 5 && k < 2; k++) {
            const double a = alphas[k];
            const double t = (double)n;
            const double rho = sqrt((-2 * log(a) + log(-2 * log(a)) + 1) / 50);
            const double sigma = phi_sums_error(&s) * sqrt(t);
            const double want =
                sigma *
                sqrt(2 * (t * rho * rho + 1) / (t * t * rho * rho) *
                     log(sqrt(t * rho * rho + 1) / a)) *
                sqrt((t - 1) / (t - 5));

            ck_assert_double_eq_tol(phi_sums_sequence(&s, a), want,
                                    1e-9 * want);
        }
    }
}
END_TEST

/* Over runs that look at every n from 16 on, the mean is outside in as few as
 * is said; a fixed interval that is used so misses it far more often. */
START_TEST(sequence_holds_at_every_look)
{
    enum { RUNS = 4000, LONGEST = 600 };
    uint64_t state = 11;
    size_t missed = 0;
    size_t fixed = 0;

    for (size_t run = 0; run < RUNS; run++) {
        struct phi_sums s = {0};
        bool out = false;
        bool out_fixed = false;

        for (size_t n = 1; n <= LONGEST; n++) {
            double mean;

            phi_sums_add(&s, sample(&state, _i));
            mean = fabs(phi_sums_mean(&s));
            if (n < 16)
                continue;
            out = out || mean > phi_sums_sequence(&s, 0.01);
            out_fixed = out_fixed || mean > 2.5758 * phi_sums_error(&s);
        }
        missed += out;
        fixed += out_fixed;
    }
    /* With a skewness of 1, n = 16 is not much for a theorem of large n. */
    ck_assert_uint_le(missed, _i == 0 ? RUNS / 100 : RUNS * 3 / 100);
    ck_assert_uint_gt(fixed, RUNS * 6 / 100);
}
END_TEST

/* The limits that Wilson's equation has, solved by halving. */
START_TEST(share_is_wilsons)
{
    static const size_t sizes[] = {1, 2, 16, 124, 100000};
    const double z = 1.6448536269514722;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const size_t n = sizes[i];
        const size_t step = n < 200 ? 1 : 997;

        for (size_t k = 0; k <= n; k += step) {
            const double share = (double)k / (double)n;
            double low = 0;
            double high = share;

            while (high - low > 1e-15) {
                const double p = (low + high) / 2;

                if (share - p > z * sqrt(p * (1 - p) / (double)n))
                    low = p;
                else
                    high = p;
            }
            ck_assert_double_eq_tol(phi_share_low(share, n, z), low, 1e-12);
        }
    }
    ck_assert(phi_share_low(1, 16, z) < 0.86); /* the exact one is 0.83 */
    ck_assert(phi_share_low(0, 16, z) == 0);
}
END_TEST

/* Shares of windows of two tokens: sure, likely, as a coin; all or nothing; and
 * a rare loss of everything, which no short sample shows. */
static double share(uint64_t *state, int kind, double *mean)
{
    static const double chances[] = {1, 0.95, 0.5, 0.9, 0.999};
    const double p = chances[kind];
    const bool first = uniform(state) < p;

    *mean = p;
    return kind < 3 ? (double)(first + (uniform(state) < p)) / 2 : first;
}

START_TEST(low_holds_at_every_look)
{
    enum { RUNS = 4000, LONGEST = 400 };
    uint64_t state = 13;
    size_t missed = 0;

    for (size_t run = 0; run < RUNS; run++) {
        struct phi_low low = {0};
        struct phi_low high = {0};
        bool out = false;

        for (size_t n = 1; n <= LONGEST; n++) {
            double mean;
            const double v = share(&state, _i, &mean);

            phi_low_add(&low, v, 0.005);
            phi_low_add(&high, 1 - v, 0.005);
            out = out || phi_low_end(&low, 0.005) > mean ||
                  1 - phi_low_end(&high, 0.005) < mean;
        }
        missed += out;
    }
    ck_assert_uint_le(missed, RUNS / 100);
}
END_TEST

/* Alike samples say much only when they are many, and then they do. */
START_TEST(low_narrows)
{
    struct phi_low s = {0};
    double end = 0;

    for (size_t n = 1; n <= 1000; n++) {
        phi_low_add(&s, 1, 0.005);
        end = phi_low_end(&s, 0.005);
        /* What could not be told from 1 with this confidence. */
        ck_assert(end < exp(log(0.005) / (double)n));
        ck_assert(n != 16 || (end > 0.4 && end < 0.7));
        ck_assert(n != 200 || end > 0.95);
    }
    ck_assert(end > 0.99);
}
END_TEST

START_TEST(percentiles_lie_between_neighbours)
{
    double v[] = {4, 1, 3, 2};

    phi_sort(v, 4);
    ck_assert(v[0] == 1 && v[3] == 4);
    ck_assert(phi_percentile(v, 4, 0) == 1);
    ck_assert(phi_percentile(v, 4, 100) == 4);
    ck_assert_double_eq_tol(phi_percentile(v, 4, 50), 2.5, 1e-15);
    ck_assert_double_eq_tol(phi_percentile(v, 4, 10), 1.3, 1e-15);
    ck_assert(phi_percentile(v, 1, 99) == 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("statistics");
    TCase *t = tcase_create("statistics");

    tcase_set_timeout(t, 300);
    tcase_add_test(t, errors_are_those_of_two_passes);
    tcase_add_test(t, sequence_is_the_papers);
    tcase_add_loop_test(t, sequence_holds_at_every_look, 0, 2);
    tcase_add_test(t, share_is_wilsons);
    tcase_add_loop_test(t, low_holds_at_every_look, 0, 5);
    tcase_add_test(t, low_narrows);
    tcase_add_test(t, percentiles_lie_between_neighbours);
    suite_add_tcase(s, t);
    return unit_main(s);
}
