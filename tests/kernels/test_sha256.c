/* SPDX-License-Identifier: MIT */
/* Two hashes at a time are those of libcrypto, one at a time. */
#include "libconv/cpu/cpu.h"
#include "libconv/kernels/sha256_kernels.h"
#include "tests/unit/unit.h"

enum { MOST = 1000 };

static uint8_t bytes[2][MOST];

static void setup(void)
{
    uint32_t seed = 7;

    for (size_t i = 0; i < 2 * MOST; i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i / MOST][i % MOST] = (uint8_t)(seed >> 24);
    }
}

static void expect(struct phi_sha256 *h, const uint8_t *p, size_t n)
{
    struct phi_sha256 *one = NULL;
    char want[PHI_SHA256_HEX];
    char have[PHI_SHA256_HEX];

    ck_ok(phi_sha256_new(&one, &err));
    ck_ok(phi_sha256_add(one, p, n, &err));
    ck_ok(phi_sha256_hex(one, want, &err));
    ck_ok(phi_sha256_hex(h, have, &err));
    ck_assert_str_eq(have, want);
    phi_sha256_free(one);
}

/* n bytes in two parts; the first hash has `ahead` more of them before. */
static void try_pair(size_t n, size_t cut, size_t ahead,
                     phi_sha256_pair_fn pair)
{
    struct phi_sha256 *a = NULL;
    struct phi_sha256 *b = NULL;

    ck_ok(phi_sha256_new(&a, &err));
    ck_ok(phi_sha256_new(&b, &err));
    ck_ok(phi_sha256_add(a, bytes[0], ahead, &err));
    ck_ok(
        phi_sha256_add_pair(a, b, bytes[0] + ahead, bytes[1], cut, pair, &err));
    ck_ok(phi_sha256_add_pair(a, b, bytes[0] + ahead + cut, bytes[1] + cut,
                              n - cut, pair, &err));
    expect(a, bytes[0], ahead + n);
    expect(b, bytes[1], n);
    phi_sha256_free(a);
    phi_sha256_free(b);
}

START_TEST(every_length)
{
    const phi_sha256_pair_fn best = phi_sha256_kernel(phi_cpu_detect());

    ck_assert(phi_sha256_kernel(0) == NULL);
    if (best == NULL)
        printf("skipped: this processor has no other kernel\n");
    for (size_t n = 0; n <= 330; n++) {
        for (size_t cut = 0; cut <= n; cut += 37) {
            try_pair(n, cut, 0, best);
            try_pair(n, cut, 64, best);
        }
        try_pair(n, n / 3, 5, best); /* not as many bytes before */
        try_pair(n, n / 3, 0, NULL);
    }
}
END_TEST

/* Lengths of which the count of bits has more than 32. */
START_TEST(long_runs)
{
    const phi_sha256_pair_fn best = phi_sha256_kernel(phi_cpu_detect());
    const size_t n = (size_t)1 << 20;
    uint8_t *p = malloc(n);
    struct phi_sha256 *h[3] = {NULL, NULL, NULL};
    char hex[3][PHI_SHA256_HEX];

    ck_assert_ptr_nonnull(p);
    memset(p, 0xa5, n);
    for (size_t i = 0; i < 3; i++)
        ck_ok(phi_sha256_new(&h[i], &err));
    for (size_t i = 0; i < 513; i++) {
        ck_ok(phi_sha256_add_pair(h[0], h[1], p, p, n, best, &err));
        ck_ok(phi_sha256_add(h[2], p, n, &err));
    }
    for (size_t i = 0; i < 3; i++) {
        ck_ok(phi_sha256_hex(h[i], hex[i], &err));
        ck_assert_str_eq(hex[i], hex[0]);
        phi_sha256_free(h[i]);
    }
    free(p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sha256");
    TCase *t = tcase_create("sha256");

    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, every_length);
    tcase_add_test(t, long_runs);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    return unit_main(s);
}
