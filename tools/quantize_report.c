/* SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include "tools/quantize_report.h"

#include <sys/resource.h>

#include "formats/pack_sink.h"
#include "tools/lora_report.h"
#include "tools/quantize_rate.h"
#include "tools/report.h"

static bool substituted(const struct phi_plan *plan, size_t i)
{
    return plan->steps[i].wanted != plan->tensors[i].dtype;
}

static size_t count_substituted(const struct phi_plan *plan)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->n; i++)
        n += substituted(plan, i);
    return n;
}

static void note_substituted(const struct quantize_target *t)
{
    const struct phi_plan *plan = &t->plan;
    const size_t n = count_substituted(plan);
    size_t i = 0;

    if (n == 0)
        return;
    while (!substituted(plan, i))
        i++;
    report_note("%s: %zu tensor%s of a width that does not fit %s type (%s: "
                "%s instead of %s); --dry-run shows them",
                t->label, n, n == 1 ? " is" : "s are", n == 1 ? "its" : "their",
                plan->tensors[i].name,
                phi_dtype_info(plan->tensors[i].dtype)->name,
                phi_dtype_info(plan->steps[i].wanted)->name);
}

/* Entries for nothing here, and a matrix that no type takes. */
static void note_imatrix(const struct quantize_job *job)
{
    const struct phi_imatrix *m = &job->imatrix;
    const struct phi_source *s = job->source;
    size_t n = m->nentries;

    for (size_t i = 0; i < s->ntensors; i++)
        n -= phi_imatrix_find(m, s->tensors[i].name) != NULL;
    if (n > 0)
        report_note("%s: %zu of its %zu entries %s for no tensor of %s",
                    m->path, n, m->nentries, n == 1 ? "is" : "are",
                    job->source->path);
    for (size_t i = 0; i < job->n; i++) {
        const struct phi_plan *plan = &job->targets[i].plan;

        n = 0;
        for (size_t k = 0; k < plan->n; k++)
            n += plan->steps[k].importance != NULL;
        if (n == 0)
            report_note("%s: no tensor takes the importance matrix",
                        job->targets[i].label);
    }
}

/* What of a folder packed files do not have. */
static void note_left(const struct quantize_job *job)
{
    for (size_t i = 0; i < job->left.n; i++)
        report_note("%s: is not packed", job->left.v[i]);
    if (quantize_is_packed(job) && job->model.tokenizer != NULL &&
        job->source->folder != NULL)
        report_note("%s: its files beside the weights are not packed: the "
                    "adapter brings another tokenizer",
                    job->source->path);
}

void quantize_print_notes(const struct quantize_job *job)
{
    lora_print_notes(&job->model);
    note_left(job);
    for (size_t i = 0; i < job->n; i++)
        note_substituted(&job->targets[i]);
    if (job->args.imatrix != NULL)
        note_imatrix(job);
}

static double bits_a_weight(enum phi_dtype t)
{
    const struct phi_dtype_info *d = phi_dtype_info(t);

    return (double)d->bits / d->block;
}

/* What becomes of each tensor: the plan, or the plan and what it cost. */
static enum phi_status print_tensors(const struct quantize_job *job,
                                     const struct quantize_target *t,
                                     struct phi_err *err)
{
    static const char *const titles[] = {
        "tensor", "shape", "from",      "to",      "bits",
        "bytes",  "rmse",  "max error", "because", "imatrix"};
    static const size_t spare[] = {4, 5, 5}; /* bits, rmse, max error */
    struct table table = {
        .ncols = job->args.imatrix != NULL ? 10 : 9,
        .right = {[4] = true, [5] = true, [6] = true, [7] = true}};
    enum phi_status st;

    for (size_t k = 0; k < table.ncols; k++)
        table_cell(&table, "%s", titles[k]);
    for (size_t i = 0; i < t->plan.n; i++) {
        const struct phi_sink_tensor *out = &t->plan.tensors[i];
        const struct phi_plan_step *step = &t->plan.steps[i];
        const enum phi_dtype from = job->source->tensors[step->source].dtype;
        char shape[192];

        table_cell(&table, "%s", out->name);
        table_cell(&table, "%s", human_shape(shape, out->dim, out->rank));
        table_cell(&table, "%s", phi_dtype_info(from)->name);
        table_cell(&table, "%s", phi_dtype_info(out->dtype)->name);
        table_cell(&table, "%g", bits_a_weight(out->dtype));
        table_cell(&table, "%llu", (unsigned long long)out->nbytes);
        if (t->rounding != NULL) {
            table_cell(&table, "%.3g", t->rounding[i].rmse);
            table_cell(&table, "%.3g", t->rounding[i].max_error);
        } else {
            table_cell(&table, "-");
            table_cell(&table, "-");
        }
        if (step->wanted != out->dtype)
            table_cell(&table, "%s, not %s", step->why,
                       phi_dtype_info(step->wanted)->name);
        else
            table_cell(&table, "%s", step->why);
        if (job->args.imatrix != NULL)
            table_cell(&table, "%s", step->importance != NULL ? "used" : "-");
    }
    table_fit(&table, stdout, spare, sizeof(spare) / sizeof(spare[0]));
    st = table_print(&table, stdout, err);
    table_release(&table);
    printf("\n");
    return st;
}

/* What planes made of floats. */
static void print_savings(const struct quantize_job *job)
{
    char path[PHI_ERR_MAX];

    for (size_t i = 0; i < job->n; i++) {
        const struct quantize_target *t = &job->targets[i];
        struct phi_pack_saving v;

        if (!t->packed)
            continue;
        v = phi_pack_sink_saving(t->inner);
        printf("%s: %llu bytes of floats in planes take %llu: %.1f %% saved\n",
               phi_printable(path, sizeof(path), t->first),
               (unsigned long long)v.plain, (unsigned long long)v.stored,
               v.plain > 0 ? 100 - (double)v.stored * 100 / (double)v.plain
                           : 0);
    }
}

/* What planes save is not known before they are deflated. */
static bool size_exact(const struct quantize_job *job,
                       const struct quantize_target *t)
{
    return !job->args.dry_run || !job->args.pack_planes || !t->packed;
}

enum phi_status quantize_print_summary(const struct quantize_job *job,
                                       struct phi_err *err)
{
    struct table table = {.ncols = 4, .right = {[2] = true, [3] = true}};
    const bool each = job->args.dry_run || job->args.common.verbose;
    const bool done = !job->args.dry_run;
    enum phi_status st = PHI_OK;

    if (job->model.n > 0 && each)
        st = lora_print_modules(&job->model, done, err);
    if (job->model.n > 0 && st == PHI_OK)
        st = lora_print_adapters(&job->model, done, err);
    for (size_t i = 0; st == PHI_OK && each && i < job->n; i++)
        st = print_tensors(job, &job->targets[i], err);
    table_cell(&table, "file");
    table_cell(&table, "type");
    table_cell(&table, "bits per weight");
    table_cell(&table, "bytes");
    for (size_t i = 0; i < job->n; i++) {
        const struct quantize_target *t = &job->targets[i];

        table_cell(&table, "%s", t->path != NULL ? t->first : "(dry run)");
        table_cell(&table, "%s", t->label);
        table_cell(&table, "%.3f", phi_plan_bits(&t->plan));
        table_cell(&table, "%s%llu", size_exact(job, t) ? "" : "at most ",
                   (unsigned long long)t->nbytes);
    }
    if (st == PHI_OK)
        st = table_print(&table, stdout, err);
    table_release(&table);
    if (st == PHI_OK && job->args.pack_planes && done)
        print_savings(job);
    if (st == PHI_OK && job->args.common.verbose && !job->args.dry_run)
        quantize_print_rate(job);
    return st;
}

static void json_source(struct json_out *j, const struct quantize_job *job)
{
    json_open(j, "source", '[');
    for (size_t i = 0; i < job->source->nfiles; i++) {
        json_open(j, NULL, '{');
        json_str(j, "name", job->source->files[i].name);
        json_uint(j, "bytes", job->source->files[i].nbytes);
        if (job->sha256 != NULL)
            json_str(j, "sha256", job->sha256[i]);
        else
            json_null(j, "sha256");
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void json_imatrix(struct json_out *j, const struct quantize_job *job)
{
    const struct phi_imatrix *m = &job->imatrix;

    if (job->args.imatrix == NULL) {
        json_null(j, "imatrix");
        return;
    }
    json_open(j, "imatrix", '{');
    json_str(j, "path", m->path);
    json_str(j, "sha256", m->sha256);
    json_uint(j, "entries", m->nentries);
    json_uint(j, "chunks", m->nchunks);
    json_close(j, '}');
}

enum phi_status quantize_print_json(const struct quantize_job *job,
                                    struct phi_err *err)
{
    struct json_out j = {0};
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    json_open(&j, NULL, '{');
    json_str(&j, "schema", "phiconv.quantize/1");
    json_bool(&j, "dry_run", job->args.dry_run);
    json_open(&j, "outputs", '[');
    for (size_t i = 0; i < job->n; i++) {
        const struct quantize_target *t = &job->targets[i];

        json_open(&j, NULL, '{');
        if (t->path != NULL)
            json_str(&j, "path", t->first);
        else
            json_null(&j, "path");
        json_uint(&j, "files", t->parts.n);
        json_str(&j, "type", t->label);
        json_uint(&j, "bytes", t->nbytes);
        json_bool(&j, "bytes_exact", size_exact(job, t));
        json_num(&j, "bits_per_weight", phi_plan_bits(&t->plan));
        json_num(&j, "seconds", job->seconds);
        json_uint(&j, "substituted", count_substituted(&t->plan));
        json_open(&j, "tensors", '[');
        for (size_t k = 0; k < t->plan.n; k++) {
            const struct phi_sink_tensor *out = &t->plan.tensors[k];
            const struct phi_plan_step *step = &t->plan.steps[k];

            json_open(&j, NULL, '{');
            json_str(&j, "name", out->name);
            json_str(&j, "type", phi_dtype_info(out->dtype)->name);
            json_num(&j, "bits_per_weight", bits_a_weight(out->dtype));
            json_uint(&j, "bytes", out->nbytes);
            json_str(&j, "wanted", phi_dtype_info(step->wanted)->name);
            json_str(&j, "because", step->why);
            json_bool(&j, "importance", step->importance != NULL);
            if (t->rounding != NULL) {
                json_num(&j, "rmse", t->rounding[k].rmse);
                json_num(&j, "max_error", t->rounding[k].max_error);
            }
            json_close(&j, '}');
        }
        json_close(&j, ']');
        json_close(&j, '}');
    }
    json_close(&j, ']');
    json_open(&j, "left", '[');
    for (size_t i = 0; i < job->left.n; i++)
        json_str(&j, NULL, job->left.v[i]);
    json_close(&j, ']');
    json_source(&j, job);
    json_imatrix(&j, job);
    lora_json(&j, &job->model, !job->args.dry_run);
    quantize_json_rate(&j, job);
    json_uint(&j, "peak_rss", (uint64_t)usage.ru_maxrss * 1024);
    json_close(&j, '}');
    return json_finish(&j, err);
}
