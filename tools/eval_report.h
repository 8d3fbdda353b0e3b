/* SPDX-License-Identifier: MIT */
/* What eval-ppl prints: a table, one JSON object, and the gates' verdict. */
#ifndef PHICONV_TOOLS_EVAL_REPORT_H
#define PHICONV_TOOLS_EVAL_REPORT_H

#include "libconv/engine/perplexity.h"
#include "tools/options.h"
#include "tools/report.h"

struct eval_report {
    const char *text;
    size_t n_ctx;
    double seconds;
    const struct phi_source *const *models; /* (eval->nmodels + 1) */
    const struct phi_eval *eval;            /* the reference, or NULL, last */
    struct opt_float max_ratio;
    struct opt_float max_kld;
    struct opt_float min_top;
};

/* One gate applied to one model. */
struct eval_gate {
    const char *name;
    const char *path;
    double limit;
    double value;
    bool passed; /* never if the value is NaN */
};

struct eval_gates {
    struct eval_gate *gate; /* (n) */
    size_t n;
};

/* Applies all gates that were given to all models; release *out after it. */
enum phi_status eval_gates_judge(struct eval_gates *out,
                                 const struct eval_report *r,
                                 struct phi_err *err);
void eval_gates_release(struct eval_gates *gates);

/* Prints a line to stderr for each gate that failed; true if none did. */
bool eval_gates_tell(const struct eval_gates *gates);

enum phi_status eval_report_table(const struct eval_report *r,
                                  struct phi_err *err);
enum phi_status eval_report_json(const struct eval_report *r,
                                 const struct eval_gates *gates,
                                 struct phi_err *err);

#endif
