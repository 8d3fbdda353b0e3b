/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "libconv/base/half.h"
#include "tests/unit/unit.h"

START_TEST(every_f16_survives)
{
    for (uint32_t h = 0; h < 0x10000; h++) {
        const float f = phi_f16_to_f32((uint16_t)h);
        const bool nan = (h & 0x7fff) > 0x7c00;

        ck_assert_uint_eq(phi_f32_to_f16(f), nan ? ((h & 0x8000) | 0x7e00) : h);
        ck_assert_int_eq(isnan(f) != 0, nan);
    }
}
END_TEST

START_TEST(f16_rounds_to_nearest_even)
{
    /* Between every two neighbours: below, at and above the middle. */
    for (uint32_t h = 0; h < 0x7bff; h++) {
        const float a = phi_f16_to_f32((uint16_t)h);
        const float b = phi_f16_to_f32((uint16_t)(h + 1));
        const float mid = (a + b) / 2; /* exact: one more bit */

        ck_assert_uint_eq(phi_f32_to_f16(mid), h % 2 == 0 ? h : h + 1);
        ck_assert_uint_eq(phi_f32_to_f16(nextafterf(mid, 0)), h);
        ck_assert_uint_eq(phi_f32_to_f16(nextafterf(mid, INFINITY)), h + 1);
        ck_assert_uint_eq(phi_f32_to_f16(-mid),
                          0x8000 | (h % 2 == 0 ? h : h + 1));
    }
    ck_assert_uint_eq(phi_f32_to_f16(65519.996f), 0x7bff);
    ck_assert_uint_eq(phi_f32_to_f16(65520.0f), 0x7c00);
    ck_assert_uint_eq(phi_f32_to_f16(-INFINITY), 0xfc00);
}
END_TEST

START_TEST(every_bf16_survives)
{
    for (uint32_t h = 0; h < 0x10000; h++) {
        const float f = phi_bf16_to_f32((uint16_t)h);

        if (isnan(f))
            ck_assert_uint_eq(phi_f32_to_bf16(f), h | 64);
        else
            ck_assert_uint_eq(phi_f32_to_bf16(f), h);
    }
    ck_assert_uint_eq(phi_f32_to_bf16(phi_bits_f32(0x3f808000)), 0x3f80);
    ck_assert_uint_eq(phi_f32_to_bf16(phi_bits_f32(0x3f818000)), 0x3f82);
    ck_assert_uint_eq(phi_f32_to_bf16(phi_bits_f32(0x3f808001)), 0x3f81);
}
END_TEST

START_TEST(f8_values)
{
    ck_assert_float_eq(phi_f8e4m3_to_f32(0x7e), 448.0f);
    ck_assert_float_eq(phi_f8e4m3_to_f32(0x01), 0.001953125f);
    ck_assert_float_eq(phi_f8e4m3_to_f32(0x38), 1.0f);
    ck_assert_float_eq(phi_f8e4m3_to_f32(0xb8), -1.0f);
    ck_assert(isnan(phi_f8e4m3_to_f32(0xff)));
    ck_assert_float_eq(phi_f8e5m2_to_f32(0x7b), 57344.0f);
    ck_assert_float_eq(phi_f8e5m2_to_f32(0x01), 0x1p-16f);
    ck_assert(isinf(phi_f8e5m2_to_f32(0x7c)));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("half");
    TCase *t = tcase_create("half");

    tcase_add_test(t, every_f16_survives);
    tcase_add_test(t, f16_rounds_to_nearest_even);
    tcase_add_test(t, every_bf16_survives);
    tcase_add_test(t, f8_values);
    suite_add_tcase(s, t);
    return unit_main(s);
}
