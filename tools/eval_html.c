/* SPDX-License-Identifier: MIT */
#include "tools/eval_html.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/logits_file.h"
#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"
#include "libconv/kernels/elementary.h"
#include "tools/markup.h"
#include "tools/plot.h"
#include "tools/version.h"

/* Points of the plots by window: more are averaged. */
#define MAX_POINTS 320

static const char style[] =
    "<style>\n"
    ":root{color-scheme:light dark;--fg:#1c2733;--bg:#fff;--dim:#66737f;"
    "--line:#dde3e8;--good:#1a7f4b;--bad:#b3261e;"
    "--c0:#2563a8;--c1:#c4591a;--c2:#2f8a57;--c3:#9b3f8f;--c4:#8a6d1b;"
    "--c5:#1d8a99;--c6:#b3395b;--c7:#5b6472}\n"
    "@media(prefers-color-scheme:dark){:root{--fg:#e3e8ee;--bg:#14191f;"
    "--dim:#93a0ac;--line:#2c353e;--good:#5fcf94;--bad:#ff8a80;"
    "--c0:#7db4ef;--c1:#f2a069;--c2:#7fd6a3;--c3:#dc95d2;--c4:#d9bf6c;"
    "--c5:#6fd3e0;--c6:#f08aa6;--c7:#a9b3bf}}\n"
    "body{font:16px/1.5 system-ui,sans-serif;color:var(--fg);"
    "background:var(--bg);max-width:80rem;margin:0 auto;padding:1rem}\n"
    "h1,h2,.legend{overflow-wrap:anywhere}"
    "h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.15rem;margin:2rem 0 "
    ".5rem}p{margin:.4rem 0}.dim{color:var(--dim)}\n"
    ".good{color:var(--good)}.bad{color:var(--bad)}.verdict{font-weight:600}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem}\n"
    "th,td{padding:.3rem .7rem .3rem 0;border-bottom:1px solid var(--line);"
    "text-align:right;white-space:nowrap}th:first-child,td:first-child{"
    "text-align:left}th{font-weight:600}\n"
    "td:first-child,th:first-child{position:sticky;left:0;"
    "background:var(--bg)}.words td:nth-child(2),.words th:nth-child(2){"
    "text-align:left}\n"
    ".plots{display:grid;grid-template-columns:repeat(auto-fit,"
    "minmax(min(100%,26rem),1fr));gap:1rem}figure{margin:0;min-width:0}\n"
    "figcaption{font-weight:600}svg{width:100%;height:auto;display:block}\n"
    "svg text{fill:var(--dim);font:12px system-ui,sans-serif}\n"
    "@media(max-width:40rem){svg text{font-size:17px}td:first-child{"
    "white-space:normal;overflow-wrap:anywhere;min-width:6rem;"
    "max-width:11rem}.words td:first-child{min-width:9rem}}\n"
    ".g{stroke:var(--line);fill:none}.l{fill:none;stroke-width:2}\n"
    ".s0{stroke:var(--c0)}.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}"
    ".s3{stroke:var(--c3)}.s4{stroke:var(--c4)}.s5{stroke:var(--c5)}"
    ".s6{stroke:var(--c6)}.s7{stroke:var(--c7)}\n"
    ".p{fill:var(--bg);stroke-width:3}.legend span{"
    "margin-right:1rem;display:inline-block}.legend{font-size:.85rem}\n"
    ".legend i{display:inline-block;width:1rem;height:.2rem;"
    "vertical-align:middle;margin-right:.35rem}\n"
    ".b0{background:var(--c0)}.b1{background:var(--c1)}.b2{background:var(--c2)"
    "}.b3{background:var(--c3)}.b4{background:var(--c4)}.b5{background:var(--c5"
    ")}.b6{background:var(--c6)}.b7{background:var(--c7)}\n"
    "</style>\n";

static bool compared(const struct eval_report *r)
{
    return r->models[r->eval->nmodels] != NULL;
}

static void put_cell(struct phi_buf *b, const char *text)
{
    phi_buf_text(b, "<td>");
    markup_text(b, text);
    phi_buf_text(b, "</td>");
}

static void put_number(struct phi_buf *b, const char *format, double v)
{
    char text[352]; /* the largest double has 309 digits before the point */

    snprintf(text, sizeof(text), format, v);
    put_cell(b, isnan(v) ? "-" : text);
}

/* ---- tables -------------------------------------------------------------- */

static void put_model(struct phi_buf *b, const struct eval_report *r, size_t i)
{
    const struct phi_eval_result *res = &r->eval->results[i];
    const struct phi_eval_against *a = &res->against;
    const struct eval_size z = r->sizes[i];

    phi_buf_text(b, "<tr>");
    put_cell(b, r->labels[i]);
    put_cell(b, z.type);
    if (z.bits > 0)
        put_number(b, "%.3f", z.bits);
    else
        put_cell(b, "-");
    put_number(b, "%.0f", (double)z.nbytes);
    put_number(b, "%.4f", res->ppl);
    put_number(b, "± %.4f", res->ppl_error);
    if (compared(r) && res->window_kld != NULL) {
        put_number(b, "%+.3f %%", (phi_exp_any_f64(a->ln_ratio) - 1) * 100);
        put_number(b, "± %.3f %%",
                   phi_exp_any_f64(a->ln_ratio) * a->ln_ratio_error * 100);
        put_number(b, "%.6f", a->mean_kld);
        put_number(b, "± %.6f", a->kld_error);
        put_number(b, "%+.3f %%", a->mean_dp * 100);
        put_number(b, "%.3f %%", a->rms_dp * 100);
        put_number(b, "%.2f %%", a->same_top * 100);
    } else if (compared(r)) {
        phi_buf_text(b, "<td colspan=\"7\">the reference</td>");
    }
    phi_buf_text(b, "</tr>\n");
}

static void put_models(struct phi_buf *b, const struct eval_report *r)
{
    phi_buf_text(b,
                 "<div class=\"wide words\"><table>\n<tr><th>model</th><th>type"
                 "</th><th>bits a weight</th><th>bytes</th><th>perplexity"
                 "</th><th></th>");
    if (compared(r))
        phi_buf_text(b, "<th>change</th><th></th><th>mean KLD</th><th></th>"
                        "<th>mean Δp</th><th>RMS Δp</th><th>same top</th>");
    phi_buf_text(b, "</tr>\n");
    if (compared(r))
        put_model(b, r, r->eval->nmodels);
    for (size_t i = 0; i < r->eval->nmodels; i++)
        put_model(b, r, i);
    phi_buf_text(b, "</table></div>\n");
}

static void put_gates(struct phi_buf *b, const struct eval_gates *gates,
                      const struct eval_report *r)
{
    if (gates->n == 0)
        return;
    phi_buf_text(
        b, "<h2>Gates</h2>\n<div class=\"wide words\"><table>\n<tr><th>model"
           "</th><th>gate</th><th>measured</th><th>judged</th>"
           "<th>limit</th><th>verdict</th></tr>\n");
    for (size_t i = 0; i < gates->n; i++) {
        const struct eval_gate *g = &gates->gate[i];

        phi_buf_text(b, "<tr>");
        put_cell(b, r->labels[g->model]);
        put_cell(b, g->name);
        put_number(b, "%.6g", g->value);
        put_number(b, g->decided ? "%.6g at 99 %%" : "%.6g", g->bound);
        put_number(b, "%.6g", g->limit);
        phi_buf_text(b, g->passed ? "<td class=\"good\">passed</td></tr>\n"
                                  : "<td class=\"bad\">failed</td></tr>\n");
    }
    phi_buf_text(b, "</table></div>\n<p class=\"dim\">");
    eval_gates_put_judged(b, gates, r);
    phi_buf_text(b, "</p>\n");
}

static void put_percentiles(struct phi_buf *b, const struct eval_report *r)
{
    phi_buf_text(b, "<h2>Percentiles over tokens</h2>\n<div class=\"wide\">"
                    "<table>\n<tr><th>of</th>");
    for (size_t k = 0; k < PHI_EVAL_NPERCENTILES; k++)
        phi_buf_printf(b, "<th>%g %%</th>", phi_eval_percentiles[k]);
    phi_buf_text(b, "</tr>\n");
    for (size_t i = 0; i < r->eval->nmodels; i++) {
        const struct phi_eval_against *a = &r->eval->results[i].against;

        phi_buf_text(b, "<tr><td>KLD, ");
        markup_text(b, r->labels[i]);
        phi_buf_text(b, "</td>");
        for (size_t k = 0; k < PHI_EVAL_NPERCENTILES; k++)
            put_number(b, "%.3g", a->percentiles[k]);
        phi_buf_text(b, "</tr>\n<tr><td>Δp, ");
        markup_text(b, r->labels[i]);
        phi_buf_text(b, "</td>");
        for (size_t k = 0; k < PHI_EVAL_NPERCENTILES; k++)
            put_number(b, "%+.3f %%", a->dp_percentiles[k] * 100);
        phi_buf_text(b, "</tr>\n");
    }
    phi_buf_text(b, "</table></div>\n");
}

static void put_worst(struct phi_buf *b, const struct eval_report *r, size_t i)
{
    const struct phi_eval_result *res = &r->eval->results[i];
    const struct phi_eval_result *ref = &r->eval->results[r->eval->nmodels];
    const double per = (double)r->eval->per_window;
    size_t worst[EVAL_WORST];
    const size_t n = eval_report_worst(worst, r, i);

    phi_buf_text(b, "<h2>Worst windows of ");
    markup_text(b, r->labels[i]);
    phi_buf_text(b, "</h2>\n<div class=\"wide\"><table>\n<tr><th>window</th>"
                    "<th>tokens from</th><th>mean KLD</th><th>perplexity</th>"
                    "<th>the reference's</th></tr>\n");
    for (size_t k = 0; k < n; k++) {
        const size_t w = worst[k];

        phi_buf_printf(b, "<tr><td>%zu</td><td>%zu</td>", w, w * r->eval->step);
        put_number(b, "%.6f", res->window_kld[w]);
        put_number(b, "%.4g", phi_exp_any_f64(res->window_nll[w] / per));
        put_number(b, "%.4g", phi_exp_any_f64(ref->window_nll[w] / per));
        phi_buf_text(b, "</tr>\n");
    }
    phi_buf_text(b, "</table></div>\n");
}

/* ---- plots --------------------------------------------------------------- */

/* A series for each model, of n points each. */
struct lines {
    struct plot_series *series; /* (nmodels) */
    double *values;             /* (nmodels, 2, n) */
    size_t n;
};

static enum phi_status lines_init(struct lines *l, const struct eval_report *r,
                                  size_t n, struct phi_err *err)
{
    const size_t nmodels = r->eval->nmodels;

    l->n = n;
    l->series = phi_alloc(nmodels, sizeof(*l->series), err);
    l->values = phi_alloc(nmodels * 2, n * sizeof(*l->values), err);
    if (l->series == NULL || l->values == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < nmodels; i++)
        l->series[i] = (struct plot_series){r->labels[i], l->values + 2 * i * n,
                                            l->values + (2 * i + 1) * n, n};
    return PHI_OK;
}

static double *x_of(const struct lines *l, size_t i)
{
    return l->values + 2 * i * l->n;
}

static double *y_of(const struct lines *l, size_t i)
{
    return l->values + (2 * i + 1) * l->n;
}

static void lines_release(struct lines *l)
{
    free(l->series);
    free(l->values);
}

static enum phi_status plot_sizes(struct phi_buf *b,
                                  const struct eval_report *r,
                                  struct phi_err *err)
{
    struct lines l = {0};
    const enum phi_status st = lines_init(&l, r, 1, err);

    for (size_t i = 0; st == PHI_OK && i < r->eval->nmodels; i++) {
        *x_of(&l, i) = (double)r->sizes[i].nbytes / 1e6;
        *y_of(&l, i) = r->eval->results[i].against.mean_kld;
    }
    if (st == PHI_OK)
        plot_svg(b, &(struct plot){.title = "Loss against size",
                                   .x_title = "megabytes",
                                   .y_title = "mean KLD, nats",
                                   .log_y = true,
                                   .points = true,
                                   .series = l.series,
                                   .n = r->eval->nmodels});
    lines_release(&l);
    return st;
}

static enum phi_status plot_histogram(struct phi_buf *b,
                                      const struct eval_report *r,
                                      struct phi_err *err)
{
    struct lines l = {0};
    const enum phi_status st = lines_init(&l, r, PHI_EVAL_NBINS, err);

    for (size_t i = 0; st == PHI_OK && i < r->eval->nmodels; i++) {
        const size_t *bins = r->eval->results[i].against.bins;

        for (size_t k = 0; k < PHI_EVAL_NBINS; k++) {
            /* the middle of the bin */
            x_of(&l, i)[k] = phi_exp10_f64(((double)k - 0.5) / 4 - 6);
            y_of(&l, i)[k] = 100 * (double)bins[k] / (double)r->eval->scored;
        }
    }
    if (st == PHI_OK)
        plot_svg(b, &(struct plot){.title = "Divergence of single tokens",
                                   .x_title = "KLD, nats",
                                   .y_title = "% of tokens",
                                   .log_x = true,
                                   .series = l.series,
                                   .n = r->eval->nmodels});
    lines_release(&l);
    return st;
}

/* Means of `step` windows each, of v or, with `less`, of v - less. */
static void average(double *x, double *y, size_t n, const double *v,
                    const double *less, size_t nwindows)
{
    for (size_t k = 0; k < n; k++) {
        const size_t from = k * nwindows / n;
        const size_t to = (k + 1) * nwindows / n;

        x[k] = (double)(from + to - 1) / 2;
        y[k] = 0;
        for (size_t w = from; w < to; w++)
            y[k] += v[w] - (less != NULL ? less[w] : 0);
        y[k] /= (double)(to - from);
    }
}

static enum phi_status plot_windows(struct phi_buf *b,
                                    const struct eval_report *r,
                                    struct phi_err *err)
{
    const struct phi_eval *e = r->eval;
    const size_t n = e->nwindows < MAX_POINTS ? e->nwindows : MAX_POINTS;
    const double per = (double)e->per_window;
    const double *ref = compared(r) ? e->results[e->nmodels].window_nll : NULL;
    struct lines l = {0};
    const enum phi_status st = lines_init(&l, r, n, err);

    for (size_t i = 0; st == PHI_OK && i < e->nmodels; i++) {
        double *y = y_of(&l, i);

        average(x_of(&l, i), y, n, e->results[i].window_nll, ref, e->nwindows);
        for (size_t k = 0; k < n; k++)
            y[k] = phi_exp_any_f64(y[k] / per);
    }
    if (st == PHI_OK)
        plot_svg(b, &(struct plot){
                        .title = ref != NULL
                                     ? "Perplexity over the reference's, by "
                                       "window"
                                     : "Perplexity by window",
                        .x_title = "window",
                        .y_title = ref != NULL ? "ratio" : "perplexity",
                        .log_y = ref == NULL,
                        .series = l.series,
                        .n = e->nmodels});
    lines_release(&l);
    return st;
}

static enum phi_status plot_divergences(struct phi_buf *b,
                                        const struct eval_report *r,
                                        struct phi_err *err)
{
    const struct phi_eval *e = r->eval;
    const size_t n = e->nwindows < MAX_POINTS ? e->nwindows : MAX_POINTS;
    struct lines l = {0};
    const enum phi_status st = lines_init(&l, r, n, err);

    for (size_t i = 0; st == PHI_OK && i < e->nmodels; i++)
        average(x_of(&l, i), y_of(&l, i), n, e->results[i].window_kld, NULL,
                e->nwindows);
    if (st == PHI_OK)
        plot_svg(b, &(struct plot){.title = "Mean divergence by window",
                                   .x_title = "window",
                                   .y_title = "KLD, nats",
                                   .log_y = true,
                                   .series = l.series,
                                   .n = e->nmodels});
    lines_release(&l);
    return st;
}

/* ---- the page ------------------------------------------------------------ */

static void put_title(struct phi_buf *b, const struct eval_report *r)
{
    if (r->title != NULL) {
        markup_text(b, r->title);
        return;
    }
    phi_buf_text(b, "Perplexity of ");
    markup_text(b, r->labels[0]);
    if (r->eval->nmodels > 1)
        phi_buf_printf(b, " and %zu more", r->eval->nmodels - 1);
}

static void put_head(struct phi_buf *b, const struct eval_gates *gates,
                     const struct eval_report *r)
{
    size_t failed = 0;

    for (size_t i = 0; i < gates->n; i++)
        failed += !gates->gate[i].passed;
    phi_buf_text(b, "<!doctype html>\n<html lang=\"en\">\n<head>\n"
                    "<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
                    "content=\"width=device-width, initial-scale=1\">\n"
                    "<title>");
    put_title(b, r);
    phi_buf_text(b, "</title>\n");
    phi_buf_text(b, style);
    phi_buf_text(b, "</head>\n<body>\n<h1>");
    put_title(b, r);
    phi_buf_text(b, "</h1>\n");
    if (gates->n > 0 && failed == 0)
        phi_buf_text(b, "<p class=\"verdict good\">All gates passed</p>\n");
    else if (gates->n > 0)
        phi_buf_printf(b,
                       "<p class=\"verdict bad\">%zu of %zu gates failed</p>\n",
                       failed, gates->n);
    phi_buf_text(b, "<p class=\"dim\">");
    markup_text(b, phi_path_base(r->text));
    phi_buf_printf(b,
                   ": %zu windows of %zu tokens, %zu predictions scored; "
                   "activations %s; phiconv " PHICONV_VERSION "</p>\n",
                   r->eval->nwindows, r->n_ctx, r->eval->scored, r->act);
    if (eval_is_stored(r->models[r->eval->nmodels]))
        phi_buf_printf(b,
                       "<p class=\"dim\">The reference is a logits file, "
                       "where ln p is known to %g; tokens too unlikely "
                       "for it: %zu</p>\n",
                       PHI_LOGITS_ERROR, r->eval->nfloored);
    if (r->eval->nwindows < r->eval->nplanned)
        phi_buf_printf(b,
                       "<p class=\"dim\">Stopped early: after %zu of %zu "
                       "windows the gates were decided</p>\n",
                       r->eval->nwindows, r->eval->nplanned);
}

enum phi_status eval_html_page(struct phi_buf *b,
                               const struct eval_gates *gates,
                               const struct eval_report *r, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    put_head(b, gates, r);
    put_models(b, r);
    put_gates(b, gates, r);
    phi_buf_text(b, "<h2>Plots</h2>\n<div class=\"plots\">\n");
    if (compared(r))
        st = plot_sizes(b, r, err);
    if (st == PHI_OK && compared(r))
        st = plot_histogram(b, r, err);
    if (st == PHI_OK)
        st = plot_windows(b, r, err);
    if (st == PHI_OK && compared(r))
        st = plot_divergences(b, r, err);
    phi_buf_text(b, "</div>\n");
    if (compared(r))
        put_percentiles(b, r);
    for (size_t i = 0; compared(r) && i < r->eval->nmodels; i++)
        put_worst(b, r, i);
    phi_buf_text(b, "</body>\n</html>\n");
    return st == PHI_OK ? phi_buf_status(b, err) : st;
}

enum phi_status eval_html_write(const struct eval_gates *gates,
                                const struct eval_report *r, const char *path,
                                bool replace, struct phi_err *err)
{
    const struct phi_output_options options = {.replace = replace};
    struct phi_buf b = {0};
    enum phi_status st = eval_html_page(&b, gates, r, err);

    if (st == PHI_OK)
        st = phi_output_save(path, &options, b.p, b.n, err);
    phi_buf_release(&b);
    return st;
}
