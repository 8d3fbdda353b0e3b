/* SPDX-License-Identifier: MIT */
/* Metadata changed in place and anew: many edits, one after the other. */
#define _POSIX_C_SOURCE 200809L
#include "formats/gguf_edit.h"
#include "formats/gguf_reserve.h"
#include "formats/gguf_rules.h"
#include "formats/gguf_sink.h"
#include "formats/gguf_source.h"
#include "libconv/base/patch.h"
#include "tests/unit/fixture.h"

static char *dir;
static char *path;

static void setup(void)
{
    dir = fixture_folder();
    path = fixture_path(dir, "m.gguf");
}

static void teardown(void)
{
    free(path);
    fixture_remove(dir);
}

static const struct phi_sink_tensor two[] = {
    {"token_embd.weight", PHI_F16, 2, {5, 3}, 30},
    {"blk.0.attn_q.bias", PHI_F32, 1, {3}, 12},
};

/* Small keys, then a vocabulary, then small keys again. */
static struct phi_meta metadata(void)
{
    struct phi_meta m = {0};
    struct phi_kv *kv;

    ck_ok(phi_meta_set_str(&m, "general.architecture", "phi2", 4, &err));
    ck_ok(phi_meta_set_str(&m, "general.name", "Name", 4, &err));
    ck_ok(phi_meta_set_str(&m, "tokenizer.ggml.pre", "phi-2", 5, &err));
    ck_ok(phi_meta_set_strings(&m, "tokenizer.ggml.tokens", 300, &kv, &err));
    for (size_t i = 0; i < 300; i++)
        ck_ok(phi_str_set(&kv->v.arr.str[i], "token", i % 6, &err));
    ck_ok(
        phi_meta_set_u(&m, "tokenizer.ggml.eos_token_id", PHI_KV_U32, 7, &err));
    return m;
}

static void write_file(const struct phi_meta *m, bool reserve)
{
    const struct phi_gguf_options opt = {.replace = true, .reserve = reserve};
    struct phi_sink *s = NULL;

    ck_ok(phi_gguf_sink_open(&s, path, m, two, 2, &opt, &err));
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[30];

        memset(bytes, (int)i + 1, sizeof(bytes));
        ck_ok(phi_sink_write(s, i, 0, bytes, two[i].nbytes, &err));
    }
    ck_ok(phi_sinks_commit(&s, 1, &err));
    phi_sink_close(s);
}

/* The file has these keys, in this order, and the tensors of write_file(). */
static void check_file(const struct phi_meta *m)
{
    struct phi_source *s = NULL;

    ck_ok(phi_gguf_open(&s, path, &err));
    ck_assert_uint_eq(s->meta.n, m->n);
    for (size_t i = 0; i < m->n; i++) {
        const struct phi_kv *a = &m->kv[i];
        const struct phi_kv *b = &s->meta.kv[i];

        ck_assert_str_eq(a->key, b->key);
        ck_assert_int_eq(a->type, b->type);
        if (a->type == PHI_KV_STRING) {
            ck_assert_uint_eq(a->v.str.n, b->v.str.n);
            ck_assert(a->v.str.n == 0 ||
                      memcmp(a->v.str.p, b->v.str.p, a->v.str.n) == 0);
        } else if (a->type == PHI_KV_ARRAY) {
            ck_assert_uint_eq(a->v.arr.n, b->v.arr.n);
        } else {
            ck_assert_uint_eq(a->v.u, b->v.u);
        }
    }
    ck_assert_uint_eq(s->ntensors, 2);
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[30];

        ck_ok(phi_source_read(s, i, 0, bytes, two[i].nbytes, &err));
        for (uint64_t k = 0; k < two[i].nbytes; k++)
            ck_assert_uint_eq(bytes[k], i + 1);
    }
    phi_source_close(s);
}

static uint64_t size_of_file(void)
{
    struct phi_file *f = NULL;
    uint64_t size;

    ck_ok(phi_file_open(&f, path, &err));
    size = phi_file_size(f);
    phi_file_close(f);
    return size;
}

/* A key x.N set to a text of n bytes, or removed: the same in both lists. */
static void change(struct phi_meta *m, unsigned key, size_t n)
{
    char name[16];
    char text[5000];

    snprintf(name, sizeof(name), "x.%u", key);
    memset(text, 'a' + (int)(n % 26), sizeof(text));
    if (n == 0)
        phi_meta_remove(m, name);
    else
        ck_ok(phi_meta_set_str(m, name, text, n, &err));
}

START_TEST(test_many_edits)
{
    struct phi_meta want = metadata();
    uint32_t seed = 12345;
    size_t ways[3] = {0};
    uint64_t size;

    write_file(&want, true);
    check_file(&want);
    size = size_of_file();
    for (int round = 0; round < 80; round++) {
        struct phi_gguf_edit e = {0};
        uint32_t r;
        size_t n;

        seed = seed * 1664525u + 1013904223u;
        r = seed >> 8;
        n = r % 5 == 0 ? 0 : r % 17 == 1 ? 4500 : 1 + r % 300;
        ck_ok(phi_gguf_edit_open(&e, path, &err));
        change(&e.meta, r % 7, n);
        change(&want, r % 7, n);
        ck_ok(phi_gguf_edit_plan(&e, false, &err));
        ways[e.way]++;
        ck_ok(phi_gguf_edit_write(&e, NULL, &err));
        if (e.way != PHI_GGUF_REWRITE)
            ck_assert_uint_eq(size_of_file(), size);
        phi_gguf_edit_release(&e);
        size = size_of_file();
        check_file(&want);
    }
    /* All ways were gone, and in place is the usual one. */
    ck_assert_uint_gt(ways[PHI_GGUF_AS_IT_IS], 0);
    ck_assert_uint_gt(ways[PHI_GGUF_REWRITE], 0);
    ck_assert_uint_gt(ways[PHI_GGUF_IN_PLACE], 40);
    phi_meta_release(&want);
}
END_TEST

/* Without room a number is changed where it lies; all else makes room. The
 * data stay on their boundary of a page. */
START_TEST(test_file_without_room)
{
    struct phi_meta want = metadata();
    struct phi_gguf_edit e = {0};
    uint64_t before;

    write_file(&want, false);
    before = size_of_file();
    ck_ok(phi_gguf_edit_open(&e, path, &err));
    ck_ok(phi_meta_set_u(&e.meta, "tokenizer.ggml.eos_token_id", PHI_KV_U32, 9,
                         &err));
    ck_ok(phi_meta_set_u(&want, "tokenizer.ggml.eos_token_id", PHI_KV_U32, 9,
                         &err));
    ck_ok(phi_gguf_edit_plan(&e, false, &err));
    ck_assert_int_eq(e.way, PHI_GGUF_IN_PLACE);
    ck_assert_uint_eq(e.nbytes, 1);
    ck_ok(phi_gguf_edit_write(&e, NULL, &err));
    phi_gguf_edit_release(&e);
    check_file(&want);
    ck_assert_uint_eq(size_of_file(), before);

    ck_ok(phi_gguf_edit_open(&e, path, &err));
    change(&e.meta, 1, 20);
    change(&want, 1, 20);
    ck_ok(phi_gguf_edit_plan(&e, false, &err));
    ck_assert_int_eq(e.way, PHI_GGUF_REWRITE);
    ck_ok(phi_gguf_edit_write(&e, NULL, &err));
    phi_gguf_edit_release(&e);
    check_file(&want);
    ck_assert_uint_eq((size_of_file() - before) % 4096, 0);

    ck_ok(phi_gguf_edit_open(&e, path, &err));
    change(&e.meta, 1, 21);
    ck_ok(phi_gguf_edit_plan(&e, false, &err));
    ck_assert_int_eq(e.way, PHI_GGUF_IN_PLACE);
    ck_ok(phi_gguf_edit_plan(&e, true, &err));
    ck_assert_int_eq(e.way, PHI_GGUF_REWRITE);
    phi_gguf_edit_release(&e);
    phi_meta_release(&want);
}
END_TEST

/* Two at once, a file that changed meanwhile, one that was replaced. */
START_TEST(test_not_alone)
{
    struct phi_meta m = metadata();
    struct phi_gguf_edit e = {0};
    struct phi_gguf_edit other = {0};
    struct phi_patch *first = NULL;
    struct phi_patch *second = NULL;
    struct phi_file *f = NULL;

    write_file(&m, true);
    ck_ok(phi_file_open(&f, path, &err));
    ck_ok(phi_patch_open(&first, f, &err));
    ck_refused(phi_patch_open(&second, f, &err), PHI_E_IO, "another process");
    ck_refused(phi_patch_put(first, phi_file_size(f) - 1, "ab", 2, &err),
               PHI_E_ARG, "are not in it");
    /* Nor is it read while it changes. */
    ck_refused(phi_gguf_edit_open(&e, path, &err), PHI_E_IO, "another process");
    phi_gguf_edit_release(&e);
    phi_patch_close(first);
    write_file(&m, true);
    ck_refused(phi_file_lock(f, &err), PHI_E_IO, "was replaced meanwhile");
    phi_file_close(f);

    ck_ok(phi_gguf_edit_open(&e, path, &err));
    ck_refused(phi_gguf_edit_open(&other, path, &err), PHI_E_IO,
               "another process is changing it");
    phi_gguf_edit_release(&other);
    change(&e.meta, 1, 20);
    ck_ok(phi_gguf_edit_plan(&e, false, &err));
    write_file(&m, true);
    ck_refused(phi_gguf_edit_write(&e, NULL, &err), PHI_E_IO,
               "was replaced meanwhile");
    phi_gguf_edit_release(&e);
    check_file(&m);
    phi_meta_release(&m);
}
END_TEST

/* Keys are compared with each other: there is a limit. */
START_TEST(test_many_keys)
{
    for (unsigned n = PHI_GGUF_EDIT_MAX_KEYS; n <= PHI_GGUF_EDIT_MAX_KEYS + 1;
         n++) {
        struct phi_meta m = {0};
        struct phi_gguf_edit e = {0};

        for (unsigned i = 0; i < n; i++) {
            char key[16];

            snprintf(key, sizeof(key), "k%u", i);
            ck_ok(phi_meta_set_u(&m, key, PHI_KV_U8, 1, &err));
        }
        write_file(&m, false);
        if (n > PHI_GGUF_EDIT_MAX_KEYS) {
            ck_refused(phi_gguf_edit_open(&e, path, &err), PHI_E_UNSUPPORTED,
                       "has 4097 keys, expected at most 4096");
        } else {
            /* The room is not counted: what was written can be opened. */
            ck_ok(phi_gguf_edit_open(&e, path, &err));
            ck_ok(phi_meta_set_str(&e.meta, "k1", "text", 4, &err));
            ck_ok(phi_gguf_edit_plan(&e, false, &err));
            ck_assert_int_eq(e.way, PHI_GGUF_REWRITE);
            ck_ok(phi_gguf_edit_write(&e, NULL, &err));
            phi_gguf_edit_release(&e);
            ck_ok(phi_gguf_edit_open(&e, path, &err));
            ck_ok(phi_meta_set_str(&e.meta, "one more", "", 0, &err));
            ck_refused(phi_gguf_edit_plan(&e, false, &err), PHI_E_ARG,
                       "m.gguf: would have 4097 keys, at most 4096 can be");
        }
        phi_gguf_edit_release(&e);
        phi_meta_release(&m);
    }
}
END_TEST

/* It was taken for room, and lost. */
START_TEST(test_names_of_room)
{
    static const char *const names[] = {PHI_GGUF_RESERVE, PHI_GGUF_RESERVE_END};

    for (size_t i = 0; i < 2; i++) {
        struct phi_meta m = metadata();
        struct phi_gguf_edit e = {0};

        ck_ok(phi_meta_set_str(&m, names[i], "mine", 4, &err));
        write_file(&m, false);
        ck_refused(phi_gguf_edit_open(&e, path, &err), PHI_E_UNSUPPORTED,
                   "is of type string, expected an array of uint8");
        ck_refused(phi_gguf_reserve_add(&m, 0, &err), PHI_E_UNSUPPORTED,
                   names[i]);
        ck_assert_ptr_nonnull(phi_meta_find(&m, names[i]));
        phi_gguf_edit_release(&e);
        phi_meta_release(&m);
    }
}
END_TEST

START_TEST(test_atomic_places)
{
    ck_assert(phi_patch_is_atomic(0, 512));
    ck_assert(phi_patch_is_atomic(511, 1));
    ck_assert(!phi_patch_is_atomic(511, 2));
    ck_assert(!phi_patch_is_atomic(100, 0));
    ck_assert(!phi_patch_is_atomic(0, 513));
}
END_TEST

START_TEST(test_rules)
{
    const struct phi_gguf_rule *r;

    r = phi_gguf_rule_find("phi2.block_count", "phi2");
    ck_assert(r != NULL && r->change == PHI_GGUF_FIXED);
    ck_assert_ptr_null(phi_gguf_rule_find("llama.block_count", "phi2"));
    ck_assert_ptr_null(phi_gguf_rule_find("phi2block_count", "phi2"));
    r = phi_gguf_rule_find("split.anything", "phi2");
    ck_assert(r != NULL && r->change == PHI_GGUF_FIXED);
    r = phi_gguf_rule_find("general.base_model.0.name", "phi2");
    ck_assert(r != NULL && r->type == PHI_KV_STRING);
    r = phi_gguf_rule_find("general.base_model.count", "phi2");
    ck_assert(r != NULL && r->type == PHI_KV_U32);
    ck_assert_ptr_null(phi_gguf_rule_find("general.names", "phi2"));
    r = phi_gguf_rule_find("tokenizer.ggml.seperator_token_id", "phi2");
    ck_assert(r != NULL && r->change == PHI_GGUF_TOKEN);
    r = phi_gguf_rule_find("tokenizer.ggml.add_sep_token", "phi2");
    ck_assert(r != NULL && r->type == PHI_KV_BOOL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gguf_edit");
    TCase *tc = tcase_create("edit");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_many_edits);
    tcase_add_test(tc, test_file_without_room);
    tcase_add_test(tc, test_not_alone);
    tcase_add_test(tc, test_many_keys);
    tcase_add_test(tc, test_names_of_room);
    tcase_add_test(tc, test_atomic_places);
    tcase_add_test(tc, test_rules);
    suite_add_tcase(s, tc);
    return unit_main(s);
}
