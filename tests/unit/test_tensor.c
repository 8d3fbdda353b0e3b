/* SPDX-License-Identifier: MIT */
/* Element types and metadata. */
#include "libconv/tensor/dtype.h"
#include "libconv/tensor/meta.h"
#include "libconv/tensor/meta_match.h"
#include "tests/unit/unit.h"

START_TEST(every_type_is_found_by_its_names)
{
    for (int i = 0; i < PHI_NDTYPES; i++) {
        const struct phi_dtype_info *d = phi_dtype_info((enum phi_dtype)i);
        enum phi_dtype t;

        ck_assert_ptr_nonnull(d->name);
        ck_assert_uint_ge(d->block, 1);
        ck_assert(phi_dtype_from_name(d->name, &t));
        ck_assert_int_eq(t, i);
        if (d->ggml >= 0) {
            ck_assert(phi_dtype_from_ggml((uint32_t)d->ggml, &t));
            ck_assert_int_eq(t, i);
        }
        if (d->safetensors != NULL) {
            ck_assert(phi_dtype_from_safetensors(d->safetensors, &t));
            ck_assert_int_eq(t, i);
        }
    }
}
END_TEST

START_TEST(removed_and_future_types_are_unknown)
{
    static const uint32_t ids[] = {4, 5, 31, 32, 33, 36, 37, 38, 43, 1u << 31};
    enum phi_dtype t;

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        ck_assert(!phi_dtype_from_ggml(ids[i], &t));
    ck_assert(!phi_dtype_from_safetensors("f16", &t));
    ck_assert(phi_dtype_from_name("q4_k", &t));
    ck_assert_int_eq(t, PHI_Q4_K);
}
END_TEST

START_TEST(sizes_in_bytes)
{
    static const struct {
        enum phi_dtype t;
        uint64_t n;
        uint64_t nbytes; /* UINT64_MAX: impossible */
    } rows[] = {
        {PHI_F32, 3, 12},
        {PHI_F16, 0, 0},
        {PHI_Q4_0, 64, 36},
        {PHI_Q4_0, 33, UINT64_MAX},
        {PHI_Q6_K, 512, 420},
        {PHI_Q6_K, 32, UINT64_MAX},
        {PHI_F4, 2, 1},
        {PHI_F4, 3, UINT64_MAX},
        {PHI_F32, UINT64_MAX, UINT64_MAX},
        {PHI_F64, UINT64_C(1) << 58, UINT64_MAX},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t n = 0;
        const bool ok = phi_dtype_nbytes(rows[i].t, rows[i].n, &n);

        ck_assert_int_eq(ok, rows[i].nbytes != UINT64_MAX);
        if (ok)
            ck_assert_uint_eq(n, rows[i].nbytes);
    }
}
END_TEST

static void fill(struct phi_meta *m)
{
    static const int32_t numbers[] = {-1, 0, 7};
    struct phi_kv *kv;

    ck_ok(phi_meta_set_str(m, "s", "text\0more", 9, &err));
    ck_ok(phi_meta_set_u(m, "u", PHI_KV_U32, 4000000000u, &err));
    ck_ok(phi_meta_set_i(m, "i", PHI_KV_I32, -5, &err));
    ck_ok(phi_meta_set_f(m, "f", PHI_KV_F32, 1e-5, &err));
    ck_ok(phi_meta_set_u(m, "b", PHI_KV_BOOL, 1, &err));
    ck_ok(phi_meta_set_numbers(m, "n", PHI_KV_I32, numbers, 3, &err));
    ck_ok(phi_meta_set_strings(m, "t", 2, &kv, &err));
    ck_ok(phi_str_set(&kv->v.arr.str[1], "two", 3, &err));
}

START_TEST(getters_give_what_was_set)
{
    struct phi_meta m = {0};
    struct phi_meta copy = {0};
    const struct phi_kv *kv;
    const char *s;
    uint64_t u = 0;
    double f = 0;
    bool b = false;

    fill(&m);
    ck_ok(phi_meta_copy(&copy, &m, &err));
    phi_meta_release(&m);
    ck_assert_uint_eq(copy.n, 7);
    ck_ok(phi_meta_get_str(&copy, "s", &s, &err));
    ck_assert_mem_eq(s, "text\0more", 10);
    ck_ok(phi_meta_get_uint(&copy, "u", UINT32_MAX, &u, &err));
    ck_assert_uint_eq(u, 4000000000u);
    ck_ok(phi_meta_get_float(&copy, "f", &f, &err));
    ck_assert_double_eq(f, (double)1e-5f);
    ck_ok(phi_meta_opt_bool(&copy, "b", &b, &err));
    ck_assert(b);
    ck_ok(phi_meta_get_array(&copy, "n", PHI_KV_I32, &kv, &err));
    ck_assert_uint_eq(kv->v.arr.n, 3);
    ck_assert_uint_eq(kv->v.arr.num[0], 0xff);
    ck_ok(phi_meta_get_array(&copy, "t", PHI_KV_STRING, &kv, &err));
    ck_assert_str_eq(kv->v.arr.str[0].p, "");
    ck_assert_str_eq(kv->v.arr.str[1].p, "two");
    phi_meta_release(&copy);
}
END_TEST

/* What is there keeps its place and gets the value; the rest comes behind. */
START_TEST(copies_replace_and_append)
{
    struct phi_meta m = {0};
    struct phi_meta to = {0};
    const size_t n = 7;

    fill(&m);
    ck_ok(phi_meta_set_str(&to, "first", "1", 1, &err));
    ck_ok(phi_meta_set_str(&to, "n", "no numbers", 10, &err));
    ck_ok(phi_meta_copy(&to, &m, &err));
    ck_assert_uint_eq(to.n, n + 1);
    ck_assert_str_eq(to.kv[0].key, "first");
    ck_assert_str_eq(to.kv[1].key, "n");
    ck_assert_str_eq(to.kv[2].key, m.kv[0].key);
    for (size_t i = 0; i < n; i++)
        ck_assert(phi_kv_same(&m.kv[i], phi_meta_find(&to, m.kv[i].key)));
    phi_meta_release(&m);
    phi_meta_release(&to);
}
END_TEST

/* In any order, with keys on both sides that the other lacks. */
START_TEST(keys_are_matched_in_both_directions)
{
    struct phi_meta a = {0};
    struct phi_meta b = {0};
    size_t *at;

    fill(&a);
    ck_ok(phi_meta_set_str(&b, "only here", "1", 1, &err));
    for (size_t i = a.n; i-- > 1;)
        ck_ok(phi_meta_set_str(&b, a.kv[i].key, "1", 1, &err));
    at = phi_meta_match(&a, &b, NULL);
    ck_assert_ptr_nonnull(at);
    ck_assert_uint_eq(at[0], PHI_META_NONE);
    for (size_t i = 1; i < a.n; i++)
        ck_assert_str_eq(b.kv[at[i]].key, a.kv[i].key);
    free(at);
    at = phi_meta_match(&b, &a, NULL);
    ck_assert_ptr_nonnull(at);
    ck_assert_uint_eq(at[0], PHI_META_NONE);
    for (size_t i = 1; i < b.n; i++)
        ck_assert_str_eq(a.kv[at[i]].key, b.kv[i].key);
    free(at);
    phi_meta_release(&a);
    phi_meta_release(&b);
}
END_TEST

/* 400,000 keys in the other order: one by one, it would end by the timeout. */
START_TEST(many_keys_are_matched_soon)
{
    const size_t n = 400000;
    struct phi_kv *kv = calloc(2 * n, sizeof(*kv));
    char(*names)[16] = calloc(n, sizeof(*names));
    const struct phi_meta a = {kv, n, n};
    const struct phi_meta b = {kv + n, n, n};
    size_t *at;

    ck_assert(kv != NULL && names != NULL);
    for (size_t i = 0; i < n; i++) {
        snprintf(names[i], sizeof(names[i]), "k%06zu", i);
        a.kv[i].key = b.kv[n - 1 - i].key = names[i];
    }
    at = phi_meta_match(&a, &b, NULL);
    ck_assert_ptr_nonnull(at);
    for (size_t i = 0; i < n; i++) {
        if (at[i] != n - 1 - i)
            ck_abort_msg("key %zu: %zu", i, at[i]);
    }
    free(at);
    free(kv);
    free(names);
}
END_TEST

START_TEST(getters_trust_nothing)
{
    struct phi_meta m = {0};
    const struct phi_kv *kv;
    const char *s = "kept";
    uint64_t u = 42;
    double f;
    bool b;

    fill(&m);
    ck_refused(phi_meta_get_uint(&m, "none", 9, &u, &err), PHI_E_FORMAT,
               "key \"none\": is missing");
    ck_ok(phi_meta_opt_uint(&m, "none", 9, &u, &err));
    ck_assert_uint_eq(u, 42);
    ck_refused(phi_meta_get_uint(&m, "u", 9, &u, &err), PHI_E_FORMAT,
               "key \"u\": is 4000000000, expected 0 to 9");
    ck_refused(phi_meta_get_uint(&m, "i", 9, &u, &err), PHI_E_FORMAT, "is -5");
    ck_refused(phi_meta_get_uint(&m, "s", 9, &u, &err), PHI_E_FORMAT,
               "is of type string, expected an integer");
    ck_refused(phi_meta_get_float(&m, "u", &f, &err), PHI_E_FORMAT,
               "is of type uint32, expected a float");
    ck_refused(phi_meta_opt_bool(&m, "u", &b, &err), PHI_E_FORMAT, "a bool");
    ck_refused(phi_meta_opt_str(&m, "u", &s, &err), PHI_E_FORMAT, "a string");
    ck_refused(phi_meta_get_array(&m, "s", PHI_KV_I32, &kv, &err), PHI_E_FORMAT,
               "expected an array");
    ck_refused(phi_meta_get_array(&m, "n", PHI_KV_U32, &kv, &err), PHI_E_FORMAT,
               "is an array of int32, expected of uint32");
    ck_assert_str_eq(s, "kept");
    phi_meta_release(&m);
}
END_TEST

/* Each value is the same as its copy and as no other. */
START_TEST(values_are_compared_with_their_types)
{
    struct phi_meta m = {0};
    struct phi_meta copy = {0};
    const uint8_t other[8] = {1};

    fill(&m);
    ck_ok(phi_meta_copy(&copy, &m, &err));
    for (size_t i = 0; i < m.n; i++) {
        for (size_t k = 0; k < m.n; k++)
            ck_assert_int_eq(phi_kv_same(&m.kv[i], &copy.kv[k]), i == k);
    }
    ck_ok(phi_meta_set_u(&copy, "u", PHI_KV_U64, 4000000000u, &err));
    ck_ok(phi_meta_set_i(&copy, "i", PHI_KV_I32, -6, &err));
    ck_ok(phi_meta_set_f(&copy, "f", PHI_KV_F32, -1e-5, &err));
    ck_ok(phi_meta_set_str(&copy, "s", "text\0mora", 9, &err));
    ck_ok(phi_meta_set_numbers(&copy, "n", PHI_KV_I32, other, 2, &err));
    for (size_t i = 0; i < m.n; i++) {
        const char *key = m.kv[i].key;

        if (strchr("uifsn", key[0]) != NULL && key[1] == '\0')
            ck_assert(!phi_kv_same(&m.kv[i], phi_meta_find(&copy, key)));
    }
    phi_meta_release(&m);
    phi_meta_release(&copy);
}
END_TEST

START_TEST(setting_again_keeps_the_place)
{
    struct phi_meta m = {0};

    fill(&m);
    ck_ok(phi_meta_set_u(&m, "s", PHI_KV_U8, 3, &err));
    ck_assert_str_eq(m.kv[0].key, "s");
    ck_assert_int_eq(m.kv[0].type, PHI_KV_U8);
    ck_ok(phi_meta_set_str(&m, "t", m.kv[1].key, 1, &err));
    ck_assert_uint_eq(m.n, 7);
    phi_meta_remove(&m, "i");
    phi_meta_remove(&m, "i");
    ck_assert_uint_eq(m.n, 6);
    ck_assert_str_eq(m.kv[2].key, "f");
    ck_assert_ptr_null(phi_meta_find(&m, "i"));
    phi_meta_release(&m);
    ck_assert_uint_eq(m.n, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tensor");
    TCase *t = tcase_create("tensor");

    tcase_add_test(t, every_type_is_found_by_its_names);
    tcase_add_test(t, keys_are_matched_in_both_directions);
    tcase_add_test(t, many_keys_are_matched_soon);
    tcase_add_test(t, removed_and_future_types_are_unknown);
    tcase_add_test(t, sizes_in_bytes);
    tcase_add_test(t, getters_give_what_was_set);
    tcase_add_test(t, copies_replace_and_append);
    tcase_add_test(t, getters_trust_nothing);
    tcase_add_test(t, values_are_compared_with_their_types);
    tcase_add_test(t, setting_again_keeps_the_place);
    suite_add_tcase(s, t);
    return unit_main(s);
}
