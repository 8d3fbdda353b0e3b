/* SPDX-License-Identifier: MIT */
/*
 * Perplexities and logits of the sample, alone and with adapters, against
 * transformers' and PEFT's float32, whose values are in reference/golden and,
 * for longer texts and for adapters, among the test data.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>

#include "formats/adapted_model.h"
#include "formats/safetensors.h"
#include "libconv/base/mem.h"
#include "libconv/cpu/cpu.h"
#include "libconv/engine/perplexity.h"
#include "libconv/text/tokenizer.h"
#include "tests/unit/golden_windows.h"

#define TEXT   PHI_SOURCE_DIR "/reference/sample/text/primer.txt"
#define GOLDEN PHI_SOURCE_DIR "/reference/golden/phi-openstax.json"
#define LOGITS PHI_SOURCE_DIR "/reference/golden/logits.safetensors"
#define LORA   PHI_SOURCE_DIR "/reference/sample/adapters/"

static const char *const adapters[] = {
    "physics",     "physics-bias", "physics-dora",  "physics-embed",
    "physics-f16", "physics-head", "physics-rslora"};

#define NADAPTERS ((int)(sizeof(adapters) / sizeof(adapters[0])))

/* Of a logit, as GOLDEN_RELATIVE. */
#define ABSOLUTE 2e-5

struct model {
    struct phi_adapted adapted;
    struct phi_source *source;
    struct phi_tokenizer *tokenizer;
};

/* adapter: one of the list, or NULL. */
static void model_open(struct model *m, const char *adapter)
{
    const struct phi_merge_options options = {.features = phi_cpu_detect()};
    char path[1024];
    const struct phi_adapter_words words = {path, 1};

    snprintf(path, sizeof(path), LORA "%s", adapter != NULL ? adapter : "");
    ck_ok(phi_adapted_open(&m->adapted, PHI_SAMPLE, &words, adapter != NULL,
                           &options, NULL, &err));
    m->source = m->adapted.base;
    if (adapter != NULL)
        ck_ok(phi_adapted_values(&m->adapted, &m->source, &err));
    ck_ok(phi_tokenizer_new(&m->tokenizer, &m->source->meta, &err));
}

static void model_close(struct model *m)
{
    phi_tokenizer_free(m->tokenizer);
    if (m->source != m->adapted.base)
        phi_source_close(m->source);
    phi_adapted_release(&m->adapted);
}

static void encode(const struct model *m, const char *path,
                   struct phi_tokens *out)
{
    uint8_t *text = NULL;
    size_t n = 0;

    ck_ok(phi_file_load(path, (uint64_t)64 << 20, &text, &n, &err));
    n -= text[n - 1] == '\n';
    ck_ok(phi_tokenizer_encode(m->tokenizer, (const char *)text, n, NULL, out,
                               &err));
    free(text);
}

/* Options with the kernels of a level; NULL: the best there are. */
static struct phi_eval_options options_of(size_t n_ctx, size_t nthreads,
                                          const char *level)
{
    uint32_t features = phi_cpu_detect();
    uint32_t wanted = features;

    if (level != NULL)
        ck_assert(phi_cpu_level(level, &wanted));
    return (struct phi_eval_options){
        .engine = {.kernels = phi_kernels_select(features & wanted),
                   .nthreads = nthreads,
                   .n_ctx = n_ctx,
                   .act = PHI_ENGINE_EXACT,
                   .features = features & wanted}};
}

/* Every window's sum, and the perplexity over all. */
static void compare(const struct golden *g, const struct phi_eval *e)
{
    struct phi_json item = {0};
    double total = 0;
    size_t i = 0;

    ck_assert_uint_eq(e->nwindows, g->chunks);
    while (phi_json_next(&g->sums, &item)) {
        double want = 0;

        ck_ok(phi_json_number(&item, 0, 1e9, &want, &err));
        ck_assert_uint_lt(i, e->nwindows);
        ck_assert_double_eq_tol(e->results[0].window_nll[i], want,
                                GOLDEN_RELATIVE * want);
        total += want;
        i++;
    }
    ck_assert_uint_eq(i, g->chunks);
    ck_assert_uint_eq(e->scored, i * (g->n_ctx - 1 - g->n_ctx / 2));
    total = exp(total / (double)e->scored);
    ck_assert_double_eq_tol(e->results[0].ppl, total, GOLDEN_RELATIVE * total);
}

static void check_text(const char *golden, const char *adapter, const char *key,
                       const char *text)
{
    struct phi_tokens ids = {0};
    struct phi_eval e = {0};
    struct golden g = {0};
    struct model m = {0};
    struct phi_eval_options opt;
    const struct phi_source *one[1];

    golden_open(&g, golden, adapter != NULL ? adapter : "base", key);
    model_open(&m, adapter);
    encode(&m, text, &ids);
    one[0] = m.source;
    opt = options_of((size_t)g.n_ctx, 2, NULL);
    opt.max_windows = (size_t)g.chunks;
    ck_ok(phi_eval_run(&e, one, 1, NULL, ids.id, ids.n, &opt, &err));
    compare(&g, &e);
    phi_eval_release(&e);
    phi_tokens_release(&ids);
    model_close(&m);
    phi_json_free(g.doc);
}

START_TEST(primer_in_windows_of_512)
{
    check_text(GOLDEN, NULL, "512", TEXT);
}
END_TEST

START_TEST(primer_in_windows_of_128)
{
    check_text(GOLDEN, NULL, "128", TEXT);
}
END_TEST

START_TEST(longer_texts)
{
    static const char *const keys[] = {"eval", "physics-eval"};
    const char *dir = unit_test_data("eval.txt and physics-eval.txt");

    for (size_t i = 0; dir != NULL && i < 2; i++) {
        char golden[4096];
        char text[4096];

        snprintf(golden, sizeof(golden),
                 "%s/goldens/phi-openstax/perplexity.json", dir);
        snprintf(text, sizeof(text), "%s/sample/text/%s.txt", dir, keys[i]);
        check_text(golden, NULL, keys[i], text);
    }
}
END_TEST

/* Base and adapter, merged as they are read. */
START_TEST(adapters_on_longer_texts)
{
    const char *dir = unit_test_data("physics-eval.txt");
    char golden[4096];
    char text[4096];

    if (dir == NULL)
        return;
    snprintf(golden, sizeof(golden), "%s/goldens/phi-openstax/perplexity.json",
             dir);
    snprintf(text, sizeof(text), "%s/sample/text/physics-eval.txt", dir);
    check_text(golden, adapters[_i], "physics-eval", text);
}
END_TEST

/* Logits of 64 tokens: those of the file's tensor `name`. */
static void check_logits(const char *file, const char *name,
                         const char *adapter)
{
    struct phi_st *st = NULL;
    struct model m = {0};
    struct phi_eval_options opt;
    float *logits = NULL;
    float *want;
    uint32_t ids[128];
    int64_t stored[64];
    size_t n_vocab = 0;
    size_t found = 0;

    model_open(&m, adapter);
    ck_ok(phi_st_open(&st, file, &err));
    want = phi_alloc(64 * 2048, sizeof(*want), NULL);
    for (size_t i = 0; i < st->n; i++) {
        const struct phi_st_tensor *t = &st->tensors[i];

        if (strcmp(t->name, "tokens") == 0) {
            ck_ok(phi_st_read(st, i, 0, stored, sizeof(stored), &err));
            found++;
        } else if (strcmp(t->name, name) == 0) {
            ck_ok(phi_st_read(st, i, 0, want, 64 * 2048 * sizeof(*want), &err));
            found++;
        }
    }
    ck_assert_uint_eq(found, 2);
    for (size_t i = 0; i < 64; i++)
        ids[i] = (uint32_t)stored[i];
    opt = options_of(64, 2, NULL);
    ck_ok(phi_eval_logits(&logits, &n_vocab, m.source, ids, 128, &opt, &err));
    ck_assert_uint_eq(n_vocab, 2048);
    for (size_t i = 0; i < 64 * 2048; i++)
        ck_assert_msg(fabs((double)logits[i] - (double)want[i]) <= ABSOLUTE,
                      "%s: token %zu, row %zu: %.9g, expected %.9g", name,
                      i / 2048, i % 2048, (double)logits[i], (double)want[i]);
    free(logits);
    free(want);
    phi_st_close(st);
    model_close(&m);
}

START_TEST(logits_of_the_first_tokens)
{
    check_logits(LOGITS, "logits", NULL);
}
END_TEST

START_TEST(logits_with_adapters)
{
    const char *dir = unit_test_data("logits.safetensors");
    char file[4096];

    if (dir == NULL)
        return;
    snprintf(file, sizeof(file), "%s/goldens/phi-openstax/logits.safetensors",
             dir);
    check_logits(file, adapters[_i], adapters[_i]);
}
END_TEST

/* The same bits, whoever computes them. */
START_TEST(threads_and_levels_change_nothing)
{
    static const size_t threads[] = {1, 2, 3, 5};
    struct phi_tokens ids = {0};
    struct phi_eval first = {0};
    struct model m = {0};
    const struct phi_source *models[2];
    const char *level;

    model_open(&m, NULL);
    encode(&m, TEXT, &ids);
    models[0] = models[1] = m.source;
    for (size_t k = 0; k < 4; k++) {
        for (size_t i = 0; (level = phi_cpu_level_name(i)) != NULL; i++) {
            struct phi_eval_options opt = options_of(128, threads[k], level);
            struct phi_eval e = {0};

            opt.max_windows = 4 + k; /* other batches, the same windows */
            ck_ok(phi_eval_run(&e, models, 1, models[1], ids.id, ids.n, &opt,
                               &err));
            ck_assert_double_eq(e.results[0].against.max_kld, 0);
            ck_assert_double_eq(e.results[0].against.same_top, 1);
            if (first.results == NULL)
                first = e;
            ck_assert_mem_eq(e.results[0].window_nll,
                             first.results[0].window_nll, 4 * sizeof(double));
            if (e.results != first.results)
                phi_eval_release(&e);
        }
    }
    phi_eval_release(&first);
    phi_tokens_release(&ids);
    model_close(&m);
}
END_TEST

static bool count_asked(void *ctx, uint64_t done, uint64_t total,
                        const char *note)
{
    size_t *asked = ctx;

    (void)note;
    ck_assert_uint_le(done, total);
    ++*asked;
    return true;
}

static enum phi_status take_size(void *ctx, size_t n_vocab, size_t nwindows,
                                 struct phi_err *err)
{
    (void)ctx;
    (void)err;
    return n_vocab > 0 && nwindows > 0 ? PHI_OK : PHI_E_ARG;
}

static enum phi_status take_logits(void *ctx, const float *logits, double lse,
                                   struct phi_err *err)
{
    (void)ctx;
    (void)logits;
    (void)lse;
    (void)err;
    return PHI_OK;
}

/* Logits that are saved are computed once more; nobody was asked then. */
START_TEST(saving_is_watched)
{
    const struct phi_eval_save save = {NULL, take_size, take_logits};
    uint32_t ids[128] = {0};
    struct model m = {0};
    const struct phi_source *one[1];
    size_t asked[2] = {0};

    model_open(&m, NULL);
    one[0] = m.source;
    for (int i = 0; i < 2; i++) {
        const struct phi_monitor monitor = {count_asked, &asked[i]};
        struct phi_eval_options opt = options_of(64, 1, NULL);
        struct phi_eval e = {0};

        opt.monitor = &monitor;
        opt.save = i == 1 ? &save : NULL;
        ck_ok(phi_eval_run(&e, one, 1, NULL, ids, 128, &opt, &err));
        phi_eval_release(&e);
    }
    ck_assert_uint_gt(asked[1], asked[0]);
    model_close(&m);
}
END_TEST

START_TEST(what_cannot_be_evaluated)
{
    struct phi_eval_options opt = options_of(64, 1, NULL);
    uint32_t ids[128] = {0};
    struct phi_eval e = {0};
    struct model m = {0};
    const struct phi_source *one[1];

    model_open(&m, NULL);
    one[0] = m.source;
    ck_refused(phi_eval_run(&e, one, 1, NULL, ids, 127, &opt, &err), PHI_E_ARG,
               "127");
    phi_eval_release(&e);
    ids[100] = 2048;
    ck_refused(phi_eval_run(&e, one, 1, NULL, ids, 128, &opt, &err),
               PHI_E_FORMAT, "2048");
    phi_eval_release(&e);
    opt.engine.n_ctx = 513;
    ck_refused(phi_eval_run(&e, one, 1, NULL, ids, 128, &opt, &err), PHI_E_ARG,
               "513");
    phi_eval_release(&e);
    model_close(&m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("perplexity");
    TCase *t = tcase_create("perplexity");

    tcase_add_test(t, primer_in_windows_of_512);
    tcase_add_test(t, primer_in_windows_of_128);
    tcase_add_test(t, longer_texts);
    tcase_add_loop_test(t, adapters_on_longer_texts, 0, NADAPTERS);
    tcase_add_test(t, logits_of_the_first_tokens);
    tcase_add_loop_test(t, logits_with_adapters, 0, NADAPTERS);
    tcase_add_test(t, threads_and_levels_change_nothing);
    tcase_add_test(t, saving_is_watched);
    tcase_add_test(t, what_cannot_be_evaluated);
    tcase_set_timeout(t, 900);
    suite_add_tcase(s, t);
    return unit_main(s);
}
