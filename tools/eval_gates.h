/* SPDX-License-Identifier: MIT */
/*
 * The gates of eval-ppl: limits on what quantization may cost. What is judged
 * is the worse end of a one-sided confidence interval of 95 %, so that a short
 * text does not pass a bad model by luck, or the value itself. A single
 * prediction has no interval but for the share of equal top tokens, and passes
 * no gate that needs one.
 *
 * A sequential test looks at the means of windows after each of them, and
 * ends the run when the verdict is sure (99 % over all looks together): a
 * model is decided when a gate has failed, or all have passed. What it leaves
 * open is judged as without it.
 */
#ifndef PHICONV_TOOLS_EVAL_GATES_H
#define PHICONV_TOOLS_EVAL_GATES_H

#include "tools/eval_report.h"

/* One gate applied to one model. */
struct eval_gate {
    const char *name;
    const char *path;
    size_t model; /* of the report's */
    double limit;
    double value;
    double bound; /* what was judged: the value, or the end of its interval;
                     NaN: it has none */
    bool decided; /* by the sequential test */
    bool passed;  /* never if that is NaN */
};

/* Zero-initialise; end with eval_gates_release(). */
struct eval_gates {
    struct eval_gate *gate; /* (n) */
    size_t n;
};

/* Applies all gates that were given to all models. */
enum phi_status eval_gates_judge(struct eval_gates *out,
                                 const struct eval_report *r,
                                 struct phi_err *err);

/* The test; r->eval need not be set. For phi_eval_stop. */
bool eval_gates_enough(const struct eval_report *r,
                       const struct phi_eval *so_far);

void eval_gates_release(struct eval_gates *gates);

/* Prints a line to stderr for each gate that failed; true if none did. */
bool eval_gates_print_failed(const struct eval_gates *gates);

/* "gates": [...], "passed": ... */
void eval_gates_json(struct json_out *j, const struct eval_gates *gates);

/*
 * Writes them as a JUnit report, a test case a gate, for programs that show
 * the results of tests: Jenkins' format, as most of them read it. Atomic; an
 * existing file is replaced if `replace` is set.
 */
enum phi_status eval_gates_junit(const struct eval_gates *gates,
                                 const struct eval_report *r, const char *path,
                                 bool replace, struct phi_err *err);

#endif
