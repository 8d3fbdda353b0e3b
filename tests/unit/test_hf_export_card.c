/* SPDX-License-Identifier: MIT */
/*
 * general.* of GGUF to a folder and back. Defect: an export left out how the
 * model's authors sample, the licence and all else there, and said nothing.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>

#include "formats/hf_card.h"
#include "formats/hf_export.h"
#include "tests/unit/fixture.h"

static char *dir;
static struct phi_meta meta;
static struct phi_buf text;
static struct phi_names left;

static void setup(void)
{
    dir = fixture_folder();
}

static void teardown(void)
{
    phi_names_release(&left);
    phi_buf_release(&text);
    phi_meta_release(&meta);
    fixture_remove(dir);
}

static void set(const char *key, const char *value)
{
    ck_ok(phi_meta_set_str(&meta, key, value, strlen(value), &err));
}

static void set_list(const char *key, const char *const *values, size_t n)
{
    struct phi_kv *kv;

    ck_ok(phi_meta_set_strings(&meta, key, n, &kv, &err));
    for (size_t i = 0; i < n; i++)
        ck_ok(
            phi_str_set(&kv->v.arr.str[i], values[i], strlen(values[i]), &err));
}

/* The two files, and what they say. */
static void go_and_return(struct phi_meta *back)
{
    struct phi_json_doc *doc = NULL;
    struct phi_json config;

    ck_ok(phi_hf_export_card(&text, &left, &meta, &err));
    fixture_write(dir, "README.md", (const char *)text.p, text.n);
    phi_buf_release(&text);
    ck_ok(phi_hf_export_generation(&text, &meta, &err));
    fixture_write(dir, "generation_config.json", (const char *)text.p, text.n);
    ck_ok(phi_json_parse(&doc, "{}", 2, "config.json", &err));
    config = phi_json_root(doc);
    ck_ok(phi_hf_general(back, dir, &config, 0, &err));
    phi_json_free(doc);
}

static void same(const struct phi_meta *back)
{
    for (size_t i = 0; i < meta.n; i++) {
        const struct phi_kv *kv = phi_meta_find(back, meta.kv[i].key);

        ck_assert_msg(kv != NULL, "%s is missing", meta.kv[i].key);
        ck_assert_msg(phi_kv_same(kv, &meta.kv[i]), "%s differs",
                      meta.kv[i].key);
    }
}

static const char *const keys[] = {
    "general.name",         "general.author",       "general.version",
    "general.organization", "general.finetune",     "general.basename",
    "general.description",  "general.size_label",   "general.license",
    "general.license.name", "general.license.link", "general.source.url",
    "general.source.doi",   "general.source.uuid",  "general.source.repo_url"};

static const char *const values[] = {
    "plain",        "no",           "~",          "1.10",
    "null",         "- a",          "a: b # c",   "\"quoted\" 'text'",
    "two\nlines\t", "\\ back\\n",   "mit,bsd",    "mit, or so",
    "a,",           "{a}",          "[a, b",      "&a *b !c",
    "---",          "\xc3\xa9\x1f", "http://a/b", " blanks "};

#define NKEYS   (sizeof(keys) / sizeof(keys[0]))
#define NVALUES (sizeof(values) / sizeof(values[0]))

/* Any text in any place. */
START_TEST(texts_come_back)
{
    struct phi_meta back = {0};

    for (size_t i = 0; i < NKEYS; i++)
        set(keys[i], values[(i + (size_t)_i) % NVALUES]);
    set_list("general.tags", values, NVALUES);
    set_list("general.languages", values + 1, 1);
    go_and_return(&back);
    same(&back);
    ck_assert_uint_eq(left.n, 0);
    phi_meta_release(&back);
}
END_TEST

/* An id of the Hub where it says all, else every field. */
START_TEST(origins_come_back)
{
    struct phi_meta back = {0};

    set("general.name", "x");
    ck_ok(
        phi_meta_set_u(&meta, "general.base_model.count", PHI_KV_U32, 2, &err));
    set("general.base_model.0.name", "Phi 2");
    set("general.base_model.0.organization", "Microsoft");
    set("general.base_model.0.version", "2");
    set("general.base_model.0.repo_url",
        "https://huggingface.co/microsoft/phi-2");
    set("general.base_model.1.name", "Phi 1_5");
    set("general.base_model.1.organization", "Microsoft");
    set("general.base_model.1.repo_url",
        "https://huggingface.co/microsoft/phi-1_5");
    ck_ok(phi_meta_set_u(&meta, "general.dataset.count", PHI_KV_U32, 2, &err));
    set("general.dataset.0.name", "Openstax");
    set("general.dataset.1.author", "A: b");
    set("general.dataset.1.url", "https://example.org/");
    if (_i == 1)
        set("general.base_model.1.author", "Somebody");
    go_and_return(&back);
    same(&back);
    ck_assert_uint_eq(left.n, 0);
    phi_buf_release(&text);
    ck_ok(phi_hf_export_card(&text, &left, &meta, &err));
    phi_buf_put(&text, "", 1);
    if (_i == 0)
        ck_assert_ptr_nonnull(strstr((char *)text.p,
                                     "base_model:\n- microsoft/phi-2\n"
                                     "- microsoft/phi-1_5\n"));
    else
        ck_assert_ptr_nonnull(
            strstr((char *)text.p, "base_model_sources:\n- name: \"Phi 2\"\n"));
    ck_assert_ptr_nonnull(strstr((char *)text.p,
                                 "dataset_sources:\n- name: Openstax\n"
                                 "- author: \"A: b\"\n  url: "));
    phi_meta_release(&back);
}
END_TEST

/* What describes the file is not the model's; the rest is named. */
START_TEST(what_has_no_place_is_named)
{
    static const char *const none[] = {
        "general.url",         "general.quantized_by",
        "general.author",      "general.base_model.1.name",
        "general.dataset.x",   "general.sampling.other",
        "general.description", "my.own"};
    static const char *const of_the_file[] = {
        "general.architecture",  "general.type",
        "general.sampling.temp", "phi2.block_count",
        "tokenizer.ggml.model",  "split.no",
        "phiconv.version",       "quantize.imatrix.file",
        "general.file_type"};

    for (size_t i = 0; i < 8; i++)
        set(none[i], i == 2 ? "\xff" : i == 6 ? "" : "x");
    for (size_t i = 0; i < 9; i++)
        set(of_the_file[i], "x");
    ck_ok(phi_hf_export_card(&text, &left, &meta, &err));
    ck_assert_uint_eq(text.n, 0); /* no card */
    ck_assert_uint_eq(left.n, 8);
    for (size_t i = 0; i < 8; i++)
        ck_assert_str_eq(left.v[i], none[i]);
}
END_TEST

START_TEST(sampling_comes_back)
{
    struct phi_meta back = {0};

    set("general.sampling.sequence", "a\"b");
    ck_ok(
        phi_meta_set_i(&meta, "general.sampling.top_k", PHI_KV_I32, 40, &err));
    ck_ok(phi_meta_set_i(&meta, "general.sampling.penalty_last_n", PHI_KV_I32,
                         -1, &err));
    ck_ok(phi_meta_set_f(&meta, "general.sampling.top_p", PHI_KV_F32,
                         (double)0.95f, &err));
    ck_ok(phi_meta_set_f(&meta, "general.sampling.temp", PHI_KV_F32, 1, &err));
    ck_ok(phi_meta_set_f(&meta, "general.sampling.min_p", PHI_KV_F32, 0, &err));
    ck_ok(phi_meta_set_f(&meta, "general.sampling.mirostat_tau", PHI_KV_F32,
                         (double)1e-7f, &err));
    go_and_return(&back);
    same(&back);
    phi_buf_put(&text, "", 1);
    ck_assert_ptr_nonnull(strstr((char *)text.p, "  \"pad_token_id\": null,\n"
                                                 "  \"sequence\": \"a\\\"b\",\n"
                                                 "  \"top_k\": 40,\n"
                                                 "  \"top_p\": 0.95,\n"
                                                 "  \"min_p\": 0.0,\n"
                                                 "  \"temperature\": 1.0,\n"
                                                 "  \"penalty_last_n\": -1,\n"
                                                 "  \"mirostat_tau\": 1e-07,\n"
                                                 "  \"do_sample\": true\n}\n"));
    phi_meta_release(&back);
}
END_TEST

/* transformers saves no folder whose file chooses among tokens without saying
 * that it does, or says a temperature of 0. */
START_TEST(the_best_token_is_no_temperature)
{
    ck_ok(phi_meta_set_f(&meta, "general.sampling.temp", PHI_KV_F32, 0, &err));
    ck_ok(
        phi_meta_set_i(&meta, "general.sampling.top_k", PHI_KV_I32, 40, &err));
    ck_ok(phi_hf_export_generation(&text, &meta, &err));
    ck_assert_ptr_nonnull(strstr((char *)text.p,
                                 "\"pad_token_id\": null,\n"
                                 "  \"do_sample\": false\n}\n"));
}
END_TEST

static void refused(const char *key, const char *why)
{
    ck_refused(phi_hf_export_generation(&text, &meta, &err), PHI_E_UNSUPPORTED,
               why);
    phi_meta_remove(&meta, key);
}

START_TEST(sampling_that_json_cannot_say_is_refused)
{
    static const char temp[] = "general.sampling.temp";
    static const char top_k[] = "general.sampling.top_k";
    static const char sequence[] = "general.sampling.sequence";

    ck_ok(phi_meta_set_f(&meta, temp, PHI_KV_F32, (double)INFINITY, &err));
    refused(temp, "key \"general.sampling.temp\": is not finite");
    set(temp, "1");
    refused(temp, "key \"general.sampling.temp\": is string, expected float32");
    ck_ok(phi_meta_set_u(&meta, top_k, PHI_KV_U32, UINT32_MAX, &err));
    refused(top_k, "key \"general.sampling.top_k\": is out of range");
    ck_ok(phi_meta_set_f(&meta, top_k, PHI_KV_F32, 1, &err));
    refused(top_k,
            "key \"general.sampling.top_k\": is float32, expected int32");
    set(sequence, "\xff");
    refused(sequence, "key \"general.sampling.sequence\": is no text in UTF-8");
    ck_ok(phi_meta_set_u(&meta, top_k, PHI_KV_U64, 7, &err));
    ck_ok(phi_hf_export_generation(&text, &meta, &err));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hf_export_card");
    TCase *t = tcase_create("hf_export_card");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, texts_come_back, 0, (int)NVALUES);
    tcase_add_loop_test(t, origins_come_back, 0, 2);
    tcase_add_test(t, what_has_no_place_is_named);
    tcase_add_test(t, sampling_comes_back);
    tcase_add_test(t, the_best_token_is_no_temperature);
    tcase_add_test(t, sampling_that_json_cannot_say_is_refused);
    suite_add_tcase(s, t);
    return unit_main(s);
}
