/* SPDX-License-Identifier: MIT */
/* f32 panels: every level against the scalar one, that against reference/. */
#define _DEFAULT_SOURCE
#include <math.h>

#include "libconv/cpu/cpu.h"
#include "libconv/kernels/kernels.h"
#include "reference/ref_math.h"
#include "tests/kernels/guard.h"
#include "tests/kernels/here.h"

#define MAX_NT    70
#define MAX_NK    520
#define MAX_TILES ((MAX_NT + PHI_PANEL - 1) / PHI_PANEL)
#define PAD       3 /* extra doubles between rows, panels' k between panels */

static const size_t row_counts[] = {0,  1,  2,  3,  4,  5,     6,
                                    10, 11, 16, 17, 33, MAX_NT};
static const size_t depths[] = {0,  1,  2,  3,   4,   5,   31,  32,
                                33, 63, 64, 127, 128, 129, 257, MAX_NK};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* One shape, with inputs and outputs against guard pages. */
struct fixture {
    struct guard gx, gw, gacc;
    float *x;
    float *w;
    double *acc;
    double *start; /* acc before */
    double *want;  /* of the scalar level */
    size_t ldx, ldacc, nx, nacc;
    bool wide; /* the product in double */
};

static void setup_fixture(struct fixture *f)
{
    f->gx = guard_new(MAX_TILES * (MAX_NK + PAD) * PHI_PANEL * sizeof(float));
    f->gw = guard_new(MAX_NK * PHI_PANEL * sizeof(float));
    f->gacc = guard_new(MAX_NT * (PHI_PANEL + PAD) * sizeof(double));
    f->start = malloc(MAX_NT * (PHI_PANEL + PAD) * sizeof(double));
    f->want = malloc(MAX_NT * (PHI_PANEL + PAD) * sizeof(double));
}

static void free_fixture(struct fixture *f)
{
    guard_free(&f->gx);
    guard_free(&f->gw);
    guard_free(&f->gacc);
    free(f->start);
    free(f->want);
}

static void fill_fixture(struct fixture *f, size_t nt, size_t nk, bool end,
                         enum fill fill, uint64_t *seed)
{
    const size_t ntiles = (nt + PHI_PANEL - 1) / PHI_PANEL;

    f->ldx = (nk + PAD) * PHI_PANEL;
    f->ldacc = PHI_PANEL + PAD;
    f->nx = nt == 0 ? 0 : (ntiles - 1) * f->ldx + nk * PHI_PANEL;
    f->nacc = nt == 0 ? 0 : (nt - 1) * f->ldacc + PHI_PANEL;
    f->x = guard_take(&f->gx, f->nx * sizeof(float), end);
    f->w = guard_take(&f->gw, nk * PHI_PANEL * sizeof(float), end);
    f->acc = guard_take(&f->gacc, f->nacc * sizeof(double), end);
    guard_fill(f->x, f->nx, fill, seed);
    guard_fill(f->w, nk * PHI_PANEL, fill, seed);
    for (size_t i = 0; i < f->nacc; i++)
        f->start[i] = (double)guard_random(seed);
}

static phi_gemm_f32_fn kernel_of(const struct fixture *f, uint32_t features)
{
    const struct phi_gemm_kernels *k = phi_kernels_select(features)->gemm;

    return f->wide ? k->f64 : k->f32;
}

static void run_kernel(const struct fixture *f, phi_gemm_f32_fn gemm, size_t nt,
                       size_t nk)
{
    if (f->nacc > 0)
        memcpy(f->acc, f->start, f->nacc * sizeof(double));
    gemm(f->acc, f->ldacc, f->x, f->ldx, f->w, nt, nk);
}

/* Every level gives the bits of the scalar one. */
START_TEST(levels_agree)
{
    const bool end = _i % 2 == 0;
    const enum fill fill = (enum fill)(_i / 2 % NFILLS);
    struct fixture f = {.wide = _i / 2 >= NFILLS};
    const char *level;
    uint32_t features;
    uint64_t seed = 1;

    setup_fixture(&f);
    for (size_t a = 0; a < COUNT(row_counts) * COUNT(depths); a++) {
        const size_t nt = row_counts[a / COUNT(depths)];
        const size_t nk = depths[a % COUNT(depths)];
        phi_gemm_f32_fn last;

        fill_fixture(&f, nt, nk, end, fill, &seed);
        last = kernel_of(&f, 0);
        run_kernel(&f, last, nt, nk);
        memcpy(f.want, f.acc, f.nacc * sizeof(double));
        for (size_t l = 1; level_next(&l, &level, &features); l++) {
            if (kernel_of(&f, features) == last)
                continue;
            last = kernel_of(&f, features);
            run_kernel(&f, last, nt, nk);
            for (size_t i = 0; i < f.nacc; i++)
                ck_assert_msg(same_f64(f.acc[i], f.want[i]),
                              "%s, %zu x %zu, fill %d: [%zu] is %a, not %a",
                              level, nt, nk, (int)fill, i, f.acc[i], f.want[i]);
        }
    }
    free_fixture(&f);
}
END_TEST

/*
 * |error| <= (129 e_f + (nk/128 + 1) e_d) (sum |x w| + |start|), and the
 * reference's own sums in double add nk e_d; in double (nk + 1) e_d and those.
 */
START_TEST(scalar_is_within_its_bound)
{
    static double x[MAX_NK], w[MAX_NK * PHI_PANEL], y[PHI_PANEL];
    struct fixture f = {.wide = _i == 1};
    uint64_t seed = 2;

    setup_fixture(&f);
    for (size_t a = 0; a < COUNT(row_counts) * COUNT(depths); a++) {
        const size_t nt = row_counts[a / COUNT(depths)];
        const size_t nk = depths[a % COUNT(depths)];
        const double bound =
            f.wide
                ? (2 * (double)nk + 2) * 0x1p-53
                : 129 * 0x1p-24 + ((double)nk / 128 + 2 + (double)nk) * 0x1p-53;

        fill_fixture(&f, nt, nk, true, a % 2 == 0 ? FILL_RANDOM : FILL_WIDE,
                     &seed);
        run_kernel(&f, kernel_of(&f, 0), nt, nk);
        for (size_t i = 0; i < nk * PHI_PANEL; i++)
            w[i % PHI_PANEL * nk + i / PHI_PANEL] = (double)f.w[i];
        for (size_t t = 0; t < nt; t++) {
            for (size_t k = 0; k < nk; k++)
                x[k] = (double)f.x[t / PHI_PANEL * f.ldx + k * PHI_PANEL +
                                   t % PHI_PANEL];
            ref_matmul(y, x, w, 1, PHI_PANEL, nk);
            for (size_t c = 0; c < PHI_PANEL; c++) {
                const double start = f.start[t * f.ldacc + c];
                double size = fabs(start);

                for (size_t k = 0; k < nk; k++)
                    size += fabs(x[k] * w[c * nk + k]);
                ck_assert_double_le(
                    fabs(f.acc[t * f.ldacc + c] - (y[c] + start)),
                    bound * size);
            }
        }
    }
    free_fixture(&f);
}
END_TEST

/* A long k in pieces cut at multiples of 128 gives the same bits. */
START_TEST(pieces_are_the_whole)
{
    struct fixture f = {.wide = _i == 1};
    uint64_t seed = 3;
    const phi_gemm_f32_fn gemm = kernel_of(&f, 0);

    setup_fixture(&f);
    fill_fixture(&f, 5, MAX_NK, true, FILL_RANDOM, &seed);
    run_kernel(&f, gemm, 5, MAX_NK);
    memcpy(f.want, f.acc, f.nacc * sizeof(double));
    memcpy(f.acc, f.start, f.nacc * sizeof(double));
    gemm(f.acc, f.ldacc, f.x, f.ldx, f.w, 5, 256);
    gemm(f.acc, f.ldacc, f.x + 256 * PHI_PANEL, f.ldx, f.w + 256 * PHI_PANEL, 5,
         MAX_NK - 256);
    ck_assert_int_eq(memcmp(f.acc, f.want, f.nacc * sizeof(double)), 0);
    free_fixture(&f);
}
END_TEST

START_TEST(levels_have_names)
{
    uint32_t features = 7;

    ck_assert_str_eq(phi_cpu_level_name(0), "scalar");
    ck_assert(phi_cpu_level("scalar", &features));
    ck_assert_uint_eq(features, 0);
    ck_assert(!phi_cpu_level("sse9", &features));
    ck_assert(!phi_cpu_level("", &features));
    ck_assert_str_eq(phi_kernels_select(0)->level, "scalar");
    for (size_t l = 0; phi_cpu_level_name(l) != NULL; l++) {
        uint32_t used;

        ck_assert(phi_cpu_level(phi_cpu_level_name(l), &features));
        /* Its own kernels, or those of a lower level. */
        ck_assert(phi_cpu_level(phi_kernels_select(features)->level, &used));
        ck_assert_uint_eq(used & ~features, 0);
        if ((features & ~cpu_here()) != 0)
            printf("skipped: level %s, this processor does not have it\n",
                   phi_cpu_level_name(l));
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gemm");
    TCase *t = tcase_create("gemm");

    tcase_set_timeout(t, 120);
    tcase_add_test(t, levels_have_names);
    tcase_add_loop_test(t, levels_agree, 0, 4 * NFILLS);
    tcase_add_loop_test(t, scalar_is_within_its_bound, 0, 2);
    tcase_add_loop_test(t, pieces_are_the_whole, 0, 2);
    suite_add_tcase(s, t);
    return unit_main(s);
}
