/* SPDX-License-Identifier: MIT */
/* What eval-ppl prints: a table or one JSON object. */
#ifndef PHICONV_TOOLS_EVAL_REPORT_H
#define PHICONV_TOOLS_EVAL_REPORT_H

#include "libconv/engine/perplexity.h"
#include "libconv/text/tokenizer.h"
#include "tools/options.h"
#include "tools/report.h"

/* How large a model is. */
struct eval_size {
    uint64_t nbytes;  /* of its files; of its tensors if it is a folder */
    double bits;      /* a weight; 0 of a logits file */
    const char *type; /* by general.file_type; "logits" */
};

struct eval_report {
    const char *text;
    const char *act;                          /* the mode of activations */
    const struct phi_control_texts *controls; /* in the text */
    size_t n_ctx;
    double seconds;
    const struct phi_source *const *models; /* (eval->nmodels + 1) */
    const char *const *names;               /* (eval->nmodels + 1) of them */
    /* (eval->nmodels + 1) their names in a page: no folders of this machine */
    const char *const *labels;
    const struct eval_size *sizes; /* (eval->nmodels + 1) */
    const char *title; /* of a page; NULL: the first model's name makes one */
    const struct phi_eval *eval; /* the reference, or NULL, last */
    struct opt_float max_ratio;
    struct opt_float max_kld;
    struct opt_float min_top;
    bool on_mean; /* gates judge the value, not its confidence bound */
    bool early;   /* the run ends when a sequential test of them has decided */
};

struct eval_gates;

/* Whether a model is a logits file; s may be NULL. */
bool eval_is_stored(const struct phi_source *s);

enum phi_status eval_size_of(struct eval_size *out, const struct phi_source *s,
                             struct phi_err *err);

/* Windows that lists of the worst have at most. */
#define EVAL_WORST 8

/* The windows of the largest mean divergences, the worst first; how many. */
size_t eval_report_worst(size_t out[EVAL_WORST], const struct eval_report *r,
                         size_t i);

/* Members of an open object: what a model got, and against the reference. */
void eval_json_perplexity(struct json_out *j,
                          const struct phi_eval_result *res);
void eval_json_divergence(struct json_out *j, const struct phi_eval_against *a);

/* "control_texts": [...] */
void eval_json_controls(struct json_out *j, const struct phi_control_texts *c);

enum phi_status eval_report_table(const struct eval_report *r,
                                  struct phi_err *err);
enum phi_status eval_report_json(const struct eval_report *r,
                                 const struct eval_gates *gates,
                                 struct phi_err *err);

#endif
