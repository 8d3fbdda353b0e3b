/* SPDX-License-Identifier: MIT */
/* GGUF written and read back; the bytes of the writer; what it refuses. */
#define _POSIX_C_SOURCE 200809L
#include "formats/gguf_sink.h"
#include "formats/gguf_source.h"
#include "formats/gguf_write.h"
#include "tests/unit/fixture.h"
#include "tests/unit/gguf_bytes.h"

#include <math.h>

static char *dir;

static void setup(void)
{
    dir = fixture_folder();
}

static void teardown(void)
{
    fixture_remove(dir);
}

/* Every type, at the ends of its range, single and in an array. */
static struct phi_meta all_types(void)
{
    static const uint8_t bools[] = {1, 0, 1};
    static const uint8_t numbers[3 * 8] = {1, 2, 3, 4, 5, 6, 7, 0xff};
    struct phi_meta m = {0};
    struct phi_kv *kv;
    char key[32];

    ck_ok(phi_meta_set_str(&m, "general.architecture", "phi2", 4, &err));
    ck_ok(phi_meta_set_u(&m, "u8", PHI_KV_U8, UINT8_MAX, &err));
    ck_ok(phi_meta_set_u(&m, "u16", PHI_KV_U16, UINT16_MAX, &err));
    ck_ok(phi_meta_set_u(&m, "u32", PHI_KV_U32, UINT32_MAX, &err));
    ck_ok(phi_meta_set_u(&m, "u64", PHI_KV_U64, UINT64_MAX, &err));
    ck_ok(phi_meta_set_i(&m, "i8", PHI_KV_I8, INT8_MIN, &err));
    ck_ok(phi_meta_set_i(&m, "i16", PHI_KV_I16, INT16_MIN, &err));
    ck_ok(phi_meta_set_i(&m, "i32", PHI_KV_I32, INT32_MIN, &err));
    ck_ok(phi_meta_set_i(&m, "i64", PHI_KV_I64, INT64_MIN, &err));
    ck_ok(phi_meta_set_i(&m, "i64.max", PHI_KV_I64, INT64_MAX, &err));
    ck_ok(phi_meta_set_i(&m, "i8.max", PHI_KV_I8, INT8_MAX, &err));
    ck_ok(phi_meta_set_f(&m, "f32", PHI_KV_F32, 1e-5, &err));
    ck_ok(phi_meta_set_f(&m, "f64", PHI_KV_F64, -1e300, &err));
    ck_ok(phi_meta_set_f(&m, "f64.inf", PHI_KV_F64, INFINITY, &err));
    ck_ok(phi_meta_set_u(&m, "false", PHI_KV_BOOL, 0, &err));
    ck_ok(phi_meta_set_u(&m, "true", PHI_KV_BOOL, 1, &err));
    ck_ok(phi_meta_set_str(&m, "empty", "", 0, &err));
    ck_ok(phi_meta_set_str(&m, "bytes", "a\0\xff", 3, &err));
    ck_ok(phi_meta_set_numbers(&m, "arr.bool", PHI_KV_BOOL, bools, 3, &err));
    ck_ok(phi_meta_set_numbers(&m, "arr.none", PHI_KV_U32, NULL, 0, &err));
    for (int t = 0; t < PHI_KV_NTYPES; t++) {
        if (t == PHI_KV_BOOL || t == PHI_KV_STRING || t == PHI_KV_ARRAY)
            continue;
        snprintf(key, sizeof(key), "arr.%d", t);
        ck_ok(phi_meta_set_numbers(&m, key, (enum phi_kv_type)t, numbers, 3,
                                   &err));
    }
    ck_ok(phi_meta_set_strings(&m, "arr.str", 3, &kv, &err));
    ck_ok(phi_str_set(&kv->v.arr.str[0], "one", 3, &err));
    ck_ok(phi_str_set(&kv->v.arr.str[2], "thr\0e", 5, &err));
    return m;
}

static void same_str(const struct phi_str *a, const struct phi_str *b)
{
    ck_assert_uint_eq(a->n, b->n);
    if (a->n > 0)
        ck_assert_mem_eq(a->p, b->p, a->n);
}

static void same_kv(const struct phi_kv *a, const struct phi_kv *b)
{
    ck_assert_str_eq(a->key, b->key);
    ck_assert_int_eq(a->type, b->type);
    if (a->type == PHI_KV_STRING) {
        same_str(&a->v.str, &b->v.str);
    } else if (a->type == PHI_KV_ARRAY) {
        ck_assert_int_eq(a->v.arr.type, b->v.arr.type);
        ck_assert_uint_eq(a->v.arr.n, b->v.arr.n);
        for (size_t i = 0; a->v.arr.str != NULL && i < a->v.arr.n; i++)
            same_str(&a->v.arr.str[i], &b->v.arr.str[i]);
        if (a->v.arr.num != NULL)
            ck_assert_mem_eq(a->v.arr.num, b->v.arr.num,
                             a->v.arr.n * phi_kv_type_size(a->v.arr.type));
    } else {
        ck_assert_uint_eq(a->v.u, b->v.u);
    }
}

static const struct phi_sink_tensor three[] = {
    {"token_embd.weight", PHI_F16, 2, {5, 3}, 30},
    {"blk.0.attn_q.weight", PHI_Q4_0, 3, {2, 3, 64}, 216},
    {"blk.0.attn_q.bias", PHI_F32, 1, {1}, 4},
};

/* Bytes of tensor i: i + 1, i + 2, ... in pieces, the last first. */
static void write_all(struct phi_sink *s, const struct phi_sink_tensor *t,
                      size_t n)
{
    for (size_t i = n; i-- > 0;) {
        for (uint64_t k = t[i].nbytes; k-- > 0;) {
            const uint8_t byte = (uint8_t)(i + 1 + k);

            ck_ok(phi_sink_write(s, i, k, &byte, 1, &err));
        }
    }
}

static void check_all(const struct phi_source *s,
                      const struct phi_sink_tensor *t, size_t n)
{
    ck_assert_uint_eq(s->ntensors, n);
    for (size_t i = 0; i < n; i++) {
        const struct phi_tensor *got = &s->tensors[i];
        uint8_t bytes[512];
        size_t found = n;

        ck_assert_str_eq(got->name, t[i].name);
        ck_assert_str_eq(got->origin, t[i].name);
        ck_assert_int_eq(got->dtype, t[i].dtype);
        ck_assert_uint_eq(got->nbytes, t[i].nbytes);
        ck_assert_uint_eq(got->rank, t[i].rank);
        for (uint32_t k = 0; k < got->rank; k++)
            ck_assert_uint_eq(got->dim[k], t[i].dim[k]);
        ck_assert(phi_source_find(s, t[i].name, &found) && found == i);
        ck_ok(phi_source_read(s, i, 0, bytes, got->nbytes, &err));
        for (uint64_t k = 0; k < t[i].nbytes; k++)
            ck_assert_uint_eq(bytes[k], (uint8_t)(i + 1 + k));
        ck_ok(phi_source_read(s, i, 3, bytes, 1, &err));
        ck_assert_uint_eq(bytes[0], (uint8_t)(i + 4));
        ck_refused(phi_source_read(s, i, 1, bytes, got->nbytes, &err),
                   PHI_E_ARG, "bytes wanted");
    }
}

static void round_trip(uint32_t align)
{
    const struct phi_gguf_options opt = {.replace = true};
    struct phi_meta m = all_types();
    char *path = fixture_path(dir, "a.gguf");
    struct phi_source *s = NULL;
    struct phi_sink *sink = NULL;
    uint64_t size = 0;

    if (align != 0)
        ck_ok(phi_meta_set_u(&m, "general.alignment", PHI_KV_U32, align, &err));
    ck_ok(phi_gguf_size(&size, &m, three, 3, &err));
    ck_ok(phi_gguf_sink_open(&sink, path, &m, three, 3, &opt, &err));
    ck_assert_uint_eq(sink->nbytes, size);
    ck_assert_uint_eq(size % (align != 0 ? align : 32), 0);
    write_all(sink, three, 3);
    ck_ok(phi_sinks_commit(&sink, 1, &err));
    phi_sink_close(sink);

    ck_ok(phi_gguf_open(&s, path, &err));
    ck_assert_str_eq(s->format, "gguf");
    ck_assert_str_eq(s->path, path);
    ck_assert_uint_eq(s->meta.n, m.n);
    for (size_t i = 0; i < m.n; i++)
        same_kv(&m.kv[i], &s->meta.kv[i]);
    check_all(s, three, 3);
    ck_ok(phi_source_unchanged(s, &err));
    ck_refused(phi_source_not_input(s, path, &err), PHI_E_ARG, "same file");
    ck_ok(phi_source_not_input(s, "elsewhere.gguf", &err));
    phi_source_close(s);
    phi_meta_release(&m);
    free(path);
}

START_TEST(test_round_trip)
{
    static const uint32_t aligns[] = {0, 8, 32, 64, 65536};

    for (size_t i = 0; i < sizeof(aligns) / sizeof(aligns[0]); i++)
        round_trip(aligns[i]);
}
END_TEST

/* The whole of a small file, byte for byte. */
START_TEST(test_bytes)
{
    static const struct phi_sink_tensor t[] = {
        {"a", PHI_F32, 3, {1, 1, 2}, 8},
        {"b.weight", PHI_Q8_0, 3, {1, 2, 32}, 68},
        {"c", PHI_F16, 2, {1, 1}, 2},
    };
    struct phi_buf want = gguf_bytes(
        "'GGUF i3 q3 q5 "
        "$general.architecture i8 $phi2 $x.i8 i1 x85 $x.f i6 x00 x00 x80 x3f "
        "$x.ok i7 b1 $x.list i9 i8 q2 $yes q0 "
        "$a i1 q2 i0 q0 $b.weight i2 q32 q2 i8 q32 $c i1 q1 i1 q128 p32 "
        "'abcdefgh z24 "
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa z28 "
        "'zz z30");
    const struct phi_gguf_options opt = {0};
    struct phi_meta m = {0};
    struct phi_kv *kv;
    struct phi_sink *sink = NULL;
    char *path = fixture_path(dir, "a.gguf");
    char *got;
    size_t n;

    ck_ok(phi_meta_set_str(&m, "general.architecture", "phi2", 4, &err));
    ck_ok(phi_meta_set_i(&m, "x.i8", PHI_KV_I8, -123, &err));
    ck_ok(phi_meta_set_f(&m, "x.f", PHI_KV_F32, 1, &err));
    ck_ok(phi_meta_set_u(&m, "x.ok", PHI_KV_BOOL, 1, &err));
    ck_ok(phi_meta_set_strings(&m, "x.list", 2, &kv, &err));
    ck_ok(phi_str_set(&kv->v.arr.str[0], "yes", 3, &err));
    ck_ok(phi_gguf_sink_open(&sink, path, &m, t, 3, &opt, &err));
    ck_ok(phi_sink_write(sink, 2, 0, "zz", 2, &err));
    for (uint64_t i = 0; i < 68; i++)
        ck_ok(phi_sink_write(sink, 1, i, "a", 1, &err));
    ck_ok(phi_sink_write(sink, 0, 0, "abcdefgh", 8, &err));
    ck_ok(phi_sinks_commit(&sink, 1, &err));
    phi_sink_close(sink);
    got = fixture_load(dir, "a.gguf", &n);
    ck_assert_uint_eq(n, want.n);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg((uint8_t)got[i] == want.p[i],
                      "byte %zu is %02x, expected %02x", i, (uint8_t)got[i],
                      want.p[i]);
    free(got);
    free(path);
    phi_meta_release(&m);
    phi_buf_release(&want);
}
END_TEST

START_TEST(test_refused_tensors)
{
    static const char name64[] =
        "0123456789012345678901234567890123456789012345678901234567890123";
    static const char name63[] =
        "012345678901234567890123456789012345678901234567890123456789012";
    static const struct {
        struct phi_sink_tensor t;
        const char *text;
    } rows[] = {
        {{"", PHI_F32, 1, {1}, 4}, "name is 0 bytes long, expected 1 to 63"},
        {{name64, PHI_F32, 1, {1}, 4}, "name is 64 bytes long"},
        {{"a", PHI_F32, 0, {0}, 4}, "tensor \"a\": has 0 dimensions"},
        {{"a", PHI_F32, 5, {1, 1, 1, 1, 1}, 4}, "has 5 dimensions"},
        {{"a", PHI_F8_E4M3, 1, {4}, 4}, "is of type F8_E4M3"},
        {{"a", PHI_F32, 2, {0, 4}, 0}, "dimension 0 is 0"},
        {{"a", PHI_F32, 2, {INT64_MAX, 2}, 8}, "less than 2^63"},
        {{"a", PHI_F32, 2, {2, 2}, 15}, "15 bytes of F32 do not follow"},
        {{"a", PHI_Q4_0, 2, {32, 33}, 594}, "rows of 33"},
        {{"a", PHI_F64, 1, {INT64_MAX}, 1}, "do not follow"},
        {{"b", PHI_F32, 1, {1}, 4}, "tensor \"b\": is there twice"},
    };
    struct phi_meta m = {0};
    uint64_t size;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct phi_sink_tensor t[] = {{"b", PHI_F32, 1, {1}, 4},
                                            rows[i].t};

        ck_refused(phi_gguf_size(&size, &m, t, 2, &err), PHI_E_ARG,
                   rows[i].text);
    }
    ck_ok(phi_gguf_size(&size, &m,
                        &(struct phi_sink_tensor){name63, PHI_F32, 1, {1}, 4},
                        1, &err));
}
END_TEST

/* Sizes whose padded sum, or the sum with the header, passes 2^63. */
START_TEST(test_refused_sums)
{
    static const char *const names[8] = {"a", "b", "c", "d",
                                         "e", "f", "g", "h"};
    struct phi_sink_tensor t[8];
    struct phi_meta m = {0};
    uint64_t size;

    for (size_t i = 0; i < 8; i++)
        t[i] = (struct phi_sink_tensor){
            names[i], PHI_I8, 1, {1ull << 60}, 1ull << 60};
    ck_refused(phi_gguf_size(&size, &m, t, 8, &err), PHI_E_ARG,
               "tensor \"h\": its 1152921504606846976 bytes end beyond");
    t[7].dim[0] = t[7].nbytes = (1ull << 60) - 64;
    ck_refused(phi_gguf_size(&size, &m, t, 8, &err), PHI_E_ARG,
               "too many for a file");
    ck_ok(phi_gguf_size(&size, &m, t, 7, &err));
    ck_assert_uint_gt(size, 7ull << 60);
}
END_TEST

START_TEST(test_refused_keys)
{
    static const struct {
        const char *key;
        enum phi_kv_type type;
        int64_t v;
        const char *text;
    } rows[] = {
        {"", PHI_KV_U8, 1, "is empty"},
        {"a\n", PHI_KV_U8, 1, "key \"a\\x0a\": has a character"},
        {"\xc3\xa4", PHI_KV_U8, 1, "not printable ASCII"},
        {"a", PHI_KV_U8, 256, "outside the range"},
        {"a", PHI_KV_U16, 65536, "outside the range"},
        {"a", PHI_KV_U32, 1ll << 32, "outside the range"},
        {"a", PHI_KV_I8, 128, "outside the range"},
        {"a", PHI_KV_I8, -129, "outside the range"},
        {"a", PHI_KV_I32, 1ll << 31, "outside the range"},
        {"a", PHI_KV_BOOL, 2, "outside the range"},
    };
    uint64_t size;
    struct phi_meta m = {0};
    char *longest = phi_alloc(65537, 1, NULL);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_ok(phi_meta_set_i(&m, rows[i].key, rows[i].type, rows[i].v, &err));
        ck_refused(phi_gguf_size(&size, &m, NULL, 0, &err), PHI_E_ARG,
                   rows[i].text);
        phi_meta_release(&m);
    }
    memset(longest, 'k', 65535);
    ck_ok(phi_meta_set_u(&m, longest, PHI_KV_U8, 1, &err));
    ck_ok(phi_gguf_size(&size, &m, NULL, 0, &err));
    phi_meta_release(&m);
    longest[65535] = 'k';
    ck_ok(phi_meta_set_u(&m, longest, PHI_KV_U8, 1, &err));
    ck_refused(phi_gguf_size(&size, &m, NULL, 0, &err), PHI_E_ARG, "longer");
    phi_meta_release(&m);
    free(longest);
    /* The list itself allows no duplicates: rename one. */
    ck_ok(phi_meta_set_u(&m, "a", PHI_KV_U8, 1, &err));
    ck_ok(phi_meta_set_u(&m, "b", PHI_KV_U8, 1, &err));
    m.kv[1].key[0] = 'a';
    ck_refused(phi_gguf_size(&size, &m, NULL, 0, &err), PHI_E_ARG, "twice");
    phi_meta_release(&m);
    ck_ok(phi_meta_set_u(&m, "general.alignment", PHI_KV_U32, 48, &err));
    ck_refused(phi_gguf_size(&size, &m, NULL, 0, &err), PHI_E_FORMAT,
               "is 48, expected a power of two");
    phi_meta_release(&m);
}
END_TEST

/* Everything that is not the promised bytes, each of them once. */
START_TEST(test_refused_writes)
{
    struct phi_gguf_options opt = {0};
    struct phi_meta m = {0};
    struct phi_sink *s = NULL;
    char *path = fixture_path(dir, "a.gguf");
    const uint8_t bytes[300] = {0};

    ck_ok(phi_gguf_sink_open(&s, path, &m, three, 3, &opt, &err));
    ck_refused(phi_sink_write(s, 3, 0, bytes, 1, &err), PHI_E_ARG, "one of 3");
    ck_refused(phi_sink_write(s, 0, 29, bytes, 2, &err), PHI_E_ARG,
               "2 bytes were written at 29, expected 30 in all");
    ck_refused(phi_sink_write(s, 0, UINT64_MAX, bytes, 2, &err), PHI_E_ARG,
               "tensor \"token_embd.weight\": 2 bytes");
    ck_ok(phi_sink_write(s, 1, 0, bytes, 216, &err));
    ck_ok(phi_sink_write(s, 2, 0, bytes, 4, &err));
    ck_ok(phi_sink_write(s, 0, 1, bytes, 29, &err));
    ck_refused(phi_sinks_commit(&s, 1, &err), PHI_E_ARG,
               "tensor \"token_embd.weight\": has 29 bytes at the end, "
               "expected 30");
    phi_sink_close(s);
    ck_ok(phi_gguf_sink_open(&s, path, &m, three, 3, &opt, &err));
    ck_ok(phi_sink_write(s, 0, 0, bytes, 20, &err));
    ck_refused(phi_sink_write(s, 0, 10, bytes, 20, &err), PHI_E_ARG, "twice");
    phi_sink_close(s);
    /* Without commit there is nothing, not even a temporary file. */
    ck_assert_int_eq(phi_path_kind(path), PHI_PATH_NONE);
    fixture_text(dir, "a.gguf", "old");
    ck_refused(phi_gguf_sink_open(&s, path, &m, three, 3, &opt, &err),
               PHI_E_ARG, "exists already");
    opt.replace = true;
    ck_ok(phi_gguf_sink_open(&s, path, &m, NULL, 0, &opt, &err));
    ck_ok(phi_sinks_commit(&s, 1, &err));
    phi_sink_close(s);
    free(path);
}
END_TEST

/* One of two files cannot be finished or named: neither is there. */
START_TEST(test_all_or_none)
{
    const struct phi_gguf_options opt = {.replace = true};
    struct phi_gguf_options fresh = {0};
    struct phi_meta m = {0};
    struct phi_sink *s[2] = {NULL, NULL};
    char *a = fixture_path(dir, "a.gguf");
    char *b = fixture_path(dir, "b.gguf");
    size_t n;
    char *text;

    fixture_text(dir, "a.gguf", "old");
    ck_ok(phi_gguf_sink_open(&s[0], a, &m, NULL, 0, &opt, &err));
    ck_ok(phi_gguf_sink_open(&s[1], b, &m, three, 3, &fresh, &err));
    ck_refused(phi_sinks_commit(s, 2, &err), PHI_E_ARG, "b.gguf: tensor");
    phi_sink_close(s[0]);
    phi_sink_close(s[1]);
    ck_assert_int_eq(phi_path_kind(b), PHI_PATH_NONE);
    /* Now the second name is taken when the first is in place already. */
    ck_ok(phi_gguf_sink_open(&s[0], a, &m, NULL, 0, &opt, &err));
    ck_ok(phi_gguf_sink_open(&s[1], b, &m, NULL, 0, &fresh, &err));
    fixture_text(dir, "b.gguf", "came in between");
    ck_refused(phi_sinks_commit(s, 2, &err), PHI_E_IO, "cannot be put");
    phi_sink_close(s[0]);
    phi_sink_close(s[1]);
    text = fixture_load(dir, "a.gguf", &n);
    ck_assert_str_eq(text, "old");
    free(text);
    text = fixture_load(dir, "b.gguf", &n);
    ck_assert_str_eq(text, "came in between");
    free(text);
    /* The fixture finds no other file when it removes the folder. */
    ck_assert_int_eq(remove(a), 0);
    ck_assert_int_eq(remove(b), 0);
    ck_assert_int_eq(rmdir(dir), 0);
    ck_assert_int_eq(mkdir(dir, 0777), 0);
    free(a);
    free(b);
}
END_TEST

/* ---- several files ------------------------------------------------------- */

static void check_cut(struct phi_gguf_split split, size_t n, const size_t *ends)
{
    static const struct phi_sink_tensor t[] = {
        {"a", PHI_F32, 1, {16}, 64},  {"b", PHI_F32, 1, {1}, 4},
        {"c", PHI_F32, 1, {64}, 256}, {"d", PHI_F32, 1, {8}, 32},
        {"e", PHI_F32, 1, {8}, 32},   {"f", PHI_F32, 1, {9}, 36}};
    struct phi_gguf_parts p;

    ck_ok(phi_gguf_parts_make(&p, &split, t, 6, &err));
    ck_assert_uint_eq(p.n, n);
    for (size_t i = 0; i < n; i++)
        ck_assert_uint_eq(p.end[i], ends[i]);
    phi_gguf_parts_release(&p);
}

START_TEST(test_cut)
{
    check_cut((struct phi_gguf_split){0}, 1, (size_t[]){6});
    /* With padding: 64 32 256 32 32 64. */
    check_cut((struct phi_gguf_split){.max_nbytes = 96}, 4,
              (size_t[]){2, 3, 5, 6});
    check_cut((struct phi_gguf_split){.max_nbytes = 95}, 5,
              (size_t[]){1, 2, 3, 5, 6});
    check_cut((struct phi_gguf_split){.max_nbytes = 1}, 6,
              (size_t[]){1, 2, 3, 4, 5, 6});
    check_cut((struct phi_gguf_split){.max_nbytes = UINT64_MAX}, 1,
              (size_t[]){6});
    check_cut((struct phi_gguf_split){.max_tensors = 4}, 2, (size_t[]){4, 6});
    check_cut((struct phi_gguf_split){.max_tensors = 3}, 2, (size_t[]){3, 6});
    check_cut((struct phi_gguf_split){.max_tensors = 6}, 1, (size_t[]){6});
}
END_TEST

START_TEST(test_too_many_parts)
{
    const struct phi_gguf_split split = {.max_tensors = 1};
    struct phi_sink_tensor *t = phi_alloc(65536, sizeof(*t), NULL);
    struct phi_gguf_parts p;
    char *path;

    for (size_t i = 0; i < 65536; i++)
        t[i] = three[2];
    ck_refused(phi_gguf_parts_make(&p, &split, t, 65536, &err), PHI_E_ARG,
               "more than 65535 files");
    ck_ok(phi_gguf_parts_make(&p, &split, t, 65535, &err));
    path = phi_gguf_part_path(&p, ".gguf/x", 65534, NULL);
    ck_assert_str_eq(path, ".gguf/x-65535-of-65535.gguf");
    free(path);
    phi_gguf_parts_release(&p);
    free(t);
}
END_TEST

/* Written to several files, with an alignment, read as one model. */
START_TEST(test_split_round_trip)
{
    struct phi_gguf_options opt = {.split.max_tensors = 1};
    struct phi_meta m = all_types();
    struct phi_source *s = NULL;
    struct phi_sink *sink = NULL;
    char *path = fixture_path(dir, "a.gguf");
    char *first = fixture_path(dir, "a-00001-of-00003.gguf");
    uint64_t nbytes;

    ck_ok(phi_meta_set_u(&m, "general.alignment", PHI_KV_U32, 256, &err));
    ck_ok(phi_gguf_sink_size(&nbytes, path, &m, three, 3, &opt, &err));
    ck_ok(phi_gguf_sink_open(&sink, path, &m, three, 3, &opt, &err));
    ck_assert_uint_eq(sink->nbytes, nbytes);
    write_all(sink, three, 3);
    ck_ok(phi_sinks_commit(&sink, 1, &err));
    phi_sink_close(sink);
    ck_ok(phi_gguf_open(&s, first, &err));
    ck_assert_uint_eq(s->nfiles, 3);
    for (size_t i = 0; i < 3; i++)
        nbytes -= s->files[i].nbytes;
    ck_assert_uint_eq(nbytes, 0);
    check_all(s, three, 3);
    ck_assert_uint_eq(s->meta.n, m.n);
    for (size_t i = 0; i < m.n; i++)
        same_kv(&s->meta.kv[i], &m.kv[i]);
    phi_source_close(s);
    phi_meta_release(&m);
    free(first);
    free(path);
}
END_TEST

/* One of the parts cannot be put in place: none is there. */
START_TEST(test_split_all_or_none)
{
    const struct phi_gguf_options opt = {.split.max_tensors = 1};
    struct phi_meta m = {0};
    struct phi_sink *sink = NULL;
    char *path = fixture_path(dir, "a");
    char *last = fixture_path(dir, "a-00003-of-00003.gguf");
    char *second = fixture_path(dir, "a-00002-of-00003.gguf");

    ck_ok(phi_gguf_sink_open(&sink, path, &m, three, 3, &opt, &err));
    write_all(sink, three, 3);
    fixture_text(dir, "a-00002-of-00003.gguf", "came in between");
    ck_refused(phi_sinks_commit(&sink, 1, &err), PHI_E_IO,
               "a-00002-of-00003.gguf: cannot be put");
    phi_sink_close(sink);
    ck_assert_int_eq(phi_path_kind(last), PHI_PATH_NONE);
    ck_assert_int_eq(remove(second), 0);
    ck_assert_int_eq(rmdir(dir), 0); /* nothing else was left */
    ck_assert_int_eq(mkdir(dir, 0777), 0);
    free(path);
    free(last);
    free(second);
}
END_TEST

START_TEST(test_metadata_may_change_but_not_grow)
{
    const struct phi_gguf_options opt = {0};
    struct phi_meta m = {0};
    struct phi_sink *sink = NULL;
    struct phi_source *s = NULL;
    char *path = fixture_path(dir, "a.gguf");
    const char *text;

    ck_ok(phi_meta_set_str(&m, "k", "00", 2, &err));
    ck_ok(phi_gguf_sink_open(&sink, path, &m, NULL, 0, &opt, &err));
    ck_ok(phi_meta_set_str(&m, "k", "0123456789012345678901234567890123", 34,
                           &err));
    ck_refused(phi_sink_set_meta(sink, &m, &err), PHI_E_ARG,
               "a.gguf: the metadata changed from 64 to 96 bytes");
    ck_ok(phi_meta_set_str(&m, "k", "42", 2, &err));
    ck_ok(phi_sink_set_meta(sink, &m, &err));
    ck_ok(phi_sinks_commit(&sink, 1, &err));
    phi_sink_close(sink);
    ck_ok(phi_gguf_open(&s, path, &err));
    ck_ok(phi_meta_get_str(&s->meta, "k", &text, &err));
    ck_assert_str_eq(text, "42");
    phi_source_close(s);
    phi_meta_release(&m);
    free(path);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gguf");
    TCase *tc = tcase_create("write");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_round_trip);
    tcase_add_test(tc, test_bytes);
    tcase_add_test(tc, test_refused_tensors);
    tcase_add_test(tc, test_refused_sums);
    tcase_add_test(tc, test_refused_keys);
    tcase_add_test(tc, test_refused_writes);
    tcase_add_test(tc, test_all_or_none);
    tcase_add_test(tc, test_cut);
    tcase_add_test(tc, test_too_many_parts);
    tcase_add_test(tc, test_split_round_trip);
    tcase_add_test(tc, test_split_all_or_none);
    tcase_add_test(tc, test_metadata_may_change_but_not_grow);
    suite_add_tcase(s, tc);
    return unit_main(s);
}
