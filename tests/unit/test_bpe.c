/* SPDX-License-Identifier: MIT */
/* The table of merges alone; what becomes of words is in test_tokenizer.c. */
#define _POSIX_C_SOURCE 200809L
#include <sys/resource.h>

#include "libconv/text/bpe.h"
#include "tests/unit/unit.h"

/* The pair of ids whose slot was h when each run used the same slots. */
static struct phi_bpe_merge merge_at(uint64_t h)
{
    h ^= h >> 32;
    h *= UINT64_C(0xcfee444d8b59a89b);
    h ^= h >> 32;
    h *= UINT64_C(0xf1de83e19937733d);
    return (struct phi_bpe_merge){(uint32_t)(h >> 32), (uint32_t)h, 0};
}

/*
 * Merges were in a table that hashed pairs without a secret: those of a file
 * could all fall on one slot, where each was looked for behind all others.
 * This many took minutes, and take a tenth of a second.
 */
START_TEST(no_merges_crowd_one_slot)
{
    enum { N = 1 << 19 };
    const struct rlimit seconds = {20, 30};
    struct phi_bpe b = {0};

    ck_assert_int_eq(setrlimit(RLIMIT_CPU, &seconds), 0);
    ck_ok(phi_bpe_init(&b, N, &err));
    for (uint64_t i = 0; i < N; i++)
        ck_ok(phi_bpe_add(&b, merge_at(i << 32), &err));
    /* All of them are there. */
    for (uint64_t i = 0; i < N; i += N / 8)
        ck_refused(phi_bpe_add(&b, merge_at(i << 32), &err), PHI_E_FORMAT,
                   "the same pair is merge");
    phi_bpe_release(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("bpe");
    TCase *t = tcase_create("bpe");

    tcase_set_timeout(t, 120);
    tcase_add_test(t, no_merges_crowd_one_slot);
    suite_add_tcase(s, t);
    return unit_main(s);
}
