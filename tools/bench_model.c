/* SPDX-License-Identifier: MIT */
#include "tools/bench_model.h"

#include <stdlib.h>

#include "formats/model.h"
#include "libconv/base/clock.h"
#include "libconv/base/file.h"
#include "libconv/engine/hparams.h"
#include "libconv/engine/perplexity.h"
#include "libconv/text/tokenizer.h"
#include "tools/bench_synthetic.h"

#define RUNS 3

/* Tokens of a window if nobody says, or as many as the model has. */
#define DEFAULT_CTX 512

/* The largest text that is read. */
#define MAX_TEXT ((uint64_t)1 << 32)

static const struct bench_model_row integers[] = {
    {"model.exact", PHI_ENGINE_EXACT},
    {"model.fast", PHI_ENGINE_FAST},
};

static const struct bench_model_row floats[] = {
    {"model.f32", PHI_ENGINE_EXACT},
};

const struct bench_model_row *bench_model_rows(const struct phi_source *s,
                                               size_t *n)
{
    bool blocks = s == NULL;

    for (size_t i = 0; s != NULL && i < s->ntensors; i++)
        blocks = blocks || (s->tensors[i].rank == 2 &&
                            phi_panel_layout(s->tensors[i].dtype) != NULL);
    *n = blocks ? sizeof(integers) / sizeof(integers[0])
                : sizeof(floats) / sizeof(floats[0]);
    return blocks ? integers : floats;
}

/* As many tokens as runs need, spread over the vocabulary. */
static enum phi_status any_tokens(struct bench_model *m, size_t n_vocab,
                                  struct phi_err *err)
{
    const size_t n = m->windows * m->n_ctx;
    enum phi_status st = PHI_OK;
    uint32_t state = 1;

    for (size_t i = 0; st == PHI_OK && i < n; i++) {
        uint32_t id;

        state = state * 1664525 + 1013904223; /* Numerical Recipes' */
        id = (uint32_t)((uint64_t)state * n_vocab >> 32);
        st = phi_tokens_put(&m->tokens, &id, 1, err);
    }
    return st;
}

static enum phi_status tokens_of(struct bench_model *m, const char *path,
                                 struct phi_err *err)
{
    const struct phi_encode_options how = {.nthreads = m->nthreads,
                                           .monitor = m->monitor};
    struct phi_tokenizer *t = NULL;
    uint8_t *text = NULL;
    size_t n = 0;
    enum phi_status st = phi_tokenizer_new(&t, &m->source->meta, err);

    if (st != PHI_OK)
        return phi_err_prefix(err, "%s", m->source->path);
    st = phi_file_load_large(path, MAX_TEXT, m->monitor, &text, &n, err);
    if (st == PHI_OK) {
        st = phi_tokenizer_encode(t, (const char *)text, n, &how, &m->tokens,
                                  err);
        if (st != PHI_OK)
            phi_err_prefix(err, "%s", path);
    }
    if (st == PHI_OK && m->tokens.n / m->n_ctx < m->windows) {
        phi_fail(err, PHI_E_FORMAT,
                 "%s: has %zu tokens, expected at least %zu, %zu windows of "
                 "%zu",
                 path, m->tokens.n, m->windows * m->n_ctx, m->windows,
                 m->n_ctx);
        st = phi_hint(err, "-c N makes the windows shorter");
    }
    free(text);
    phi_tokenizer_free(t);
    return st;
}

enum phi_status bench_model_open(struct bench_model *m, const char *path,
                                 const char *text, struct phi_err *err)
{
    struct phi_hparams h;
    enum phi_status st = path != NULL ? phi_model_open(&m->source, path, err)
                                      : bench_synthetic_open(&m->source, err);

    if (st != PHI_OK || (st = phi_hparams_read(&h, m->source, err)) != PHI_OK)
        return st;
    if (m->n_ctx == 0)
        m->n_ctx = h.n_ctx < DEFAULT_CTX ? h.n_ctx : DEFAULT_CTX;
    if (m->n_ctx > h.n_ctx)
        return phi_fail(err, PHI_E_ARG,
                        "%s: a context of %zu tokens is longer than the "
                        "model's %zu",
                        m->source->path, m->n_ctx, h.n_ctx);
    return text != NULL ? tokens_of(m, text, err)
                        : any_tokens(m, h.n_vocab, err);
}

void bench_model_release(struct bench_model *m)
{
    phi_tokens_release(&m->tokens);
    phi_source_close(m->source);
    m->source = NULL;
}

static enum phi_status measure(const struct bench_model *m,
                               enum phi_engine_act act, size_t nthreads,
                               struct bench_rate *out, struct phi_err *err)
{
    const struct phi_source *const models[] = {m->source};
    const struct phi_eval_options options = {
        .engine = {.kernels = phi_kernels_select(m->features),
                   .nthreads = nthreads,
                   .n_ctx = m->n_ctx,
                   .act = act,
                   .features = m->features},
        .max_windows = m->windows,
        .monitor = m->monitor};
    double rates[RUNS] = {0};

    for (size_t i = 0; i < RUNS; i++) {
        const double begin = phi_clock_now();
        struct phi_eval eval = {0};
        const enum phi_status st = phi_eval_run(
            &eval, models, 1, NULL, m->tokens.id, m->tokens.n, &options, err);

        phi_eval_release(&eval);
        if (st != PHI_OK)
            return st;
        rates[i] = (double)(m->windows * m->n_ctx) / (phi_clock_now() - begin);
    }
    *out = bench_rate_of(rates, RUNS);
    return PHI_OK;
}

enum phi_status bench_model_time(const struct bench_model *m,
                                 enum phi_engine_act act,
                                 struct bench_result *out, struct phi_err *err)
{
    enum phi_status st;

    *out = (struct bench_result){0};
    st = measure(m, act, 1, &out->one, err);
    if (st == PHI_OK && m->nthreads > 1)
        st = measure(m, act, m->nthreads, &out->all, err);
    return st;
}
