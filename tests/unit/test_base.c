/* SPDX-License-Identifier: MIT */
/* Sizes, memory, buffers, maps, cursors, hashes and loops. */
#include "libconv/base/buf.h"
#include "libconv/base/bytes.h"
#include "libconv/base/cursor.h"
#include "libconv/base/lock.h"
#include "libconv/base/map.h"
#include "libconv/base/mem.h"
#include "libconv/base/par.h"
#include "libconv/base/ranges.h"
#include "libconv/base/sha256.h"
#include "libconv/base/siphash.h"
#include "libconv/base/size.h"
#include "tests/unit/unit.h"

START_TEST(sizes_notice_overflow)
{
    uint64_t v;

    ck_assert(phi_mul_u64(UINT32_MAX, UINT32_MAX, &v));
    ck_assert_uint_eq(v, UINT64_C(0xfffffffe00000001));
    ck_assert(!phi_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &v));
    ck_assert(phi_mul_u64(UINT64_MAX, 0, &v));
    ck_assert(phi_add_u64(UINT64_MAX - 1, 1, &v));
    ck_assert(!phi_add_u64(UINT64_MAX, 1, &v));
    ck_assert(phi_align_u64(33, 32, &v));
    ck_assert_uint_eq(v, 64);
    ck_assert(phi_align_u64(UINT64_MAX - 31, 32, &v));
    ck_assert(!phi_align_u64(UINT64_MAX - 30, 32, &v));
}
END_TEST

START_TEST(memory_that_cannot_be_is_an_error)
{
    struct phi_err e = {0};
    void *p = NULL;
    size_t cap = 0;

    ck_assert_ptr_null(phi_alloc(SIZE_MAX / 2, 4, &e));
    ck_assert_int_eq(e.status, PHI_E_NOMEM);
    ck_assert_ptr_null(phi_alloc_aligned(SIZE_MAX, 1, &e));
    ck_refused(phi_grow(&p, &cap, SIZE_MAX / 2, 4, &err), PHI_E_NOMEM,
               "out of memory");
    ck_assert_ptr_null(p);
    p = phi_alloc(0, 8, &e);
    ck_assert_ptr_nonnull(p);
    free(p);
    p = phi_alloc_aligned(3, 5, &e);
    ck_assert_uint_eq((uintptr_t)p % 64, 0);
    free(p);
}
END_TEST

START_TEST(grown_memory_is_zero)
{
    void *p = NULL;
    size_t cap = 0;

    for (size_t want = 1; want < 3000; want += 7) {
        const size_t old = cap;

        ck_ok(phi_grow(&p, &cap, want, sizeof(int), &err));
        ck_assert_uint_ge(cap, want);
        for (size_t i = old; i < cap; i++)
            ck_assert_int_eq(((int *)p)[i], 0);
        memset(p, 0xff, cap * sizeof(int));
    }
    free(p);
}
END_TEST

START_TEST(buffers_are_little_endian)
{
    static const uint8_t want[] = {1, 2,    0,    4,   0,   0,   0, 8,
                                   0, 0,    0,    0,   0,   0,   0, 0,
                                   0, 0x80, 0x3f, 'n', '=', '5', 0};
    struct phi_buf b = {0};

    phi_buf_u8(&b, 1);
    phi_buf_u16(&b, 2);
    phi_buf_u32(&b, 4);
    phi_buf_u64(&b, 8);
    phi_buf_f32(&b, 1.0f);
    phi_buf_printf(&b, "n=%d", 5);
    phi_buf_zeros(&b, 1);
    ck_ok(phi_buf_status(&b, &err));
    ck_assert_uint_eq(b.n, sizeof(want));
    ck_assert_mem_eq(b.p, want, sizeof(want));
    b.failed = true;
    phi_buf_u8(&b, 1); /* ignored */
    ck_assert_uint_eq(b.n, sizeof(want));
    ck_refused(phi_buf_status(&b, &err), PHI_E_NOMEM, "out of memory");
    phi_buf_release(&b);
    ck_assert_uint_eq(b.n, 0);
    ck_ok(phi_buf_status(&b, &err));
}
END_TEST

START_TEST(a_map_finds_what_was_added)
{
    enum { N = 20000 };
    static char keys[N][8];
    struct phi_map m = {0};
    bool added;

    ck_assert_ptr_null(phi_map_find(&m, "", 0));
    for (uint32_t i = 0; i < N; i++) {
        const int n = snprintf(keys[i], sizeof(keys[i]), "k%u", i);

        ck_ok(phi_map_add(&m, keys[i], (size_t)n, i, &added, &err));
        ck_assert(added);
    }
    for (uint32_t i = 0; i < N; i++) {
        const uint32_t *v = phi_map_find(&m, keys[i], strlen(keys[i]));

        ck_assert_ptr_nonnull(v);
        ck_assert_uint_eq(*v, i);
        ck_ok(phi_map_add(&m, keys[i], strlen(keys[i]), 7, &added, &err));
        ck_assert(!added);
    }
    ck_assert_uint_eq(m.n, N);
    ck_assert_ptr_null(phi_map_find(&m, "k", 1));
    ck_assert_ptr_null(phi_map_find(&m, "k1\0", 3));
    phi_map_release(&m);
}
END_TEST

/* The reference implementation's answers with one round a word and three at the
 * end: key and message are 0, 1, 2, ..., of 0 to 16 bytes, and of 63. */
START_TEST(hashes_are_siphash_1_3)
{
    static const uint64_t want[] = {
        0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d,
        0x8bf80ab8e7ddf7fb, 0xcf75576088d38328, 0xdef9d52f49533b67,
        0xc50d2b50c59f22a7, 0xd3927d989bb11140, 0x369095118d299a8e,
        0x25a48eb36c063de4, 0x79de85ee92ff097f, 0x70c118c1f94dc352,
        0x78a384b157b4d9a2, 0x306f760c1229ffa7, 0x605aa111c0f95d34,
        0xd320d86d2a519956, 0xcc4fdd1a7d908b66,
    };
    const uint64_t secret[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    uint8_t message[63];

    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)i;
    for (size_t n = 0; n < sizeof(want) / sizeof(want[0]); n++)
        ck_assert_uint_eq(phi_siphash(secret, message, n), want[n]);
    ck_assert_uint_eq(phi_siphash(secret, message, 63), 0x9d199062b7bbb3a8);
}
END_TEST

/* Keys that are alike for one map are not for the next. */
START_TEST(each_map_has_its_secret)
{
    enum { N = 64 };
    static const char name[] = "name";
    uint32_t first = 0;
    size_t same = 0;

    for (size_t i = 0; i < N; i++) {
        struct phi_map m = {0};

        ck_ok(phi_map_add(&m, name, sizeof(name) - 1, 0, NULL, &err));
        for (size_t k = 0; k < m.nslots; k++) {
            if (m.slots[k].key != NULL && i == 0)
                first = m.slots[k].hash;
            else if (m.slots[k].key != NULL)
                same += m.slots[k].hash == first;
        }
        phi_map_release(&m);
    }
    /* By chance, once in 2^26 runs. */
    ck_assert_uint_eq(same, 0);
}
END_TEST

/* Nor do keys that collide in one map collide in the next: a secret that is
 * only mixed into the hash of the bytes would move them together. */
START_TEST(keys_collide_in_one_map_only)
{
    enum { NKEYS = 192, MAPS = 64 };
    static char keys[NKEYS][8];
    const char *at[256] = {NULL};
    const char *pair[2] = {NULL, NULL};
    struct phi_map m = {0};
    size_t same = 0;

    for (uint32_t i = 0; i < NKEYS; i++) {
        snprintf(keys[i], sizeof(keys[i]), "k%u", i);
        ck_ok(phi_map_add(&m, keys[i], strlen(keys[i]), i, NULL, &err));
    }
    ck_assert_uint_eq(m.nslots, 256);
    for (size_t k = 0; k < m.nslots && pair[0] == NULL; k++) {
        const uint32_t home = m.slots[k].hash & 255;

        if (m.slots[k].key == NULL)
            continue;
        if (at[home] != NULL) {
            pair[0] = at[home];
            pair[1] = m.slots[k].key;
        }
        at[home] = m.slots[k].key;
    }
    phi_map_release(&m);
    ck_assert_ptr_nonnull(pair[0]);
    for (size_t i = 0; i < MAPS; i++) {
        uint32_t homes[2] = {0};

        for (size_t k = 0; k < 2; k++)
            ck_ok(phi_map_add(&m, pair[k], strlen(pair[k]), 0, NULL, &err));
        for (size_t k = 0; k < m.nslots; k++) {
            if (m.slots[k].key != NULL)
                homes[m.slots[k].key == pair[1]] = m.slots[k].hash & 255;
        }
        same += homes[0] == homes[1];
        phi_map_release(&m);
    }
    /* By chance, one in 256 each. */
    ck_assert_uint_lt(same, MAPS / 4);
}
END_TEST

START_TEST(a_cursor_never_leaves_its_run)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    struct phi_cursor c = {bytes, sizeof(bytes), 0, 100};
    const uint8_t *p;
    uint16_t h;
    uint64_t q;
    uint32_t w;
    uint8_t b;

    ck_ok(phi_cursor_u16(&c, &h, "h", &err));
    ck_assert_uint_eq(h, 0x0201);
    ck_refused(phi_cursor_take(&c, SIZE_MAX, &p, "a string", &err),
               PHI_E_FORMAT, "a string at byte 102");
    ck_ok(phi_cursor_u64(&c, &q, "q", &err));
    ck_assert_uint_eq(q, UINT64_C(0x0a09080706050403));
    ck_assert_uint_eq(phi_cursor_left(&c), 0);
    ck_refused(phi_cursor_u8(&c, &b, "b", &err), PHI_E_FORMAT,
               "b at byte 110 needs 1 bytes but only 0 are left");
    ck_refused(phi_cursor_u32(&c, &w, "w", &err), PHI_E_FORMAT, "needs 4");
    ck_ok(phi_cursor_take(&c, 0, &p, "nothing", &err));
}
END_TEST

/* Random ranges against a map of bytes, until every byte is in. */
START_TEST(ranges_know_every_byte)
{
    enum { N = 200 };
    struct phi_ranges r = {0};
    bool in[N] = {false};
    uint64_t count = 0;
    unsigned seed = 1;

    ck_ok(phi_ranges_add(&r, 17, 0, &err));
    ck_refused(phi_ranges_add(&r, UINT64_MAX, 1, &err), PHI_E_ARG, "too many");
    ck_refused(phi_ranges_add(&r, 1, INT64_MAX, &err), PHI_E_ARG, "too many");
    while (count < N) {
        const uint64_t at = (seed = seed * 1103515245 + 12345) >> 16 & 255;
        const uint64_t n = 1 + (seed >> 24) % 7;
        uint64_t gap = 0;
        uint64_t some = 0;
        bool twice = false;

        if (at + n > N)
            continue;
        for (uint64_t i = at; i < at + n; i++)
            twice = twice || in[i];
        if (twice) {
            ck_refused(phi_ranges_add(&r, at, n, &err), PHI_E_ARG, "twice");
            if (count < N - 20)
                continue;
            /* The last few would take long: byte by byte. */
            gap = phi_ranges_gap(&r, 0);
            ck_ok(phi_ranges_add(&r, gap, 1, &err));
            in[gap] = true;
            count++;
        } else {
            ck_ok(phi_ranges_add(&r, at, n, &err));
            memset(in + at, true, n);
            count += n;
        }
        for (gap = 0; gap < N && in[gap];)
            gap++;
        ck_assert_uint_eq(phi_ranges_gap(&r, 0), gap);
        for (uint64_t i = at / 2; i < at; i++)
            some += in[i];
        ck_assert_uint_eq(phi_ranges_count(&r, at / 2, at), some);
        ck_assert_uint_eq(phi_ranges_count(&r, 0, UINT64_MAX), count);
    }
    ck_assert_uint_eq(r.n, 1);
    phi_ranges_release(&r);
}
END_TEST

/*
 * Many ranges far apart, in an order without order, and then what lies between
 * them: were all of them moved for each, this would take minutes.
 */
START_TEST(ranges_may_be_many)
{
    enum { N = 1 << 20, STEP = 611953 };
    struct phi_ranges r = {0};

    for (uint64_t i = 0; i < N; i++)
        ck_ok(phi_ranges_add(&r, i * STEP % N * 4, 3, &err));
    ck_assert_uint_eq(r.n, N);
    ck_assert_uint_eq(phi_ranges_count(&r, 0, UINT64_MAX), 3 * (uint64_t)N);
    ck_assert_uint_eq(phi_ranges_gap(&r, 4 * (uint64_t)STEP), 4 * STEP + 3);
    for (uint64_t i = N; i > 0; i--) {
        ck_refused(phi_ranges_add(&r, i * 4 - 2, 2, &err), PHI_E_ARG, "twice");
        ck_ok(phi_ranges_add(&r, i * 4 - 1, 1, &err));
    }
    ck_assert_uint_eq(r.n, 1);
    ck_assert_uint_eq(phi_ranges_gap(&r, 0), 4 * (uint64_t)N);
    phi_ranges_release(&r);
}
END_TEST

struct queue {
    struct phi_lock *lock;
    size_t next;
    size_t order[64];
};

/* Each item waits for the one before it. */
static void in_turn(void *ctx, size_t first, size_t count, size_t worker)
{
    struct queue *q = ctx;

    (void)count;
    (void)worker;
    phi_lock_take(q->lock);
    while (q->next != first)
        phi_lock_wait(q->lock);
    q->order[first] = q->next++;
    phi_lock_wake(q->lock);
    phi_lock_give(q->lock);
}

START_TEST(items_wait_for_each_other)
{
    struct queue q = {0};

    ck_ok(phi_lock_new(&q.lock, &err));
    phi_par_for(4, 64, 1, in_turn, &q);
    for (size_t i = 0; i < 64; i++)
        ck_assert_uint_eq(q.order[i], i);
    phi_lock_free(q.lock);
    phi_lock_free(NULL);
}
END_TEST

START_TEST(sha256_of_the_standard_examples)
{
    char hex[PHI_SHA256_HEX];
    struct phi_sha256 *h = NULL;

    ck_ok(phi_sha256_new(&h, &err));
    ck_ok(phi_sha256_add(h, "abc", 3, &err));
    ck_ok(phi_sha256_hex(h, hex, &err));
    ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223"
                          "b00361a396177a9cb410ff61f20015ad");
    ck_ok(phi_sha256_hex(h, hex, &err)); /* it has started anew */
    ck_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb924"
                          "27ae41e4649b934ca495991b7852b855");
    phi_sha256_free(h);
    phi_sha256_free(NULL);
}
END_TEST

struct visits {
    unsigned char seen[1000];
    size_t grain;
    size_t nthreads;
};

static void visit(void *ctx, size_t first, size_t count, size_t worker)
{
    struct visits *v = ctx;

    if (count == 0 || count > v->grain || worker >= v->nthreads)
        abort();
    for (size_t i = first; i < first + count; i++)
        v->seen[i]++;
}

START_TEST(a_loop_does_every_item_once)
{
    static const size_t sizes[] = {0, 1, 2, 7, 64, 999, 1000};

    for (size_t t = 1; t <= 5; t++) {
        for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
            for (size_t grain = 1; grain <= 1001; grain = grain * 3 + 1) {
                struct visits v = {.grain = grain, .nthreads = t};

                phi_par_for(t, sizes[k], grain, visit, &v);
                for (size_t i = 0; i < 1000; i++)
                    ck_assert_uint_eq(v.seen[i], i < sizes[k]);
            }
        }
    }
    ck_assert_uint_ge(phi_par_default(), 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base");
    TCase *t = tcase_create("base");

    tcase_add_test(t, sizes_notice_overflow);
    tcase_add_test(t, memory_that_cannot_be_is_an_error);
    tcase_add_test(t, grown_memory_is_zero);
    tcase_add_test(t, buffers_are_little_endian);
    tcase_add_test(t, a_map_finds_what_was_added);
    tcase_add_test(t, hashes_are_siphash_1_3);
    tcase_add_test(t, each_map_has_its_secret);
    tcase_add_test(t, keys_collide_in_one_map_only);
    tcase_add_test(t, a_cursor_never_leaves_its_run);
    tcase_add_test(t, ranges_know_every_byte);
    tcase_add_test(t, ranges_may_be_many);
    tcase_add_test(t, items_wait_for_each_other);
    tcase_add_test(t, sha256_of_the_standard_examples);
    tcase_add_test(t, a_loop_does_every_item_once);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return unit_main(s);
}
