/* SPDX-License-Identifier: MIT */
#include "tools/eval_report.h"

#include <math.h>
#include <stdlib.h>

#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "libconv/quant/recipe.h"

/* How large a model is. */
struct size {
    uint64_t nbytes;  /* of its file; of its tensors if it is a folder */
    double bits;      /* a weight */
    const char *type; /* by general.file_type */
};

static struct size size_of(const struct phi_source *s)
{
    struct phi_file *f = NULL;
    uint64_t number = UINT64_MAX;
    uint64_t weights = 0;
    struct size z = {0};

    for (size_t i = 0; i < s->ntensors; i++) {
        const struct phi_tensor *t = &s->tensors[i];

        z.nbytes += t->nbytes;
        weights += phi_tensor_rows(t) * phi_tensor_cols(t);
    }
    z.bits = weights > 0 ? (double)z.nbytes * 8 / (double)weights : 0;
    if (phi_path_kind(s->path) == PHI_PATH_FILE &&
        phi_file_open(&f, s->path, NULL) == PHI_OK)
        z.nbytes = phi_file_size(f);
    phi_file_close(f);
    phi_meta_opt_uint(&s->meta, "general.file_type", UINT32_MAX, &number, NULL);
    z.type = phi_file_type_name(number);
    return z;
}

static const struct phi_source *reference_of(const struct eval_report *r)
{
    return r->models[r->eval->nmodels];
}

enum phi_status eval_gates_judge(struct eval_gates *out,
                                 const struct eval_report *r,
                                 struct phi_err *err)
{
    const size_t n = r->eval->nmodels;

    out->gate = phi_alloc(n * 3, sizeof(*out->gate), err);
    if (out->gate == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct phi_eval_result *res = &r->eval->results[i];
        const double ratio = res->ppl / r->eval->results[n].ppl;
        const struct {
            const char *name;
            const struct opt_float *limit;
            double value;
            bool at_most;
        } rows[] = {
            {"max-ppl-ratio", &r->max_ratio, ratio, true},
            {"max-kld", &r->max_kld, res->against.mean_kld, true},
            {"min-same-top", &r->min_top, res->against.same_top, false},
        };

        for (size_t k = 0; k < 3; k++) {
            const double limit = rows[k].limit->value;
            const double v = rows[k].value;

            if (!rows[k].limit->given)
                continue;
            /* Comparisons with NaN are false: it does not pass. */
            out->gate[out->n++] =
                (struct eval_gate){rows[k].name, r->models[i]->path, limit, v,
                                   rows[k].at_most ? v <= limit : v >= limit};
        }
    }
    return PHI_OK;
}

void eval_gates_release(struct eval_gates *gates)
{
    free(gates->gate);
    *gates = (struct eval_gates){0};
}

bool eval_gates_tell(const struct eval_gates *gates)
{
    bool passed = true;

    fflush(stdout); /* the verdict comes after the table, in a log too */
    for (size_t i = 0; i < gates->n; i++) {
        const struct eval_gate *g = &gates->gate[i];
        char path[PHI_ERR_MAX];

        if (g->passed)
            continue;
        passed = false;
        fprintf(stderr, "phiconv: %s: gate %s failed: %.6g, limit %.6g\n",
                phi_printable(path, sizeof(path), g->path), g->name, g->value,
                g->limit);
    }
    return passed;
}

enum { COLUMNS = 9 };

static void table_row(struct table *t, const struct eval_report *r, size_t i,
                      bool compared)
{
    const struct phi_eval_result *res = &r->eval->results[i];
    const struct phi_eval_against *a = &res->against;
    const struct size z = size_of(r->models[i]);

    table_cell(t, "%s", r->models[i]->path);
    table_cell(t, "%s", z.type);
    table_cell(t, "%.3f", z.bits);
    table_cell(t, "%llu", (unsigned long long)z.nbytes);
    table_cell(t, "%.4f", res->ppl);
    table_cell(t, "± %.4f", res->ppl_error);
    if (reference_of(r) == NULL)
        return;
    if (!compared) {
        for (size_t k = 6; k < COLUMNS; k++)
            table_cell(t, "-");
        return;
    }
    table_cell(t, "%+.3f %%", (exp(a->ln_ratio) - 1) * 100);
    table_cell(t, "%.6f", a->mean_kld);
    table_cell(t, "%.2f %%", a->same_top * 100);
}

enum phi_status eval_report_table(const struct eval_report *r,
                                  struct phi_err *err)
{
    static const char *const titles[COLUMNS] = {
        "model", "type",   "bits per weight", "bytes",   "perplexity",
        "",      "change", "mean KLD",        "same top"};
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
    st = table_print(&t, stdout, err);
    table_release(&t);
    if (st == PHI_OK)
        printf("%zu windows of %zu tokens, %zu predictions scored\n",
               r->eval->nwindows, r->n_ctx, r->eval->scored);
    return st;
}

static void json_result(struct json_out *j, const struct eval_report *r,
                        size_t i)
{
    const struct phi_eval_result *res = &r->eval->results[i];
    const struct size z = size_of(r->models[i]);

    json_str(j, "path", r->models[i]->path);
    json_str(j, "type", z.type);
    json_uint(j, "bytes", z.nbytes);
    json_num(j, "bits_per_weight", z.bits);
    json_num(j, "ppl", res->ppl);
    json_num(j, "ppl_error", res->ppl_error);
    json_num(j, "mean_nll", res->mean_nll);
    json_num(j, "mean_nll_error", res->mean_nll_error);
    json_open(j, "window_nll", '[');
    for (size_t k = 0; k < r->eval->nwindows; k++)
        json_num(j, NULL, res->window_nll[k]);
    json_close(j, ']');
}

static void json_against(struct json_out *j, const struct phi_eval_against *a)
{
    json_open(j, "reference", '{');
    json_num(j, "mean_kld", a->mean_kld);
    json_num(j, "kld_error", a->kld_error);
    json_num(j, "min_kld", a->min_kld);
    json_num(j, "max_kld", a->max_kld);
    json_open(j, "kld_percentiles", '{');
    for (size_t k = 0; k < PHI_EVAL_NPERCENTILES; k++) {
        char name[32];

        snprintf(name, sizeof(name), "%g", phi_eval_percentiles[k]);
        json_num(j, name, a->percentiles[k]);
    }
    json_close(j, '}');
    json_num(j, "same_top", a->same_top);
    json_num(j, "same_top_error", a->same_top_error);
    json_num(j, "ln_ratio", a->ln_ratio);
    json_num(j, "ln_ratio_error", a->ln_ratio_error);
    json_close(j, '}');
}

static void json_gates(struct json_out *j, const struct eval_gates *gates)
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
        json_bool(j, "passed", g->passed);
        json_close(j, '}');
        passed = passed && g->passed;
    }
    json_close(j, ']');
    json_bool(j, "passed", passed);
}

enum phi_status eval_report_json(const struct eval_report *r,
                                 const struct eval_gates *gates,
                                 struct phi_err *err)
{
    const struct phi_eval *e = r->eval;
    const bool paired = reference_of(r) != NULL;
    const double tokens = (double)(e->nwindows * r->n_ctx) *
                          (double)(e->nmodels + (paired ? 1 : 0));
    struct json_out j = {0};

    json_open(&j, NULL, '{');
    json_str(&j, "schema", "phiconv.eval/1");
    json_str(&j, "text", r->text);
    json_uint(&j, "n_ctx", r->n_ctx);
    json_uint(&j, "windows", e->nwindows);
    json_uint(&j, "scored", e->scored);
    json_str(&j, "act", "exact");
    json_num(&j, "seconds", r->seconds);
    json_num(&j, "tokens_per_second", tokens / r->seconds);
    json_open(&j, "models", '[');
    for (size_t i = 0; i < e->nmodels; i++) {
        json_open(&j, NULL, '{');
        json_result(&j, r, i);
        if (paired)
            json_against(&j, &e->results[i].against);
        else
            json_null(&j, "reference");
        json_close(&j, '}');
    }
    json_close(&j, ']');
    if (paired) {
        json_open(&j, "reference_model", '{');
        json_result(&j, r, e->nmodels);
        json_close(&j, '}');
    }
    json_gates(&j, gates);
    json_close(&j, '}');
    return json_finish(&j, err);
}
