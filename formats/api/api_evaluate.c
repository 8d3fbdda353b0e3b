/* SPDX-License-Identifier: MIT */
/* phiconv_evaluate(): the tokens of the text, and the engine on them. */
#include <string.h>

#include "formats/api/api_parts.h"
#include "libconv/base/par.h"
#include "libconv/cpu/cpu.h"
#include "libconv/engine/perplexity.h"
#include "libconv/text/tokenizer.h"

#define WINDOW 512

struct encoded {
    struct phi_tokens tokens;
    bool add_bos;
    uint32_t bos;
};

/* Bytes of the text are no tokens: none are done before the engine runs. */
static bool go_on(void *ctx, uint64_t done, uint64_t total, const char *note)
{
    const struct phiconv_ticker *t = ctx;

    (void)done;
    (void)note;
    return t->progress == NULL || t->progress(t->context, 0, total) == 0;
}

static enum phi_status encode(struct encoded *out, const struct phi_source *s,
                              const char *text, size_t n, size_t nthreads,
                              struct phiconv_ticker *ticker,
                              struct phi_err *err)
{
    const struct phi_monitor monitor = {go_on, ticker};
    const struct phi_encode_options how = {.nthreads = nthreads,
                                           .monitor = &monitor};
    struct phi_tokenizer *t = NULL;
    enum phi_status st = phi_tokenizer_new(&t, &s->meta, err);

    if (st != PHI_OK)
        return phi_err_prefix(err, "%s", s->path);
    out->add_bos = phi_tokenizer_add_bos(t, &out->bos);
    st = phi_tokenizer_encode(t, text, n, &how, &out->tokens, err);
    phi_tokenizer_free(t);
    return st;
}

/* Numbers of two models can be compared only on the same tokens. */
static enum phi_status check_same(const struct encoded *a,
                                  const struct encoded *b,
                                  const struct phi_source *s,
                                  struct phi_err *err)
{
    const bool same =
        a->tokens.n == b->tokens.n &&
        (a->tokens.n == 0 || memcmp(a->tokens.id, b->tokens.id,
                                    a->tokens.n * sizeof(uint32_t)) == 0) &&
        a->add_bos == b->add_bos && (!a->add_bos || a->bos == b->bos);

    if (same)
        return PHI_OK;
    return phi_fail(err, PHI_E_FORMAT,
                    "%s: makes other tokens of the text than the model",
                    s->path);
}

static void fill(struct phiconv_evaluation *out, const struct phi_eval *e,
                 bool compared)
{
    const struct phi_eval_result *r = &e->results[0];

    *out = (struct phiconv_evaluation){.perplexity = r->ppl,
                                       .perplexity_error = r->ppl_error,
                                       .scored = e->scored};
    if (!compared)
        return;
    out->mean_kld = r->against.mean_kld;
    out->mean_kld_error = r->against.kld_error;
    out->max_kld = r->against.max_kld;
    out->same_top = r->against.same_top;
    out->same_top_error = r->against.same_top_error;
    out->ln_ratio = r->against.ln_ratio;
    out->ln_ratio_error = r->against.ln_ratio_error;
}

static enum phi_status evaluate(const struct phi_source *s,
                                const struct phi_source *reference,
                                const char *text, size_t n,
                                const struct phiconv_evaluate_options *o,
                                struct phiconv_evaluation *out,
                                struct phi_err *err)
{
    const size_t nthreads = o->threads > 0 ? o->threads : phi_par_default();
    struct phiconv_ticker ticker = {o->progress, o->context};
    const struct phi_monitor monitor = phiconv_monitor(&ticker);
    struct encoded own = {0};
    struct encoded other = {0};
    struct phi_eval eval = {0};
    struct phi_eval_options opt = {
        .engine = {.kernels = phi_kernels_select(phi_cpu_detect()),
                   .nthreads = nthreads,
                   .n_ctx = o->window > 0 ? o->window : WINDOW,
                   .act = PHI_ENGINE_EXACT,
                   .features = phi_cpu_detect()},
        .max_windows = o->max_windows,
        .monitor = &monitor};
    enum phi_status st = encode(&own, s, text, n, nthreads, &ticker, err);

    if (st == PHI_OK && reference != NULL)
        st = encode(&other, reference, text, n, nthreads, &ticker, err);
    if (st == PHI_OK && reference != NULL)
        st = check_same(&own, &other, reference, err);
    if (st != PHI_OK)
        goto out;
    opt.add_bos = own.add_bos;
    opt.bos = own.bos;
    st = phi_eval_run(&eval, &s, 1, reference, own.tokens.id, own.tokens.n,
                      &opt, err);
    /* What was computed is of the files as they are. */
    if (st == PHI_OK)
        st = phi_source_unchanged(s, err);
    if (st == PHI_OK && reference != NULL)
        st = phi_source_unchanged(reference, err);
    if (st == PHI_OK)
        fill(out, &eval, reference != NULL);
out:
    phi_eval_release(&eval);
    phi_tokens_release(&own.tokens);
    phi_tokens_release(&other.tokens);
    return st;
}

enum phiconv_status phiconv_evaluate(
    struct phiconv_model *model, struct phiconv_model *reference,
    const char *text, size_t n, const struct phiconv_evaluate_options *options,
    struct phiconv_evaluation *out, struct phiconv_error *error)
{
    struct phiconv_evaluate_options o = PHICONV_EVALUATE_OPTIONS;
    struct phi_err err = {0};
    enum phi_status st = PHI_OK;

    if (options != NULL)
        st = phiconv_take_options(&o, sizeof(o), options, options->size, &err);
    if (st == PHI_OK)
        st = evaluate(phiconv_source_of(model),
                      reference != NULL ? phiconv_source_of(reference) : NULL,
                      text, n, &o, out, &err);
    return phiconv_fail(error, st, &err);
}
