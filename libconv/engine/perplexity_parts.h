/* SPDX-License-Identifier: MIT */
/* What the files of an evaluation share; see perplexity.h. */
#ifndef PHI_ENGINE_PERPLEXITY_PARTS_H
#define PHI_ENGINE_PERPLEXITY_PARTS_H

#include "libconv/engine/perplexity.h"
#include "libconv/engine/statistics.h"
#include "libconv/kernels/kernels.h"

/* One model on its way through the text. */
struct phi_contender {
    const struct phi_source *source;
    struct phi_engine *engine; /* or NULL: it ran before */
    float *hidden;             /* (positions of a batch, n_embd) */
    float *logits;        /* (positions of a batch, slab); shared buffers */
    struct phi_lse *lse;  /* (positions of a batch) */
    struct phi_kld *kld;  /* (positions of a batch) or NULL */
    double *target;       /* (positions of a batch) logit of the next token */
    struct phi_sums sums; /* of nll */
    struct phi_sums kld_sums;
    struct phi_sums ratio_sums; /* of nll - the reference's */
    struct phi_sums dp_sums;    /* of differences of the token's probability */
    struct phi_sums dp2_sums;   /* of their squares */
    double *klds;               /* (all scored positions) */
    double *dps;                /* likewise */
    size_t same_top;
};

struct phi_evaluation {
    const struct phi_eval_options *options;
    struct phi_eval *out;
    const uint32_t *tokens;
    size_t first; /* position of a window that is scored */
    size_t n_vocab;
    size_t batch_windows;
    struct phi_contender *all;       /* (n): the models, then the reference */
    size_t n;                        /* with the reference */
    size_t nengines;                 /* of them; the others are stored */
    struct phi_contender *reference; /* in `all`, or NULL */
    struct phi_space space;
    uint32_t *batch_tokens;
    float *slab[2];  /* (positions of a batch, slab): the reference's, any */
    double *numbers; /* of one window */
    uint64_t done;   /* tokens, for the monitor */
    char note[64];
};

/*
 * What a window gives, in order: of each model nll of its positions; then,
 * with a reference, of each of the others the divergences; then whether the
 * likeliest tokens were the same, 0 or 1; with a stored one at last whether
 * the token was too unlikely for it, 0 or 1.
 */
size_t phi_window_numbers(const struct phi_evaluation *e);

/*
 * Scores a batch of windows from out->nwindows on; keeps and adds their
 * numbers. *enough: no more are wanted.
 */
enum phi_status phi_windows_score(struct phi_evaluation *e, size_t nwindows,
                                  bool *enough, struct phi_err *err);

/* Adds the windows that a journal has. */
enum phi_status phi_windows_resume(struct phi_evaluation *e, bool *enough,
                                   struct phi_err *err);

/*
 * Fills rows [row0, row0 + nrows) of the vocabulary in c->logits, n positions
 * from the first of `window` on, from where they are stored.
 */
enum phi_status phi_stored_slab(const struct phi_evaluation *e,
                                const struct phi_contender *c, size_t window,
                                size_t n, size_t row0, size_t nrows, size_t ld,
                                struct phi_err *err);

/* Takes what is too unlikely out of n stored log-probabilities. */
void phi_stored_cut(float *logits, size_t n);

/* Whether the true token is as unlikely as can be stored, or more. */
bool phi_stored_is_floor(const struct phi_lse *sum, double target);

/* The divergence of two distributions by their sums, p of them stored. */
double phi_stored_kld(const struct phi_kld *kld, double q_lse);

/* PHI_E_FORMAT if the stored probabilities of a position do not make 1. */
enum phi_status phi_stored_check(const struct phi_evaluation *e,
                                 const struct phi_lse *sum, size_t window,
                                 size_t position, struct phi_err *err);

/* Gives a batch's logits to options->save, after they have been scored. They
 * are computed once more: m is asked meanwhile. */
enum phi_status phi_windows_save(struct phi_evaluation *e, size_t nwindows,
                                 const struct phi_monitor *m,
                                 struct phi_err *err);

/* The statistics of all that was added; once, at the end. */
void phi_windows_finish(struct phi_evaluation *e);

#endif
