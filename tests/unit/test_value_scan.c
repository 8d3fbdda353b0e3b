/* SPDX-License-Identifier: MIT */
/* What a scan says of values, whatever pieces they come in. */
#include "libconv/quant/value_scan.h"

#include <math.h>

#include "tests/unit/unit.h"

START_TEST(odd_values)
{
    /* 65519 rounds to f16's 65504, 65520 to infinity. */
    static const float x[] = {1,         65519,    -65520, NAN, INFINITY,
                              -INFINITY, -3.4e38f, NAN,    0};
    const size_t n = sizeof(x) / sizeof(x[0]);

    for (size_t cut = 0; cut <= n; cut++) {
        struct phi_value_scan s = {0};

        phi_value_scan_add(&s, x, cut);
        phi_value_scan_add(&s, x + cut, n - cut);
        ck_assert_uint_eq(s.n, n);
        ck_assert_uint_eq(s.large, 2);
        ck_assert_uint_eq(s.first_large, 2);
        ck_assert_uint_eq(s.nan, 2);
        ck_assert_uint_eq(s.first_nan, 3);
        ck_assert_uint_eq(s.infinite, 2);
        ck_assert_uint_eq(s.first_infinite, 4);
        ck_assert(s.max_abs == 3.4e38f);
        ck_assert(s.varied);
    }
}
END_TEST

START_TEST(constants)
{
    static const float same[] = {2, 2, 2}, zeros[] = {0, -0.0f, 0};
    static const float last[] = {2, 2, 2.5f};
    struct phi_value_scan s = {0};

    phi_value_scan_add(&s, same, 3);
    ck_assert(!s.varied && s.value == 2);
    phi_value_scan_add(&s, last, 2);
    ck_assert(!s.varied);
    phi_value_scan_add(&s, last + 2, 1);
    ck_assert(s.varied);
    s = (struct phi_value_scan){0};
    phi_value_scan_add(&s, zeros, 3);
    ck_assert(!s.varied && s.value == 0);
    s = (struct phi_value_scan){0};
    phi_value_scan_add(&s, same, 0);
    ck_assert_uint_eq(s.n, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("value_scan");
    TCase *t = tcase_create("all");

    tcase_add_test(t, odd_values);
    tcase_add_test(t, constants);
    suite_add_tcase(suite, t);
    return unit_main(suite);
}
