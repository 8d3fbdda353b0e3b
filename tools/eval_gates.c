/* SPDX-License-Identifier: MIT */
#include "tools/eval_gates.h"
#include "tools/colour.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "libconv/base/buf.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"
#include "libconv/engine/statistics.h"
#include "libconv/kernels/elementary.h"
#include "tools/markup.h"

/* The 95th percentile of the normal distribution. */
#define Z95 1.6448536269514722

#define NGATES 3

/* The sequential test: how often it may err, and when it begins. */
#define SEQUENTIAL_ALPHA 0.01
#define SEQUENTIAL_FIRST 16

/* What a model has of each gate, in the order of the limits. */
struct measured {
    double value;
    double bound;
};

static void measure(struct measured out[NGATES],
                    const struct phi_eval_against *a, size_t n)
{
    out[0] = (struct measured){
        phi_exp_any_f64(a->ln_ratio),
        phi_exp_any_f64(a->ln_ratio + Z95 * a->ln_ratio_error)};
    out[1] = (struct measured){a->mean_kld, a->mean_kld + Z95 * a->kld_error};
    out[2] = (struct measured){a->same_top, phi_share_low(a->same_top, n, Z95)};
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

/* Between which two the true mean of windows is, at all of their numbers. */
struct span {
    double low;
    double high;
};

static struct span span_of(const struct phi_eval *e, size_t i, size_t k)
{
    struct phi_sums sums = {0};
    double mean, half;

    for (size_t w = 0; w < e->nwindows; w++)
        phi_sums_add(&sums, kinds[k].window(e, i, w));
    mean = phi_sums_mean(&sums);
    half = phi_sums_sequence(&sums, SEQUENTIAL_ALPHA);
    return (struct span){mean - half, mean + half};
}

/* Shares that are all alike have no variance, which says nothing of a few. */
static struct span span_of_share(const struct phi_eval *e, size_t i, size_t k)
{
    const double alpha = SEQUENTIAL_ALPHA / 2;
    struct phi_low low = {0};
    struct phi_low other = {0};

    for (size_t w = 0; w < e->nwindows; w++) {
        const double v = kinds[k].window(e, i, w);

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
    struct span span;
    double end;

    if (!r->early || e->nwindows < SEQUENTIAL_FIRST)
        return false;
    span = kinds[k].share ? span_of_share(e, i, k) : span_of(e, i, k);
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
                  size_t k, const struct measured *m)
{
    *g = (struct eval_gate){.name = kinds[k].name,
                            .path = r->names[i],
                            .model = i,
                            .limit = limit_of(r, k)->value,
                            .value = m->value,
                            .bound = r->on_mean ? m->value : m->bound};
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
    for (size_t i = 0; i < n; i++) {
        struct measured m[NGATES];

        measure(m, &r->eval->results[i].against, r->eval->scored);
        for (size_t k = 0; k < NGATES; k++) {
            if (limit_of(r, k)->given)
                judge(&out->gate[out->n++], r, i, k, &m[k]);
        }
    }
    return PHI_OK;
}

void eval_gates_release(struct eval_gates *gates)
{
    free(gates->gate);
    *gates = (struct eval_gates){0};
}

/* "gate max-kld failed: 0.0116, 0.0121 at 95 % confidence, limit 0.01" */
static void verdict(char *out, size_t n, const struct eval_gate *g)
{
    char bound[64] = "";

    if (isnan(g->bound))
        snprintf(bound, sizeof(bound),
                 ", of one prediction, whose error is not known");
    else if (g->decided || g->bound != g->value)
        snprintf(bound, sizeof(bound), ", %.6g at %d %% confidence", g->bound,
                 g->decided ? 99 : 95);
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
        char text[256];

        if (g->passed)
            continue;
        passed = false;
        verdict(text, sizeof(text), g);
        fprintf(stderr, "%sphiconv:%s %s: %s\n", colour(stderr, COLOUR_RED),
                colour(stderr, COLOUR_OFF),
                phi_printable(path, sizeof(path), g->path), text);
    }
    return passed;
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
        char text[256];

        phi_buf_text(b, "<testcase");
        markup_attribute(b, "classname", g->path);
        markup_attribute(b, "name", g->name);
        if (g->passed) {
            phi_buf_text(b, "/>\n");
            continue;
        }
        verdict(text, sizeof(text), g);
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
