/* SPDX-License-Identifier: MIT */
/*
 * Elementary functions, and the vector kernels: every level against the
 * scalar one, that against reference/.
 */
#define _DEFAULT_SOURCE
#include <math.h>

#include "libconv/cpu/cpu.h"
#include "libconv/kernels/elementary.h"
#include "libconv/kernels/fused.h"
#include "libconv/kernels/kernels.h"
#include "reference/ref_math.h"
#include "tests/kernels/guard.h"
#include "tests/kernels/here.h"

#define MAX_N 1000

static const size_t lengths[] = {1,  2,  3,  7,  15,  16,  17,  31,
                                 32, 33, 80, 97, 256, 511, 999, MAX_N};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Units in the last place of a result of this size. */
static double ulp_f64(double v)
{
    return nextafter(fabs(v), INFINITY) - fabs(v);
}

START_TEST(exponentials)
{
    for (double x = -87; x <= 64; x += 0.00317) {
        const double want = exp((double)(float)x);
        const double got = (double)phi_exp_f32((float)x);

        ck_assert_msg(fabs(got - want) <= 2 * 0x1p-23 * want,
                      "exp(%.9g) is %.9g, not %.9g", x, got, want);
    }
    for (double x = -708; x <= 709; x += 0.0117) {
        const double want = exp(x);

        ck_assert_double_le(fabs(phi_exp_f64(x) - want), 2 * ulp_f64(want));
    }
    ck_assert_float_eq(phi_exp_f32(0), 1);
    ck_assert_double_eq(phi_exp_f64(0), 1);
    ck_assert(isnan(phi_exp_f32(NAN)));
    ck_assert(isnan(phi_exp_f64(NAN)));
    ck_assert(phi_exp_any_f64(3) == phi_exp_f64(3));
    ck_assert(isinf(phi_exp_any_f64(710)) && phi_exp_any_f64(-710) == 0);
    ck_assert(isinf(phi_exp_any_f64(INFINITY)));
    ck_assert(isnan(phi_exp_any_f64(NAN)));
    ck_assert_float_eq(phi_exp_f32(-INFINITY), phi_exp_f32(-87));
    ck_assert_float_eq(phi_exp_f32(INFINITY), phi_exp_f32(64));
}
END_TEST

START_TEST(powers_of_ten)
{
    static const double exact[] = {1e-22, 1e-5, 1e-1, 1e0, 1e1, 1e6, 1e22};
    static const int of[] = {-22, -5, -1, 0, 1, 6, 22};

    for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
        ck_assert(phi_exp10_f64(of[i]) == exact[i]);
        ck_assert_double_eq_tol(phi_log10_f64(exact[i]), of[i], 1e-14);
    }
    for (double x = -307; x <= 307; x += 0.0117) {
        const double want = pow(10, x);

        ck_assert_double_eq_tol(phi_exp10_f64(x), want, 1e-13 * want);
        ck_assert_double_eq_tol(phi_log10_f64(want), x, 1e-12);
    }
    ck_assert(isnan(phi_log10_f64(0)));
}
END_TEST

START_TEST(logarithms)
{
    ck_assert_double_eq(phi_log_f64(1), 0);
    for (double x = 1e-300; x < 1e300; x *= 1.0137) {
        const double want = log(x);

        ck_assert_double_le(fabs(phi_log_f64(x) - want), 2 * ulp_f64(want));
    }
    for (double x = 0.5; x < 2; x += 0.000173) {
        const double want = log(x);

        ck_assert_double_le(fabs(phi_log_f64(x) - want), 2 * ulp_f64(want));
    }
    ck_assert(isnan(phi_log_f64(0)));
    ck_assert(isnan(phi_log_f64(-1)));
    ck_assert(isnan(phi_log_f64(INFINITY)));
    ck_assert(isnan(phi_log_f64(NAN)));
}
END_TEST

START_TEST(sines)
{
    for (double x = 0; x < 524288; x = x < 100 ? x + 0.0137 : x * 1.00031) {
        double s, c;

        phi_sincos_f64(x, &s, &c);
        ck_assert_double_le(fabs(s - sin(x)), 0x1p-52);
        ck_assert_double_le(fabs(c - cos(x)), 0x1p-52);
    }
}
END_TEST

/* Everything that one level makes of one input. */
struct outcome {
    float finish[6][MAX_N];
    float scale[MAX_N];
    float norm[MAX_N];
    float gelu[MAX_N];
    struct phi_lse lse;
    struct phi_kld kld;
};

struct input {
    struct guard g[5];
    struct guard gd[2];
    float *x, *q, *gain, *bias, *y;
    double *acc, *add;
    size_t n;
};

static void take_input(struct input *in, size_t n, bool end, enum fill fill,
                       uint64_t *seed)
{
    float **const to[] = {&in->x, &in->q, &in->gain, &in->bias, &in->y};

    in->n = n;
    for (size_t i = 0; i < 5; i++) {
        *to[i] = guard_take(&in->g[i], n * sizeof(float), end);
        guard_fill(*to[i], n, fill, seed);
        for (size_t k = 0; k < n && fill == FILL_RANDOM && i < 2; k++)
            (*to[i])[k] *= 12;
    }
    in->acc = guard_take(&in->gd[0], n * sizeof(double), end);
    in->add = guard_take(&in->gd[1], n * sizeof(double), end);
    for (size_t k = 0; k < n; k++) {
        in->acc[k] = (double)in->gain[k] * 1.000000059604644775390625;
        in->add[k] = (double)in->q[k] / 3;
    }
}

static void new_input(struct input *in)
{
    for (size_t i = 0; i < 5; i++)
        in->g[i] = guard_new(MAX_N * sizeof(float));
    for (size_t i = 0; i < 2; i++)
        in->gd[i] = guard_new(MAX_N * sizeof(double));
}

static void free_input(struct input *in)
{
    for (size_t i = 0; i < 5; i++)
        guard_free(&in->g[i]);
    for (size_t i = 0; i < 2; i++)
        guard_free(&in->gd[i]);
}

/* Which sums there are, and whether they come onto y: six ways. */
static void run_finish(const struct phi_vec_kernels *vec,
                       const struct input *in, float out[6][MAX_N])
{
    for (size_t i = 0; i < 6; i++) {
        memcpy(in->y, in->bias, in->n * sizeof(float));
        vec->finish(in->y, i % 3 == 0 ? NULL : in->acc,
                    i % 3 == 1 ? NULL : in->x, in->add, in->n, i >= 3);
        memcpy(out[i], in->y, in->n * sizeof(float));
    }
}

static void run_level(const struct phi_vec_kernels *vec, const struct input *in,
                      struct outcome *out)
{
    const size_t n = in->n;
    const size_t cut = n / 3;

    memset(out, 0, sizeof(*out));
    run_finish(vec, in, out->finish);
    vec->scale(in->y, in->acc, 0.11180339887498949, n);
    memcpy(out->scale, in->y, n * sizeof(float));
    vec->norm(in->y, in->x, in->gain, in->bias, n, 1e-5);
    memcpy(out->norm, in->y, n * sizeof(float));
    memcpy(in->y, in->x, n * sizeof(float));
    vec->gelu_new(in->y, n);
    memcpy(out->gelu, in->y, n * sizeof(float));
    out->lse = (struct phi_lse){.max = -INFINITY};
    out->kld = (struct phi_kld){.max = -INFINITY};
    vec->lse(&out->lse, in->x, cut);
    vec->kld(&out->kld, in->x, in->q, cut);
    vec->lse(&out->lse, in->x + cut, n - cut);
    vec->kld(&out->kld, in->x + cut, in->q + cut, n - cut);
}

static void same_outcome(const struct outcome *a, const struct outcome *b,
                         size_t n, const char *level)
{
    for (size_t i = 0; i < 6 * n; i++)
        ck_assert_msg(
            same_f32(a->finish[i / n][i % n], b->finish[i / n][i % n]),
            "%s: finish %zu, %zu of %zu", level, i / n, i % n, n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(same_f32(a->scale[i], b->scale[i]),
                      "%s: scale %zu of %zu", level, i, n);
        ck_assert_msg(same_f32(a->norm[i], b->norm[i]), "%s: norm %zu of %zu",
                      level, i, n);
        ck_assert_msg(same_f32(a->gelu[i], b->gelu[i]), "%s: gelu %zu of %zu",
                      level, i, n);
    }
    ck_assert(same_f64(a->lse.max, b->lse.max));
    ck_assert(same_f64(a->lse.sum, b->lse.sum));
    ck_assert_uint_eq(a->lse.top, b->lse.top);
    ck_assert_uint_eq(a->lse.seen, b->lse.seen);
    ck_assert(same_f64(a->kld.max, b->kld.max));
    ck_assert(same_f64(a->kld.sum, b->kld.sum));
    ck_assert(same_f64(a->kld.diff, b->kld.diff));
}

/* What it means, in the words of its contract. */
START_TEST(finish_adds_in_order)
{
    struct input in;
    float got[6][MAX_N];
    uint64_t seed = 5;

    new_input(&in);
    take_input(&in, 33, true, FILL_RANDOM, &seed);
    run_finish(phi_kernels_select(0)->vec, &in, got);
    for (size_t w = 0; w < 6; w++) {
        for (size_t i = 0; i < in.n; i++) {
            const double acc = w % 3 == 0 ? 0 : in.acc[i];
            const double sum = w % 3 == 1 ? 0 : (double)in.x[i];
            const double y = w >= 3 ? (double)in.bias[i] : 0;

            ck_assert(got[w][i] == (float)(y + ((acc + sum) + in.add[i])));
        }
    }
    free_input(&in);
}
END_TEST

START_TEST(scale_rounds_once)
{
    const double acc[] = {1, 1e-46, -0.0, 1.0 + 0x1p-24, 1e39, NAN};
    float got[6];

    phi_kernels_select(0)->vec->scale(got, acc, 3, 6);
    for (size_t i = 0; i < 6; i++)
        ck_assert(same_f32(got[i], (float)(acc[i] * 3)));
}
END_TEST

START_TEST(levels_agree)
{
    static struct outcome want, got;
    struct input in;
    const char *level;
    uint32_t features;
    uint64_t seed = 1;

    new_input(&in);
    for (size_t a = 0; a < COUNT(lengths) * NFILLS; a++) {
        const struct phi_vec_kernels *last;

        take_input(&in, lengths[a / NFILLS], _i == 0, (enum fill)(a % NFILLS),
                   &seed);
        last = phi_kernels_select(0)->vec;
        run_level(last, &in, &want);
        for (size_t l = 1; level_next(&l, &level, &features); l++) {
            if (phi_kernels_select(features)->vec == last)
                continue;
            last = phi_kernels_select(features)->vec;
            run_level(last, &in, &got);
            same_outcome(&got, &want, in.n, level);
        }
    }
    free_input(&in);
}
END_TEST

#define MAX_ROWS 130

/* A panel's softmaxes: levels agree, scalar ones are near the reference. */
START_TEST(softmaxes)
{
    static const size_t counts[] = {1, 2, 15, 16, 17, 80, MAX_ROWS};
    const size_t n = counts[(size_t)_i % COUNT(counts)];
    const enum fill fill = (enum fill)((size_t)_i / COUNT(counts));
    const size_t seens[] = {1, n / 2 + 1, n, n + 3, n + 100};
    static float start[MAX_ROWS * PHI_PANEL], want[MAX_ROWS * PHI_PANEL];
    struct guard g = guard_new(sizeof(start));
    uint64_t seed = 7;

    for (size_t a = 0; a < COUNT(seens); a++) {
        float *const s = guard_take(&g, n * PHI_PANEL * sizeof(*s), a % 2 == 0);
        double sums[PHI_PANEL], want_sums[PHI_PANEL];
        const struct phi_vec_kernels *last = phi_kernels_select(0)->vec;
        const char *level;
        uint32_t features;

        guard_fill(start, n * PHI_PANEL, fill, &seed);
        memcpy(s, start, n * PHI_PANEL * sizeof(*s));
        last->softmax(want_sums, s, n, seens[a]);
        memcpy(want, s, n * PHI_PANEL * sizeof(*s));
        for (size_t l = 1; level_next(&l, &level, &features); l++) {
            if (phi_kernels_select(features)->vec == last)
                continue;
            last = phi_kernels_select(features)->vec;
            memcpy(s, start, n * PHI_PANEL * sizeof(*s));
            last->softmax(sums, s, n, seens[a]);
            for (size_t i = 0; i < n * PHI_PANEL; i++)
                ck_assert_msg(same_f32(s[i], want[i]), "%s: exponential %zu",
                              level, i);
            for (size_t c = 0; c < PHI_PANEL; c++)
                ck_assert_msg(same_f64(sums[c], want_sums[c]), "%s: sum %zu",
                              level, c);
        }
        for (size_t c = 0; c < PHI_PANEL; c++) {
            const size_t seen = seens[a] + c < n ? seens[a] + c : n;
            double x[MAX_ROWS], y[MAX_ROWS];

            for (size_t j = 0; j < seen; j++)
                x[j] = (double)start[j * PHI_PANEL + c];
            ref_softmax(y, x, seen);
            for (size_t j = seen; j < n; j++)
                ck_assert(want[j * PHI_PANEL + c] == 0);
            /* the difference to the maximum is rounded: up to 24 e_f */
            for (size_t j = 0; j < seen && fill == FILL_RANDOM; j++)
                ck_assert_double_le(
                    fabs((double)want[j * PHI_PANEL + c] / want_sums[c] - y[j]),
                    60 * 0x1p-24 * y[j]);
        }
    }
    guard_free(&g);
}
END_TEST

/* As the C library's, which is exact too. */
START_TEST(fused_products)
{
    uint64_t seed = 11;

    for (int i = 0; i < 2000000; i++) {
        const float size = ldexpf(1, (int)(guard_random(&seed) * 149));
        float a = guard_random(&seed) * size;
        float b = guard_random(&seed) * (i % 3 == 0 ? 1 / size : 1);
        float c = -a * b * (i % 2 == 0 ? 1 : guard_random(&seed) * 4);

        if (i % 5 == 0) {
            /* few bits: sums lie in the middle of two values, or near it */
            a = rintf(a * 512) / 512;
            b = rintf(b * 512) / 512 + (i % 7 == 0 ? 0x1p-23f : 0);
            c = ldexpf(rintf(guard_random(&seed) * 256), i % 48 - 24);
        }
        ck_assert_msg(same_f32(phi_fused(a, b, c), fmaf(a, b, c)),
                      "fma(%a, %a, %a) is %a, not %a", (double)a, (double)b,
                      (double)c, (double)phi_fused(a, b, c),
                      (double)fmaf(a, b, c));
    }
    ck_assert(isnan(phi_fused(INFINITY, 0, 1)));
    ck_assert(phi_fused(INFINITY, 1, 1) == INFINITY);
    ck_assert(phi_fused(0x1.fffffep127f, 2, 0) == INFINITY);
    ck_assert(signbit(phi_fused(0, -1, -0.0f)));
}
END_TEST

static void widen(double *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (double)from[i];
}

START_TEST(scalar_is_near_the_reference)
{
    static struct outcome got;
    static double x[MAX_N], q[MAX_N], gain[MAX_N], bias[MAX_N], y[MAX_N];
    struct input in;
    uint64_t seed = 2;

    new_input(&in);
    for (size_t a = 0; a < COUNT(lengths); a++) {
        const size_t n = lengths[a];
        double lse, kld;

        take_input(&in, n, true, FILL_RANDOM, &seed);
        widen(x, in.x, n);
        widen(q, in.q, n);
        widen(gain, in.gain, n);
        widen(bias, in.bias, n);
        run_level(phi_kernels_select(0)->vec, &in, &got);
        ref_layer_norm(y, x, gain, bias, n, 1e-5);
        for (size_t i = 0; i < n; i++) {
            const double gelu = ref_gelu_new(x[i]);

            /* one rounding to f32; the reference's sums have n e_d */
            ck_assert_double_le(fabs((double)got.norm[i] - y[i]),
                                0x1.01p-24 * fabs(y[i]) + 1e-11);
            /*
             * The argument of e^ is off by 4 roundings of its size, at most
             * 2 |u|, where the result is not yet nothing.
             */
            ck_assert_double_le(fabs((double)got.gelu[i] - gelu),
                                (8 + 8 * fabs(x[i])) * 0x1p-24 * fabs(gelu) +
                                    1e-9);
        }
        lse = ref_log_sum_exp(x, n);
        ck_assert_double_le(fabs(got.lse.max + phi_log_f64(got.lse.sum) - lse),
                            1e-13);
        kld = got.kld.diff / got.kld.sum - lse + ref_log_sum_exp(q, n);
        ck_assert_double_le(fabs(kld - ref_kl_divergence(x, q, n)), 1e-12);
        ck_assert_uint_eq(got.lse.seen, n);
        for (size_t i = 0; i < n; i++) {
            ck_assert(in.x[i] <= in.x[got.lse.top]);
            ck_assert(i >= got.lse.top || in.x[i] < in.x[got.lse.top]);
        }
    }
    free_input(&in);
}
END_TEST

/* The first of equal maxima counts, also across pieces. */
START_TEST(ties_go_to_the_first)
{
    const float x[40] = {[5] = 2, [7] = 2, [20] = 2, [39] = 2};
    const struct phi_vec_kernels *vec = phi_kernels_select(0)->vec;
    struct phi_lse row = {.max = -INFINITY};

    vec->lse(&row, x, 18);
    vec->lse(&row, x + 18, 22);
    ck_assert_uint_eq(row.top, 5);
    ck_assert_uint_eq(row.seen, 40);
}
END_TEST

/* A NaN or an infinity among the logits makes the sum no finite number. */
START_TEST(bad_logits_show)
{
    const float bad[] = {NAN, INFINITY};

    for (size_t i = 0; i < 2; i++) {
        float x[20] = {0};
        struct phi_lse row = {.max = -INFINITY};

        x[11] = bad[i];
        phi_kernels_select(0)->vec->lse(&row, x, 20);
        ck_assert(!isfinite(row.max + phi_log_f64(row.sum)));
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vectors");
    TCase *t = tcase_create("vectors");

    tcase_set_timeout(t, 120);
    tcase_add_test(t, exponentials);
    tcase_add_test(t, powers_of_ten);
    tcase_add_test(t, logarithms);
    tcase_add_test(t, sines);
    tcase_add_test(t, finish_adds_in_order);
    tcase_add_test(t, scale_rounds_once);
    tcase_add_loop_test(t, levels_agree, 0, 2);
    tcase_add_test(t, scalar_is_near_the_reference);
    tcase_add_loop_test(t, softmaxes, 0, 7 * NFILLS);
    tcase_add_test(t, fused_products);
    tcase_add_test(t, ties_go_to_the_first);
    tcase_add_test(t, bad_logits_show);
    suite_add_tcase(s, t);
    return unit_main(s);
}
