/* SPDX-License-Identifier: MIT */
/*
 * Differences between tensors and hashes of them, on models of arrays whose
 * answers can be worked out by hand.
 */
#define _POSIX_C_SOURCE 200809L
#include "libconv/quant/difference.h"

#include <math.h>
#include <time.h>

#include "libconv/base/half.h"
#include "libconv/tensor/source_hash.h"
#include "tests/unit/memory_model.h"

static uint8_t room[PHI_DIFFERENCE_ROOM];

static struct phi_difference compare(const struct memory_source *a,
                                     const struct memory_source *b)
{
    const struct phi_difference_pair pair = {&a->base, 0, &b->base, 0, 0, 0};
    struct phi_difference d;
    struct phi_tally tally;

    ck_ok(phi_tally_init(&tally, NULL, 0, &err));
    ck_ok(phi_difference_of(&d, &pair, room, &tally, &err));
    phi_tally_release(&tally);
    return d;
}

START_TEST(numbers)
{
    const float x[4] = {3, 0, -4, 0};
    const float y[4] = {3, 1, -4, -2};
    struct memory_source a = {0}, b = {0};
    struct phi_difference d;

    memory_add(&a, "t", PHI_F32, 2, 2, x);
    memory_add(&b, "t", PHI_F32, 2, 2, y);
    d = compare(&a, &a);
    ck_assert(d.same_bytes && d.compared && d.differing == 0 && d.rmse == 0);
    d = compare(&a, &b);
    ck_assert(!d.same_bytes && d.compared);
    ck_assert_uint_eq(d.differing, 2);
    ck_assert_double_eq(d.rmse, sqrt(5.0 / 4));
    ck_assert_double_eq(d.max_abs, 2);
    ck_assert_double_eq(d.relative, sqrt(5.0 / 25));
    phi_meta_release(&a.base.meta);
    phi_meta_release(&b.base.meta);
}
END_TEST

START_TEST(other_types_and_lengths)
{
    enum { N = 100000 }; /* several pieces */
    static float x[N];
    static uint16_t h[N];
    struct memory_source a = {0}, b = {0}, c = {0};
    struct phi_difference d;

    for (size_t i = 0; i < N; i++) {
        x[i] = (float)(i % 2048);
        h[i] = phi_f32_to_f16(x[i]);
    }
    memory_add(&a, "t", PHI_F32, 100, 1000, x);
    memory_add(&b, "t", PHI_F16, 1000, 100, h);
    memory_add(&c, "t", PHI_F16, 0, N - 1, h);
    d = compare(&a, &b);
    ck_assert(!d.same_bytes && d.compared && d.differing == 0);
    h[N - 1] = phi_f32_to_f16(x[N - 1] + 1);
    d = compare(&a, &b);
    ck_assert_uint_eq(d.differing, 1);
    ck_assert_double_eq(d.max_abs, 1);
    d = compare(&a, &c);
    ck_assert(!d.compared && !d.same_bytes);
    phi_meta_release(&a.base.meta);
    phi_meta_release(&b.base.meta);
    phi_meta_release(&c.base.meta);
}
END_TEST

START_TEST(no_numbers)
{
    const float x[3] = {NAN, INFINITY, 1};
    const float y[3] = {NAN, INFINITY, NAN};
    const uint16_t z[3] = {0x7e01, 0x7c00, 0x3c00}; /* as x */
    struct memory_source a = {0}, b = {0}, c = {0};
    struct phi_difference d;

    memory_add(&a, "t", PHI_F32, 0, 3, x);
    memory_add(&b, "t", PHI_F32, 0, 3, y);
    memory_add(&c, "t", PHI_F16, 0, 3, z);
    d = compare(&a, &c);
    ck_assert_uint_eq(d.differing, 0);
    ck_assert_double_eq(d.rmse, 0);
    d = compare(&a, &b);
    ck_assert_uint_eq(d.differing, 1);
    ck_assert(isnan(d.rmse) && isnan(d.max_abs) && isnan(d.relative));
    phi_meta_release(&a.base.meta);
    phi_meta_release(&b.base.meta);
    phi_meta_release(&c.base.meta);
}
END_TEST

static bool stop(void *ctx, uint64_t done, uint64_t total, const char *note)
{
    (void)ctx;
    (void)total;
    (void)note;
    return done == 0;
}

START_TEST(hashes)
{
    /* SHA-256 of "abc" and of nothing: FIPS 180-4's examples. */
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223"
                              "b00361a396177a9cb410ff61f20015ad";
    static const char nothing[] = "e3b0c44298fc1c149afbf4c8996fb924"
                                  "27ae41e4649b934ca495991b7852b855";
    const struct phi_monitor monitor = {stop, NULL};
    struct memory_source m = {0}, other = {0};
    char hex[2][PHI_SHA256_HEX], digest[PHI_SHA256_HEX], again[PHI_SHA256_HEX];
    struct phi_sha256 *h = NULL;
    char text[400];

    memory_add(&m, "b", PHI_U8, 0, 3, "abc");
    memory_add(&m, "a", PHI_U8, 0, 0, "");
    ck_ok(phi_source_hash(&m.base, 3, NULL, hex, &err));
    ck_assert_str_eq(hex[0], abc);
    ck_assert_str_eq(hex[1], nothing);
    ck_ok(phi_source_digest(&m.base, (const char(*)[PHI_SHA256_HEX])hex, digest,
                            &err));
    snprintf(text, sizeof(text), "1 a U8 0 %s\n1 b U8 3 %s\n", nothing, abc);
    ck_ok(phi_sha256_new(&h, &err));
    ck_ok(phi_sha256_add(h, text, strlen(text), &err));
    ck_ok(phi_sha256_hex(h, again, &err));
    ck_assert_str_eq(digest, again);
    phi_sha256_free(h);
    /* The order in the file is no part of it. */
    memory_add(&other, "a", PHI_U8, 0, 0, "");
    memory_add(&other, "b", PHI_U8, 0, 3, "abc");
    ck_ok(phi_source_hash(&other.base, 1, NULL, hex, &err));
    ck_ok(phi_source_digest(&other.base, (const char(*)[PHI_SHA256_HEX])hex,
                            again, &err));
    ck_assert_str_eq(digest, again);
    ck_refused(phi_source_hash(&m.base, 1, &monitor, hex, &err),
               PHI_E_CANCELLED, "interrupted");
    m.changed = true;
    ck_refused(phi_source_hash(&m.base, 2, NULL, hex, &err), PHI_E_IO,
               "changed");
    phi_meta_release(&m.base.meta);
    phi_meta_release(&other.base.meta);
}
END_TEST

/* Tensor 0 is damaged at its end, tensor 1 at its beginning. */
static enum phi_status damaged_read(const struct phi_source *s, size_t i,
                                    uint64_t offset, void *to, size_t n,
                                    struct phi_err *err)
{
    static const struct timespec moment = {.tv_nsec = 200000};

    if (i == 1 || (i == 0 && offset + n == s->tensors[0].nbytes))
        return phi_fail(err, PHI_E_IO, "tensor %zu is damaged", i);
    if (i == 0)
        nanosleep(&moment, NULL);
    memset(to, 0, n);
    return PHI_OK;
}

/* An error of one stopped all the others, those below it, too: which was the
 * first depended on the threads. */
START_TEST(the_first_error_is_told)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    struct memory_source m = {0};
    struct phi_source_ops ops;
    struct phi_difference_pair pair = {&m.base, 2, &m.base, 3, 0, 0};
    struct phi_difference d;
    struct phi_tally tally;
    struct phi_err other = {0};
    char hex[4][PHI_SHA256_HEX];

    for (size_t i = 0; i < 4; i++)
        memory_add(&m, names[i], PHI_U8, 0, (uint64_t)3 << 20, NULL);
    ops = *m.base.ops;
    ops.read = damaged_read;
    m.base.ops = &ops;
    for (int i = 0; i < 20; i++)
        ck_refused(phi_source_hash(&m.base, 4, NULL, hex, &err), PHI_E_IO,
                   "tensor 0");
    /* The same of two that are compared, one below and one above it. */
    ck_ok(phi_tally_init(&tally, NULL, 0, &err));
    phi_fail(&other, PHI_E_IO, "other");
    phi_tally_fail(&tally, 3, &other);
    pair.item = 2;
    ck_ok(phi_difference_of(&d, &pair, room, &tally, &err));
    ck_assert(d.same_bytes);
    pair.item = 4;
    ck_refused(phi_difference_of(&d, &pair, room, &tally, &err), PHI_E_IO,
               "other");
    phi_tally_release(&tally);
    phi_meta_release(&m.base.meta);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("difference");
    TCase *t = tcase_create("all");

    tcase_add_test(t, numbers);
    tcase_add_test(t, other_types_and_lengths);
    tcase_add_test(t, no_numbers);
    tcase_add_test(t, hashes);
    tcase_add_test(t, the_first_error_is_told);
    suite_add_tcase(suite, t);
    return unit_main(suite);
}
