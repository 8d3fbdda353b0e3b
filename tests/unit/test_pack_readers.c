/* SPDX-License-Identifier: MIT */
/* Readers of one packed tensor side by side, and damage that they meet. */
#define _POSIX_C_SOURCE 200809L
#include "tests/unit/pack_model.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "formats/pack.h"
#include "libconv/base/par.h"

enum { SHARE = 30011 }; /* bytes that a reader takes: parts of chunks */

struct readers {
    const struct phi_source *s;
    uint8_t *to;
    size_t n;
    atomic_size_t refused;
};

static void read_shares(void *ctx, size_t first, size_t count, size_t worker)
{
    struct readers *r = ctx;

    (void)worker;
    for (size_t i = first; i < first + count; i++) {
        const size_t at = i * SHARE;
        const size_t n = r->n - at < SHARE ? r->n - at : SHARE;
        struct phi_err found = {0};

        if (phi_source_read_panels(r->s, PACK_LARGE, at, r->to + at, n,
                                   &found) == PHI_OK)
            continue;
        /* Whoever looked at the damaged chunk first, or ahead. */
        if (strstr(found.msg, "\"blk.0.ffn_down.weight\": chunk 1 of 2 is "
                              "damaged") != NULL)
            atomic_fetch_add(&r->refused, 1);
    }
}

/* Readers of one tensor side by side; what they read is put together. */
static void read_side_by_side(bool planes)
{
    const struct phi_pack_options opt = {.planes = planes};
    struct phi_source *s = NULL;
    struct readers r = {0};
    struct pack_model m;
    size_t shares, wrong = 0;
    uint8_t byte;
    int fd;

    pack_model_make(&m, true);
    pack_model_write(&m, path, 100000, &opt);
    r.n = (size_t)m.tensors[PACK_LARGE].nbytes;
    r.to = malloc(r.n);
    ck_assert_ptr_nonnull(r.to);
    shares = (r.n + SHARE - 1) / SHARE;
    for (size_t threads = 1; threads <= 7; threads += 2) {
        memset(r.to, 0, r.n);
        ck_ok(phi_pack_open(&s, path, &err));
        r.s = s;
        for (int pass = 0; pass < 2; pass++)
            phi_par_for(threads, shares, 1, read_shares, &r);
        phi_source_close(s);
        for (size_t at = 0; at < r.n; at++)
            wrong += r.to[pack_model_place(&m.tensors[PACK_LARGE], 16, at)] !=
                     m.bytes[PACK_LARGE][at];
        ck_assert_uint_eq(wrong, 0);
    }
    ck_assert_uint_eq(atomic_load(&r.refused), 0);
    /* The last byte of the file is the second chunk's. */
    fd = open(path, O_RDWR);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_ge(lseek(fd, -1, SEEK_END), 0);
    ck_assert_int_eq(read(fd, &byte, 1), 1);
    ck_assert_int_ge(lseek(fd, -1, SEEK_END), 0);
    byte ^= 1;
    ck_assert_int_eq(write(fd, &byte, 1), 1);
    close(fd);
    ck_ok(phi_pack_open(&s, path, &err));
    r.s = s;
    phi_par_for(4, shares, 1, read_shares, &r);
    phi_source_close(s);
    /* All shares with a byte of it, and no other. */
    ck_assert_uint_eq(atomic_load(&r.refused), shares - PHI_PACK_CHUNK / SHARE);
    free(r.to);
    pack_model_release(&m);
}

START_TEST(side_by_side)
{
    read_side_by_side(false);
    ck_assert_int_eq(remove(path), 0);
    read_side_by_side(true);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pack readers");
    TCase *t = tcase_create("pack readers");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, side_by_side);
    suite_add_tcase(s, t);
    return unit_main(s);
}
