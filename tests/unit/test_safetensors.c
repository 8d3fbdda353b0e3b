/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "formats/safetensors.h"
#include "libconv/base/buf.h"
#include "libconv/base/bytes.h"
#include "tests/unit/fixture.h"

static char *dir;
static char *path; /* dir/t.safetensors */

static void setup(void)
{
    dir = fixture_folder();
    path = fixture_path(dir, "t.safetensors");
}

static void teardown(void)
{
    free(path);
    fixture_remove(dir);
}

/* Writes a file of this header and n bytes of data, counting from 0. */
static void make(const char *header, size_t n)
{
    struct phi_buf b = {0};

    phi_buf_u64(&b, strlen(header));
    phi_buf_text(&b, header);
    for (size_t i = 0; i < n; i++)
        phi_buf_u8(&b, (uint8_t)i);
    ck_ok(phi_buf_status(&b, &err));
    fixture_write(dir, "t.safetensors", b.p, b.n);
    phi_buf_release(&b);
}

#define F16_2X3(name, begin, end)                                              \
    "\"" name                                                                  \
    "\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[" #begin "," #end \
    "]}"

static const struct {
    const char *header;
    size_t nbytes; /* of data */
    size_t n;      /* tensors */
} good[] = {
    {"{}", 0, 0},
    {"{} \t\r\n", 0, 0},
    {" \n{}", 0, 0},
    {"{\"__metadata__\":{\"format\":\"pt\"}}", 0, 0},
    {"{" F16_2X3("b", 0, 12) "," F16_2X3("a", 12, 24) "}", 24, 2},
    {"{" F16_2X3("b", 12, 24) "," F16_2X3("a", 0, 12) "}", 24, 2},
    {"{\"s\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]}}", 8, 1},
    {"{\"s\":{\"shape\":[4],\"data_offsets\":[0,2],\"dtype\":\"F4\"}}", 2, 1},
    {"{\"e\":{\"dtype\":\"I8\",\"shape\":[3,0],\"data_offsets\":[0,0]},"
     "\"d\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,2],"
     "\"data_offsets\":[0,2]}}",
     2, 2},
};

START_TEST(accepts)
{
    struct phi_st *st = NULL;

    make(good[_i].header, good[_i].nbytes);
    ck_ok(phi_st_open(&st, path, &err));
    ck_assert_uint_eq(st->n, good[_i].n);
    phi_st_close(st);
}
END_TEST

#define ONE(rest) "{\"w\":{\"dtype\":" rest "}}"

/* One case a rule, and the message that it earns. */
static const struct {
    const char *header;
    size_t nbytes;
    enum phi_status status;
    const char *message;
} bad[] = {
    {"", 0, PHI_E_FORMAT, "t.safetensors: header: at byte 0 (line 1)"},
    {"[]", 0, PHI_E_FORMAT, "header: is an array, expected an object"},
    {"{}x", 0, PHI_E_FORMAT, "found 'x', expected the end of the text"},
    {"{\"\xff\":1}", 0, PHI_E_FORMAT, "found byte 0xff, expected valid UTF-8"},
    {"{\"w\":1}", 0, PHI_E_FORMAT, "key \"w\": is 1, expected an object"},
    {"{" F16_2X3("a", 0, 12) "," F16_2X3("a", 12, 24) "}", 24, PHI_E_FORMAT,
     "t.safetensors: header: key \"a\": is there twice"},
    {"{\"__metadata__\":[]}", 0, PHI_E_FORMAT,
     "key \"__metadata__\": is an array, expected an object"},
    {"{\"__metadata__\":{\"n\":1}}", 0, PHI_E_FORMAT,
     "key \"__metadata__.n\": is 1, expected a string"},
    {"{\"w\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, PHI_E_FORMAT,
     "key \"w.dtype\": is missing"},
    {ONE("\"F16\",\"data_offsets\":[0,2]"), 2, PHI_E_FORMAT,
     "key \"w.shape\": is missing"},
    {ONE("\"F16\",\"shape\":[1]"), 2, PHI_E_FORMAT,
     "key \"w.data_offsets\": is missing"},
    {ONE("\"F16\",\"shape\":[1],\"data_offsets\":[0,2],\"strides\":[1]"), 2,
     PHI_E_UNSUPPORTED, "key \"w.strides\": is not known"},
    {ONE("\"Q4_0\",\"shape\":[1],\"data_offsets\":[0,2]"), 2, PHI_E_UNSUPPORTED,
     "key \"w.dtype\": is \"Q4_0\", expected a type that safetensors knows"},
    {ONE("\"f16\",\"shape\":[1],\"data_offsets\":[0,2]"), 2, PHI_E_UNSUPPORTED,
     "key \"w.dtype\": is \"f16\""},
    {ONE("\"F16\",\"shape\":[-1],\"data_offsets\":[0,2]"), 2, PHI_E_FORMAT,
     "key \"w.shape[0]\": is -1, expected an integer 0 to"},
    {ONE("\"F16\",\"shape\":[1.0],\"data_offsets\":[0,2]"), 2, PHI_E_FORMAT,
     "key \"w.shape[0]\": is 1, expected an integer"},
    {ONE("\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]"), 1,
     PHI_E_UNSUPPORTED, "key \"w.shape\": has 9 dimensions, the limit is 8"},
    {ONE("\"F16\",\"shape\":[1],\"data_offsets\":[0]"), 2, PHI_E_FORMAT,
     "key \"w.data_offsets\": has 1 numbers, expected 2"},
    {ONE("\"F16\",\"shape\":[1],\"data_offsets\":[0,2,2]"), 2, PHI_E_FORMAT,
     "key \"w.data_offsets\": has 3 numbers, expected 2"},
    {ONE("\"F16\",\"shape\":[1],\"data_offsets\":[0,-2]"), 2, PHI_E_FORMAT,
     "key \"w.data_offsets[1]\": is -2"},
    {ONE("\"F16\",\"shape\":[1],\"data_offsets\":[4,2]"), 2, PHI_E_FORMAT,
     "key \"w.data_offsets\": ends at 2 before it begins at 4"},
    {ONE("\"F16\",\"shape\":[1],\"data_offsets\":[0,18446744073709551615]"), 2,
     PHI_E_FORMAT, "key \"w.data_offsets[1]\": is 1.8446744073709552e+19"},
    {ONE("\"F16\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]"), 0,
     PHI_E_FORMAT,
     "t.safetensors: tensor \"w\": shape [4294967296, 4294967296] overflows"},
    {ONE("\"F64\",\"shape\":[4294967296,1073741824],\"data_offsets\":[0,0]"), 0,
     PHI_E_FORMAT, "shape [4294967296, 1073741824] of F64 overflows"},
    {ONE("\"F4\",\"shape\":[3],\"data_offsets\":[0,2]"), 2, PHI_E_FORMAT,
     "tensor \"w\": shape [3] of F4 is not whole bytes"},
    {ONE("\"F16\",\"shape\":[2,2],\"data_offsets\":[0,6]"), 6, PHI_E_FORMAT,
     "tensor \"w\": data_offsets hold 6 bytes, but shape [2, 2] of F16 needs "
     "8"},
    {"{" F16_2X3("a", 2, 14) "}", 14, PHI_E_FORMAT,
     "tensor \"a\": data_offsets begin at 2, expected 0: bytes that belong to "
     "no tensor"},
    {"{" F16_2X3("a", 0, 12) "," F16_2X3("b", 14, 26) "}", 26, PHI_E_FORMAT,
     "tensor \"b\": data_offsets begin at 14, expected 12: bytes that belong"},
    {"{" F16_2X3("a", 0, 12) "," F16_2X3("b", 6, 18) "}", 18, PHI_E_FORMAT,
     "tensor \"b\": data_offsets begin at 6, expected 12: tensors overlap"},
    {"{" F16_2X3("a", 0, 12) "," F16_2X3("b", 0, 12) "}", 12, PHI_E_FORMAT,
     "tensor \"b\": data_offsets begin at 0, expected 12: tensors overlap"},
    {"{" F16_2X3("a", 0, 12) "}", 11, PHI_E_FORMAT,
     "tensor \"a\": its data ends at byte 77, but the file has 76 bytes"},
    {"{" F16_2X3("a", 0, 12) "}", 13, PHI_E_FORMAT,
     "the data of the last tensor ends at byte 77, but the file has 78 bytes"},
    {"{}", 1, PHI_E_FORMAT,
     "the data of the last tensor ends at byte 10, but the file has 11"},
};

START_TEST(refuses)
{
    struct phi_st *st = NULL;

    make(bad[_i].header, bad[_i].nbytes);
    ck_refused(phi_st_open(&st, path, &err), bad[_i].status, bad[_i].message);
    ck_assert_ptr_null(st);
}
END_TEST

/* The length at the front, at its limit and past it. */
START_TEST(refuses_lengths)
{
    static const struct {
        uint64_t n;
        const char *message;
    } cases[] = {
        {3, "t.safetensors: the header ends at byte 11, but the file has 10"},
        {100000000, "the header ends at byte 100000008, but the file has 10"},
        {100000001, "the header has 100000001 bytes (at byte 0), the limit is "
                    "100000000"},
        {UINT64_MAX, "the header has 18446744073709551615 bytes"},
    };
    struct phi_st *st = NULL;
    uint8_t bytes[10] = {0, 0, 0, 0, 0, 0, 0, 0, '{', '}'};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        phi_store_u64(bytes, cases[i].n);
        fixture_write(dir, "t.safetensors", bytes, sizeof(bytes));
        ck_refused(phi_st_open(&st, path, &err), PHI_E_FORMAT,
                   cases[i].message);
    }
    fixture_write(dir, "t.safetensors", bytes, 7);
    ck_refused(phi_st_open(&st, path, &err), PHI_E_FORMAT,
               "has 7 bytes, expected at least 8");
    fixture_write(dir, "t.safetensors", bytes, 0);
    ck_refused(phi_st_open(&st, path, &err), PHI_E_FORMAT,
               "has 0 bytes, expected at least 8");
}
END_TEST

START_TEST(names_strangers)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *message;
        const char *hint;
    } cases[] = {
        {"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", 56,
         "is a Git LFS pointer without the data, expected a safetensors file",
         "git lfs pull"},
        {"PK\x03\x04\x00\x00\x08\x08\x00\x00", 10,
         "is a zip archive, as PyTorch's pickles are",
         "save the model as safetensors"},
        {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20", 10, "is a PyTorch pickle",
         "save the model as safetensors"},
        {"GGUF\x03\x00\x00\x00\x00\x00", 10, "is a GGUF file",
         "inspect, quantize and eval-ppl take it"},
    };
    const struct phi_buf none = {0};
    struct phi_buf b = none;
    struct phi_st *st = NULL;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct phi_err e = {0};

        fixture_write(dir, "t.safetensors", cases[i].bytes, cases[i].n);
        ck_assert_int_eq(phi_st_open(&st, path, &e), PHI_E_FORMAT);
        ck_assert_ptr_nonnull(strstr(e.msg, cases[i].message));
        ck_assert_ptr_nonnull(strstr(e.hint, cases[i].hint));
    }
    /* A header of 0x80 bytes begins as a pickle does. */
    phi_buf_text(&b, "{}");
    while (b.n < 0x80)
        phi_buf_text(&b, " ");
    phi_buf_u8(&b, 0);
    make((const char *)b.p, 0);
    ck_ok(phi_st_open(&st, path, &err));
    phi_st_close(st);
    phi_buf_release(&b);
}
END_TEST

START_TEST(limits_names)
{
    struct phi_st *st = NULL;

    for (int n = PHI_ST_MAX_NAME; n <= PHI_ST_MAX_NAME + 1; n++) {
        char *header = phi_sprintf(NULL,
                                   "{\"%0*d\":{\"dtype\":\"U8\",\"shape\":[1],"
                                   "\"data_offsets\":[0,1]}}",
                                   n, 0);

        make(header, 1);
        free(header);
        if (n == PHI_ST_MAX_NAME) {
            ck_ok(phi_st_open(&st, path, &err));
            phi_st_close(st);
        } else {
            ck_refused(phi_st_open(&st, path, &err), PHI_E_UNSUPPORTED,
                       "its name has 1025 bytes, the limit is 1024");
        }
    }
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    size_t n;
    char *bytes;

    make("{\"__metadata__\":{\"format\":\"pt\"}," F16_2X3(
             "b", 0, 12) "," F16_2X3("a", 12, 24) "}  ",
         24);
    bytes = fixture_load(dir, "t.safetensors", &n);
    for (size_t cut = 0; cut < n; cut++) {
        struct phi_st *st = NULL;

        fixture_write(dir, "t.safetensors", bytes, cut);
        ck_refused(phi_st_open(&st, path, &err), PHI_E_FORMAT,
                   "t.safetensors: ");
    }
    free(bytes);
}
END_TEST

START_TEST(reads_data)
{
    struct phi_st *st = NULL;
    uint8_t got[12];

    make("{\"__metadata__\":{\"format\":\"pt\"}," F16_2X3(
             "b", 12, 24) "," F16_2X3("a", 0, 12) "}",
         24);
    ck_ok(phi_st_open(&st, path, &err));
    ck_assert_str_eq(st->tensors[0].name, "a");
    ck_assert_str_eq(st->tensors[1].name, "b");
    ck_assert_int_eq(st->tensors[1].dtype, PHI_F16);
    ck_assert_uint_eq(st->tensors[1].rank, 2);
    ck_assert_uint_eq(st->tensors[1].dim[1], 3);
    ck_assert_str_eq(phi_st_metadata(st, "format"), "pt");
    ck_assert_ptr_null(phi_st_metadata(st, "none"));
    ck_ok(phi_st_read(st, 1, 2, got, 10, &err));
    ck_assert_uint_eq(got[0], 14);
    ck_assert_uint_eq(got[9], 23);
    ck_refused(phi_st_read(st, 1, 2, got, 11, &err), PHI_E_ARG,
               "tensor \"b\": more bytes wanted than it has");
    phi_st_close(st);
}
END_TEST

static const struct phi_st_entry entries[] = {
    {"b", PHI_F16, 1, {3}},         {"a", PHI_F16, 2, {1, 2}},
    {"q\"\n\x01", PHI_I64, 0, {0}}, {"none", PHI_U8, 1, {0}},
    {"z", PHI_F32, 1, {1}},
};

/* Bytes as the Python library lays these tensors out. */
START_TEST(writes_in_the_reference_order)
{
    static const size_t order[] = {2, 4, 1, 0, 3};
    static const char *const metadata[] = {"format", "pt", NULL};
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"q\\\"\\n\\u0001\":{\"dtype\":\"I64\",\"shape\":[],"
        "\"data_offsets\":[0,8]},"
        "\"z\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]},"
        "\"a\":{\"dtype\":\"F16\",\"shape\":[1,2],\"data_offsets\":[12,16]},"
        "\"b\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[16,22]},"
        "\"none\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[22,22]}}";
    const size_t padded = (sizeof(header) - 1 + 7) / 8 * 8;
    struct phi_st_writer *w = NULL;
    struct phi_st *st = NULL;
    char *bytes;
    size_t n;

    ck_ok(phi_st_create(&w, path, entries, 5, metadata, false, &err));
    for (size_t k = 0; k < 5; k++)
        ck_assert_uint_eq(phi_st_order(w, k), order[k]);
    ck_refused(phi_st_write(w, 4, "1234", 4, &err), PHI_E_ARG, "out of order");
    ck_refused(phi_st_write(w, 2, "123456789", 9, &err), PHI_E_ARG,
               "out of order");
    ck_ok(phi_st_write(w, 2, "1234", 4, &err));
    ck_ok(phi_st_write(w, 2, "5678", 4, &err));
    ck_ok(phi_st_write(w, 4, "zzzz", 4, &err));
    ck_ok(phi_st_write(w, 1, "aaaa", 4, &err));
    ck_refused(phi_st_commit(w, &err), PHI_E_ARG,
               "tensor \"b\": has 0 bytes of 6");
    ck_ok(phi_st_write(w, 0, "bbbbbb", 6, &err));
    ck_ok(phi_st_commit(w, &err));
    phi_st_writer_close(w);

    bytes = fixture_load(dir, "t.safetensors", &n);
    ck_assert_uint_eq(n, 8 + padded + 22);
    ck_assert_uint_eq(phi_load_u64((uint8_t *)bytes), padded);
    ck_assert_int_eq(memcmp(bytes + 8, header, sizeof(header) - 1), 0);
    for (size_t i = 8 + sizeof(header) - 1; i < 8 + padded; i++)
        ck_assert_int_eq(bytes[i], ' ');
    ck_assert_int_eq(memcmp(bytes + 8 + padded, "12345678zzzzaaaabbbbbb", 22),
                     0);
    free(bytes);
    ck_ok(phi_st_open(&st, path, &err));
    ck_assert_uint_eq(st->n, 5);
    phi_st_close(st);
}
END_TEST

START_TEST(writer_refuses)
{
    static const struct phi_st_entry twice[] = {{"a", PHI_F32, 1, {1}},
                                                {"a", PHI_F16, 1, {1}}};
    static const struct phi_st_entry reserved = {
        "__metadata__", PHI_F32, 0, {0}};
    static const struct phi_st_entry block = {"a", PHI_Q4_0, 1, {32}};
    static const struct phi_st_entry wide = {
        "a", PHI_F32, 2, {UINT64_C(1) << 32, UINT64_C(1) << 32}};
    struct phi_st_writer *w = NULL;

    ck_refused(phi_st_create(&w, path, twice, 2, NULL, false, &err), PHI_E_ARG,
               "tensor \"a\": its name is taken");
    ck_refused(phi_st_create(&w, path, &reserved, 1, NULL, false, &err),
               PHI_E_ARG, "tensor \"__metadata__\": its name is taken");
    ck_refused(phi_st_create(&w, path, &block, 1, NULL, false, &err), PHI_E_ARG,
               "cannot be written to safetensors");
    ck_refused(phi_st_create(&w, path, &wide, 1, NULL, false, &err), PHI_E_ARG,
               "cannot be written to safetensors");
    ck_assert_int_eq(phi_path_kind(path), PHI_PATH_NONE);
    fixture_text(dir, "t.safetensors", "old");
    ck_refused(phi_st_create(&w, path, entries, 5, NULL, false, &err),
               PHI_E_ARG, "t.safetensors");
    ck_ok(phi_st_create(&w, path, entries, 5, NULL, true, &err));
    phi_st_writer_close(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("safetensors");
    TCase *t = tcase_create("safetensors");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, accepts, 0, sizeof(good) / sizeof(good[0]));
    tcase_add_loop_test(t, refuses, 0, sizeof(bad) / sizeof(bad[0]));
    tcase_add_test(t, refuses_lengths);
    tcase_add_test(t, names_strangers);
    tcase_add_test(t, limits_names);
    tcase_add_test(t, every_truncation_is_refused);
    tcase_add_test(t, reads_data);
    tcase_add_test(t, writes_in_the_reference_order);
    tcase_add_test(t, writer_refuses);
    suite_add_tcase(s, t);
    return unit_main(s);
}
