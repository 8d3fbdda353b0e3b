/* SPDX-License-Identifier: MIT */
/*
 * The gates of eval-ppl: limits on what quantization may cost. What is judged
 * is the worse end of a one-sided confidence interval of 95 %, so that a short
 * text does not pass a bad model by luck, or the value itself. The interval is
 * by the means of windows (Student's t), for predictions of one window are
 * alike; those that a stride lets overlap are taken in groups, see below. Two
 * are the fewest that have one, which eval_read_text() sees to.
 *
 * A sequential test looks at the same means after each window, and
 * ends the run when the verdict is sure (99 % over all looks together): a
 * model is decided when a gate has failed, or all have passed. What it leaves
 * open is judged as without it.
 */
#ifndef PHICONV_TOOLS_EVAL_GATES_H
#define PHICONV_TOOLS_EVAL_GATES_H

#include "libconv/base/buf.h"
#include "tools/eval_report.h"

/* One gate applied to one model. */
struct eval_gate {
    const char *name;
    const char *path;
    size_t model; /* of the report's */
    double limit;
    double value;
    double bound; /* what was judged: the value, or the end of its interval */
    bool decided; /* by the sequential test */
    bool passed;
};

/* Zero-initialise; end with eval_gates_release(). */
struct eval_gates {
    struct eval_gate *gate; /* (n) */
    size_t n;
    size_t group;   /* windows of each */
    size_t ngroups; /* by which intervals are */
};

/* How many windows, of which one begins all `step` tokens, have the length of
 * one: what intervals count as one. */
size_t eval_gates_group(size_t n_ctx, size_t step);

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

/* "Judged is the worse end of ...", a sentence for pages. */
void eval_gates_put_judged(struct phi_buf *b, const struct eval_gates *gates,
                           const struct eval_report *r);

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
