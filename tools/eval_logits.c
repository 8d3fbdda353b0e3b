/* SPDX-License-Identifier: MIT */
#include "tools/eval_logits.h"

/* ---- a logits file as the reference -------------------------------------- */

enum phi_status eval_logits_check_options(const struct phi_source *s,
                                          uint64_t *n_ctx, uint64_t stride,
                                          struct phi_err *err)
{
    const uint32_t have = phi_logits_head(s)->n_ctx;

    if (stride != 0)
        return phi_fail(err, PHI_E_ARG,
                        "%s: the windows of a logits file lie side by side, "
                        "which --stride is not",
                        s->path);
    if (*n_ctx != 0 && *n_ctx != have)
        return phi_fail(err, PHI_E_ARG,
                        "%s: has windows of %lu tokens, which -c %llu is not",
                        s->path, (unsigned long)have,
                        (unsigned long long)*n_ctx);
    *n_ctx = have;
    return PHI_OK;
}

enum phi_status eval_logits_tokens(const struct phi_source *s,
                                   struct phi_tokens *tokens, const char *text,
                                   struct phi_err *err)
{
    const struct phi_logits_head *h = phi_logits_head(s);
    const uint32_t *const want = phi_logits_tokens(s);
    const size_t n = (size_t)h->nwindows * h->n_ctx;

    for (size_t i = 0; text != NULL && i < n; i++) {
        if (i == tokens->n)
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: has %lu windows of %lu tokens, but %s has "
                            "only %zu tokens",
                            s->path, (unsigned long)h->nwindows,
                            (unsigned long)h->n_ctx, text, i);
        if (tokens->id[i] != want[i])
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: is of another text than %s, or of another "
                            "tokenizer: window %zu, position %zu is token "
                            "%lu, not %lu",
                            s->path, text, i / h->n_ctx, i % h->n_ctx,
                            (unsigned long)want[i],
                            (unsigned long)tokens->id[i]);
    }
    tokens->n = 0;
    return phi_tokens_put(tokens, want, n, err);
}

static enum phi_status read_stored(void *ctx, size_t window, size_t i,
                                   size_t first, size_t n, float *to,
                                   struct phi_err *err)
{
    const struct eval_logits *l = ctx;

    return phi_logits_read(l->reference, window, i, first, n, to, err);
}

enum phi_status eval_logits_use_reference(struct eval_logits *l,
                                          const struct phi_source *s,
                                          struct phi_eval_options *options,
                                          struct phi_err *err)
{
    const struct phi_logits_head *h = phi_logits_head(s);
    const size_t most = options->max_windows;

    l->reference = s;
    l->stored = (struct phi_eval_stored){l, h->n_vocab, read_stored};
    options->stored = &l->stored;
    return phi_logits_check(
        s, most != 0 && most < h->nwindows ? most : h->nwindows, err);
}

/* ---- a logits file that is written --------------------------------------- */

static enum phi_status begin(void *ctx, size_t n_vocab, size_t nwindows,
                             struct phi_err *err)
{
    struct eval_logits *l = ctx;
    const struct phi_logits_head head = {(uint32_t)l->n_ctx, (uint32_t)n_vocab,
                                         (uint32_t)nwindows};

    return phi_logits_create(&l->writer, l->path, &head, l->tokens->id,
                             l->replace, err);
}

static enum phi_status add(void *ctx, const float *logits, double lse,
                           struct phi_err *err)
{
    const struct eval_logits *l = ctx;

    return phi_logits_add(l->writer, logits, (float)lse, err);
}

void eval_logits_save_to(struct eval_logits *l, const char *path, bool replace,
                         const struct phi_tokens *tokens,
                         struct phi_eval_options *options)
{
    l->path = path;
    l->replace = replace;
    l->tokens = tokens;
    l->n_ctx = options->engine.n_ctx;
    l->save = (struct phi_eval_save){l, begin, add};
    options->save = &l->save;
}

enum phi_status eval_logits_commit(struct eval_logits *l, struct phi_err *err)
{
    return l->writer != NULL ? phi_logits_commit(l->writer, err) : PHI_OK;
}

void eval_logits_release(struct eval_logits *l)
{
    phi_logits_writer_close(l->writer);
    *l = (struct eval_logits){0};
}
