/* SPDX-License-Identifier: MIT */
/*
 * The sample with an adapter that resizes its vocabulary, through the
 * pipeline: rows that the base lacks, tokens that nobody named, and bytes
 * that depend on neither threads nor chunks.
 */
#define _XOPEN_SOURCE 700
#include "formats/adapted_model.h"
#include "formats/safetensors.h"
#include "libconv/convert/pipeline.h"
#include "libconv/convert/plan_floats.h"
#include "libconv/cpu/cpu.h"
#include "tests/unit/fixture.h"
#include "tests/unit/memory_model.h"

enum { ROWS = 2048 + 37, COLS = 256 };

static char *dir;
static float embedding[ROWS * COLS];
static float head[ROWS * COLS];
static float bias[ROWS];
static struct phi_adapted model;
static struct phi_plan plan;
static struct memory_sink sink;

/* An adapter that brings embedding and output layer along. */
static void write_adapter(uint64_t rows)
{
    static const char config[] =
        "{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 4, "
        "\"target_modules\": \"model.layers.0.self_attn.q_proj\", "
        "\"modules_to_save\": [\"embed_tokens\", \"lm_head\"]}";
    const struct phi_st_entry entries[] = {
        {"base_model.model.model.embed_tokens.weight",
         PHI_F32,
         2,
         {rows, COLS}},
        {"base_model.model.lm_head.weight", PHI_F32, 2, {rows, COLS}},
        {"base_model.model.lm_head.bias", PHI_F32, 1, {rows}},
        {"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
         PHI_F32,
         2,
         {4, COLS}},
        {"base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight",
         PHI_F32,
         2,
         {COLS, 4}}};
    const float *const data[] = {embedding, head, bias, embedding, head};
    const uint64_t count[] = {rows * COLS, rows * COLS, rows, 4 * COLS,
                              4 * COLS};
    struct phi_st_writer *w = NULL;
    char *path = fixture_path(dir, "adapter_model.safetensors");

    fixture_write(dir, "adapter_config.json", config, sizeof(config) - 1);
    ck_ok(phi_st_create(&w, path, entries, 5, NULL, true, &err));
    for (size_t k = 0; k < 5; k++) {
        const size_t i = phi_st_order(w, k);

        ck_ok(phi_st_write(w, i, data[i], (size_t)count[i] * sizeof(float),
                           &err));
    }
    ck_ok(phi_st_commit(w, &err));
    phi_st_writer_close(w);
    free(path);
}

static enum phi_status open_model(struct phi_err *out)
{
    const struct phi_adapter_words words = {dir, 1};
    const struct phi_merge_options options = {.features = phi_cpu_detect()};

    return phi_adapted_open(&model, PHI_SAMPLE, &words, 1, &options, NULL, out);
}

static void setup(void)
{
    dir = fixture_folder();
    for (size_t i = 0; i < ROWS * COLS; i++) {
        embedding[i] = (float)(i % 1009) / 1009 - 0.5f;
        head[i] = (float)(i % 757) / 757 - 0.5f;
    }
    for (size_t i = 0; i < ROWS; i++)
        bias[i] = (float)i / ROWS;
}

static void teardown(void)
{
    phi_adapted_release(&model);
    fixture_remove(dir);
}

static const void *written(const char *name)
{
    for (size_t i = 0; i < plan.n; i++) {
        if (strcmp(plan.tensors[i].name, name) == 0)
            return sink.bytes[i];
    }
    ck_abort_msg("no tensor %s", name);
    return NULL;
}

static void run(size_t nthreads, size_t chunk)
{
    const struct phi_floats_options floats = {.given = true, .dtype = PHI_F32};
    const struct phi_pipeline_options options = {.nthreads = nthreads,
                                                 .features = phi_cpu_detect(),
                                                 .chunk_nbytes = chunk};
    struct phi_output_job job = {.plan = &plan, .sink = &sink.base};
    const struct phi_pipeline_work work = {
        .source = model.base, .merge = &model.merge, .outputs = &job, .n = 1};

    ck_ok(phi_plan_floats(&plan, model.shapes, &floats, &err));
    memory_sink_init(&sink, &plan);
    ck_ok(phi_pipeline_run(&work, &options, &err));
    memory_finish(&sink);
}

static void run_release(void)
{
    memory_sink_release(&sink);
    phi_plan_release(&plan);
}

START_TEST(the_vocabulary_grows)
{
    static const size_t chunks[] = {1, 3000, 100000, 4 << 20};

    write_adapter(ROWS);
    ck_ok(open_model(&err));
    ck_assert_uint_eq(model.merge.vocab, ROWS);
    for (size_t threads = 1; threads < 4; threads += 2) {
        for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
            run(threads, chunks[i]);
            ck_assert_mem_eq(written("token_embd.weight"), embedding,
                             sizeof(embedding));
            ck_assert_mem_eq(written("output.weight"), head, sizeof(head));
            ck_assert_mem_eq(written("output.bias"), bias, sizeof(bias));
            run_release();
        }
    }
}
END_TEST

START_TEST(tokens_without_a_name_are_padding)
{
    const struct phi_kv *kv;

    write_adapter(ROWS);
    ck_ok(open_model(&err));
    kv = phi_meta_find(&model.shapes->meta, "tokenizer.ggml.tokens");
    ck_assert_ptr_nonnull(kv);
    ck_assert_uint_eq(kv->v.arr.n, ROWS);
    ck_assert_str_eq(kv->v.arr.str[ROWS - 1].p, "[PAD2084]");
    kv = phi_meta_find(&model.base->meta, "tokenizer.ggml.tokens");
    ck_assert_uint_eq(kv->v.arr.n, 2048);
}
END_TEST

/* A vocabulary may lose rows that stand for nothing, and no token. */
START_TEST(the_vocabulary_shrinks)
{
    struct phi_err why = {0};

    write_adapter(100);
    ck_assert_int_eq(open_model(&why), PHI_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(why.msg, "tokenizer"));
}
END_TEST

/* The engine reads the same model. */
START_TEST(values_are_those_of_the_pipeline)
{
    struct phi_source *values = NULL;
    static float x[ROWS * COLS];
    size_t i = 0;

    write_adapter(ROWS);
    ck_ok(open_model(&err));
    ck_ok(phi_adapted_values(&model, &values, &err));
    ck_assert(phi_source_find(values, "output.weight", &i));
    ck_assert_uint_eq(values->tensors[i].dim[0], ROWS);
    ck_ok(phi_source_read(values, i, 0, x, sizeof(x), &err));
    ck_assert_mem_eq(x, head, sizeof(x));
    ck_ok(phi_source_unchanged(values, &err));
    phi_source_close(values);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("adapted_model");
    TCase *t = tcase_create("adapted_model");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_vocabulary_grows);
    tcase_add_test(t, tokens_without_a_name_are_padding);
    tcase_add_test(t, the_vocabulary_shrinks);
    tcase_add_test(t, values_are_those_of_the_pipeline);
    suite_add_tcase(s, t);
    return unit_main(s);
}
