/* SPDX-License-Identifier: MIT */
#include "libconv/engine/engine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/base/par.h"
#include "libconv/engine/attention.h"
#include "libconv/engine/linear.h"
#include "libconv/engine/rope.h"
#include "libconv/quant/quant.h"

/* Tokens that a thread takes at a time where the work on each is small. */
#define GRAIN 16

struct phi_engine {
    struct phi_engine_options options;
    struct phi_weights weights;
    struct phi_rope rope;
};

enum phi_status phi_engine_open(struct phi_engine **out,
                                const struct phi_source *s,
                                const struct phi_engine_options *options,
                                struct phi_err *err)
{
    struct phi_engine *e = phi_alloc(1, sizeof(*e), err);
    enum phi_status st;

    if (e == NULL)
        return PHI_E_NOMEM;
    e->options = *options;
    st = phi_weights_init(&e->weights, s, err);
    if (st == PHI_OK && options->n_ctx > e->weights.hparams.n_ctx)
        st = phi_fail(err, PHI_E_ARG,
                      "%s: a context of %zu tokens is longer than the model's "
                      "%zu",
                      s->path, options->n_ctx, e->weights.hparams.n_ctx);
    if (st == PHI_OK)
        st = phi_rope_init(&e->rope, &e->weights.hparams, options->n_ctx, err);
    if (st == PHI_OK)
        *out = e;
    else
        phi_engine_close(e);
    return st;
}

void phi_engine_close(struct phi_engine *e)
{
    if (e == NULL)
        return;
    phi_rope_release(&e->rope);
    phi_weights_release(&e->weights);
    free(e);
}

const struct phi_hparams *phi_engine_hparams(const struct phi_engine *e)
{
    return &e->weights.hparams;
}

/* One pass, for the functions that run over its tokens. */
struct pass {
    const struct phi_engine *e;
    struct phi_space *space;
    const struct phi_batch *batch;
    const float *norm_w;
    const float *norm_b;
    float *hidden;
    const struct phi_monitor *monitor;
};

static void embed(void *ctx, size_t first, size_t count, size_t worker)
{
    const struct pass *p = ctx;
    const struct phi_matrix *embd = &p->e->weights.embd;
    struct phi_space_worker *own = &p->space->workers[worker];
    enum phi_status st;

    for (size_t t = first; t < first + count; t++) {
        if (!phi_space_wants(own, t))
            return;
        st = phi_matrix_read(embd, p->batch->tokens[t], 1, own->raw.p,
                             &own->err);
        if (st != PHI_OK) {
            own->status = st;
            own->item = t;
            return;
        }
        phi_quant_to_f32(phi_matrix_dtype(embd), own->raw.p, embd->ncols,
                         (float *)p->space->x.p + t * embd->ncols);
    }
}

/* Row `from` of the residual stream, normalised. */
static void norm_row(const struct pass *p, float *to, size_t from)
{
    const struct phi_hparams *h = &p->e->weights.hparams;

    p->e->options.kernels->vec->norm(
        to, (const float *)p->space->x.p + from * h->n_embd, p->norm_w,
        p->norm_b, h->n_embd, h->norm_eps);
}

static void norm_all(void *ctx, size_t first, size_t count, size_t worker)
{
    const struct pass *p = ctx;
    const size_t n_embd = p->e->weights.hparams.n_embd;

    (void)worker;
    for (size_t t = first; t < first + count; t++)
        norm_row(p, (float *)p->space->h.p + t * n_embd, t);
}

/* Where the i-th position that counts is in the residual stream. */
static size_t counted_row(const struct pass *p, size_t i)
{
    const struct phi_batch *b = p->batch;

    return i / b->count * p->e->options.n_ctx + b->first + i % b->count;
}

static void norm_counted(void *ctx, size_t first, size_t count, size_t worker)
{
    const struct pass *p = ctx;
    const size_t n_embd = p->e->weights.hparams.n_embd;

    (void)worker;
    for (size_t i = first; i < first + count; i++)
        norm_row(p, p->hidden + i * n_embd, counted_row(p, i));
}

/* The same once keep_counted() has moved them. */
static void norm_kept(void *ctx, size_t first, size_t count, size_t worker)
{
    const struct pass *p = ctx;
    const size_t n_embd = p->e->weights.hparams.n_embd;

    (void)worker;
    for (size_t i = first; i < first + count; i++)
        norm_row(p, p->hidden + i * n_embd, i);
}

/* The residual stream of the positions that count moves to its beginning. */
static void keep_counted(const struct pass *p)
{
    const size_t n_embd = p->e->weights.hparams.n_embd;
    float *const x = p->space->x.p;

    for (size_t i = 0; i < p->batch->nwindows * p->batch->count; i++)
        memmove(x + i * n_embd, x + counted_row(p, i) * n_embd,
                n_embd * sizeof(*x));
}

/* Queries at positions [first, first + count) of each window become what they
 * find: attention.h. */
static void attend(const struct pass *p, const struct phi_layer *l,
                   size_t first, size_t count)
{
    const struct phi_engine_options *o = &p->e->options;
    const struct phi_attention attention = {
        .space = p->space,
        .kernels = o->kernels,
        .gemm = phi_linear_gemm(o->kernels, o->act),
        .hparams = &p->e->weights.hparams,
        .layer = l,
        .rope = &p->e->rope,
        .nthreads = o->nthreads,
        .nwindows = p->batch->nwindows,
        .n_ctx = o->n_ctx,
        .first = first,
        .count = count,
    };

    phi_attention_run(&attention);
}

/* x += o(attention) + down(mlp), as the layer's other jobs are run. */
static enum phi_status add_branches(const struct pass *p,
                                    const struct phi_layer *l,
                                    const struct phi_linear_run *layer,
                                    struct phi_err *err)
{
    struct phi_space *s = p->space;
    const struct phi_linear out = {
        .term = {{&l->o, s->q.p}, {&l->down, s->ff.p}},
        .nterms = 2,
        .epilogue = PHI_EPILOGUE_ADD,
        .y = s->x.p,
        .ldy = p->e->weights.hparams.n_embd,
    };
    struct phi_linear_run run = *layer;

    run.jobs = &out;
    run.njobs = 1;
    return phi_linear_run(s, &run, err);
}

/*
 * Of the last layer only keys and values are needed at every position; all
 * the rest is computed for the positions that count, whose rows are then the
 * first of the residual stream.
 */
static enum phi_status do_layer(struct pass *p, size_t i, struct phi_err *err)
{
    const struct phi_layer *l = &p->e->weights.layers[i];
    const struct phi_engine_options *o = &p->e->options;
    const struct phi_hparams *h = &p->e->weights.hparams;
    const struct phi_batch *b = p->batch;
    const size_t kv = h->n_head_kv * h->head_dim;
    const bool last = i + 1 == h->n_layer;
    const size_t first = last ? b->first : 0;
    const size_t count = last ? b->count : o->n_ctx;
    struct phi_space *s = p->space;
    const float *const x = last ? p->hidden : s->h.p;
    struct phi_ready ff = {.x = s->ff.p,
                           .stride = phi_linear_stride(o->act, h->n_ff)};
    /* Between the two halves of the MLP nothing is stored in f32. */
    const bool hand_over = phi_linear_is_integer(o->act, &l->down);
    const struct phi_linear in[] = {
        {.term = {{&l->k, s->h.p}}, .nterms = 1, .y = s->k.p, .ldy = kv},
        {.term = {{&l->v, s->h.p}}, .nterms = 1, .y = s->v.p, .ldy = kv},
        {.term = {{&l->q, x}}, .nterms = 1, .y = s->q.p, .ldy = h->n_embd},
        {.term = {{&l->up, x}},
         .nterms = 1,
         .epilogue = PHI_EPILOGUE_GELU,
         .y = s->ff.p,
         .ldy = h->n_ff,
         .ready = hand_over ? &ff : NULL},
    };
    struct phi_linear_run run = {
        .kernels = o->kernels,
        .nthreads = o->nthreads,
        .jobs = in,
        .njobs = last ? 2 : 4,
        .ntokens = b->nwindows * o->n_ctx,
        .act = o->act,
        .features = o->features,
        .monitor = p->monitor,
        .done = i,
        .total = h->n_layer,
    };
    enum phi_status st = PHI_OK;

    if (hand_over)
        st = phi_block_fit(&s->ff_act, run.ntokens, ff.stride, err);
    ff.blocks = s->ff_act.p;
    if (st == PHI_OK)
        st = phi_linear_run(s, &run, err);
    run.ntokens = b->nwindows * count;
    if (st == PHI_OK && last) {
        phi_par_for(o->nthreads, run.ntokens, GRAIN, norm_counted, p);
        keep_counted(p);
        run.jobs = in + 2;
        st = phi_linear_run(s, &run, err);
    }
    if (st != PHI_OK)
        return st;
    attend(p, l, first, count);
    run.ready = hand_over ? &ff : NULL;
    return add_branches(p, l, &run, err);
}

static enum phi_status check_tokens(const struct phi_engine *e,
                                    const struct phi_batch *b,
                                    struct phi_err *err)
{
    const size_t n_vocab = e->weights.hparams.n_vocab;

    for (size_t t = 0; t < b->nwindows * e->options.n_ctx; t++) {
        if (b->tokens[t] >= n_vocab)
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: the tokenizer gives token %" PRIu32
                            ", but the embedding has %zu rows",
                            e->weights.embd.source->path, b->tokens[t],
                            n_vocab);
    }
    return PHI_OK;
}

enum phi_status phi_engine_forward(const struct phi_engine *e,
                                   struct phi_space *space,
                                   const struct phi_batch *batch, float *hidden,
                                   const struct phi_monitor *m,
                                   struct phi_err *err)
{
    const struct phi_weights *w = &e->weights;
    const size_t nthreads = e->options.nthreads;
    const size_t n = batch->nwindows * e->options.n_ctx;
    const struct phi_space_size size = {w, nthreads, batch->nwindows,
                                        e->options.n_ctx};
    struct pass p = {
        .e = e, .space = space, .batch = batch, .hidden = hidden, .monitor = m};
    enum phi_status st = check_tokens(e, batch, err);

    if (st == PHI_OK)
        st = phi_space_fit(space, &size, err);
    if (st != PHI_OK)
        return st;
    phi_par_for(nthreads, n, GRAIN, embed, &p);
    st = phi_space_status(space, err);
    for (size_t i = 0; st == PHI_OK && i < w->hparams.n_layer; i++) {
        p.norm_w = w->layers[i].norm_w;
        p.norm_b = w->layers[i].norm_b;
        phi_par_for(nthreads, n, GRAIN, norm_all, &p);
        st = do_layer(&p, i, err);
        if (st == PHI_OK)
            st = phi_monitor_tick(m, i + 1, w->hparams.n_layer, NULL, err);
    }
    if (st != PHI_OK)
        return st;
    p.norm_w = w->norm_w;
    p.norm_b = w->norm_b;
    phi_par_for(nthreads, batch->nwindows * batch->count, GRAIN, norm_kept, &p);
    return PHI_OK;
}

enum phi_status phi_engine_head(const struct phi_engine *e,
                                struct phi_space *space,
                                const struct phi_head_part *part,
                                const struct phi_monitor *m,
                                struct phi_err *err)
{
    const struct phi_matrix rows =
        phi_matrix_rows(&e->weights.head, part->row0, part->nrows);
    const struct phi_linear job = {.term = {{&rows, part->hidden}},
                                   .nterms = 1,
                                   .y = part->logits,
                                   .ldy = part->ld};
    const struct phi_linear_run run = {
        .kernels = e->options.kernels,
        .nthreads = e->options.nthreads,
        .jobs = &job,
        .njobs = 1,
        .ntokens = part->n,
        .act = e->options.act,
        .features = e->options.features,
        .monitor = m,
        .done = part->row0,
        .total = e->weights.head.nrows,
    };

    return phi_linear_run(space, &run, err);
}
