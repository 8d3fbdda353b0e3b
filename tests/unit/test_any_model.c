/* SPDX-License-Identifier: MIT */
/*
 * What opens as what, and JSON documents as metadata: kinds are told apart by
 * their bytes, and a folder that cannot be converted is shown as it is stored.
 */
#define _POSIX_C_SOURCE 200809L
#include "formats/any_model.h"

#include "formats/json_meta.h"
#include "tests/unit/fixture.h"

#define ADAPTER PHI_SOURCE_DIR "/reference/sample/adapters/physics"

static struct phi_source *s;
static struct phi_err why;

static void setup(void)
{
    s = NULL;
}

static void teardown(void)
{
    phi_source_close(s);
}

START_TEST(kinds)
{
    static const struct {
        const char *path;
        const char *format;
        size_t ntensors;
        const char *name; /* of tensor 0 */
        const char *key;  /* one that is there */
    } cases[] = {
        {PHI_SAMPLE, "hf", 61, "token_embd.weight", "phi2.block_count"},
        {ADAPTER, "adapter", 48, NULL, "adapter.r"},
        {ADAPTER "/adapter_model.safetensors", "safetensors", 48, NULL, NULL},
        {PHI_SOURCE_DIR "/tests/golden/imatrix.gguf", "imatrix", 24,
         "blk.0.attn_k.weight", "imatrix.chunk_size"},
        {PHI_SOURCE_DIR "/tests/golden/imatrix.dat", "imatrix", 24,
         "blk.0.attn_k.weight", "imatrix.chunk_count"},
    };

    ck_ok(phi_any_open(&s, cases[_i].path, false, &why, &err));
    ck_assert_int_eq(why.status, PHI_OK);
    ck_assert_str_eq(s->format, cases[_i].format);
    ck_assert_uint_eq(s->ntensors, cases[_i].ntensors);
    if (cases[_i].name != NULL)
        ck_assert_str_eq(s->tensors[0].name, cases[_i].name);
    if (cases[_i].key != NULL)
        ck_assert_ptr_nonnull(phi_meta_find(&s->meta, cases[_i].key));
    ck_ok(phi_source_unchanged(s, &err));
}
END_TEST

START_TEST(both_forms_of_a_matrix_have_the_same_values)
{
    struct phi_source *other = NULL;

    ck_ok(phi_any_open(&s, PHI_SOURCE_DIR "/tests/golden/imatrix.gguf", false,
                       &why, &err));
    ck_ok(phi_any_open(&other, PHI_SOURCE_DIR "/tests/golden/imatrix.dat",
                       false, &why, &err));
    for (size_t i = 0; i < s->ntensors; i++) {
        uint8_t a[4096], b[4096];
        const size_t n = (size_t)s->tensors[i].nbytes;
        size_t j = 0;

        ck_assert_uint_le(n, sizeof(a));
        ck_assert(phi_source_find(other, s->tensors[i].name, &j));
        ck_ok(phi_source_read(s, i, 0, a, n, &err));
        ck_ok(phi_source_read(other, j, 0, b, n, &err));
        ck_assert_mem_eq(a, b, n);
    }
    phi_source_close(other);
}
END_TEST

START_TEST(stored_names)
{
    size_t i;

    ck_ok(phi_any_open(&s, PHI_SAMPLE, true, &why, &err));
    ck_assert(phi_source_find(s, "model.embed_tokens.weight", &i));
    ck_assert_ptr_nonnull(phi_meta_find(&s->meta, "config.hidden_size"));
}
END_TEST

START_TEST(not_a_model)
{
    char *dir = fixture_folder();
    char *path = fixture_path(dir, "x");
    static const struct {
        const char *bytes;
        const char *text;
    } cases[] = {
        {"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"},
        {"{\"a\": 1}", "is JSON"},
        {"hello, world, hello", "begins with the bytes 68"},
        {"", "is empty"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture_text(dir, "x", cases[i].bytes);
        ck_refused(phi_any_open(&s, path, false, &why, &err), PHI_E_FORMAT,
                   cases[i].text);
        ck_assert_ptr_null(s);
    }
    free(path);
    fixture_remove(dir);
}
END_TEST

START_TEST(values_of_json)
{
    static const char text[] =
        "{\"i\": 7, \"n\": -3, \"f\": 2.5, \"t\": true, \"s\": \"x\", "
        "\"none\": null, \"empty\": {}, \"o\": {\"p\": {\"q\": 1}}, "
        "\"a\": [\"u\", \"v\"], \"u\": [1, 2, 3], \"m\": [1.5, {\"k\": 2}]}";
    struct phi_json_doc *doc = NULL;
    struct phi_meta m = {0};
    const struct phi_kv *kv;
    struct phi_json root;

    ck_ok(phi_json_parse(&doc, text, strlen(text), "test", &err));
    root = phi_json_root(doc);
    ck_ok(phi_json_meta(&m, "c", &root, &err));
    ck_assert_uint_eq(phi_meta_find(&m, "c.i")->v.u, 7);
    ck_assert_int_eq(phi_meta_find(&m, "c.n")->v.i, -3);
    ck_assert(phi_meta_find(&m, "c.f")->v.f == 2.5);
    ck_assert_int_eq(phi_meta_find(&m, "c.t")->type, PHI_KV_BOOL);
    ck_assert_str_eq(phi_meta_find(&m, "c.s")->v.str.p, "x");
    ck_assert_ptr_null(phi_meta_find(&m, "c.none"));
    ck_assert_ptr_null(phi_meta_find(&m, "c.empty"));
    ck_assert_uint_eq(phi_meta_find(&m, "c.o.p.q")->v.u, 1);
    kv = phi_meta_find(&m, "c.a");
    ck_assert_uint_eq(kv->v.arr.n, 2);
    ck_assert_str_eq(kv->v.arr.str[1].p, "v");
    kv = phi_meta_find(&m, "c.u");
    ck_assert_int_eq(kv->v.arr.type, PHI_KV_U64);
    ck_assert_uint_eq(kv->v.arr.num[16], 3);
    ck_assert(phi_meta_find(&m, "c.m.0")->v.f == 1.5);
    ck_assert_uint_eq(phi_meta_find(&m, "c.m.1.k")->v.u, 2);
    phi_meta_release(&m);
    phi_json_free(doc);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("any_model");
    TCase *t = tcase_create("all");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, kinds, 0, 5);
    tcase_add_test(t, both_forms_of_a_matrix_have_the_same_values);
    tcase_add_test(t, stored_names);
    tcase_add_test(t, not_a_model);
    tcase_add_test(t, values_of_json);
    suite_add_tcase(suite, t);
    return unit_main(suite);
}
