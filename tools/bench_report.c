/* SPDX-License-Identifier: MIT */
#include "tools/bench_report.h"

#include <stdio.h>
#include <string.h>

#include "tools/report.h"

/* How a rate is shown, and called in JSON. */
static const struct {
    const char *shown; /* of a billion of it */
    const char *key;
} units[BENCH_UNITS] = {
    [BENCH_OPERATIONS] = {"Gop/s", "operations_per_second"},
    [BENCH_VALUES] = {"Gval/s", "values_per_second"},
    [BENCH_BYTES] = {"GB/s", "bytes_per_second"},
};

/* What /proc/cpuinfo calls the processor; "" where it does not say. */
static const char *machine(char out[128])
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];

    out[0] = '\0';
    while (f != NULL && out[0] == '\0' && fgets(line, sizeof(line), f)) {
        const char *colon = strchr(line, ':');

        if (colon != NULL && strncmp(line, "model name", 10) == 0)
            snprintf(out, 128, "%.*s", (int)strcspn(colon + 1, "\n"),
                     colon + 1);
    }
    if (f != NULL)
        fclose(f);
    return out[0] == ' ' ? out + 1 : out;
}

/* The part of its peak that a row reaches; negative: it has none. */
static double of_peak(const struct bench_report *r, const struct bench *b,
                      const struct bench_rate *rate, bool all)
{
    const struct bench_result *peak;
    double most;

    if (b->peak == BENCH_NO_PEAK || rate->runs == 0)
        return -1;
    peak = &r->peak_results[b->peak];
    most = all ? peak->all.best : peak->one.best;
    return most > 0 ? rate->median * b->cost / b->amount / most : -1;
}

/* ---- table --------------------------------------------------------------- */

/* Half of what the middle half of the runs spreads over. */
static double spread(const struct bench_rate *rate)
{
    return (rate->high - rate->low) / 2 / rate->median;
}

/* Three cells: v of a unit, the rate's spread and its part of a peak. */
static void rate_cells(struct table *t, const struct bench_rate *rate, double v,
                       const char *unit, double part)
{
    table_cell(t,
               v < 10    ? "%.2f %s"
               : v < 100 ? "%.1f %s"
                         : "%.0f %s",
               v, unit);
    table_cell(t, "± %.1f %%", 100 * spread(rate));
    if (part >= 0)
        table_cell(t, "%.0f %%", 100 * part);
    else
        table_cell(t, "-");
}

static void row_cells(const struct bench_report *r, struct table *t,
                      const struct bench *b, const struct bench_result *result)
{
    const bool peak = b->peak == BENCH_NO_PEAK;
    const struct bench_rate *const one = &result->one;
    const struct bench_rate *const all = &result->all;
    const char *unit = units[b->unit].shown;

    if (result->one.runs == 0)
        return;
    table_cell(t, "%s", b->name);
    rate_cells(t, one, 1e-9 * (peak ? one->best : one->median), unit,
               of_peak(r, b, one, false));
    if (r->nthreads > 1)
        rate_cells(t, all, 1e-9 * (peak ? all->best : all->median), unit,
                   of_peak(r, b, all, true));
}

enum phi_status bench_report_table(const struct bench_report *r,
                                   struct phi_err *err)
{
    char path[PHI_ERR_MAX];
    struct table t = {.ncols = r->nthreads > 1 ? 7 : 4};
    char name[128];
    const char *cpu;
    enum phi_status st;

    table_cell(&t, "what");
    for (size_t i = 1; i < t.ncols; i++)
        t.right[i] = true;
    table_cell(&t, "1 thread");
    table_cell(&t, "spread");
    table_cell(&t, "of peak");
    if (r->nthreads > 1) {
        table_cell(&t, "%zu threads", r->nthreads);
        table_cell(&t, "spread");
        table_cell(&t, "of peak");
    }
    for (size_t i = 0; i < r->peaks->n; i++)
        row_cells(r, &t, &r->peaks->v[i], &r->peak_results[i]);
    for (size_t i = 0; i < r->kernels->n; i++)
        row_cells(r, &t, &r->kernels->v[i], &r->kernel_results[i]);
    for (size_t i = 0; i < r->nmodel; i++) {
        const struct bench_result *result = &r->model_results[i];

        if (result->one.runs == 0)
            continue;
        table_cell(&t, "%s", r->model_rows[i].name);
        rate_cells(&t, &result->one, result->one.median, "tok/s", -1);
        if (r->nthreads > 1)
            rate_cells(&t, &result->all, result->all.median, "tok/s", -1);
    }
    cpu = machine(name);
    printf("%s%slevel %s\n", cpu, cpu[0] != '\0' ? ", " : "", r->level);
    st = table_print(&t, stdout, err);
    if (st == PHI_OK && r->model != NULL)
        printf("model: %s, %zu windows of %zu tokens\n",
               phi_printable(path, sizeof(path), r->model->source->path),
               r->model->windows, r->model->n_ctx);
    table_release(&t);
    return st;
}

/* ---- JSON ---------------------------------------------------------------- */

static void json_rate(struct json_out *j, const char *key,
                      const struct bench_rate *rate, double part)
{
    if (rate->runs == 0) {
        json_null(j, key);
        return;
    }
    json_open(j, key, '{');
    json_num(j, "median", rate->median);
    json_num(j, "low", rate->low);
    json_num(j, "high", rate->high);
    json_num(j, "best", rate->best);
    json_uint(j, "runs", rate->runs);
    if (part >= 0)
        json_num(j, "of_peak", part);
    json_close(j, '}');
}

static void json_row(const struct bench_report *r, struct json_out *j,
                     const struct bench *b, const struct bench_result *result)
{
    if (result->one.runs == 0)
        return;
    json_open(j, NULL, '{');
    json_str(j, "name", b->name);
    json_str(j, "unit", units[b->unit].key);
    if (b->peak != BENCH_NO_PEAK)
        json_str(j, "peak", r->peaks->v[b->peak].name);
    json_rate(j, "one", &result->one, of_peak(r, b, &result->one, false));
    json_rate(j, "all", &result->all, of_peak(r, b, &result->all, true));
    json_close(j, '}');
}

static void json_model(const struct bench_report *r, struct json_out *j)
{
    if (r->model == NULL) {
        json_null(j, "model");
        return;
    }
    json_open(j, "model", '{');
    json_str(j, "path", r->model->source->path);
    json_uint(j, "n_ctx", r->model->n_ctx);
    json_uint(j, "windows", r->model->windows);
    json_open(j, "rows", '[');
    for (size_t i = 0; i < r->nmodel; i++) {
        if (r->model_results[i].one.runs == 0)
            continue;
        json_open(j, NULL, '{');
        json_str(j, "name", r->model_rows[i].name);
        json_str(j, "unit", "tokens_per_second");
        json_rate(j, "one", &r->model_results[i].one, -1);
        json_rate(j, "all", &r->model_results[i].all, -1);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_close(j, '}');
}

enum phi_status bench_report_json(const struct bench_report *r,
                                  struct phi_err *err)
{
    struct json_out j = {0};
    char name[128];

    json_open(&j, NULL, '{');
    json_str(&j, "schema", "phiconv.bench/1");
    json_str(&j, "machine", machine(name));
    json_str(&j, "level", r->level);
    json_uint(&j, "threads", r->nthreads);
    json_num(&j, "seconds", r->seconds);
    json_open(&j, "peaks", '[');
    for (size_t i = 0; i < r->peaks->n; i++)
        json_row(r, &j, &r->peaks->v[i], &r->peak_results[i]);
    json_close(&j, ']');
    json_open(&j, "kernels", '[');
    for (size_t i = 0; i < r->kernels->n; i++)
        json_row(r, &j, &r->kernels->v[i], &r->kernel_results[i]);
    json_close(&j, ']');
    json_model(r, &j);
    json_close(&j, '}');
    return json_finish(&j, err);
}
