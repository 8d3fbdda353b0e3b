/* SPDX-License-Identifier: MIT */
/*
 * Importance matrices: both forms of one that llama-imatrix made of the
 * sample, what the numbers become, and every refusal with its message.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>

#include "formats/imatrix_read.h"
#include "tests/unit/fixture.h"
#include "tests/unit/gguf_bytes.h"

#define GOLDEN PHI_SOURCE_DIR "/tests/golden/"
#define NAME   "m.imatrix"

static char *dir;
static char *path;

static void setup(void)
{
    dir = fixture_folder();
    path = fixture_path(dir, NAME);
}

static void teardown(void)
{
    free(path);
    fixture_remove(dir);
}

static enum phi_status read_bytes(struct phi_imatrix *m, const void *p,
                                  size_t n, struct phi_err *err)
{
    fixture_write(dir, NAME, n > 0 ? p : "", n);
    return phi_imatrix_read(m, path, err);
}

static enum phi_status read_line(struct phi_imatrix *m, const char *line,
                                 struct phi_err *err)
{
    struct phi_buf b = gguf_bytes(line);
    const enum phi_status st = read_bytes(m, b.p, b.n, err);

    phi_buf_release(&b);
    return st;
}

static const struct {
    const char *file;
    const char *sha256;
} golden[] = {
    {GOLDEN "imatrix.gguf",
     "6228aba9ec8fefee5e9e70ffc6a955f5fc7a692e3cc1d36a8bf5cef701b3e9c6"},
    {GOLDEN "imatrix.dat",
     "c2a5ea79e02974858371ed562da8390787ec4d09f8c84e2094a60e1b827794de"},
};

/* The hash is of numpy's float32 sums / counts, in the order of names. */
START_TEST(both_forms_say_the_same)
{
    struct phi_imatrix m;
    struct phi_sha256 *h = NULL;
    char hex[PHI_SHA256_HEX];

    ck_ok(phi_imatrix_read(&m, golden[_i].file, &err));
    ck_assert_str_eq(m.path, golden[_i].file);
    ck_assert_str_eq(m.sha256, golden[_i].sha256);
    ck_assert_uint_eq(m.nentries, 24);
    ck_assert_uint_eq(m.nchunks, 60);
    ck_assert_str_eq(m.dataset, "calibration.txt");
    ck_ok(phi_sha256_new(&h, &err));
    for (size_t i = 0; i < m.nentries; i++) {
        const struct phi_imatrix_entry *e = &m.entries[i];

        ck_assert(i == 0 || strcmp(m.entries[i - 1].name, e->name) < 0);
        ck_assert_ptr_eq(phi_imatrix_find(&m, e->name), e);
        ck_ok(phi_sha256_add(h, e->importance, e->n * sizeof(float), &err));
    }
    ck_ok(phi_sha256_hex(h, hex, &err));
    ck_assert_str_eq(
        hex,
        "3c0fa5dca4806f01d6936f0c252cc316eceff7f1635fa7b86d355f0846f6e8c2");
    ck_assert_ptr_null(phi_imatrix_find(&m, "output.weight"));
    phi_sha256_free(h);
    phi_imatrix_release(&m);
    phi_imatrix_release(&m); /* empty again */
}
END_TEST

START_TEST(sums_are_divided_by_counts)
{
    static const float sums[] = {3, 0, 5, 7, 1, 2};
    static const float counts[] = {3, 0.4f, 2.5f};
    static const float want[] = {1, 0, 1, 1, 1.0f / 3, 2.0f / 3};
    const struct phi_imatrix_sums s = {"a", 1, sums, 6, counts, 3};
    struct phi_imatrix m = {0};

    /* 0.4 rounds to 0, where all columns count alike; 2.5 rounds to 3. */
    ck_ok(phi_imatrix_add(&m, &s, &err));
    for (size_t i = 0; i < 6; i++)
        ck_assert(m.entries[0].importance[i] == want[i]);
    phi_imatrix_release(&m);
}
END_TEST

START_TEST(entries_that_are_refused)
{
    static const float ok[] = {1, 2};
    static const float bad[][2] = {{1, -1}, {NAN, 1}, {1, INFINITY}};
    static const char *const text[] = {"1 is -1", "0 is nan", "1 is inf"};
    struct phi_imatrix m = {0};
    struct phi_imatrix_sums s = {"a", 1, ok, 2, ok, 1};
    char words[32];

    for (size_t i = 0; i < 3; i++) {
        s.sums = bad[i];
        snprintf(words, sizeof(words), "entry \"a\": sum %s", text[i]);
        ck_refused(phi_imatrix_add(&m, &s, &err), PHI_E_FORMAT, words);
        s.sums = ok;
        s.counts = bad[i];
        s.ncounts = 2;
        snprintf(words, sizeof(words), "entry \"a\": count %s", text[i]);
        ck_refused(phi_imatrix_add(&m, &s, &err), PHI_E_FORMAT, words);
        s.counts = ok;
    }
    s.ncounts = 0;
    ck_refused(phi_imatrix_add(&m, &s, &err), PHI_E_FORMAT, "2 sums and 0");
    s.ncounts = 3;
    ck_refused(phi_imatrix_add(&m, &s, &err), PHI_E_FORMAT, "2 sums and 3");
    s.ncounts = 1;
    s.nname = 0;
    ck_refused(phi_imatrix_add(&m, &s, &err), PHI_E_FORMAT, "name is empty");
    s.nname = 2;
    ck_refused(phi_imatrix_add(&m, &s, &err), PHI_E_FORMAT, "has a NUL");
    ck_assert_uint_eq(m.nentries, 0);
    s.nname = 1;
    ck_ok(phi_imatrix_add(&m, &s, &err));
    ck_refused(phi_imatrix_add(&m, &s, &err), PHI_E_FORMAT, "is there twice");
    ck_assert_uint_eq(m.nentries, 1);
    phi_imatrix_release(&m);
}
END_TEST

struct row {
    const char *line;
    enum phi_status status; /* PHI_OK: must be read */
    const char *text;       /* in the message */
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct phi_imatrix m;
        struct phi_err err = {0};
        const enum phi_status st = read_line(&m, rows[i].line, &err);

        ck_assert_msg(st == rows[i].status, "%s: status %d, message \"%s\"",
                      rows[i].line, (int)st, err.msg);
        phi_imatrix_release(&m); /* empty after an error */
        if (st == PHI_OK)
            continue;
        ck_assert_msg(strstr(err.msg, rows[i].text) != NULL, "%s: \"%s\"",
                      rows[i].line, err.msg);
        ck_assert_msg(strstr(err.msg, NAME ": ") != NULL, "\"%s\"", err.msg);
    }
}

#define ONE "i1065353216 "
#define TWO "i1073741824 "

#define SETS       "$imatrix.datasets i9 i8 q1 $text "
#define CHUNKS     "$imatrix.chunk_count i4 i5 "
#define SIZE       "$imatrix.chunk_size i4 i512 "
#define HEAD(t, k) "'GGUF i3 q" #t " q" #k " "
#define SUMS       "$a.in_sum2 i2 q2 q1 i0 q0 "
#define COUNTS     "$a.counts i1 q1 i0 q32 "
#define DATA       "p32 " ONE TWO "p32 " TWO

START_TEST(gguf)
{
    static const struct row rows[] = {
        {HEAD(2, 3) SETS CHUNKS SIZE SUMS COUNTS DATA, PHI_OK, NULL},
        {HEAD(2,
              4) "$general.type i8 $imatrix " SETS CHUNKS SIZE SUMS COUNTS DATA,
         PHI_OK, NULL},
        {HEAD(2, 3) "$imatrix.datasets i9 i8 q0 " CHUNKS SIZE SUMS COUNTS DATA,
         PHI_OK, NULL},
        {HEAD(3, 3) SETS CHUNKS SIZE SUMS COUNTS "$else i1 q1 i0 q64 " DATA
                                                 "p32 " ONE,
         PHI_OK, NULL},
        {HEAD(2,
              4) "$general.type i8 $model " SETS CHUNKS SIZE SUMS COUNTS DATA,
         PHI_E_FORMAT, "key \"general.type\": is \"model\""},
        {HEAD(2, 2) CHUNKS SIZE SUMS COUNTS DATA, PHI_E_FORMAT,
         "key \"imatrix.datasets\": is missing"},
        {HEAD(2, 2) SETS SIZE SUMS COUNTS DATA, PHI_E_FORMAT,
         "key \"imatrix.chunk_count\": is missing"},
        {HEAD(2, 2) SETS CHUNKS SUMS COUNTS DATA, PHI_E_FORMAT,
         "key \"imatrix.chunk_size\": is missing"},
        {HEAD(2, 3) SETS "$imatrix.chunk_count i4 i-1 " SIZE SUMS COUNTS DATA,
         PHI_E_FORMAT, "key \"imatrix.chunk_count\""},
        {HEAD(1, 3) SETS CHUNKS SIZE SUMS "p32 " ONE TWO, PHI_E_FORMAT,
         "tensor \"a.in_sum2\": there is no \"a.counts\""},
        {HEAD(1, 3) SETS CHUNKS SIZE "$a.counts i1 q1 i0 q0 p32 " ONE,
         PHI_E_FORMAT, "tensor \"a.counts\": there is no \"a.in_sum2\""},
        {HEAD(2, 3) SETS CHUNKS SIZE "$a.in_sum2 i2 q2 q1 i1 q0 " COUNTS
                                     "p32 " ONE "p32 " TWO,
         PHI_E_FORMAT, "tensor \"a.in_sum2\": is of type F16, expected F32"},
        {HEAD(2, 3) SETS CHUNKS SIZE SUMS "$a.counts i1 q3 i0 q32 p32 " ONE TWO
                                          "p32 " ONE ONE ONE,
         PHI_E_FORMAT, "entry \"a\": has 2 sums and 3 counts"},
        {HEAD(2, 3) SETS CHUNKS SIZE SUMS COUNTS "p32 " ONE
                                                 "i2143289344 p32 " TWO,
         PHI_E_FORMAT, "entry \"a\": sum 1 is nan"},
        {HEAD(0, 3) SETS CHUNKS SIZE, PHI_E_FORMAT, "has no entries"},
        {HEAD(1, 3) SETS CHUNKS SIZE "$.in_sum2 i1 q1 i0 q0 p32 " ONE,
         PHI_E_FORMAT, "has no entries"},
        {"'GGUF i7 q0 q0", PHI_E_UNSUPPORTED, "GGUF version 7"},
    };

    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}
END_TEST

#define ENTRY "i1 'a i1 i2 " ONE TWO

START_TEST(legacy)
{
    static const struct row rows[] = {
        {"i1 " ENTRY, PHI_OK, NULL},
        {"i1 " ENTRY "i60 i4 'text", PHI_OK, NULL},
        {"i1 " ENTRY "i60 i0", PHI_OK, NULL},
        {"i1 " ENTRY "i60", PHI_OK, NULL},
        {"", PHI_E_FORMAT, "has 0 bytes"},
        {"b1 b0 b0", PHI_E_FORMAT, "has 3 bytes"},
        {"i0", PHI_E_FORMAT, "number of entries at byte 0 is 0"},
        {"i-1 z100", PHI_E_FORMAT, "number of entries at byte 0 is -1"},
        {"i2 " ENTRY, PHI_E_FORMAT, "is 2, but only 21 bytes follow"},
        {"i2 " ENTRY "z16", PHI_E_FORMAT,
         "entry 1: length of the name at byte 25 is 0"},
        {"i1 i0 z20", PHI_E_FORMAT, "length of the name at byte 4 is 0"},
        {"i1 i-2 z20", PHI_E_FORMAT, "length of the name at byte 4 is -2"},
        {"i1 i40 z20", PHI_E_FORMAT, "is 40, but only 20 bytes follow"},
        {"i1 i1 'a i-1 i1 " ONE, PHI_E_FORMAT, "number of calls at byte 9"},
        {"i1 i1 'a i1 i0 " ONE, PHI_E_FORMAT, "number of values at byte 13"},
        {"i1 i1 'a i1 i-1 " ONE, PHI_E_FORMAT, "number of values at byte 13"},
        {"i1 i1 'a i1 i2 " ONE, PHI_E_FORMAT,
         "number of values at byte 13 is 2, but only 4 bytes follow"},
        {"i1 i2 'a b0 i1 i1 " ONE, PHI_E_FORMAT, "name has a NUL in it"},
        {"i2 " ENTRY ENTRY, PHI_E_FORMAT, "entry \"a\": is there twice"},
        {"i1 i1 'a i1 i1 i2139095040", PHI_E_FORMAT, "sum 0 is inf"},
        {"i1 " ENTRY "i-1", PHI_E_FORMAT, "number of chunks at byte 25 is -1"},
        {"i1 " ENTRY "i1 b1", PHI_E_FORMAT, "needs 4 bytes but only 1"},
        {"i1 " ENTRY "i1 i9 'text", PHI_E_FORMAT, "only 4 bytes follow"},
        {"i1 " ENTRY "i1 i4 'text b0", PHI_E_FORMAT, "has 1 bytes more"},
        {"'version x20 'https://git-lfs.github.com/spec/v1", PHI_E_FORMAT,
         "is a Git LFS pointer"},
    };

    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}
END_TEST

/* 123 entries begin as JSON does, 640 as a pickle. */
START_TEST(numbers_of_entries_that_look_like_magic)
{
    static const uint32_t counts[] = {123, 0x0280, 0x0480};
    struct phi_imatrix m;

    for (size_t i = 0; i < 3; i++) {
        struct phi_buf b = {0};

        phi_buf_u32(&b, counts[i]);
        for (uint32_t k = 0; k < counts[i]; k++) {
            phi_buf_u32(&b, 4);
            phi_buf_printf(&b, "%04u", (unsigned)k);
            phi_buf_u32(&b, 0); /* no calls: the sums as they are */
            phi_buf_u32(&b, 1);
            phi_buf_f32(&b, (float)k);
        }
        ck_ok(read_bytes(&m, b.p, b.n, &err));
        ck_assert_uint_eq(m.nentries, counts[i]);
        ck_assert(phi_imatrix_find(&m, "0119")->importance[0] == 119);
        ck_assert_ptr_null(m.dataset);
        phi_imatrix_release(&m);
        phi_buf_release(&b);
    }
}
END_TEST

/* Cut anywhere, neither form is read as something else, but for the end. */
START_TEST(every_truncation)
{
    static const char *const lines[] = {HEAD(2, 3)
                                            SETS CHUNKS SIZE SUMS COUNTS DATA,
                                        "i2 " ENTRY "i1 'b i1 i1 " ONE};

    for (size_t i = 0; i < 2; i++) {
        struct phi_buf b = gguf_bytes(lines[i]);

        for (size_t n = 0; n < b.n; n++) {
            struct phi_imatrix m;
            struct phi_err err = {0};

            ck_assert_msg(read_bytes(&m, b.p, n, &err) == PHI_E_FORMAT,
                          "%zu bytes of %s: \"%s\"", n, lines[i], err.msg);
        }
        phi_buf_release(&b);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("imatrix");
    TCase *t = tcase_create("imatrix");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, both_forms_say_the_same, 0, 2);
    tcase_add_test(t, sums_are_divided_by_counts);
    tcase_add_test(t, entries_that_are_refused);
    tcase_add_test(t, gguf);
    tcase_add_test(t, legacy);
    tcase_add_test(t, numbers_of_entries_that_look_like_magic);
    tcase_add_test(t, every_truncation);
    suite_add_tcase(s, t);
    return unit_main(s);
}
