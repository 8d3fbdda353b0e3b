/* SPDX-License-Identifier: MIT */
/*
 * Perplexity by llama-perplexity's method, and the Kullback-Leibler divergence
 * from a reference that runs in lock-step on the same windows.
 *
 * The tokens are cut into windows of n_ctx; what is left at the end is unused.
 * Each window is evaluated alone. Its first half is context only: positions
 * n_ctx/2 .. n_ctx-2 predict the token after them, n_ctx - 1 - n_ctx/2 scored
 * predictions a window. nll = ln(sum e^logit) - logit of the token, over all
 * rows of the vocabulary; perplexity = e^(mean nll).
 *
 * The vocabulary goes by in slabs, so that nothing of the size of tokens times
 * vocabulary is kept. All results are the same bits for any number of threads
 * and any level of kernels.
 */
#ifndef PHI_ENGINE_PERPLEXITY_H
#define PHI_ENGINE_PERPLEXITY_H

#include "libconv/base/monitor.h"
#include "libconv/engine/engine.h"

struct phi_eval_options {
    struct phi_engine_options engine;
    size_t max_windows; /* 0: all that the text has */
    bool add_bos;       /* the first token of a window becomes `bos` */
    uint32_t bos;
    const struct phi_monitor *monitor; /* or NULL; in tokens */
};

/* Percentiles of the divergences of positions that are reported. */
#define PHI_EVAL_NPERCENTILES 11
extern const double phi_eval_percentiles[PHI_EVAL_NPERCENTILES];

/* A model against the reference, over the scored positions. */
struct phi_eval_against {
    double mean_kld; /* of KL(reference || model), in nats */
    double kld_error;
    double min_kld;
    double max_kld;
    double percentiles[PHI_EVAL_NPERCENTILES];
    double same_top; /* part of positions whose likeliest token is the same */
    double same_top_error;
    double ln_ratio; /* ln(perplexity / the reference's), paired */
    double ln_ratio_error;
};

struct phi_eval_result {
    double ppl;
    double ppl_error; /* standard error, as all of them */
    double mean_nll;
    double mean_nll_error;
    double *window_nll;              /* (nwindows) sums */
    struct phi_eval_against against; /* zero without a reference */
};

struct phi_eval {
    size_t nwindows;
    size_t scored;                   /* predictions in all */
    size_t nmodels;                  /* as given */
    struct phi_eval_result *results; /* (nmodels + 1): the reference is last */
};

/*
 * Evaluates the models, and the reference unless it is NULL, on one sequence
 * of tokens. Fails with PHI_E_ARG if there are fewer than 2 n_ctx tokens or
 * n_ctx is longer than a model's context, PHI_E_FORMAT if vocabularies differ
 * in size or do not hold a token, or logits are not finite. Release *out after
 * success and after errors.
 */
enum phi_status phi_eval_run(struct phi_eval *out,
                             const struct phi_source *const *models,
                             size_t nmodels, const struct phi_source *reference,
                             const uint32_t *tokens, size_t ntokens,
                             const struct phi_eval_options *options,
                             struct phi_err *err);
void phi_eval_release(struct phi_eval *e);

/*
 * The logits after each token of the first window: *out (n_ctx, *n_vocab), to
 * be released with free().
 */
enum phi_status phi_eval_logits(float **out, size_t *n_vocab,
                                const struct phi_source *model,
                                const uint32_t *tokens, size_t ntokens,
                                const struct phi_eval_options *options,
                                struct phi_err *err);

#endif
