/* SPDX-License-Identifier: MIT */
/*
 * Measuring models on a text, for every command that does: the words of the
 * command line, the same tokens for all models, the run, the verdicts.
 *
 *   eval_read_words --> eval_read_text --> eval_run --> eval_gates_judge
 */
#ifndef PHICONV_TOOLS_EVAL_JOB_H
#define PHICONV_TOOLS_EVAL_JOB_H

#include "libconv/base/sha256.h"
#include "libconv/engine/perplexity.h"
#include "libconv/text/tokenizer.h"
#include "libconv/text/tokens.h"
#include "tools/eval_gates.h"
#include "tools/eval_logits.h"
#include "tools/eval_options.h"
#include "tools/eval_report.h"
#include "tools/progress.h"

/*
 * Zero-initialise and set the first members; models may be set, and set anew,
 * before eval_read_text(). End with eval_job_release().
 */
struct eval_job {
    const struct command *cmd;
    const struct common *common;
    const struct eval_args *args;
    uint32_t features;
    const struct phi_source *const *models; /* (n + 1) the reference last, or
                                               NULL; borrowed, as are: */
    const char *const *names;               /* (n + 1) what reports call them */
    const char *const *labels;              /* (n + 1) and what pages do */
    size_t n;
    bool stored; /* the reference is a logits file */

    uint64_t n_ctx; /* tokens of a window */
    enum phi_engine_act act;
    struct phi_tokens tokens;
    struct phi_control_texts controls; /* in the text, where they are text */
    uint64_t text_nbytes;              /* of the file */
    char text_sha256[PHI_SHA256_HEX];
    struct phi_eval_options options; /* whole after eval_read_text() */
    struct eval_logits logits;
    struct progress progress;
    struct phi_eval eval;
    struct eval_size *sizes; /* (n + 1) of the models */
    struct eval_report report;
    struct eval_gates gates;
};

/*
 * Checks the words; `compared` says whether there is a model that gates compare
 * with. Returns -1 to go on, otherwise the exit code; the mistake was printed.
 */
int eval_read_words(struct eval_job *job, bool compared);

/* Whether a gate was given. */
bool eval_gated(const struct eval_args *args);

/* The mode of activations, as options and reports call it. */
const char *eval_act_name(enum phi_engine_act act);

/*
 * Reads the text and makes tokens of it; PHI_E_FORMAT if two models make
 * different ones, or others than a logits file has, whose tokens and windows
 * are taken. May be called again after the models have changed.
 */
enum phi_status eval_read_text(struct eval_job *job, struct phi_err *err);

/* A note on standard error, of what is in the text and no model will see. */
void eval_note_controls(const struct eval_job *job);

/* Evaluates all models; job->report and job->eval are set afterwards. */
enum phi_status eval_run(struct eval_job *job, struct phi_err *err);

/* What was computed is of the files as they are. */
enum phi_status eval_unchanged(const struct eval_job *job, struct phi_err *err);

void eval_job_release(struct eval_job *job);

#endif
