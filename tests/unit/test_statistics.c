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
            ck_assert_double_eq_tol(phi_share_low(share, (double)n, z), low,
                                    1e-12);
        }
    }
    ck_assert(phi_share_low(1, 16, z) < 0.86); /* the exact one is 0.83 */
    ck_assert(phi_share_low(0, 16, z) == 0);
}
END_TEST

/* The upper 5 % points as NIST/SEMATECH, e-Handbook of Statistical Methods,
 * section 1.3.6.7.2, has them. */
START_TEST(student_is_the_tables)
{
    static const struct {
        size_t freedom;
        double t;
    } known[] = {
        {1, 6.314},  {2, 2.920},  {3, 2.353},   {4, 2.132},         {5, 2.015},
        {6, 1.943},  {7, 1.895},  {8, 1.860},   {9, 1.833},         {10, 1.812},
        {11, 1.796}, {12, 1.782}, {13, 1.771},  {14, 1.761},        {15, 1.753},
        {16, 1.746}, {17, 1.740}, {18, 1.734},  {19, 1.729},        {20, 1.725},
        {21, 1.721}, {22, 1.717}, {23, 1.714},  {24, 1.711},        {25, 1.708},
        {26, 1.706}, {27, 1.703}, {28, 1.701},  {29, 1.699},        {30, 1.697},
        {40, 1.684}, {60, 1.671}, {100, 1.660}, {1000000000, 1.645}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        ck_assert_double_eq_tol(phi_student_95(known[i].freedom), known[i].t,
                                0.00051);
    ck_assert(isnan(phi_student_95(0)));
}
END_TEST

/* The distribution's finite sums, Abramowitz and Stegun, 26.7.3 and 26.7.4: 90
 * % are nearer to 0. */
START_TEST(student_solves_its_equation)
{
    for (size_t n = 1; n <= 200; n++) {
        const double t = phi_student_95(n);
        const double angle = atan(t / sqrt((double)n));
        const double c = cos(angle);
        double term = n % 2 != 0 ? c : 1;
        double sum = 0;
        double within;

        for (size_t k = 2 + n % 2; k <= n; k += 2) {
            sum += term;
            term *= c * c * (double)(k - 1) / (double)k;
        }
        within = sin(angle) * sum;
        if (n % 2 != 0)
            within = (angle + within) * 2 / 3.141592653589793;
        ck_assert_double_eq_tol(within, 0.9, n <= 10 ? 1e-15 : 3e-7);
    }
}
END_TEST

/* Windows of predictions that have something in common. */
enum { IN_WINDOW = 32 };

/* Numbers whose mean is 0. */
static void add_window(uint64_t *state, struct phi_sums *windows,
                       struct phi_sums *tokens)
{
    const double common = sample(state, 0) / 3;
    double sum = 0;

    for (size_t i = 0; i < IN_WINDOW; i++) {
        const double v = common + sample(state, 1);

        phi_sums_add(tokens, v);
        sum += v;
    }
    phi_sums_add(windows, sum / IN_WINDOW);
}

/* A share of 0.85. */
static void add_share(uint64_t *state, struct phi_sums *windows, double *all)
{
    const double chance = 0.7 + 0.3 * uniform(state);
    size_t same = 0;

    for (size_t i = 0; i < IN_WINDOW; i++)
        same += uniform(state) < chance;
    *all += (double)same;
    phi_sums_add(windows, (double)same / IN_WINDOW);
}

/* How often ends of 95 % are on the wrong side: as often as is said if windows
 * are counted, however few; far more often if their predictions are. */
START_TEST(interval_is_by_windows)
{
    enum { RUNS = 4000 };
    static const size_t windows[] = {2, 4, 8, 16};
    const size_t n = windows[_i];
    uint64_t state = 17;
    size_t out = 0;
    size_t out_tokens = 0;
    size_t out_share = 0;
    size_t out_share_tokens = 0;

    for (size_t run = 0; run < RUNS; run++) {
        struct phi_sums means = {0};
        struct phi_sums tokens = {0};
        struct phi_sums shares = {0};
        const double all = (double)(n * IN_WINDOW);
        double same = 0;

        for (size_t w = 0; w < n; w++) {
            add_window(&state, &means, &tokens);
            add_share(&state, &shares, &same);
        }
        out += phi_sums_mean(&means) + phi_sums_reach_95(&means) < 0;
        out_tokens +=
            phi_sums_mean(&tokens) + 1.6449 * phi_sums_error(&tokens) < 0;
        out_share +=
            phi_sums_share_95(&shares, same / all, n * IN_WINDOW) > 0.85;
        out_share_tokens += phi_share_low(same / all, all, 1.6449) > 0.85;
    }
    ck_assert_uint_ge(out, RUNS * 2 / 100);
    ck_assert_uint_le(out, RUNS * 8 / 100);
    ck_assert_uint_gt(out_tokens, RUNS * 15 / 100);
    ck_assert_uint_ge(out_share, RUNS * 2 / 100);
    ck_assert_uint_le(out_share, RUNS * 8 / 100);
    ck_assert_uint_gt(out_share_tokens, RUNS * 12 / 100);
}
END_TEST

/* What the formulas say of them at their ends. */
START_TEST(interval_of_few)
{
    struct phi_sums s = {0};

    phi_sums_add(&s, 1);
    ck_assert(isnan(phi_sums_reach_95(&s)) &&
              isnan(phi_sums_share_95(&s, 1, 9)));
    /* Alike shares prove no more than predictions that depend on nothing. */
    for (size_t n = 2; n <= 40; n++) {
        phi_sums_add(&s, 1);
        ck_assert(phi_sums_reach_95(&s) == 0);
        ck_assert_double_eq_tol(
            phi_sums_share_95(&s, 1, 10 * n),
            phi_share_low(1, 10 * (double)n, 1.6448536269514722), 1e-12);
    }
    /* Two samples are half their distance from the mean, which is their error;
     * shares as far apart as they can be are worth one prediction. */
    s = (struct phi_sums){0};
    phi_sums_add(&s, 0);
    phi_sums_add(&s, 1);
    ck_assert_double_eq_tol(phi_sums_reach_95(&s), 6.3137515 / 2, 1e-6);
    ck_assert_double_eq_tol(phi_sums_share_95(&s, 0.5, 100),
                            phi_share_low(0.5, 1, phi_student_95(1)), 1e-12);
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
    tcase_add_test(t, student_is_the_tables);
    tcase_add_test(t, student_solves_its_equation);
    tcase_add_loop_test(t, interval_is_by_windows, 0, 4);
    tcase_add_test(t, interval_of_few);
    tcase_add_loop_test(t, low_holds_at_every_look, 0, 5);
    tcase_add_test(t, low_narrows);
    tcase_add_test(t, percentiles_lie_between_neighbours);
    suite_add_tcase(s, t);
    return unit_main(s);
}
