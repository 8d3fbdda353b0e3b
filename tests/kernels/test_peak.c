/* SPDX-License-Identifier: MIT */
/*
 * The loops that measure peaks do as many operations as they say, on every
 * level that this machine has, and read every byte.
 */
#include <string.h>

#include "libconv/cpu/cpu.h"
#include "libconv/kernels/peak.h"
#include "tests/unit/unit.h"

/* More rounds than the bytes they go over; few enough for 16-bit sums. */
enum { ROUNDS = 21 };

/* The loops of level i, or false if this machine has not got it. */
static bool level(int i, struct phi_peak_kernels *out)
{
    const uint32_t here = phi_cpu_detect();
    const char *name = phi_cpu_level_name((size_t)i);
    uint32_t features = 0;

    if (name == NULL || !phi_cpu_level(name, &features) ||
        (features & ~here) != 0)
        return false;
    *out = phi_peak_select(features);
    return true;
}

enum { MOST_LEVELS = 8 };

START_TEST(products_of_bytes_are_counted)
{
    static _Alignas(64) uint8_t a[PHI_PEAK_BYTES], b[PHI_PEAK_BYTES];
    struct phi_peak_kernels k;

    if (!level(_i, &k))
        return;
    memset(a, 1, sizeof(a));
    memset(b, 1, sizeof(b));
    ck_assert_uint_eq(k.i8(ROUNDS, a, b) & 0xffff,
                      ROUNDS * (k.i8_operations / 2) & 0xffff);
    memset(a, 3, sizeof(a));
    memset(b, 5, sizeof(b));
    ck_assert_uint_eq(k.i8(ROUNDS, a, b) & 0xffff,
                      15 * ROUNDS * (k.i8_operations / 2) & 0xffff);
    ck_assert_uint_eq(k.i8(0, a, b), 0);
}
END_TEST

START_TEST(floats_are_counted)
{
    struct phi_peak_kernels k;

    if (!level(_i, &k))
        return;
    const float half = (float)k.apart_operations / 2;

    ck_assert_float_eq(k.apart(ROUNDS, 1, 1), half + half * ROUNDS);
    ck_assert_float_eq(k.apart(3, 2, 0), half * 8);
    ck_assert_float_eq(k.apart(0, 2, 1), half);
}
END_TEST

START_TEST(fused_floats_are_counted)
{
    struct phi_peak_kernels k;

    if (!level(_i, &k) || k.fused == NULL)
        return;
    const float half = (float)k.fused_operations / 2;

    ck_assert_float_eq(k.fused(ROUNDS, 1, 1), half * ROUNDS);
    ck_assert_float_eq(k.fused(3, 2, 5), half * 30);
    ck_assert_float_eq(k.fused(0, 2, 1), 0);
}
END_TEST

START_TEST(every_byte_is_read)
{
    static _Alignas(64) uint8_t p[4096];
    struct phi_peak_kernels k;
    uint64_t want = 0;

    if (!level(_i, &k))
        return;
    for (size_t i = 0; i < sizeof(p); i++)
        p[i] = (uint8_t)(i * 131 + i / 256 * 7);
    for (size_t i = 0; i < sizeof(p); i += 8) {
        uint64_t word;

        memcpy(&word, p + i, sizeof(word));
        want ^= word;
    }
    ck_assert_uint_eq(k.read(p, sizeof(p)), want);
    for (size_t i = 0; i < sizeof(p); i += 8) {
        p[i] ^= 0x10;
        ck_assert_uint_ne(k.read(p, sizeof(p)), want);
        p[i] ^= 0x10;
    }
    ck_assert_uint_eq(k.read(p, 0), 0);
}
END_TEST

START_TEST(better_levels_have_loops_of_their_own)
{
    const struct phi_peak_kernels plain = phi_peak_select(0);
    const struct phi_peak_kernels best = phi_peak_select(phi_cpu_detect());

    ck_assert_ptr_null(plain.fused);
    if (phi_cpu_detect() == 0)
        return;
    ck_assert(best.i8 != plain.i8);
    ck_assert(best.apart != plain.apart);
    ck_assert(best.read != plain.read);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("peak");
    TCase *t = tcase_create("peak");

    tcase_add_loop_test(t, products_of_bytes_are_counted, 0, MOST_LEVELS);
    tcase_add_loop_test(t, floats_are_counted, 0, MOST_LEVELS);
    tcase_add_loop_test(t, fused_floats_are_counted, 0, MOST_LEVELS);
    tcase_add_loop_test(t, every_byte_is_read, 0, MOST_LEVELS);
    tcase_add_test(t, better_levels_have_loops_of_their_own);
    suite_add_tcase(s, t);
    return unit_main(s);
}
