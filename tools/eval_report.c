/* SPDX-License-Identifier: MIT */
#include "tools/eval_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "formats/logits_file.h"
#include "libconv/kernels/elementary.h"
#include "libconv/quant/recipe.h"
#include "tools/eval_gates.h"
#include "tools/model_size.h"

bool eval_is_stored(const struct phi_source *s)
{
    return s != NULL && s->format != NULL &&
           strcmp(s->format, PHI_LOGITS_FORMAT) == 0;
}

enum phi_status eval_size_of(struct eval_size *out, const struct phi_source *s,
                             struct phi_err *err)
{
    uint64_t number = UINT64_MAX;
    uint64_t weights = 0;
    uint64_t nbytes = 0;
    /* A folder has other files, and one that is merged as it is read none. */
    bool in_files = !phi_source_is_folder(s);
    bool *shared;

    if (eval_is_stored(s)) {
        *out = (struct eval_size){s->files[0].nbytes, 0, "logits"};
        return PHI_OK;
    }
    shared = model_shared(s, err);
    if (shared == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < s->ntensors; i++) {
        const struct phi_tensor *t = &s->tensors[i];

        if (shared[i])
            continue;
        nbytes += t->nbytes;
        weights += phi_tensor_count(t);
        in_files = in_files && t->part < s->nfiles;
    }
    free(shared);
    phi_meta_opt_uint(&s->meta, "general.file_type", UINT32_MAX, &number, NULL);
    *out = (struct eval_size){in_files ? model_file_nbytes(s) : nbytes,
                              weights > 0 ? (double)nbytes * 8 / (double)weights
                                          : 0,
                              phi_file_type_name(number)};
    return PHI_OK;
}

size_t eval_report_worst(size_t out[EVAL_WORST], const struct eval_report *r,
                         size_t i)
{
    const double *kld = r->eval->results[i].window_kld;
    size_t n = 0;

    for (size_t w = 0; w < r->eval->nwindows; w++) {
        size_t at = n < EVAL_WORST ? n++ : EVAL_WORST;

        for (; at > 0 && kld[out[at - 1]] < kld[w]; at--) {
            if (at < EVAL_WORST)
                out[at] = out[at - 1];
        }
        if (at < EVAL_WORST)
            out[at] = w;
    }
    return n;
}

static const struct phi_source *reference_of(const struct eval_report *r)
{
    return r->models[r->eval->nmodels];
}

enum { COLUMNS = 9 };

static void table_row(struct table *t, const struct eval_report *r, size_t i,
                      bool compared)
{
    const struct phi_eval_result *res = &r->eval->results[i];
    const struct phi_eval_against *a = &res->against;
    const struct eval_size z = r->sizes[i];

    table_cell(t, "%s", r->names[i]);
    table_cell(t, "%s", z.type);
    if (z.bits > 0)
        table_cell(t, "%.3f", z.bits);
    else
        table_cell(t, "-");
    table_cell(t, "%llu", (unsigned long long)z.nbytes);
    table_cell(t, "%.4f", res->ppl);
    if (isnan(res->ppl_error))
        table_cell(t, "-");
    else
        table_cell(t, "± %.4f", res->ppl_error);
    if (reference_of(r) == NULL)
        return;
    if (!compared) {
        for (size_t k = 6; k < COLUMNS; k++)
            table_cell(t, "-");
        return;
    }
    table_cell(t, "%+.3f %%", (phi_exp_any_f64(a->ln_ratio) - 1) * 100);
    table_cell(t, "%.6f", a->mean_kld);
    table_cell(t, "%.2f %%", a->same_top * 100);
}

/* What a logits file does not know. */
static void print_stored(const struct phi_eval *e)
{
    printf("the reference is a logits file, where ln p is known to %g\n",
           PHI_LOGITS_ERROR);
    if (e->nfloored > 0)
        printf("tokens too unlikely for it: %zu; its perplexity is higher, and "
               "the change less\n",
               e->nfloored);
}

static void print_windows(const struct eval_report *r)
{
    const struct phi_eval *e = r->eval;

    printf("%zu windows of %zu tokens, %zu predictions scored\n", e->nwindows,
           r->n_ctx, e->scored);
    if (eval_is_stored(reference_of(r)))
        print_stored(e);
    if (e->nwindows < e->nplanned)
        printf("stopped early: after %zu of %zu windows the gates were "
               "decided\n",
               e->nwindows, e->nplanned);
    else if (r->early)
        printf("%zu windows did not decide the gates early\n", e->nwindows);
}

enum phi_status eval_report_table(const struct eval_report *r,
                                  struct phi_err *err)
{
    static const char *const titles[COLUMNS] = {
        "model", "type",   "bits per weight", "bytes",   "perplexity",
        "",      "change", "mean KLD",        "same top"};
    /* Bits, bytes, errors, types: what a file's name or another look at it
     * can say goes before what was measured. */
    static const size_t spare[] = {2, 2, 3, 1};
    struct table t = {.ncols = reference_of(r) != NULL ? COLUMNS : 6};
    enum phi_status st;

    for (size_t k = 2; k < COLUMNS; k++)
        t.right[k] = k != 5;
    for (size_t k = 0; k < t.ncols; k++)
        table_cell(&t, "%s", titles[k]);
    if (reference_of(r) != NULL)
        table_row(&t, r, r->eval->nmodels, false);
    for (size_t i = 0; i < r->eval->nmodels; i++)
        table_row(&t, r, i, true);
    table_fit(&t, stdout, spare, sizeof(spare) / sizeof(spare[0]));
    st = table_print(&t, stdout, err);
    table_release(&t);
    if (st == PHI_OK)
        print_windows(r);
    return st;
}

static void json_percentiles(struct json_out *j, const char *key,
                             const double *v)
{
    json_open(j, key, '{');
    for (size_t k = 0; k < PHI_EVAL_NPERCENTILES; k++) {
        char name[32];

        snprintf(name, sizeof(name), "%g", phi_eval_percentiles[k]);
        json_num(j, name, v[k]);
    }
    json_close(j, '}');
}

static void json_windows(struct json_out *j, const char *key, const double *v,
                         size_t n)
{
    json_open(j, key, '[');
    for (size_t k = 0; k < n; k++)
        json_num(j, NULL, v[k]);
    json_close(j, ']');
}

void eval_json_perplexity(struct json_out *j, const struct phi_eval_result *res)
{
    json_num(j, "ppl", res->ppl);
    json_num(j, "ppl_error", res->ppl_error);
    json_num(j, "mean_nll", res->mean_nll);
    json_num(j, "mean_nll_error", res->mean_nll_error);
}

void eval_json_divergence(struct json_out *j, const struct phi_eval_against *a)
{
    json_num(j, "mean_kld", a->mean_kld);
    json_num(j, "kld_error", a->kld_error);
    json_num(j, "min_kld", a->min_kld);
    json_num(j, "max_kld", a->max_kld);
    json_percentiles(j, "kld_percentiles", a->percentiles);
    json_num(j, "mean_dp", a->mean_dp);
    json_num(j, "dp_error", a->dp_error);
    json_num(j, "rms_dp", a->rms_dp);
    json_num(j, "rms_dp_error", a->rms_dp_error);
    json_percentiles(j, "dp_percentiles", a->dp_percentiles);
    json_num(j, "same_top", a->same_top);
    json_num(j, "same_top_error", a->same_top_error);
    json_num(j, "ln_ratio", a->ln_ratio);
    json_num(j, "ln_ratio_error", a->ln_ratio_error);
}

static void json_result(struct json_out *j, const struct eval_report *r,
                        size_t i)
{
    const struct phi_eval_result *res = &r->eval->results[i];
    const struct eval_size z = r->sizes[i];

    json_str(j, "path", r->names[i]);
    json_str(j, "type", z.type);
    json_uint(j, "bytes", z.nbytes);
    if (z.bits > 0)
        json_num(j, "bits_per_weight", z.bits);
    else
        json_null(j, "bits_per_weight");
    eval_json_perplexity(j, res);
    json_windows(j, "window_nll", res->window_nll, r->eval->nwindows);
}

static void json_against(struct json_out *j, const struct eval_report *r,
                         size_t i)
{
    const struct phi_eval_result *res = &r->eval->results[i];
    size_t worst[EVAL_WORST];
    const size_t nworst = eval_report_worst(worst, r, i);

    json_open(j, "reference", '{');
    eval_json_divergence(j, &res->against);
    json_windows(j, "window_kld", res->window_kld, r->eval->nwindows);
    json_open(j, "worst_windows", '[');
    for (size_t k = 0; k < nworst; k++)
        json_uint(j, NULL, worst[k]);
    json_close(j, ']');
    json_close(j, '}');
}

void eval_json_controls(struct json_out *j, const struct phi_control_texts *c)
{
    json_open(j, "control_texts", '[');
    for (size_t i = 0; i < c->n; i++) {
        json_open(j, NULL, '{');
        json_str(j, "text", c->v[i].text);
        json_uint(j, "count", c->v[i].n);
        json_close(j, '}');
    }
    json_close(j, ']');
}

enum phi_status eval_report_json(const struct eval_report *r,
                                 const struct eval_gates *gates,
                                 struct phi_err *err)
{
    const struct phi_eval *e = r->eval;
    const bool paired = reference_of(r) != NULL;
    const bool stored = eval_is_stored(reference_of(r));
    const double tokens = (double)((e->nwindows - e->nloaded) * r->n_ctx) *
                          (double)(e->nmodels + (paired && !stored ? 1 : 0));
    struct json_out j = {0};

    json_open(&j, NULL, '{');
    json_str(&j, "schema", "phiconv.eval/1");
    json_str(&j, "text", r->text);
    eval_json_controls(&j, r->controls);
    json_uint(&j, "n_ctx", r->n_ctx);
    json_uint(&j, "windows", e->nwindows);
    json_uint(&j, "windows_planned", e->nplanned);
    json_uint(&j, "window_step", e->step);
    json_uint(&j, "scored", e->scored);
    json_str(&j, "act", r->act);
    json_num(&j, "seconds", r->seconds);
    json_num(&j, "tokens_per_second", tokens / r->seconds);
    json_open(&j, "models", '[');
    for (size_t i = 0; i < e->nmodels; i++) {
        json_open(&j, NULL, '{');
        json_result(&j, r, i);
        if (paired)
            json_against(&j, r, i);
        else
            json_null(&j, "reference");
        json_close(&j, '}');
    }
    json_close(&j, ']');
    if (paired) {
        json_open(&j, "reference_model", '{');
        json_result(&j, r, e->nmodels);
        if (stored) {
            json_num(&j, "log_prob_error", PHI_LOGITS_ERROR);
            json_uint(&j, "floored", e->nfloored);
        }
        json_close(&j, '}');
    }
    eval_gates_json(&j, gates);
    json_close(&j, '}');
    return json_finish(&j, err);
}
