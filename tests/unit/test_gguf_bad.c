/* SPDX-License-Identifier: MIT */
/* Malformed GGUF: every check with its message, truncation, flipped bits. */
#define _POSIX_C_SOURCE 200809L
#include "formats/gguf_source.h"
#include "formats/model.h"
#include "tests/unit/fixture.h"
#include "tests/unit/gguf_bytes.h"

#define NAME "m.gguf"

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

static enum phi_status open_bytes(const void *p, size_t n, struct phi_err *err)
{
    struct phi_source *s = NULL;
    enum phi_status st;

    fixture_write(dir, NAME, n > 0 ? p : "", n);
    st = phi_model_open(&s, path, err);
    if (st == PHI_OK)
        phi_source_close(s);
    return st;
}

static enum phi_status open_line(const char *line, struct phi_err *err)
{
    struct phi_buf b = gguf_bytes(line);
    const enum phi_status st = open_bytes(b.p, b.n, err);

    phi_buf_release(&b);
    return st;
}

struct row {
    const char *line;
    enum phi_status status; /* PHI_OK: must open */
    const char *text;       /* in the message */
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct phi_err err = {0};
        const enum phi_status st = open_line(rows[i].line, &err);

        ck_assert_msg(st == rows[i].status, "%s: status %d, message \"%s\"",
                      rows[i].line, (int)st, err.msg);
        if (st == PHI_OK)
            continue;
        ck_assert_msg(strstr(err.msg, rows[i].text) != NULL,
                      "%s: \"%s\" does not hold \"%s\"", rows[i].line, err.msg,
                      rows[i].text);
        /* The file comes first, once. */
        ck_assert_msg(strncmp(err.msg, path, strlen(path)) == 0, "%s", err.msg);
        ck_assert_msg(strstr(err.msg + 1, path) == NULL, "%s", err.msg);
    }
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

START_TEST(test_head)
{
    static const struct row rows[] = {
        {"'GGUF i3 q0 q0", PHI_OK, NULL},
        {"'GGUF i2 q0 q0", PHI_OK, NULL},
        {"'GGUF", PHI_E_FORMAT,
         "version at byte 4 needs 4 bytes but only 0 are left of the file"},
        {"'GGUF i3 q0", PHI_E_FORMAT, "number of keys at byte 16 needs 8"},
        {"'GGUF i1 i0 i0", PHI_E_UNSUPPORTED,
         "is GGUF version 1, expected 2 or 3"},
        {"'GGUF i0 q0 q0", PHI_E_FORMAT, "is GGUF version 0, expected 2 or 3"},
        {"'GGUF i4 q0 q0", PHI_E_UNSUPPORTED, "is GGUF version 4"},
        {"'GGUF i50331648 z16", PHI_E_UNSUPPORTED,
         "is a big-endian GGUF file (version 0x03000000)"},
        {"'GGUF i3 q1 q0", PHI_E_FORMAT,
         "number of tensors at byte 8 is 1, too many for the 8 bytes"},
        {"'GGUF i3 q-1 q0", PHI_E_FORMAT, "is 18446744073709551615, too many"},
        {"'GGUF i3 q0 q1 z12", PHI_E_FORMAT,
         "number of keys at byte 16 is 1, too many for the 12 bytes"},
        {"'GGUF i3 q0 q9223372036854775807", PHI_E_FORMAT, "too many"},
        {"'GGUF i3 q0 q0 p32 z1", PHI_E_FORMAT,
         "has 33 bytes, expected it to end after the keys at byte 32"},
        {"'GGUF i3 q0 q0 p32", PHI_OK, NULL},
    };

    CHECK_ROWS(rows);
}
END_TEST

START_TEST(test_other_formats)
{
    static const struct row rows[] = {
        {"", PHI_E_FORMAT, "is empty, expected a GGUF file"},
        {"'GGU", PHI_E_FORMAT, "begins with the bytes 47 47 55, expected a"},
        {"x01 z40", PHI_E_FORMAT,
         "begins with the bytes 01 00 00 00 00 00 00 00, expected a GGUF"},
        {"'version x20 'https://git-lfs.github.com/spec/v1 x0a", PHI_E_FORMAT,
         "is a Git LFS pointer without the data, expected a GGUF file"},
        {"x80 x02 z20", PHI_E_FORMAT, "is a PyTorch pickle, expected a GGUF"},
        {"'PK x03 x04 z20", PHI_E_FORMAT, "is a zip archive"},
        {"q2 '{}", PHI_E_FORMAT, "is a safetensors file, expected a GGUF"},
        {"q128 '{} z126", PHI_E_FORMAT, "is a safetensors file"},
        {"'{}", PHI_E_FORMAT, "is JSON"},
        {"'tjgg z20", PHI_E_FORMAT, "is a ggml file, older than GGUF"},
    };
    struct phi_err err = {0};

    CHECK_ROWS(rows);
    ck_assert_int_eq(open_line("'version x20 'https://git-lfs", &err),
                     PHI_E_FORMAT);
    ck_assert_str_eq(err.hint, "run: git lfs pull");
    ck_assert_int_eq(open_line("q2 '{}", &err), PHI_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.hint, "give the folder"));
}
END_TEST

START_TEST(test_no_file)
{
    struct phi_source *none = NULL;

    ck_refused(phi_model_open(&none, path, &err), PHI_E_IO, "cannot be opened");
}
END_TEST

START_TEST(test_keys)
{
    static const struct row rows[] = {
        {"'GGUF i3 q0 q1 q-1 z8", PHI_E_FORMAT,
         "key 0: key at byte 24 is 18446744073709551615 bytes long but only "
         "8 are left"},
        {"'GGUF i3 q0 q1 q9 'abcdefgh", PHI_E_FORMAT, "is 9 bytes long but"},
        {"'GGUF i3 q0 q1 q65536 z65536", PHI_E_FORMAT,
         "is 65536 bytes long, expected at most 65535"},
        {"'GGUF i3 q0 q1 q0 i0 b1", PHI_E_FORMAT, "key 0 \"\": is empty"},
        {"'GGUF i3 q0 q1 q2 xc3 xa4 i0 b1", PHI_E_FORMAT, "printable ASCII"},
        {"'GGUF i3 q0 q1 q2 'a x1b i0 b1", PHI_E_FORMAT,
         "key 0 \"a\\x1b\": has a character"},
        {"'GGUF i3 q0 q1 q2 'a x00 i0 b1", PHI_E_FORMAT, "has a character"},
        {"'GGUF i3 q0 q2 $a i0 b1 $a i1 b1", PHI_E_FORMAT,
         "key \"a\": is there twice"},
        {"'GGUF i3 q0 q1 $a i13 b1", PHI_E_FORMAT,
         "key \"a\": type of the value is 13, expected 0 to 12"},
        {"'GGUF i3 q0 q1 $a i-1 b1", PHI_E_FORMAT, "is 4294967295"},
        {"'GGUF i3 q0 q1 $a i10 i1", PHI_E_FORMAT,
         "key \"a\": value at byte 37 needs 8 bytes but only 4 are left"},
        {"'GGUF i3 q0 q1 $a i7 b2", PHI_E_FORMAT,
         "key \"a\": is a bool of 2, expected 0 or 1"},
        {"'GGUF i3 q0 q1 $a i8 q4 'abc", PHI_E_FORMAT,
         "key \"a\": string at byte 37 is 4 bytes long but only 3"},
        {"'GGUF i3 q0 q1 $a i8 q1073741824", PHI_E_FORMAT, "but only 0"},
        {"'GGUF i3 q0 q1 $a i9 i9 q0", PHI_E_UNSUPPORTED,
         "key \"a\": is an array of arrays"},
        {"'GGUF i3 q0 q1 $a i9 i99 q0", PHI_E_FORMAT,
         "type of the array's elements is 99"},
        {"'GGUF i3 q0 q1 $a i9 i4 q2 i1", PHI_E_FORMAT,
         "number of elements at byte 41 is 2, too many for the 4 bytes"},
        {"'GGUF i3 q0 q1 $a i9 i10 q2305843009213693952 q1", PHI_E_FORMAT,
         "too many"},
        {"'GGUF i3 q0 q1 $a i9 i8 q2 z15", PHI_E_FORMAT, "too many for the 15"},
        {"'GGUF i3 q0 q1 $a i9 i8 q2 $b q1", PHI_E_FORMAT,
         "key \"a\": element 1 of 2: string at byte 58 is 1 bytes long"},
        {"'GGUF i3 q0 q1 $a i9 i7 q2 b1 b2", PHI_E_FORMAT,
         "key \"a\": element 1 of 2: is a bool of 2"},
        {"'GGUF i3 q0 q1 $a i9 i8 q0", PHI_OK, NULL},
        {"'GGUF i3 q0 q1 $a i9 i8 q1 q0", PHI_OK, NULL},
    };

    CHECK_ROWS(rows);
}
END_TEST

START_TEST(test_alignment)
{
    static const struct row rows[] = {
#define ALIGN "'GGUF i3 q0 q1 $general.alignment "
        {ALIGN "i4 i8", PHI_OK, NULL},
        {ALIGN "i4 i65536", PHI_OK, NULL},
        {ALIGN "i4 i0", PHI_E_FORMAT,
         "key \"general.alignment\": is 0, expected a power of two from 8 to "
         "65536"},
        {ALIGN "i4 i4", PHI_E_FORMAT, "is 4,"},
        {ALIGN "i4 i24", PHI_E_FORMAT, "is 24,"},
        {ALIGN "i4 i131072", PHI_E_FORMAT, "is 131072,"},
        {ALIGN "i4 i1073741824", PHI_E_FORMAT, "is 1073741824,"},
        {ALIGN "i5 i32", PHI_E_FORMAT, "is of type int32, expected uint32"},
        {ALIGN "i10 q32", PHI_E_FORMAT, "is of type uint64, expected uint32"},
        {ALIGN "i8 $32", PHI_E_FORMAT, "is of type string, expected uint32"},
        {ALIGN "i9 i4 q1 i32", PHI_E_FORMAT, "is of type array"},
    };

    CHECK_ROWS(rows);
}
END_TEST

START_TEST(test_tensors)
{
    static const struct row rows[] = {
#define ONE "'GGUF i3 q1 q0 "
        {ONE "$w i1 q4 i0 q0 p32 z16", PHI_OK, NULL},
        {ONE "$w i1 q4 i0 q0 p32 z32", PHI_OK, NULL},
        {ONE "$w i0 i0 q0 p32 z4", PHI_OK, NULL},
        {ONE "$w i1 q4 i0 q0 p32 z15", PHI_E_FORMAT,
         "tensor \"w\": its 16 bytes end at byte 80, but the file has 79"},
        {ONE "$w i1 q4 i0 q0 p32 z33", PHI_E_FORMAT,
         "has 97 bytes, expected it to end after the last tensor at byte 96"},
        {ONE "q0 i1 q4 i0 q0 p32 z16", PHI_E_FORMAT, "tensor 0: name is empty"},
        {ONE "q2 'a x00 i1 q4 i0 q0 p32 z16", PHI_E_FORMAT,
         "tensor 0: name has a NUL in it"},
        {ONE "q1025 z1025 z64", PHI_E_FORMAT,
         "tensor 0: name at byte 24 is 1025 bytes long, expected at most 1024"},
        {ONE "q-1 z64", PHI_E_FORMAT, "18446744073709551615 bytes long but"},
        {"'GGUF i3 q2 q0 $w i1 q4 i0 q0 $w i1 q4 i0 q32 p32 z48", PHI_E_FORMAT,
         "m.gguf: tensor \"w\": is there twice"},
        {ONE "$w i5 q1 q1 q1 q1 q1 i0 q0 p32 z16", PHI_E_FORMAT,
         "tensor \"w\": has 5 dimensions, expected at most 4"},
        {ONE "$w i-1 q1 i0 q0 p32 z16", PHI_E_FORMAT, "has 4294967295 dim"},
        {ONE "$w i2 q4 q0 i0 q0 p32 z16", PHI_E_FORMAT,
         "tensor \"w\": dimension 1 is 0, expected 1 to 2^63 - 1"},
        {ONE "$w i1 q9223372036854775808 i0 q0 p32 z16", PHI_E_FORMAT,
         "dimension 0 is 9223372036854775808"},
        {ONE "$w i2 q4294967296 q4294967296 i0 q0 p32 z16", PHI_E_FORMAT,
         "tensor \"w\": has 2^63 elements or more"},
        {ONE "$w i2 q4294967296 q2147483648 i0 q0 p32 z16", PHI_E_FORMAT,
         "has 2^63 elements or more"},
        {ONE "$w i2 q4294967296 q1073741824 i0 q0 p32 z16", PHI_E_FORMAT,
         "too many to be counted in bytes"},
        {ONE "$w i1 q4 i43 q0 p32 z16", PHI_E_UNSUPPORTED,
         "tensor \"w\": is of type 43, which is not known"},
        {ONE "$w i1 q4 i4 q0 p32 z16", PHI_E_UNSUPPORTED,
         "is of type 4, which was removed"},
        {ONE "$w i1 q4 i31 q0 p32 z16", PHI_E_UNSUPPORTED, "was removed"},
        {ONE "$w i1 q33 i2 q0 p32 z32", PHI_E_FORMAT,
         "has rows of 33 elements of type Q4_0, expected a multiple of 32"},
        {ONE "$w i0 i2 q0 p32 z32", PHI_E_FORMAT, "has rows of 1 elements"},
        {ONE "$w i2 q16 q2 i2 q0 p32 z18", PHI_E_FORMAT, "rows of 16"},
        {ONE "$w i2 q32 q2 i2 q0 p32 z36", PHI_OK, NULL},
        {ONE "$w i1 q4 i0 q32 p32 z48", PHI_E_FORMAT,
         "tensor \"w\": offset is 32, expected 0"},
        {"'GGUF i3 q2 q0 $a i1 q4 i0 q0 $b i1 q4 i0 q0 p32 z48", PHI_E_FORMAT,
         "tensor \"b\": offset is 0, expected 32"},
        {"'GGUF i3 q2 q0 $a i1 q4 i0 q0 $b i1 q4 i0 q16 p32 z48", PHI_E_FORMAT,
         "tensor \"b\": offset is 16, expected 32"},
        {"'GGUF i3 q2 q0 $a i1 q4 i0 q0 $b i1 q4 i0 q32 p32 z48", PHI_OK, NULL},
        {"'GGUF i3 q1 q1 $general.alignment i4 i8 $w i1 q1 i0 q0 p8 z8", PHI_OK,
         NULL},
        {ONE "$w i1 q2305843009213693944 i24 q0 p32 z16", PHI_E_FORMAT,
         "but the file has"},
    };

    CHECK_ROWS(rows);
}
END_TEST

/* Padded sizes whose sum passes 2^63, each of which is counted in bytes. */
START_TEST(test_sum)
{
    struct phi_buf b = gguf_bytes("'GGUF i3 q8 q0");
    struct phi_err err = {0};

    for (unsigned i = 0; i < 8; i++) {
        char line[128];
        struct phi_buf t;

        snprintf(line, sizeof(line), "$t%u i1 q1152921504606846976 i24 q%llu",
                 i, (unsigned long long)i << 60);
        t = gguf_bytes(line);
        phi_buf_put(&b, t.p, t.n);
        phi_buf_release(&t);
    }
    ck_assert_int_eq(open_bytes(b.p, b.n, &err), PHI_E_FORMAT);
    ck_assert_msg(strstr(err.msg, "tensor \"t7\": ends beyond byte 2^63") !=
                      NULL,
                  "%s", err.msg);
    phi_buf_release(&b);
}
END_TEST

/* The limits on numbers of keys and on the header, one past them. */
START_TEST(test_limits)
{
    struct phi_buf b = gguf_bytes("'GGUF i3 q0 q1000001");
    struct phi_err err = {0};

    phi_buf_zeros(&b, 13 * 1000001);
    ck_assert_int_eq(open_bytes(b.p, b.n, &err), PHI_E_UNSUPPORTED);
    ck_assert_msg(strstr(err.msg, "number of keys is 1000001, expected at "
                                  "most 1000000") != NULL,
                  "%s", err.msg);
    phi_buf_release(&b);
}
END_TEST

START_TEST(test_limit_header)
{
    struct phi_buf b = gguf_bytes("'GGUF i3 q0 q1 $k i8 q300000000");
    struct phi_source *none = NULL;

    fixture_write(dir, NAME, b.p, b.n);
    phi_buf_release(&b);
    ck_assert_int_eq(truncate(path, 400000000), 0);
    ck_refused(phi_model_open(&none, path, &err), PHI_E_FORMAT,
               "of the 268435456 that a header may have");
}
END_TEST

#define SMALL                                                                  \
    "'GGUF i3 q2 q6 $general.architecture i8 $phi2 $f i6 x00 x00 x80 x3f "     \
    "$b i7 b1 $l i9 i8 q2 $one $two $n i9 i3 q3 h1 h2 h3 $u i10 q7 "           \
    "$blk.0.w i2 q32 q2 i8 q0 $blk.0.b i1 q2 i0 q96 p32 "                      \
    "z68 p32 z8"

/* Cut anywhere, it is refused: every byte of it is needed. */
START_TEST(test_truncated)
{
    struct phi_buf b = gguf_bytes(SMALL);

    ck_ok(open_bytes(b.p, b.n, &err));
    for (size_t n = 0; n < b.n; n++) {
        struct phi_err err = {0};

        ck_assert_msg(open_bytes(b.p, n, &err) == PHI_E_FORMAT, "%zu bytes", n);
        ck_assert_msg(err.msg[0] != '\0', "%zu bytes", n);
    }
    phi_buf_release(&b);
}
END_TEST

/* Any byte of it changed in any bit: opens and reads, or is refused. */
START_TEST(test_flipped)
{
    struct phi_buf b = gguf_bytes(SMALL);
    size_t refused = 0;

    for (size_t i = 0; i < b.n * 9; i++) {
        const uint8_t was = b.p[i / 9];
        struct phi_source *s = NULL;
        struct phi_err e = {0};
        enum phi_status st;

        b.p[i / 9] = (uint8_t)(was ^ (i % 9 < 8 ? 1 << i % 9 : 0xff));
        fixture_write(dir, NAME, b.p, b.n);
        b.p[i / 9] = was;
        st = phi_gguf_open(&s, path, &e);
        if (st != PHI_OK) {
            ck_assert(e.status == st && e.msg[0] != '\0');
            refused++;
            continue;
        }
        for (size_t k = 0; k < s->ntensors; k++) {
            const size_t n = s->tensors[k].nbytes;
            void *to = phi_alloc(n, 1, NULL);

            ck_ok(phi_source_read(s, k, 0, to, n, &err));
            free(to);
        }
        phi_source_close(s);
    }
    /* Most bits of a header matter. */
    ck_assert_uint_gt(refused, b.n * 2);
    phi_buf_release(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gguf_bad");
    TCase *tc = tcase_create("malformed");

    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_head);
    tcase_add_test(tc, test_other_formats);
    tcase_add_test(tc, test_no_file);
    tcase_add_test(tc, test_keys);
    tcase_add_test(tc, test_alignment);
    tcase_add_test(tc, test_tensors);
    tcase_add_test(tc, test_sum);
    tcase_add_test(tc, test_limits);
    tcase_add_test(tc, test_limit_header);
    tcase_add_test(tc, test_truncated);
    tcase_add_test(tc, test_flipped);
    suite_add_tcase(s, tc);
    return unit_main(s);
}
