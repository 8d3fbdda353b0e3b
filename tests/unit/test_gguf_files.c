/* SPDX-License-Identifier: MIT */
/* Split models, real vocabularies, and files larger than 4 GiB. */
#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64
#include "formats/gguf_sink.h"
#include "formats/model.h"
#include "tests/unit/fixture.h"
#include "tests/unit/gguf_bytes.h"

#include <errno.h>
#include <fcntl.h>

static char *dir;

static void setup(void)
{
    dir = fixture_folder();
}

static void teardown(void)
{
    fixture_remove(dir);
}

/* Split keys: no and count as uint16, the number of tensors as int32. */
#define SPLIT(no, count, total)                                                \
    "$split.no i2 h" no " $split.count i2 h" count                             \
    " $split.tensors.count i5 i" total " "

#define PART_1                                                                 \
    "'GGUF i3 q1 q4 $general.architecture i8 $phi2 " SPLIT(                    \
        "0", "3", "3") "$a i1 q4 i0 q0 p32 'aaaabbbbccccdddd z16"
#define PART_2                                                                 \
    "'GGUF i3 q2 q3 " SPLIT(                                                   \
        "1", "3",                                                              \
        "3") "$b i1 q2 i0 q0 $c i1 q1 i0 q32 p32 'eeeeffff z24 'gggg"
/* What the first part says may be said again. */
#define PART_3                                                                 \
    "'GGUF i3 q0 q4 $general.architecture i8 $phi2 " SPLIT("2", "3", "3") "p3" \
                                                                          "2"

static void put(const char *name, const char *line)
{
    struct phi_buf b = gguf_bytes(line);

    fixture_write(dir, name, b.p, b.n);
    phi_buf_release(&b);
}

static void put_parts(void)
{
    put("m-00001-of-00003.gguf", PART_1);
    put("m-00002-of-00003.gguf", PART_2);
    put("m-00003-of-00003.gguf", PART_3);
}

static enum phi_status open_named(struct phi_source **s, const char *name,
                                  struct phi_err *err)
{
    char *path = fixture_path(dir, name);
    const enum phi_status st = phi_model_open(s, path, err);

    free(path);
    return st;
}

START_TEST(test_split)
{
    static const char *const names[] = {"a", "b", "c"};
    static const char *const data[] = {"aaaabbbbccccdddd", "eeeeffff", "gggg"};
    static const char *const files[] = {"-00001-", "-00002-", "-00002-"};
    struct phi_source *s = NULL;
    char *second = fixture_path(dir, "m-00002-of-00003.gguf");

    put_parts();
    ck_ok(open_named(&s, "m-00001-of-00003.gguf", &err));
    ck_assert_uint_eq(s->meta.n, 1);
    ck_assert_str_eq(s->meta.kv[0].key, "general.architecture");
    ck_assert_uint_eq(s->ntensors, 3);
    for (size_t i = 0; i < 3; i++) {
        char got[16];
        const size_t n = strlen(data[i]);

        ck_assert_str_eq(s->tensors[i].name, names[i]);
        ck_assert_ptr_nonnull(strstr(s->tensors[i].file, files[i]));
        ck_assert_uint_eq(s->tensors[i].nbytes, n);
        ck_ok(phi_source_read(s, i, 0, got, n, &err));
        ck_assert_mem_eq(got, data[i], n);
    }
    ck_ok(phi_source_unchanged(s, &err));
    ck_refused(phi_source_not_input(s, second, &err), PHI_E_ARG, "same file");
    /* A change in any part is noticed. */
    put("m-00002-of-00003.gguf", PART_1);
    ck_refused(phi_source_unchanged(s, &err), PHI_E_IO,
               "m-00002-of-00003.gguf: changed while being read");
    phi_source_close(s);
    free(second);
}
END_TEST

/* One part replaced (NULL: missing), what is opened, and the refusal. */
START_TEST(test_split_refused)
{
    static const struct {
        const char *name;
        const char *line;
        const char *open;
        enum phi_status status;
        const char *text;
    } rows[] = {
        {"m-00002-of-00003.gguf", PART_2, "m-00002-of-00003.gguf", PHI_E_ARG,
         "m-00002-of-00003.gguf: is part 2 of 3 of a split model, expected "
         "the first"},
        {"m-00002-of-00003.gguf", NULL, "m-00001-of-00003.gguf", PHI_E_FORMAT,
         "m-00002-of-00003.gguf: is missing, expected part 2 of 3"},
        {"renamed.gguf", PART_1, "renamed.gguf", PHI_E_FORMAT,
         "renamed.gguf: is part 1 of 3 of a split model, expected a name that "
         "ends in -00001-of-00003.gguf"},
        {"m-00002-of-00003.gguf", PART_3, "m-00001-of-00003.gguf", PHI_E_FORMAT,
         "m-00002-of-00003.gguf: split.no is 2, split.count 3, "
         "split.tensors.count 3, expected 1, 3, 3"},
        {"m-00003-of-00003.gguf", "'GGUF i3 q0 q3 " SPLIT("2", "4", "3") "p32",
         "m-00001-of-00003.gguf", PHI_E_FORMAT, "split.count 4"},
        {"m-00003-of-00003.gguf", "'GGUF i3 q0 q3 " SPLIT("2", "3", "4") "p32",
         "m-00001-of-00003.gguf", PHI_E_FORMAT, "split.tensors.count 4"},
        {"m-00003-of-00003.gguf", "'GGUF i3 q0 q0 p32", "m-00001-of-00003.gguf",
         PHI_E_FORMAT, "split.no is 0, split.count 0, split.tensors.count -1"},
        {"m-00003-of-00003.gguf",
         "'GGUF i3 q1 q3 " SPLIT("2", "3", "3") "$d i1 q1 i0 q0 p32 z4",
         "m-00001-of-00003.gguf", PHI_E_FORMAT,
         "m-00001-of-00003.gguf: key \"split.tensors.count\": is 3, expected "
         "4, the number of tensors found"},
        {"m-00002-of-00003.gguf",
         "'GGUF i3 q2 q3 " SPLIT("1", "3",
                                 "3") "$b i1 q2 i0 q0 $a i1 q1 i0 q32 p32 z36",
         "m-00001-of-00003.gguf", PHI_E_FORMAT,
         "m-00002-of-00003.gguf: tensor \"a\": is in an earlier part too"},
        {"m-00003-of-00003.gguf",
         "'GGUF i3 q0 q4 " SPLIT("2", "3", "3") "$x i0 b1 p32",
         "m-00001-of-00003.gguf", PHI_E_FORMAT,
         "m-00003-of-00003.gguf: key \"x\": is not in the first part"},
        {"m-00003-of-00003.gguf",
         "'GGUF i3 q0 q4 " SPLIT("2", "3",
                                 "3") "$general.architecture i8 $other p32",
         "m-00001-of-00003.gguf", PHI_E_FORMAT,
         "m-00003-of-00003.gguf: key \"general.architecture\": differs from "
         "the first "
         "part's, expected the same"},
        {"m-00003-of-00003.gguf",
         "'version x20 'https://git-lfs.github.com/spec/v1",
         "m-00001-of-00003.gguf", PHI_E_FORMAT, "is a Git LFS pointer"},
        {"one.gguf", "'GGUF i3 q0 q1 $split.count i2 h2", "one.gguf",
         PHI_E_FORMAT, "key \"split.no\": is missing"},
        {"one.gguf", "'GGUF i3 q0 q2 $split.no i2 h3 $split.count i2 h3",
         "one.gguf", PHI_E_FORMAT, "key \"split.no\": is 3, expected less"},
        {"one.gguf", "'GGUF i3 q0 q1 $split.count i8 $3", "one.gguf",
         PHI_E_FORMAT,
         "one.gguf: key \"split.count\": is of type string, expected an "
         "integer"},
        {"one.gguf", "'GGUF i3 q0 q1 $split.tensors.count i5 i-1", "one.gguf",
         PHI_E_FORMAT, "\"split.tensors.count\": is -1"},
        {"one.gguf", "'GGUF i3 q0 q1 $split.tensors.count i5 i7", "one.gguf",
         PHI_E_FORMAT, "is 7, expected 0, the number of tensors"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct phi_source *s = NULL;

        put_parts();
        if (rows[i].line != NULL) {
            put(rows[i].name, rows[i].line);
        } else {
            char *path = fixture_path(dir, rows[i].name);

            ck_assert_int_eq(unlink(path), 0);
            free(path);
        }
        ck_refused(open_named(&s, rows[i].open, &err), rows[i].status,
                   rows[i].text);
    }
}
END_TEST

/* What gguf-split leaves after a merge, and a split into one. */
START_TEST(test_split_single)
{
    struct phi_source *s = NULL;

    put("one.gguf", "'GGUF i3 q1 q3 " SPLIT("0", "0", "1") "$a i1 q1 i0 q0 "
                                                           "p32 z4");
    ck_ok(open_named(&s, "one.gguf", &err));
    ck_assert_uint_eq(s->meta.n, 0);
    ck_assert_uint_eq(s->ntensors, 1);
    phi_source_close(s);
    put("one.gguf", "'GGUF i3 q1 q3 " SPLIT("0", "1", "1") "$a i1 q1 i0 q0 "
                                                           "p32 z4");
    ck_ok(open_named(&s, "one.gguf", &err));
    phi_source_close(s);
}
END_TEST

/* The last of two tensors lies beyond 5 GiB; only what is written exists. */
START_TEST(test_large)
{
    const uint64_t first = 5ull << 30;
    struct phi_buf b = gguf_bytes("'GGUF i3 q2 q0 $a i2 q1048576 q1280 i0 q0 "
                                  "$b i1 q2 i0 q5368709120 p32");
    struct phi_source *s = NULL;
    char *path = fixture_path(dir, "large.gguf");
    int fd;
    char got[8];

    put("large.gguf", "'GGUF");
    fd = open(path, O_WRONLY);
    ck_assert_int_ge(fd, 0);
    ck_assert_msg(ftruncate(fd, (off_t)(b.n + first + 8)) == 0,
                  "no file of 5 GiB can be made here: %s", strerror(errno));
    ck_assert_int_eq(pwrite(fd, b.p, b.n, 0), (ssize_t)b.n);
    ck_assert_int_eq(pwrite(fd, "the last", 8, (off_t)(b.n + first)), 8);
    ck_ok(phi_model_open(&s, path, &err));
    ck_assert_uint_eq(s->tensors[0].nbytes, first);
    ck_ok(phi_source_read(s, 1, 0, got, 8, &err));
    ck_assert_mem_eq(got, "the last", 8);
    ck_ok(phi_source_read(s, 0, first - 8, got, 8, &err));
    ck_assert_mem_eq(got, "\0\0\0\0\0\0\0\0", 8);
    phi_source_close(s);
    /* One byte less is noticed there, too. */
    ck_assert_int_eq(ftruncate(fd, (off_t)(b.n + first + 7)), 0);
    ck_refused(phi_model_open(&s, path, &err), PHI_E_FORMAT, "tensor \"b\"");
    close(fd);
    free(path);
    phi_buf_release(&b);
}
END_TEST

/* Written again, a file has the bytes it had; gguf-py leaves out padding. */
static void check_rewritten(const struct phi_source *s, const char *original)
{
    const struct phi_gguf_options opt = {.replace = true};
    char *path = fixture_path(dir, "again.gguf");
    struct phi_sink *sink = NULL;
    uint8_t *was = NULL;
    size_t nwas = 0;
    size_t n = 0;
    char *now;

    ck_ok(phi_gguf_sink_open(&sink, path, &s->meta, NULL, 0, &opt, &err));
    ck_ok(phi_sinks_commit(&sink, 1, &err));
    phi_sink_close(sink);
    ck_ok(phi_file_load(original, UINT32_MAX, &was, &nwas, &err));
    now = fixture_load(dir, "again.gguf", &n);
    ck_assert_uint_eq(n, (nwas + 31) / 32 * 32);
    ck_assert_mem_eq(now, was, nwas);
    free(now);
    free(was);
    free(path);
}

START_TEST(test_vocabularies)
{
    static const struct {
        const char *name;
        size_t tokens;
    } rows[] = {{"ggml-vocab-gpt-2.gguf", 50257},
                {"ggml-vocab-phi-3.gguf", 32064}};
    const char *data = unit_test_data("vocabularies of llama.cpp");

    for (size_t i = 0; data != NULL && i < sizeof(rows) / sizeof(rows[0]);
         i++) {
        char *path = phi_sprintf(NULL, "%s/vocab/%s", data, rows[i].name);
        const struct phi_kv *tokens = NULL;
        struct phi_source *s = NULL;

        ck_ok(phi_model_open(&s, path, &err));
        ck_assert_uint_eq(s->ntensors, 0);
        ck_ok(phi_meta_get_array(&s->meta, "tokenizer.ggml.tokens",
                                 PHI_KV_STRING, &tokens, &err));
        ck_assert_uint_eq(tokens->v.arr.n, rows[i].tokens);
        check_rewritten(s, path);
        phi_source_close(s);
        free(path);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gguf_files");
    TCase *tc = tcase_create("files");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_split);
    tcase_add_test(tc, test_split_refused);
    tcase_add_test(tc, test_split_single);
    tcase_add_test(tc, test_large);
    tcase_add_test(tc, test_vocabularies);
    suite_add_tcase(s, tc);
    return unit_main(s);
}
