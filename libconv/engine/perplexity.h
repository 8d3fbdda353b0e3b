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
 * With a stride of S, windows begin S tokens apart, as long as there is a
 * token after one, and each scores its last S predictions: every token from
 * n_ctx - S to the end of the last window is predicted once, from n_ctx - S or
 * more before it.
 * llama-perplexity --ppl-stride does the same with windows that are longer
 * than it was told; it says so at its start.
 *
 * The vocabulary goes by in slabs, so that nothing of the size of tokens times
 * vocabulary is kept. All results are the same bits for any number of threads
 * and any level of kernels.
 */
#ifndef PHI_ENGINE_PERPLEXITY_H
#define PHI_ENGINE_PERPLEXITY_H

#include <stdbool.h>

#include "libconv/base/monitor.h"
#include "libconv/engine/engine.h"

/*
 * Keeps the numbers of windows that are done, so that a run that was stopped
 * goes on from there, to the same digits: sums are made of them in order, as
 * if all had been computed at once.
 */
struct phi_eval_journal {
    void *ctx;
    /* The n numbers of a window, as save() got them; *found is false if they
     * are not there. Asked for windows 0, 1, ... until one is not. */
    enum phi_status (*load)(void *ctx, size_t window, double *numbers, size_t n,
                            bool *found, struct phi_err *err);
    /* Windows come in order, right after those that were loaded. */
    enum phi_status (*save)(void *ctx, size_t window, const double *numbers,
                            size_t n, struct phi_err *err);
};

struct phi_eval;

/*
 * Asked after each window, in order; true ends the run there. so_far has what
 * the windows before give, but for minimum, maximum, percentiles and bins.
 */
struct phi_eval_stop {
    void *ctx;
    bool (*enough)(void *ctx, const struct phi_eval *so_far);
};

/*
 * What a model said of the windows when it ran before, as llama.cpp keeps it
 * (formats/logits_file.h); it stands for the reference. Numbers are then
 * llama-perplexity's: p is taken as it is stored, tokens of ln p <= -16 are
 * left out of the divergence, which can be a little less than zero, and a true
 * token that is further below the best than 16 counts as 16 below.
 */
struct phi_eval_stored {
    void *ctx;
    size_t n_vocab;
    /* ln p of tokens [first, first + n), at position i of a window's scored
     * ones; all of a window's make 1. */
    enum phi_status (*read)(void *ctx, size_t window, size_t i, size_t first,
                            size_t n, float *to, struct phi_err *err);
};

/* Gets the logits of the first model's scored positions, in order. */
struct phi_eval_save {
    void *ctx;
    /* Before anything is computed: how much there will be. */
    enum phi_status (*begin)(void *ctx, size_t n_vocab, size_t nwindows,
                             struct phi_err *err);
    /* One position: logits (n_vocab), and ln(sum of e^(logit - largest)). */
    enum phi_status (*add)(void *ctx, const float *logits, double lse,
                           struct phi_err *err);
};

struct phi_eval_options {
    struct phi_engine_options engine;
    size_t stride;      /* 0: windows lie side by side */
    size_t max_windows; /* 0: all that the text has */
    bool add_bos;       /* the first token of a window becomes `bos` */
    uint32_t bos;
    const struct phi_monitor *monitor; /* or NULL; in tokens of the windows that
                                          no journal has */
    const struct phi_eval_journal *journal; /* or NULL */
    const struct phi_eval_stop *stop;       /* or NULL */
    const struct phi_eval_stored *stored;   /* or NULL; without a stride */
    const struct phi_eval_save *save; /* or NULL; without journal and stop */
};

/* Percentiles of the divergences of positions that are reported. */
#define PHI_EVAL_NPERCENTILES 11
extern const double phi_eval_percentiles[PHI_EVAL_NPERCENTILES];

/* Divergences by size: bin i > 0 holds those from 10^((i - 1) / 4 - 6) up to
 * the next bin's; bin 0 the smaller ones, the last all that are larger. */
#define PHI_EVAL_NBINS 30

/* A model against the reference, over the scored positions. */
struct phi_eval_against {
    double mean_kld; /* of KL(reference || model), in nats */
    double kld_error;
    double min_kld;
    double max_kld;
    double percentiles[PHI_EVAL_NPERCENTILES];
    size_t bins[PHI_EVAL_NBINS];
    /* Probability of the true token less the reference's: Delta p. */
    double mean_dp;
    double dp_error;
    double rms_dp;
    double rms_dp_error;
    double dp_percentiles[PHI_EVAL_NPERCENTILES];
    double same_top; /* part of positions whose likeliest token is the same */
    double same_top_error;
    double ln_ratio; /* ln(perplexity / the reference's), paired */
    double ln_ratio_error;
};

struct phi_eval_result {
    double ppl;
    double ppl_error; /* standard error, as all of them: NaN, not known, of a
                         single prediction */
    double mean_nll;
    double mean_nll_error;
    double *window_nll; /* (nwindows) sums */
    /* Of a model that is compared, or NULL: */
    double *window_kld;              /* (nwindows) means */
    double *window_same;             /* (nwindows) parts with the same top */
    struct phi_eval_against against; /* zero without a reference */
};

struct phi_eval {
    size_t nwindows;
    size_t nloaded;    /* of them, from the journal */
    size_t nplanned;   /* windows, had the run not been stopped */
    size_t step;       /* tokens from a window to the next */
    size_t per_window; /* predictions scored in each */
    size_t scored;     /* predictions in all */
    /* Predictions of a token that is too unlikely for a stored reference,
     * whose perplexity is higher than what is said of it. */
    size_t nfloored;
    size_t nmodels;                  /* as given */
    struct phi_eval_result *results; /* (nmodels + 1): the reference is last */
};

/*
 * Evaluates the models, and the reference unless it is NULL, on one sequence
 * of tokens. With options->stored the reference does not run, it only has a
 * name. Fails with PHI_E_ARG if there are fewer than 2 n_ctx tokens (n_ctx
 * with options->stored), a stride does not fit a window or n_ctx is longer
 * than a model's context, PHI_E_FORMAT if vocabularies differ in size or do
 * not hold a token, or logits are not finite. Release *out after success and
 * after errors.
 */
enum phi_status phi_eval_run(struct phi_eval *out,
                             const struct phi_source *const *models,
                             size_t nmodels, const struct phi_source *reference,
                             const uint32_t *tokens, size_t ntokens,
                             const struct phi_eval_options *options,
                             struct phi_err *err);
void phi_eval_release(struct phi_eval *e);

/* How many windows ntokens >= n_ctx have, as the options say. */
size_t phi_eval_windows(size_t ntokens, size_t n_ctx,
                        const struct phi_eval_options *options);

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
