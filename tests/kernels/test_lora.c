/* SPDX-License-Identifier: MIT */
/* The delta of an adapter: every level against the scalar one, that against
 * reference/, and what must not change. */
#define _DEFAULT_SOURCE
#include <math.h>

#include "libconv/cpu/cpu.h"
#include "libconv/kernels/lora_kernels.h"
#include "reference/ref_math.h"
#include "tests/kernels/guard.h"
#include "tests/kernels/here.h"

#define MAX_ROWS 9
#define MAX_COLS 80
#define MAX_RANK 33

static const size_t row_counts[] = {0, 1, 3, 4, 5, MAX_ROWS};
static const size_t col_counts[] = {0, 1, 3, 4, 7, 8, 16, 17, 33, MAX_COLS};
static const size_t ranks[] = {0, 1, 8, MAX_RANK};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NSHAPES  (COUNT(row_counts) * COUNT(col_counts) * COUNT(ranks))

struct shape {
    size_t rows;
    size_t cols;
    size_t rank;
};

static struct shape shape_of(size_t i)
{
    return (struct shape){row_counts[i % COUNT(row_counts)],
                          col_counts[i / COUNT(row_counts) % COUNT(col_counts)],
                          ranks[i / COUNT(row_counts) / COUNT(col_counts)]};
}

/* One shape, with inputs and output against guard pages. */
struct fixture {
    struct guard gx, ga, gb;
    float *x;
    float *a;
    float *b;
    float start[MAX_ROWS * MAX_COLS];
    float want[MAX_ROWS * MAX_COLS];
};

static struct fixture f;

static void setup(void)
{
    f.gx = guard_new(sizeof(f.start));
    f.ga = guard_new(MAX_RANK * MAX_COLS * sizeof(float));
    f.gb = guard_new(MAX_ROWS * MAX_RANK * sizeof(float));
}

static void teardown(void)
{
    guard_free(&f.gx);
    guard_free(&f.ga);
    guard_free(&f.gb);
}

static void fill(const struct shape *s, bool end, enum fill how, uint64_t *seed)
{
    const size_t n = s->rows * s->cols;

    f.x = guard_take(&f.gx, n * sizeof(float), end);
    f.a = guard_take(&f.ga, s->rank * s->cols * sizeof(float), end);
    f.b = guard_take(&f.gb, s->rows * s->rank * sizeof(float), end);
    guard_fill(f.start, n, how, seed);
    guard_fill(f.a, s->rank * s->cols, how, seed);
    guard_fill(f.b, s->rows * s->rank, how, seed);
}

static void run_level(const char *level, const struct shape *s, float scale)
{
    uint32_t features = 0;

    ck_assert(phi_cpu_level(level, &features));
    if (s->rows * s->cols > 0)
        memcpy(f.x, f.start, s->rows * s->cols * sizeof(float));
    phi_lora_kernel(features)(f.x, s->rows, s->cols, f.b, f.a, s->rank, scale);
}

START_TEST(levels_agree)
{
    const char *level;
    uint32_t features;
    uint64_t seed = 1;

    for (size_t i = 0; i < NSHAPES * NFILLS * 2; i++) {
        const struct shape s = shape_of(i / NFILLS / 2);
        const float scale = guard_random(&seed) * 4;

        fill(&s, i / NFILLS % 2 == 0, (enum fill)(i % NFILLS), &seed);
        run_level("scalar", &s, scale);
        if (s.rows * s.cols > 0)
            memcpy(f.want, f.x, s.rows * s.cols * sizeof(float));
        for (size_t k = 1; level_next(&k, &level, &features); k++) {
            run_level(level, &s, scale);
            for (size_t c = 0; c < s.rows * s.cols; c++)
                ck_assert_msg(same_f32(f.x[c], f.want[c]),
                              "%s, (%zu, %zu) rank %zu: [%zu] is %a, not %a",
                              level, s.rows, s.cols, s.rank, c, (double)f.x[c],
                              (double)f.want[c]);
        }
    }
}
END_TEST

/*
 * rank + 1 products and rank sums, each rounded, and the last sum:
 * |error| <= (rank + 3) e (|scale| sum |b a| + |x|), and some more where
 * products are subnormal.
 */
START_TEST(scalar_is_within_its_bound)
{
    static double b[MAX_ROWS * MAX_RANK], a[MAX_COLS * MAX_RANK];
    static double want[MAX_ROWS * MAX_COLS], size[MAX_ROWS * MAX_COLS];
    uint64_t seed = 2;

    for (size_t i = 0; i < NSHAPES; i++) {
        const struct shape s = shape_of(i);
        const float scale = guard_random(&seed) * 4;

        fill(&s, true, i % 2 == 0 ? FILL_RANDOM : FILL_WIDE, &seed);
        run_level("scalar", &s, scale);
        for (int magnitude = 0; magnitude < 2; magnitude++) {
            for (size_t k = 0; k < s.rows * s.rank; k++)
                b[k] = magnitude ? fabs((double)f.b[k]) : (double)f.b[k];
            for (size_t k = 0; k < s.rank * s.cols; k++) {
                const double v = (double)f.a[k];

                a[k % s.cols * s.rank + k / s.cols] = magnitude ? fabs(v) : v;
            }
            ref_matmul(magnitude ? size : want, b, a, s.rows, s.cols, s.rank);
        }
        for (size_t c = 0; c < s.rows * s.cols; c++) {
            const double x = (double)f.start[c];
            const double bound = ((double)s.rank + 3) * 0x1p-24;

            ck_assert_double_le(
                fabs((double)f.x[c] - (x + (double)scale * want[c])),
                bound * (fabs((double)scale) * size[c] + fabs(x)) + 0x1p-140);
        }
    }
}
END_TEST

/* Zeros in B, in A, or as the scale: every bit stays, that of -0 too. */
START_TEST(nothing_leaves_every_bit)
{
    const struct shape s = {MAX_ROWS, MAX_COLS, 8};
    const char *level;
    uint32_t features;
    uint64_t seed = 3;

    for (size_t k = 0; level_next(&k, &level, &features); k++) {
        for (int what = 0; what < 4; what++) {
            fill(&s, true, FILL_RANDOM, &seed);
            guard_fill(f.start, MAX_ROWS * MAX_COLS, FILL_SPECIAL, &seed);
            for (size_t i = 0; what < 2 && i < s.rows * s.rank; i++)
                f.b[i] = what == 0 ? 0.0f : -0.0f;
            for (size_t i = 0; what == 2 && i < s.rank * s.cols; i++)
                f.a[i] = 0;
            run_level(level, &s, what == 3 ? 0.0f : 2.0f);
            ck_assert_int_eq(memcmp(f.x, f.start, sizeof(f.start)), 0);
        }
    }
}
END_TEST

/* But for half a unit in the last place of each of the two sums. */
START_TEST(what_is_added_can_be_taken_away)
{
    static float once[MAX_ROWS * MAX_COLS];
    uint64_t seed = 5;

    for (size_t i = 0; i < NSHAPES; i++) {
        const struct shape s = shape_of(i);
        const size_t n = s.rows * s.cols;
        const float scale = guard_random(&seed) * 4;

        fill(&s, true, FILL_RANDOM, &seed);
        run_level("scalar", &s, scale);
        if (n > 0)
            memcpy(once, f.x, n * sizeof(float));
        phi_lora_kernel(0)(f.x, s.rows, s.cols, f.b, f.a, s.rank, -scale);
        for (size_t c = 0; c < n; c++) {
            const float top = fmaxf(fabsf(f.start[c]), fabsf(once[c]));

            ck_assert(fabsf(f.x[c] - f.start[c]) <=
                      nextafterf(top, INFINITY) - top);
        }
    }
}
END_TEST

/* Rows may be done in any pieces. */
START_TEST(pieces_of_rows_agree)
{
    const struct shape s = {MAX_ROWS, 37, 5};
    uint64_t seed = 4;

    fill(&s, false, FILL_WIDE, &seed);
    memcpy(f.x, f.start, s.rows * s.cols * sizeof(float));
    phi_lora_kernel(phi_cpu_detect())(f.x, s.rows, s.cols, f.b, f.a, s.rank,
                                      0.5f);
    memcpy(f.want, f.x, s.rows * s.cols * sizeof(float));
    memcpy(f.x, f.start, s.rows * s.cols * sizeof(float));
    for (size_t r = 0, n = 1; r < s.rows; r += n, n = n % 3 + 1) {
        n = n < s.rows - r ? n : s.rows - r;
        phi_lora_kernel(phi_cpu_detect())(f.x + r * s.cols, n, s.cols,
                                          f.b + r * s.rank, f.a, s.rank, 0.5f);
    }
    ck_assert_int_eq(memcmp(f.x, f.want, s.rows * s.cols * sizeof(float)), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lora");
    TCase *t = tcase_create("lora");

    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, levels_agree);
    tcase_add_test(t, scalar_is_within_its_bound);
    tcase_add_test(t, nothing_leaves_every_bit);
    tcase_add_test(t, what_is_added_can_be_taken_away);
    tcase_add_test(t, pieces_of_rows_agree);
    suite_add_tcase(s, t);
    return unit_main(s);
}
