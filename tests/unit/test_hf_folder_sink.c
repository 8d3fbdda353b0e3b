/* SPDX-License-Identifier: MIT */
/* Hugging Face folders written: the base's own bytes, and what changes. */
#define _POSIX_C_SOURCE 200809L
#include "formats/gguf_sink.h"
#include "formats/safetensors_layout.h"
#include "libconv/base/output.h"
#include "tests/unit/folder_model.h"
#include "tests/unit/tiny_model.h"

/* ---- the sample, written back -------------------------------------------- */

START_TEST(the_sample_comes_back)
{
    struct phi_hf_folder_options opt = {0};
    struct phi_source *s = folder_source(PHI_SAMPLE);
    uint64_t size = 0, total = 0;
    struct phi_names names = {0};

    for (size_t threads = 1; threads <= 3; threads++) {
        struct folder_copy c = {.source = s, .threads = threads};

        folder_same(&c);
        ck_ok(phi_hf_folder_sink_size(&size, "out", s, c.tensors, c.n, &opt,
                                      &err));
        folder_write(&c, "out", &opt);
        folder_same_bytes(PHI_SAMPLE, "out");
        opt.replace = true; /* the next time */
    }
    ck_ok(phi_folder_list(&names, "out", &err));
    for (size_t i = 0; i < names.n; i++) {
        size_t n;

        free(fixture_load("out", names.v[i], &n));
        total += n;
    }
    ck_assert_uint_eq(size, total);
    ck_assert_uint_eq(names.n, 13);
    phi_names_release(&names);
    phi_source_close(s);
}
END_TEST

/* Chunks of any size, the last first; a page, and odd ones. */
START_TEST(order_and_size_of_chunks_do_not_matter)
{
    static const size_t sizes[] = {1 << 20, 4096, 99991};
    const struct phi_hf_folder_options opt = {.replace = true};
    struct phi_source *s = folder_source(PHI_SAMPLE);

    for (size_t i = 0; i < 3; i++) {
        struct folder_copy c = {
            .source = s, .threads = 2, .chunk = sizes[i], .backwards = true};

        folder_same(&c);
        folder_write(&c, "out", &opt);
        folder_same_bytes(PHI_SAMPLE, "out");
    }
    phi_source_close(s);
}
END_TEST

/* The order of the list is the caller's. */
START_TEST(order_of_tensors_does_not_matter)
{
    const struct phi_hf_folder_options opt = {0};
    struct phi_source *s = folder_source(PHI_SAMPLE);
    struct folder_copy c = {.source = s, .threads = 1};

    folder_same(&c);
    for (size_t i = 0; i < c.n / 2; i++) {
        const struct phi_sink_tensor t = c.tensors[i];
        const size_t from = c.from[i];

        c.tensors[i] = c.tensors[c.n - 1 - i];
        c.tensors[c.n - 1 - i] = t;
        c.from[i] = c.from[c.n - 1 - i];
        c.from[c.n - 1 - i] = from;
    }
    folder_write(&c, "out", &opt);
    folder_same_bytes(PHI_SAMPLE, "out");
    phi_source_close(s);
}
END_TEST

/* ---- cutting anew -------------------------------------------------------- */

START_TEST(another_type_is_one_file)
{
    const struct phi_hf_folder_options opt = {0};
    struct phi_source *s = folder_source(PHI_SAMPLE);
    struct folder_copy c = {.source = s, .threads = 2};
    struct phi_source *got;

    folder_same(&c);
    for (size_t i = 0; i < c.n; i++)
        c.tensors[i].dtype = PHI_BF16;
    folder_write(&c, "out", &opt);
    ck_assert_int_eq(phi_path_kind("out/" PHI_HF_INDEX), PHI_PATH_NONE);
    folder_has("out", "config.json", "\n  \"torch_dtype\": \"bfloat16\",\n");
    /* Nothing else differs: float16 has become bfloat16. */
    ck_assert_uint_eq(folder_size("out", "config.json"),
                      folder_size(PHI_SAMPLE, "config.json") + 1);
    got = folder_source("out");
    ck_assert_uint_eq(got->nfiles, 1);
    ck_assert_str_eq(got->files[0].name, PHI_HF_SINGLE);
    folder_same_values(s, got);
    phi_source_close(got);
    phi_source_close(s);
}
END_TEST

/*
 * Numbers of tensors and their bytes in each file, as huggingface_hub 2.4.0
 * cuts the same model: what is too large stands alone, and the file before it
 * goes on.
 */
static const struct {
    uint64_t max;
    size_t nfiles;
    size_t tensors[7];
    uint64_t nbytes[7];
} cuts[] = {
    {0, 1, {33}, {10800}},
    {10800, 1, {33}, {10800}},
    {10799, 2, {32, 1}, {10288, 512}},
    {5000, 3, {11, 20, 2}, {4888, 1304, 4608}},
    {4096, 4, {1, 30, 1, 1}, {4096, 2096, 4096, 512}},
    {4095, 3, {1, 1, 31}, {4096, 4096, 2608}},
    {600, 7, {1, 8, 8, 6, 1, 8, 1}, {4096, 576, 600, 432, 4096, 488, 512}},
};

START_TEST(files_are_as_large_as_asked)
{
    const struct phi_hf_folder_options opt = {.max_shard = cuts[_i].max};
    struct phi_hf_shards shards = {0};
    struct folder_copy c;
    struct phi_source *got;

    ck_assert_int_eq(mkdir("in", 0777), 0);
    tiny_model("in", "");
    folder_begin(&c, PHI_BF16);
    folder_write(&c, "out", &opt);
    got = folder_source("out");
    folder_same_values(c.source, got);
    phi_source_close(got);
    ck_ok(phi_hf_shards_open(&shards, "out", &err));
    ck_assert_uint_eq(shards.n, cuts[_i].nfiles);
    for (size_t k = 0; k < shards.n; k++) {
        const struct phi_st *st = shards.st[k];
        char name[96];
        uint64_t nbytes = 0;

        snprintf(name, sizeof(name), "out/model-%05zu-of-%05zu.safetensors",
                 k + 1, shards.n);
        ck_assert_str_eq(phi_file_path(st->file),
                         shards.n > 1 ? name : "out/" PHI_HF_SINGLE);
        for (size_t i = 0; i < st->n; i++)
            nbytes += st->tensors[i].nbytes;
        ck_assert_uint_eq(st->n, cuts[_i].tensors[k]);
        ck_assert_uint_eq(nbytes, cuts[_i].nbytes[k]);
    }
    phi_hf_shards_release(&shards);
    folder_end(&c);
}
END_TEST

START_TEST(the_index_counts)
{
    const struct phi_hf_folder_options opt = {.max_shard = 10799};
    struct folder_copy c;

    ck_assert_int_eq(mkdir("in", 0777), 0);
    tiny_model("in", "");
    folder_begin(&c, PHI_BF16);
    folder_write(&c, "out", &opt);
    folder_has("out", PHI_HF_INDEX,
               "{\n  \"metadata\": {\n    \"total_parameters\": 5400,\n"
               "    \"total_size\": 10800\n  },\n  \"weight_map\": {\n"
               "    \"lm_head.bias\": \"model-00002-of-00002.safetensors\",\n"
               "    \"lm_head.weight\": \"model-00001-of-00002.safetensors\",\n"
               "    \"model.embed_tokens.weight\": ");
    folder_has("out", PHI_HF_INDEX, ".safetensors\"\n  }\n}\n");
    folder_end(&c);
}
END_TEST

START_TEST(vocabularies_grow)
{
    const struct phi_hf_folder_options opt = {0};
    struct folder_copy c;
    struct phi_source *got;
    size_t k = 0;

    ck_assert_int_eq(mkdir("in", 0777), 0);
    tiny_model("in", ",\n \"torch_dtype\": \"float16\"");
    folder_begin(&c, PHI_F16);
    for (size_t i = 0; i < c.n; i++) {
        if (c.tensors[i].dim[0] == 256) {
            c.tensors[i].dim[0] = 260;
            c.tensors[i].nbytes = c.tensors[i].nbytes / 256 * 260;
        }
    }
    folder_write(&c, "out", &opt);
    folder_has("out", "config.json", "\"vocab_size\":260,");
    folder_has("out", "config.json", "\n \"torch_dtype\": \"float16\"}");
    got = folder_source("out");
    ck_assert(phi_source_find(got, "output.bias", &k));
    ck_assert_uint_eq(got->tensors[k].dim[0], 260);
    phi_source_close(got);
    folder_end(&c);
}
END_TEST

/* ---- tied embeddings ----------------------------------------------------- */

#define TIED TINY_CONFIG ", \"tie_word_embeddings\" : true }"

START_TEST(a_tied_head_is_not_stored)
{
    const struct phi_st_entry none = {.name = NULL};
    struct phi_hf_folder_options opt = {0};
    struct folder_copy c;
    struct phi_source *got;
    size_t i;

    ck_assert_int_eq(mkdir("in", 0777), 0);
    tiny_model_with("in", TINY_HEAD, &none);
    fixture_text("in", "config.json", TIED);
    folder_begin(&c, PHI_F16);
    ck_assert_uint_eq(c.n, TINY_N - 1);
    folder_write(&c, "out", &opt);
    folder_has("out", "config.json", TIED);
    got = folder_source("out");
    folder_same_values(c.source, got);
    phi_source_close(got);

    /* With a head of its own, the model is no longer tied. */
    i = c.n++;
    c.tensors[i] = c.tensors[folder_index(&c, "token_embd.weight")];
    c.tensors[i].name = "output.weight";
    c.from[i] = c.from[folder_index(&c, "token_embd.weight")];
    ck_refused(phi_hf_folder_sink_open(&c.sink, "untied", c.source, c.tensors,
                                       c.n, &opt, &err),
               PHI_E_ARG,
               "untied: tensor \"output.weight\": is there, but it is the "
               "embedding");
    opt.untie = true;
    folder_write(&c, "untied", &opt);
    folder_has("untied", "config.json", "\"tie_word_embeddings\" : false }");
    got = folder_source("untied");
    ck_assert_uint_eq(got->ntensors, TINY_N);
    phi_source_close(got);
    c.n--;
    ck_refused(phi_hf_folder_sink_open(&c.sink, "none", c.source, c.tensors,
                                       c.n, &opt, &err),
               PHI_E_ARG, "none: tensor \"output.weight\": is missing");
    folder_end(&c);
}
END_TEST

/* A tied model that is stored with both; they count once. */
START_TEST(a_tied_head_may_be_stored)
{
    struct phi_st_entry rest[TINY_N];
    struct phi_hf_folder_options opt = {.max_shard = 6000};
    struct phi_buf index = {0};
    struct folder_copy c;
    size_t n = 0;

    ck_assert_int_eq(mkdir("in", 0777), 0);
    tiny_texts("in", TIED);
    tiny_shard("in", "a.safetensors", &tiny_current[0], 1);
    tiny_shard("in", "b.safetensors", &tiny_current[TINY_HEAD], 1);
    phi_buf_text(&index, "{\"weight_map\":{\"lm_head.weight\":"
                         "\"b.safetensors\",\"model.embed_tokens.weight\":"
                         "\"a.safetensors\"");
    for (size_t i = 1; i < TINY_N; i++) {
        if (i == TINY_HEAD)
            continue;
        rest[n++] = tiny_current[i];
        phi_buf_printf(&index, ",\"%s\":\"c.safetensors\"",
                       tiny_current[i].name);
    }
    phi_buf_text(&index, "}}");
    tiny_shard("in", "c.safetensors", rest, n);
    fixture_write("in", PHI_HF_INDEX, index.p, index.n);
    phi_buf_release(&index);
    folder_begin(&c, PHI_F16);
    ck_assert_uint_eq(c.n, TINY_N);
    folder_write(&c, "out", &opt);
    folder_has("out", PHI_HF_INDEX,
               "\"total_parameters\": 3352,\n    \"total_size\": 10800\n");
    folder_has("out", PHI_HF_INDEX, "\"lm_head.weight\": \"b.safetensors\",");
    opt.replace = true;
    for (size_t i = 0; i < c.n; i++)
        c.tensors[i].dtype = PHI_BF16;
    /* Cut anew, the caller decides: the copy may go. */
    n = folder_index(&c, "output.weight");
    c.tensors[n] = c.tensors[--c.n];
    c.from[n] = c.from[c.n];
    folder_write(&c, "out", &opt);
    folder_has("out", PHI_HF_INDEX,
               "\"total_parameters\": 3352,\n    \"total_size\": 6704\n");
    folder_end(&c);
}
END_TEST

/* ---- other bases --------------------------------------------------------- */

START_TEST(old_names_stay)
{
    const struct phi_hf_folder_options opt = {.max_shard = 5000};
    struct folder_copy c;
    struct phi_source *got;

    ck_assert_int_eq(mkdir("in", 0777), 0);
    tiny_texts("in", TINY_OLD_CONFIG "}");
    tiny_shard("in", PHI_HF_SINGLE, tiny_old, TINY_OLD_N);
    folder_begin(&c, PHI_F16);
    folder_write(&c, "same", &opt);
    ck_assert_int_eq(phi_path_kind("same/" PHI_HF_INDEX), PHI_PATH_NONE);
    for (size_t i = 0; i < c.n; i++)
        c.tensors[i].dtype = PHI_BF16;
    folder_write(&c, "cut", &opt);
    ck_assert_int_eq(phi_path_kind("cut/" PHI_HF_INDEX), PHI_PATH_FILE);
    for (size_t i = 0; i < 2; i++) {
        got = folder_source(i == 0 ? "same" : "cut");
        folder_same_values(c.source, got);
        phi_source_close(got);
    }
    folder_end(&c);
}
END_TEST

/* A file that another writer has ordered otherwise keeps its order. */
START_TEST(order_in_a_file_is_the_base_s)
{
    static const char *const metadata[] = {"format", "pt", NULL};
    const struct phi_hf_folder_options opt = {0};
    const struct phi_output_options size = {0};
    const struct phi_st_entry *order[TINY_N];
    struct phi_st_layout layout;
    struct phi_output *o = NULL;
    struct folder_copy c;

    ck_assert_int_eq(mkdir("in", 0777), 0);
    tiny_texts("in", TINY_CONFIG "}");
    for (size_t i = 0; i < TINY_N; i++)
        order[i] = &tiny_current[(i * 10 + 7) % TINY_N];
    ck_ok(phi_st_layout_init(&layout, order, TINY_N, metadata, &err));
    ck_ok(phi_output_open(&o, "in/" PHI_HF_SINGLE, &size, &err));
    ck_ok(phi_output_write(o, layout.header.p, layout.header.n, &err));
    for (uint64_t at = layout.at[0]; at < layout.at[TINY_N]; at++)
        ck_ok(phi_output_write(o, &(uint8_t){(uint8_t)(at * 7 >> 3)}, 1, &err));
    ck_ok(phi_output_commit(o, &err));
    phi_output_close(o);
    phi_st_layout_release(&layout);
    folder_begin(&c, PHI_F16);
    folder_write(&c, "out", &opt);
    folder_same_bytes("in", "out");
    folder_end(&c);
}
END_TEST

/* A GGUF with query, key and value in one gets current names, and three. */
START_TEST(fused_tensors_are_cut)
{
    static const struct phi_hf_side_file config = {
        .name = "config.json",
        .bytes = TINY_CONFIG ",\"dtype\":null}",
        .nbytes = sizeof(TINY_CONFIG ",\"dtype\":null}") - 1};
    const struct phi_gguf_options gguf = {0};
    const struct phi_hf_folder_options opt = {
        .max_shard = 5000, .side = &config, .nside = 1};
    const struct phi_hf_folder_options bare = {0};
    struct folder_copy c;
    struct phi_source *base;
    struct phi_hf_shards got = {0};
    size_t found = 0;

    ck_assert_int_eq(mkdir("in", 0777), 0);
    tiny_texts("in", TINY_OLD_CONFIG "}");
    tiny_shard("in", PHI_HF_SINGLE, tiny_old, TINY_OLD_N);
    folder_begin(&c, PHI_F16);
    ck_ok(phi_gguf_sink_open(&c.sink, "in.gguf", &c.source->meta, c.tensors,
                             c.n, &gguf, &err));
    folder_fill(&c);
    ck_ok(phi_sinks_commit(&c.sink, 1, &err));
    phi_sink_close(c.sink);
    folder_end(&c);

    base = folder_source("in.gguf");
    c = (struct folder_copy){.source = base, .threads = 2, .chunk = 48};
    folder_same(&c);
    ck_refused(phi_hf_folder_sink_open(&c.sink, "out", base, c.tensors, c.n,
                                       &bare, &err),
               PHI_E_ARG, "out: has no config.json");
    folder_write(&c, "out", &opt);
    folder_has("out", "config.json", "\"dtype\":\"float16\"}");
    ck_assert_uint_eq(folder_count("out"), 5);
    ck_ok(phi_hf_shards_open(&got, "out", &err));
    for (size_t k = 0; k < got.n; k++) {
        for (size_t i = 0; i < got.st[k]->n; i++) {
            const struct phi_st_tensor *t = &got.st[k]->tensors[i];
            static const char *const names[] = {
                "model.layers.1.self_attn.q_proj.weight",
                "model.layers.1.self_attn.k_proj.weight",
                "model.layers.1.self_attn.v_proj.weight"};
            uint8_t want[128], have[128];

            for (size_t p = 0; p < 3; p++) {
                if (strcmp(t->name, names[p]) != 0)
                    continue;
                found++;
                ck_assert_uint_eq(t->dim[0], 8);
                ck_assert_uint_eq(t->dim[1], 8);
                folder_bytes(&c, folder_index(&c, "blk.1.attn_qkv.weight"),
                             p * 128, want, 128);
                ck_ok(phi_st_read(got.st[k], i, 0, have, 128, &err));
                ck_assert_mem_eq(want, have, 128);
            }
        }
    }
    ck_assert_uint_eq(found, 3);
    phi_hf_shards_release(&got);
    phi_source_close(base);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hf_folder_sink");
    TCase *t = tcase_create("hf_folder_sink");

    tcase_add_checked_fixture(t, folder_setup, folder_teardown);
    tcase_add_test(t, the_sample_comes_back);
    tcase_add_test(t, order_and_size_of_chunks_do_not_matter);
    tcase_add_test(t, order_of_tensors_does_not_matter);
    tcase_add_test(t, another_type_is_one_file);
    tcase_add_loop_test(t, files_are_as_large_as_asked, 0,
                        (int)(sizeof(cuts) / sizeof(cuts[0])));
    tcase_add_test(t, the_index_counts);
    tcase_add_test(t, vocabularies_grow);
    tcase_add_test(t, a_tied_head_is_not_stored);
    tcase_add_test(t, a_tied_head_may_be_stored);
    tcase_add_test(t, old_names_stay);
    tcase_add_test(t, order_in_a_file_is_the_base_s);
    tcase_add_test(t, fused_tensors_are_cut);
    suite_add_tcase(s, t);
    return unit_main(s);
}
