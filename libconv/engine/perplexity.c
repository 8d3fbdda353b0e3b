/* SPDX-License-Identifier: MIT */
#include "libconv/engine/perplexity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/base/par.h"
#include "libconv/engine/perplexity_parts.h"
#include "libconv/kernels/elementary.h"

/* Rows of the vocabulary whose logits are kept at a time. */
#define SLAB 2048

/* A batch has at most this many tokens (at least one window) and bytes. */
#define BATCH_TOKENS 4096
#define BATCH_NBYTES ((size_t)256 << 20)

/* Positions that a thread takes at a time. */
#define GRAIN 8

static enum phi_status open_all(struct phi_evaluation *e, struct phi_err *err)
{
    const struct phi_eval_stored *stored = e->options->stored;
    size_t nbytes = 0;

    for (size_t i = 0; i < e->nengines; i++) {
        const struct phi_hparams *h;
        const enum phi_status st = phi_engine_open(
            &e->all[i].engine, e->all[i].source, &e->options->engine, err);

        if (st != PHI_OK)
            return st;
        h = phi_engine_hparams(e->all[i].engine);
        if (i == 0)
            e->n_vocab = h->n_vocab;
        if (h->n_vocab != e->n_vocab)
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: a vocabulary of %zu, but %s has %zu",
                            e->all[i].source->path, h->n_vocab,
                            e->all[0].source->path, e->n_vocab);
        if (phi_space_token_nbytes(h) > nbytes)
            nbytes = phi_space_token_nbytes(h);
    }
    if (stored != NULL && stored->n_vocab != e->n_vocab)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: a vocabulary of %zu, but %s has %zu",
                        e->reference->source->path, stored->n_vocab,
                        e->all[0].source->path, e->n_vocab);
    e->batch_windows = BATCH_NBYTES / nbytes;
    if (e->batch_windows > BATCH_TOKENS)
        e->batch_windows = BATCH_TOKENS;
    e->batch_windows /= e->options->engine.n_ctx;
    if (e->batch_windows > e->out->nplanned)
        e->batch_windows = e->out->nplanned;
    if (e->batch_windows == 0)
        e->batch_windows = 1;
    return PHI_OK;
}

static size_t slab_rows(const struct phi_evaluation *e)
{
    return e->n_vocab < SLAB ? e->n_vocab : SLAB;
}

/* What is kept of a model that is compared. */
static enum phi_status room_to_compare(struct phi_evaluation *e,
                                       struct phi_contender *c,
                                       struct phi_err *err)
{
    struct phi_eval_result *r = &e->out->results[c - e->all];
    const size_t n = e->batch_windows * e->out->per_window;
    const size_t nplanned = e->out->nplanned;
    const size_t nscored = nplanned * e->out->per_window;

    c->kld = phi_alloc(n, sizeof(*c->kld), err);
    c->klds = phi_alloc(nscored, sizeof(*c->klds), err);
    c->dps = phi_alloc(nscored, sizeof(*c->dps), err);
    r->window_kld = phi_alloc(nplanned, sizeof(*r->window_kld), err);
    r->window_same = phi_alloc(nplanned, sizeof(*r->window_same), err);
    return c->kld == NULL || c->klds == NULL || c->dps == NULL ||
                   r->window_kld == NULL || r->window_same == NULL
               ? PHI_E_NOMEM
               : PHI_OK;
}

static enum phi_status room_for(struct phi_evaluation *e,
                                struct phi_contender *c, struct phi_err *err)
{
    struct phi_eval_result *r = &e->out->results[c - e->all];
    const size_t n = e->batch_windows * e->out->per_window;
    /* Nothing is computed of what is stored. */
    const size_t n_embd =
        c->engine != NULL ? phi_engine_hparams(c->engine)->n_embd : 1;

    c->hidden = phi_alloc_aligned(n, n_embd * sizeof(*c->hidden), err);
    c->lse = phi_alloc(n, sizeof(*c->lse), err);
    c->target = phi_alloc(n, sizeof(*c->target), err);
    r->window_nll = phi_alloc(e->out->nplanned, sizeof(*r->window_nll), err);
    if (c->hidden == NULL || c->lse == NULL || c->target == NULL ||
        r->window_nll == NULL)
        return PHI_E_NOMEM;
    c->logits = c == e->reference ? e->slab[0] : e->slab[1];
    if (e->reference == NULL || c == e->reference)
        return PHI_OK;
    return room_to_compare(e, c, err);
}

static enum phi_status room(struct phi_evaluation *e, struct phi_err *err)
{
    const size_t n = e->batch_windows * e->out->per_window;
    enum phi_status st = PHI_OK;

    e->batch_tokens =
        phi_alloc(e->batch_windows,
                  e->options->engine.n_ctx * sizeof(*e->batch_tokens), err);
    e->numbers = phi_alloc(phi_window_numbers(e), sizeof(*e->numbers), err);
    if (e->batch_tokens == NULL || e->numbers == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < 2; i++) {
        if (i == 0 && e->reference == NULL)
            continue;
        e->slab[i] =
            phi_alloc_aligned(n, slab_rows(e) * sizeof(*e->slab[i]), err);
        if (e->slab[i] == NULL)
            return PHI_E_NOMEM;
    }
    for (size_t i = 0; st == PHI_OK && i < e->n; i++)
        st = room_for(e, &e->all[i], err);
    return st;
}

/* Copies windows [w, w + n), with BOS at their front if the model has one. */
static void take_windows(const struct phi_evaluation *e, size_t w, size_t n)
{
    const size_t n_ctx = e->options->engine.n_ctx;

    for (size_t i = 0; i < n; i++) {
        uint32_t *to = e->batch_tokens + i * n_ctx;

        memcpy(to, e->tokens + (w + i) * e->out->step, n_ctx * sizeof(*to));
        if (e->options->add_bos)
            to[0] = e->options->bos;
    }
}

/* Turns a part of the work, such as one model's layers, into tokens. */
struct inner {
    const struct phi_monitor *outer; /* or NULL */
    const char *note;
    uint64_t from; /* tokens before the part */
    uint64_t span; /* that the part counts for */
    uint64_t all;
};

static bool inner_tick(void *ctx, uint64_t done, uint64_t total,
                       const char *note)
{
    const struct inner *in = ctx;
    const struct phi_monitor *m = in->outer;

    (void)note;
    if (m == NULL || m->tick == NULL)
        return true;
    return m->tick(m->ctx, in->from + in->span * done / total, in->all,
                   in->note);
}

/* What this run computes: rates are of it. */
static uint64_t all_tokens(const struct phi_evaluation *e)
{
    const uint64_t n = e->out->nplanned - e->out->nloaded;

    return n * e->options->engine.n_ctx * e->nengines;
}

static struct inner part_of(const struct phi_evaluation *e, uint64_t span)
{
    return (struct inner){e->options->monitor,
                          e->note[0] != '\0' ? e->note : NULL, e->done, span,
                          all_tokens(e)};
}

/* Of a model's n tokens, those its logits count for: as much as a layer. */
static uint64_t head_share(const struct phi_engine *engine, uint64_t n)
{
    const uint64_t parts = phi_engine_hparams(engine)->n_layer + 1;

    return n / parts + (n % parts != 0);
}

/* A piece of logits that threads absorb by positions. */
struct slab {
    const struct phi_evaluation *e;
    struct phi_contender *c;
    size_t row0;
    size_t nrows;
    size_t window; /* the batch's first */
};

static uint32_t next_token(const struct phi_evaluation *e, size_t window,
                           size_t i)
{
    const size_t n = e->out->per_window;

    return e->tokens[(window + i / n) * e->out->step + e->first + i % n + 1];
}

static void absorb(void *ctx, size_t first, size_t count, size_t worker)
{
    const struct slab *s = ctx;
    const struct phi_evaluation *e = s->e;
    struct phi_contender *c = s->c;
    const struct phi_vec_kernels *vec = e->options->engine.kernels->vec;
    const size_t ld = slab_rows(e);

    (void)worker;
    for (size_t i = first; i < first + count; i++) {
        const float *logits = c->logits + i * ld;
        const size_t target = next_token(e, s->window, i);

        vec->lse(&c->lse[i], logits, s->nrows);
        if (target >= s->row0 && target - s->row0 < s->nrows)
            c->target[i] = (double)logits[target - s->row0];
        if (c->engine == NULL)
            phi_stored_cut(c->logits + i * ld, s->nrows);
        if (c->kld != NULL)
            vec->kld(&c->kld[i], e->reference->logits + i * ld, logits,
                     s->nrows);
    }
}

/* The slab's logits of one model, into its sums. */
static enum phi_status do_slab(struct phi_evaluation *e,
                               struct phi_contender *c, size_t window, size_t n,
                               size_t row0, const struct phi_monitor *m,
                               struct phi_err *err)
{
    const size_t ld = slab_rows(e);
    const size_t left = e->n_vocab - row0;
    struct slab s = {e, c, row0, left < ld ? left : ld, window};
    const struct phi_head_part part = {c->hidden, n,         row0,
                                       s.nrows,   c->logits, ld};
    const enum phi_status st =
        c->engine != NULL
            ? phi_engine_head(c->engine, &e->space, &part, m, err)
            : phi_stored_slab(e, c, window, n, row0, s.nrows, ld, err);

    if (st == PHI_OK)
        phi_par_for(e->options->engine.nthreads, n, GRAIN, absorb, &s);
    return st;
}

static enum phi_status forward(struct phi_evaluation *e,
                               struct phi_contender *c, size_t nwindows,
                               struct phi_err *err)
{
    const struct phi_batch batch = {e->batch_tokens, nwindows, e->first,
                                    e->out->per_window};
    const uint64_t n = (uint64_t)nwindows * e->options->engine.n_ctx;
    struct inner in = part_of(e, n - head_share(c->engine, n));
    const struct phi_monitor m = {inner_tick, &in};
    const enum phi_status st =
        phi_engine_forward(c->engine, &e->space, &batch, c->hidden, &m, err);

    e->done += in.span;
    return st;
}

/* Before the first slab. */
static void clear_sums(struct phi_contender *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        c->lse[i] = (struct phi_lse){.max = -INFINITY};
        if (c->kld != NULL)
            c->kld[i] = (struct phi_kld){.max = -INFINITY};
    }
}

/* The logits of all models, slab by slab. */
static enum phi_status do_heads(struct phi_evaluation *e, size_t window,
                                size_t nwindows, struct phi_err *err)
{
    const size_t n = nwindows * e->out->per_window;
    struct inner in = part_of(e, 0);
    const struct phi_monitor m = {inner_tick, &in};
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < e->n; i++)
        clear_sums(&e->all[i], n);
    for (size_t i = 0; i < e->nengines; i++)
        in.span += head_share(e->all[i].engine,
                              (uint64_t)nwindows * e->options->engine.n_ctx);
    for (size_t row0 = 0; st == PHI_OK && row0 < e->n_vocab;
         row0 += slab_rows(e)) {
        /* The reference first: the others look at its logits. */
        for (size_t i = e->n; st == PHI_OK && i-- > 0;)
            st = do_slab(e, &e->all[i], window, n, row0, &m, err);
    }
    e->done += in.span;
    return st;
}

static void say_perplexity(struct phi_evaluation *e)
{
    const struct phi_sums *s = &e->all[0].sums;
    const double ppl = phi_exp_any_f64(phi_sums_mean(s));
    const double error = ppl * phi_sums_error(s);

    /* What a broken model gets has hundreds of digits. */
    if (isfinite(error))
        snprintf(e->note, sizeof(e->note),
                 ppl < 1e15 ? "ppl %.4f ± %.4f" : "ppl %.4g ± %.4g", ppl,
                 error);
    else
        snprintf(e->note, sizeof(e->note), ppl < 1e15 ? "ppl %.4f" : "ppl %.4g",
                 ppl);
}

static enum phi_status do_batch(struct phi_evaluation *e, size_t nwindows,
                                bool *enough, struct phi_err *err)
{
    const size_t window = e->out->nwindows;
    struct inner in;
    const struct phi_monitor m = {inner_tick, &in};
    enum phi_status st = PHI_OK;

    take_windows(e, window, nwindows);
    for (size_t i = 0; st == PHI_OK && i < e->nengines; i++)
        st = forward(e, &e->all[i], nwindows, err);
    if (st == PHI_OK)
        st = do_heads(e, window, nwindows, err);
    if (st == PHI_OK)
        st = phi_windows_score(e, nwindows, enough, err);
    in = part_of(e, 0);
    if (st == PHI_OK && e->options->save != NULL)
        st = phi_windows_save(e, nwindows, &m, err);
    if (st != PHI_OK)
        return st;
    say_perplexity(e);
    return phi_monitor_tick(e->options->monitor, e->done, all_tokens(e),
                            e->note, err);
}

size_t phi_eval_windows(size_t ntokens, size_t n_ctx,
                        const struct phi_eval_options *options)
{
    const size_t stride = options->stride;
    const size_t most = options->max_windows;
    const size_t n =
        stride > 0 ? (ntokens - n_ctx + stride - 1) / stride : ntokens / n_ctx;

    return most != 0 && n > most ? most : n;
}

/* Where windows begin, and which of their positions are scored. */
static enum phi_status place_windows(struct phi_evaluation *e, size_t ntokens,
                                     struct phi_err *err)
{
    const size_t n_ctx = e->options->engine.n_ctx;
    const size_t stride = e->options->stride;
    const size_t fewest = e->options->stored != NULL ? 1 : 2;
    struct phi_eval *out = e->out;

    if (n_ctx < 3)
        return phi_fail(err, PHI_E_ARG,
                        "a context of %zu tokens scores nothing, it needs 3",
                        n_ctx);
    if (stride >= n_ctx)
        return phi_fail(err, PHI_E_ARG,
                        "a stride of %zu is more than the %zu predictions of "
                        "a window",
                        stride, n_ctx - 1);
    if (ntokens / fewest < n_ctx)
        return phi_fail(err, PHI_E_ARG,
                        "you need at least %zu tokens to evaluate perplexity "
                        "with a context of %zu; the text has only %zu",
                        fewest * n_ctx, n_ctx, ntokens);
    out->step = stride > 0 ? stride : n_ctx;
    out->nplanned = phi_eval_windows(ntokens, n_ctx, e->options);
    e->first = stride > 0 ? n_ctx - 1 - stride : n_ctx / 2;
    out->per_window = n_ctx - 1 - e->first;
    return PHI_OK;
}

static void release(struct phi_evaluation *e)
{
    for (size_t i = 0; e->all != NULL && i < e->n; i++) {
        struct phi_contender *c = &e->all[i];

        phi_engine_close(c->engine);
        free(c->hidden);
        free(c->lse);
        free(c->kld);
        free(c->target);
        free(c->klds);
        free(c->dps);
    }
    free(e->all);
    free(e->batch_tokens);
    free(e->numbers);
    free(e->slab[0]);
    free(e->slab[1]);
    phi_space_release(&e->space);
}

static enum phi_status run(struct phi_evaluation *e, struct phi_err *err)
{
    const struct phi_eval_save *save = e->options->save;
    bool enough = false;
    enum phi_status st = open_all(e, err);

    if (st == PHI_OK)
        st = room(e, err);
    if (st == PHI_OK && save != NULL)
        st = save->begin(save->ctx, e->n_vocab, e->out->nplanned, err);
    if (st == PHI_OK)
        st = phi_windows_resume(e, &enough, err);
    while (st == PHI_OK && !enough && e->out->nwindows < e->out->nplanned) {
        const size_t left = e->out->nplanned - e->out->nwindows;

        st = do_batch(e, left < e->batch_windows ? left : e->batch_windows,
                      &enough, err);
    }
    if (st == PHI_OK)
        phi_windows_finish(e);
    return st;
}

enum phi_status phi_eval_run(struct phi_eval *out,
                             const struct phi_source *const *models,
                             size_t nmodels, const struct phi_source *reference,
                             const uint32_t *tokens, size_t ntokens,
                             const struct phi_eval_options *options,
                             struct phi_err *err)
{
    struct phi_evaluation e = {
        .options = options, .out = out, .tokens = tokens};
    enum phi_status st;

    *out = (struct phi_eval){.nmodels = nmodels};
    e.n = nmodels + (reference != NULL);
    e.nengines = e.n - (options->stored != NULL);
    st = place_windows(&e, ntokens, err);
    if (st != PHI_OK)
        return st;
    out->results = phi_alloc(nmodels + 1, sizeof(*out->results), err);
    e.all = phi_alloc(e.n, sizeof(*e.all), err);
    if (out->results == NULL || e.all == NULL) {
        st = PHI_E_NOMEM;
    } else {
        for (size_t i = 0; i < nmodels; i++)
            e.all[i].source = models[i];
        if (reference != NULL) {
            e.reference = &e.all[nmodels];
            e.reference->source = reference;
        }
        st = run(&e, err);
    }
    release(&e);
    return st;
}

void phi_eval_release(struct phi_eval *e)
{
    for (size_t i = 0; e->results != NULL && i <= e->nmodels; i++) {
        free(e->results[i].window_nll);
        free(e->results[i].window_kld);
        free(e->results[i].window_same);
    }
    free(e->results);
    *e = (struct phi_eval){0};
}

enum phi_status phi_eval_logits(float **out, size_t *n_vocab,
                                const struct phi_source *model,
                                const uint32_t *tokens, size_t ntokens,
                                const struct phi_eval_options *options,
                                struct phi_err *err)
{
    const size_t n_ctx = options->engine.n_ctx;
    struct phi_space space = {0};
    struct phi_engine *engine = NULL;
    struct phi_head_part part = {.n = n_ctx};
    uint32_t *window = NULL;
    float *hidden = NULL;
    float *logits = NULL;
    struct phi_batch batch = {.nwindows = 1, .count = n_ctx};
    struct inner in = {options->monitor, "logits", 0, 0, n_ctx};
    const struct phi_monitor m = {inner_tick, &in};
    enum phi_status st;

    if (ntokens < n_ctx)
        return phi_fail(err, PHI_E_ARG,
                        "a window of %zu tokens is wanted, the text has %zu",
                        n_ctx, ntokens);
    st = phi_engine_open(&engine, model, &options->engine, err);
    if (st != PHI_OK)
        return st;
    part.nrows = part.ld = phi_engine_hparams(engine)->n_vocab;
    window = phi_alloc(n_ctx, sizeof(*window), err);
    hidden = phi_alloc_aligned(
        n_ctx, phi_engine_hparams(engine)->n_embd * sizeof(*hidden), err);
    logits = phi_alloc_aligned(n_ctx, part.ld * sizeof(*logits), err);
    if (window == NULL || hidden == NULL || logits == NULL) {
        st = PHI_E_NOMEM;
        goto out;
    }
    memcpy(window, tokens, n_ctx * sizeof(*window));
    if (options->add_bos)
        window[0] = options->bos;
    batch.tokens = window;
    in.span = n_ctx - head_share(engine, n_ctx);
    st = phi_engine_forward(engine, &space, &batch, hidden, &m, err);
    if (st != PHI_OK)
        goto out;
    part.hidden = hidden;
    part.logits = logits;
    in.from = in.span;
    in.span = n_ctx - in.from;
    st = phi_engine_head(engine, &space, &part, &m, err);
    if (st != PHI_OK)
        goto out;
    *out = logits;
    *n_vocab = part.ld;
    logits = NULL;
out:
    free(logits);
    free(hidden);
    free(window);
    phi_space_release(&space);
    phi_engine_close(engine);
    return st;
}
