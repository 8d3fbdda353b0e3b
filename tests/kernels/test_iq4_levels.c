/* SPDX-License-Identifier: MIT */
/*
 * The nearest of IQ4's levels: counting the bounds below a value, as the
 * kernels do, against comparing distances in f32, as ggml does. They must
 * agree for every float; checked are those around the bounds, the levels and
 * far away. Vector kernels look the levels up in other ways: they are given
 * the floats at the bounds.
 */
#include <math.h>

#include "libconv/cpu/cpu.h"
#include "libconv/kernels/quant_iq4_pack.h"
#include "libconv/kernels/quant_kernels.h"
#include "tests/kernels/here.h"
#include "tests/unit/unit.h"

/* Floats on each side. */
enum { AROUND = 100000 };

/* ggml's best_index_int8(), as a search from the low end. */
static int by_distance(float v)
{
    int k = 0;

    if (v <= iq4_levels[0])
        return 0;
    if (!(v < iq4_levels[15])) /* NaN too: no comparison ends its search */
        return 15;
    while (!(v < iq4_levels[k + 1]))
        k++;
    return v - iq4_levels[k] < iq4_levels[k + 1] - v ? k : k + 1;
}

/* The float that is n floats above v; numbers through zero as one line. */
static float step_from(float v, int n)
{
    const uint32_t u = phi_f32_bits(v);
    int64_t at = u & 0x7fffffff;

    at = (u >> 31 ? -at : at) + n;
    return at < 0 ? -phi_bits_f32((uint32_t)-at) : phi_bits_f32((uint32_t)at);
}

static void check_around(float center)
{
    for (int n = -AROUND; n <= AROUND; n++) {
        const float v = step_from(center, n);

        if (iq4_nearest(v) != by_distance(v))
            ck_abort_msg("%a: level %d, by distance %d", v, iq4_nearest(v),
                         by_distance(v));
    }
}

START_TEST(bounds_are_where_distances_cross)
{
    const float bound = iq4_bounds[_i];

    ck_assert_float_eq(bound, (iq4_levels[_i] + iq4_levels[_i + 1]) / 2);
    ck_assert_int_eq(iq4_nearest(bound), _i + 1); /* ties go up */
    ck_assert_int_eq(iq4_nearest(step_from(bound, -1)), _i);
    check_around(bound);
}
END_TEST

START_TEST(levels_are_their_own_nearest)
{
    ck_assert_int_eq(iq4_nearest(iq4_levels[_i]), _i);
    check_around(iq4_levels[_i]);
}
END_TEST

START_TEST(the_rest_of_the_floats)
{
    check_around(0);
    for (uint32_t u = 0; u < 0xffff0000; u += 0xfff1) { /* with NaN */
        const float v = phi_bits_f32(u);

        if (iq4_nearest(v) != by_distance(v))
            ck_abort_msg("%a: level %d, by distance %d", v, iq4_nearest(v),
                         by_distance(v));
    }
    ck_assert_int_eq(iq4_nearest(INFINITY), 15);
    ck_assert_int_eq(iq4_nearest(-INFINITY), 0);
    ck_assert_int_eq(iq4_nearest(NAN), 15);
}
END_TEST

enum { NBLK = 15, VALUES = 32 };

/*
 * A block a bound, which has scale 1: only 113 counts, and with the first
 * inverse scale, 1 because of 127, its level is 113 too. Others would leave no
 * less error; `weight` decides whether rounding sees it so.
 */
static void fill_bounds(float *x, float *importance, float weight)
{
    for (int b = 0; b < NBLK; b++, x += VALUES, importance += VALUES) {
        for (int j = 0; j < VALUES; j++) {
            x[j] = step_from(iq4_bounds[b], j - VALUES / 2);
            importance[j] = 0;
        }
        x[0] = 113;
        x[1] = 127;
        importance[0] = weight;
    }
}

/* Whether a block of IQ4_NL has scale 1 and the levels nearest to x. */
static bool is_nearest(const uint8_t *block, const float *x)
{
    if (phi_load_u16(block) != 0x3c00)
        return false;
    for (int j = 0; j < VALUES; j++) {
        const int q = j < 16 ? block[2 + j] & 15 : block[2 + j - 16] >> 4;

        if (q != iq4_nearest(x[j]))
            return false;
    }
    return true;
}

START_TEST(vectors_have_the_same_bounds)
{
    float x[NBLK * VALUES];
    float importance[NBLK * VALUES];
    const char *level;
    uint32_t features;

    for (size_t i = 0; level_next(&i, &level, &features); i++) {
        bool seen[NBLK] = {false};

        for (int weight = 1; weight < 50; weight++) {
            uint8_t out[NBLK * 18];

            fill_bounds(x, importance, (float)weight);
            phi_quantize_kernel(features, PHI_IQ4_NL)(out, x, 1, NBLK * VALUES,
                                                      importance);
            for (int b = 0; b < NBLK; b++)
                seen[b] = seen[b] || is_nearest(out + 18 * b, x + VALUES * b);
        }
        for (int b = 0; b < NBLK; b++)
            ck_assert_msg(seen[b], "level %s: around %g", level,
                          (double)iq4_bounds[b]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("iq4 levels");
    TCase *t = tcase_create("iq4 levels");

    tcase_add_loop_test(t, bounds_are_where_distances_cross, 0, 15);
    tcase_add_loop_test(t, levels_are_their_own_nearest, 0, 16);
    tcase_add_test(t, the_rest_of_the_floats);
    tcase_add_test(t, vectors_have_the_same_bounds);
    suite_add_tcase(s, t);
    return unit_main(s);
}
