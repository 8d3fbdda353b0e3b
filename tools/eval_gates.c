/* SPDX-License-Identifier: MIT */
#include "tools/eval_gates.h"
#include "tools/colour.h"

#include <stdio.h>
#include <stdlib.h>

#include "libconv/base/buf.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"
#include "libconv/engine/statistics.h"
#include "libconv/kernels/elementary.h"
#include "tools/markup.h"

#define NGATES 3

/* The sequential test: how often it may err, and when it begins. */
#define SEQUENTIAL_ALPHA 0.01
#define SEQUENTIAL_FIRST 16

/*
 * Windows that a stride lets overlap share what comes before their predictions,
 * and may have one each: alone they are what tokens are.
 */
size_t eval_gates_group(size_t n_ctx, size_t step)
{
    return n_ctx / step;
}

/* What window w of model i adds to the mean that a gate judges. */
static double window_ln_ratio(const struct phi_eval *e, size_t i, size_t w)
{
    return (e->results[i].window_nll[w] -
            e->results[e->nmodels].window_nll[w]) /
           (double)e->per_window;
}

static double window_kld(const struct phi_eval *e, size_t i, size_t w)
{
    return e->results[i].window_kld[w];
}

static double window_same(const struct phi_eval *e, size_t i, size_t w)
{
    return e->results[i].window_same[w];
}

static const struct gate_kind {
    const char *name;
    bool at_most;
    bool as_log; /* windows give the logarithm of what has the limit */
    bool share;  /* windows give values in [0, 1] */
    double (*window)(const struct phi_eval *e, size_t i, size_t w);
} kinds[NGATES] = {
    {"max-ppl-ratio", true, true, false, window_ln_ratio},
    {"max-kld", true, false, false, window_kld},
    {"min-same-top", false, false, true, window_same},
};

static const struct opt_float *limit_of(const struct eval_report *r, size_t k)
{
    const struct opt_float *const limits[NGATES] = {&r->max_ratio, &r->max_kld,
                                                    &r->min_top};

    return limits[k];
}

/* What was measured, in groups; what is left after the last whole one is in the
 * value alone. */
struct groups {
    const struct phi_eval *e;
    size_t each; /* windows */
    size_t n;
};

static struct groups groups_of(const struct eval_report *r,
                               const struct phi_eval *e)
{
    const size_t each = eval_gates_group(r->n_ctx, e->step);

    return (struct groups){e, each, e->nwindows / each};
}

/* Mean of windows of a group: all have as many predictions. */
static double group_mean(const struct groups *g, size_t i, size_t k, size_t at)
{
    double sum = 0;

    for (size_t w = at * g->each; w < (at + 1) * g->each; w++)
        sum += kinds[k].window(g->e, i, w);
    return sum / (double)g->each;
}

static struct phi_sums sums_of(const struct groups *g, size_t i, size_t k)
{
    struct phi_sums sums = {0};

    for (size_t at = 0; at < g->n; at++)
        phi_sums_add(&sums, group_mean(g, i, k, at));
    return sums;
}

/* What model i has of gate k. */
struct measured {
    double value;
    double bound;
};

static struct measured measure(const struct groups *g, size_t i, size_t k)
{
    const struct phi_eval_against *a = &g->e->results[i].against;
    const double values[NGATES] = {a->ln_ratio, a->mean_kld, a->same_top};
    const struct phi_sums sums = sums_of(g, i, k);
    const double end = kinds[k].share
                           ? phi_sums_share_95(&sums, values[k], g->e->scored)
                           : values[k] + phi_sums_reach_95(&sums);

    if (!kinds[k].as_log)
        return (struct measured){values[k], end};
    return (struct measured){phi_exp_any_f64(values[k]), phi_exp_any_f64(end)};
}

/* Between which two the true mean of groups is, at all of their numbers. */
struct span {
    double low;
    double high;
};

static struct span span_of(const struct groups *g, size_t i, size_t k)
{
    const struct phi_sums sums = sums_of(g, i, k);
    const double mean = phi_sums_mean(&sums);
    const double half = phi_sums_sequence(&sums, SEQUENTIAL_ALPHA);

    return (struct span){mean - half, mean + half};
}

/* Shares that are all alike have no variance, which says nothing of a few. */
static struct span span_of_share(const struct groups *g, size_t i, size_t k)
{
    const double alpha = SEQUENTIAL_ALPHA / 2;
    struct phi_low low = {0};
    struct phi_low other = {0};

    for (size_t at = 0; at < g->n; at++) {
        const double v = group_mean(g, i, k, at);

        phi_low_add(&low, v, alpha);
        phi_low_add(&other, 1 - v, alpha);
    }
    return (struct span){phi_low_end(&low, alpha),
                         1 - phi_low_end(&other, alpha)};
}

/*
 * The sequential test of gate k of model i. If it decides it sets *passed and
 * *bound, the end of the sequence that faces the limit. NaN decides nothing.
 */
static bool decide(const struct eval_report *r, const struct phi_eval *e,
                   size_t i, size_t k, bool *passed, double *bound)
{
    const double given = limit_of(r, k)->value;
    const double limit = kinds[k].as_log ? phi_log_f64(given) : given;
    const struct groups g = groups_of(r, e);
    struct span span;
    double end;

    if (!r->early || g.n < SEQUENTIAL_FIRST)
        return false;
    span = kinds[k].share ? span_of_share(&g, i, k) : span_of(&g, i, k);
    if (!(span.high <= limit || span.low >= limit))
        return false;
    *passed = kinds[k].at_most ? span.high <= limit : span.low >= limit;
    end = *passed == kinds[k].at_most ? span.high : span.low;
    *bound = kinds[k].as_log ? phi_exp_any_f64(end) : end;
    return true;
}

/* A gate that failed decides for its model; else all must have passed. */
bool eval_gates_enough(const struct eval_report *r, const struct phi_eval *e)
{
    for (size_t i = 0; i < e->nmodels; i++) {
        bool open = false;
        bool failed = false;

        for (size_t k = 0; k < NGATES; k++) {
            bool passed = true;
            double bound;

            if (!limit_of(r, k)->given)
                continue;
            if (!decide(r, e, i, k, &passed, &bound))
                open = true;
            failed = failed || !passed;
        }
        if (open && !failed)
            return false;
    }
    return true;
}

static void judge(struct eval_gate *g, const struct eval_report *r, size_t i,
                  size_t k)
{
    const struct groups groups = groups_of(r, r->eval);
    const struct measured m = measure(&groups, i, k);

    *g = (struct eval_gate){.name = kinds[k].name,
                            .path = r->names[i],
                            .model = i,
                            .limit = limit_of(r, k)->value,
                            .value = m.value,
                            .bound = r->on_mean ? m.value : m.bound};
    /* Comparisons with NaN are false: it does not pass. */
    g->passed = kinds[k].at_most ? g->bound <= g->limit : g->bound >= g->limit;
    g->decided = decide(r, r->eval, i, k, &g->passed, &g->bound);
}

enum phi_status eval_gates_judge(struct eval_gates *out,
                                 const struct eval_report *r,
                                 struct phi_err *err)
{
    const size_t n = r->eval->nmodels;

    out->gate = phi_alloc(n * NGATES, sizeof(*out->gate), err);
    if (out->gate == NULL)
        return PHI_E_NOMEM;
    out->group = groups_of(r, r->eval).each;
    out->ngroups = groups_of(r, r->eval).n;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < NGATES; k++) {
            if (limit_of(r, k)->given)
                judge(&out->gate[out->n++], r, i, k);
        }
    }
    return PHI_OK;
}

void eval_gates_release(struct eval_gates *gates)
{
    free(gates->gate);
    *gates = (struct eval_gates){0};
}

/* "8 windows" */
static void counted(char *out, size_t n, const struct eval_gates *gates)
{
    if (gates->group == 1)
        snprintf(out, n, "%zu windows", gates->ngroups);
    else
        snprintf(out, n, "%zu groups of %zu windows", gates->ngroups,
                 gates->group);
}

/* "gate max-kld failed: 0.0116, 0.0121 at 95 % confidence by 8 windows, limit
 * 0.01" */
static void verdict(char *out, size_t n, const struct eval_gates *gates,
                    const struct eval_gate *g)
{
    char bound[160] = "";
    char by[80];

    counted(by, sizeof(by), gates);
    if (g->decided || g->bound != g->value)
        snprintf(bound, sizeof(bound), ", %.6g at %d %% confidence by %s",
                 g->bound, g->decided ? 99 : 95, by);
    snprintf(out, n, "gate %s %s: %.6g%s, limit %.6g", g->name,
             g->passed ? "passed" : "failed", g->value, bound, g->limit);
}

bool eval_gates_print_failed(const struct eval_gates *gates)
{
    bool passed = true;

    fflush(stdout); /* the verdict comes after the table, in a log too */
    for (size_t i = 0; i < gates->n; i++) {
        const struct eval_gate *g = &gates->gate[i];
        char path[PHI_ERR_MAX];
        char text[352];

        if (g->passed)
            continue;
        passed = false;
        verdict(text, sizeof(text), gates, g);
        fprintf(stderr, "%sphiconv:%s %s: %s\n", colour(stderr, COLOUR_RED),
                colour(stderr, COLOUR_OFF),
                phi_printable(path, sizeof(path), g->path), text);
    }
    return passed;
}

void eval_gates_put_judged(struct phi_buf *b, const struct eval_gates *gates,
                           const struct eval_report *r)
{
    bool early = false;
    char by[80];

    counted(by, sizeof(by), gates);
    for (size_t i = 0; i < gates->n; i++)
        early = early || gates->gate[i].decided;
    if (r->on_mean)
        phi_buf_text(b, "Judged is the value that was measured");
    else
        phi_buf_printf(b,
                       "Judged is the worse end of a 95 %% confidence interval "
                       "by %s (Student's t)",
                       by);
    phi_buf_text(b, early ? ", or, where it says 99 %, the end of a confidence "
                            "sequence by windows that faces the limit."
                          : ".");
}

void eval_gates_json(struct json_out *j, const struct eval_gates *gates)
{
    bool passed = true;

    json_open(j, "gates", '[');
    for (size_t i = 0; i < gates->n; i++) {
        const struct eval_gate *g = &gates->gate[i];

        json_open(j, NULL, '{');
        json_str(j, "name", g->name);
        json_str(j, "path", g->path);
        json_num(j, "limit", g->limit);
        json_num(j, "value", g->value);
        json_num(j, "bound", g->bound);
        json_bool(j, "decided_early", g->decided);
        json_bool(j, "passed", g->passed);
        json_close(j, '}');
        passed = passed && g->passed;
    }
    json_close(j, ']');
    json_bool(j, "passed", passed);
}

/* ---- JUnit --------------------------------------------------------------- */

static void put_suite(struct phi_buf *b, const struct eval_gates *gates,
                      const struct eval_report *r)
{
    size_t failed = 0;

    for (size_t i = 0; i < gates->n; i++)
        failed += !gates->gate[i].passed;
    phi_buf_text(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    phi_buf_printf(b, "<testsuites tests=\"%zu\" failures=\"%zu\">\n", gates->n,
                   failed);
    phi_buf_text(b, "<testsuite name=\"phiconv eval-ppl\"");
    phi_buf_printf(b, " tests=\"%zu\" failures=\"%zu\" time=\"%.3f\">\n",
                   gates->n, failed, r->seconds);
    for (size_t i = 0; i < gates->n; i++) {
        const struct eval_gate *g = &gates->gate[i];
        char text[352];

        phi_buf_text(b, "<testcase");
        markup_attribute(b, "classname", g->path);
        markup_attribute(b, "name", g->name);
        if (g->passed) {
            phi_buf_text(b, "/>\n");
            continue;
        }
        verdict(text, sizeof(text), gates, g);
        phi_buf_text(b, "><failure");
        markup_attribute(b, "message", text);
        phi_buf_text(b, "/></testcase>\n");
    }
    phi_buf_text(b, "</testsuite>\n</testsuites>\n");
}

enum phi_status eval_gates_junit(const struct eval_gates *gates,
                                 const struct eval_report *r, const char *path,
                                 bool replace, struct phi_err *err)
{
    const struct phi_output_options options = {.replace = replace};
    struct phi_buf b = {0};
    enum phi_status st;

    put_suite(&b, gates, r);
    st = phi_buf_status(&b, err);
    if (st == PHI_OK)
        st = phi_output_save(path, &options, b.p, b.n, err);
    phi_buf_release(&b);
    return st;
}
