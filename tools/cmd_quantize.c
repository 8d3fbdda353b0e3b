/* SPDX-License-Identifier: MIT */
/* phiconv quantize: a model to one or several GGUF files in one read. */
#define _XOPEN_SOURCE 700
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "formats/gguf_sink.h"
#include "formats/gguf_write.h"
#include "formats/model.h"
#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "libconv/convert/pipeline.h"
#include "tools/commands.h"
#include "tools/levels.h"
#include "tools/progress.h"
#include "tools/report.h"

struct args {
    struct common common;
    struct text_list types;
    const char *output;
    bool pure;
    bool dry_run;
    bool force;
};

static const struct option options[] = {
    OPT_LIST('t', "type", "TYPE[=FILE]", struct args, types,
             "write FILE with tensors of TYPE: f32, f16, bf16, q8_0, q5_1, "
             "q5_0, q4_1 or q4_0; several make several files in one read"),
    OPT_TEXT('o', "output", "FILE", struct args, output,
             "where the only -t without =FILE goes"),
    OPT_FLAG(0, "pure", struct args, pure,
             "no exception for the output tensor, which otherwise is Q6_K in "
             "files of 4 and 5 bits"),
    OPT_FLAG('n', "dry-run", struct args, dry_run,
             "print what would become of each tensor and write nothing"),
    OPT_FLAG('f', "force", struct args, force,
             "replace output files that exist"),
    OPT_END,
};

/* One -t: its plan, and its file once it is written. */
struct target {
    char *path; /* owned; NULL: none was named (--dry-run) */
    const struct phi_file_type *type;
    struct phi_plan plan;
    uint64_t nbytes; /* of the whole file */
    struct phi_sink *sink;
    struct phi_rounding *rounding; /* (plan.n) */
};

struct job {
    const struct command *cmd;
    struct args args;
    struct phi_source *source;
    struct target *targets;
    size_t n;
    double seconds;
};

static int unknown_type(const struct command *cmd, const char *word, size_t n)
{
    char name[32];
    const char *names[32];
    const char *near;
    size_t k = 0;

    snprintf(name, sizeof(name), "%.*s", (int)n, word);
    for (; phi_file_type_at(k) != NULL && k < 32; k++)
        names[k] = phi_file_type_at(k)->name;
    near = nearest_word(name, names, k);
    if (near != NULL)
        return usage_error(cmd, "unknown type \"%s\", did you mean %s?", name,
                           near);
    return usage_error(cmd, "unknown type \"%s\"", name);
}

/* "TYPE" or "TYPE=FILE" of every -t; -o names the file of a single TYPE. */
static int read_targets(struct job *job)
{
    const struct args *a = &job->args;
    struct phi_err err = {0};

    if (a->types.n == 0)
        return usage_error(job->cmd, "no type: -t q8_0, for example");
    job->targets = phi_alloc(a->types.n, sizeof(*job->targets), &err);
    if (job->targets == NULL)
        return report_error(&err);
    for (; job->n < a->types.n; job->n++) {
        const char *word = a->types.v[job->n];
        const size_t len = strcspn(word, "=");
        const char *path = word[len] == '=' ? word + len + 1 : NULL;
        struct target *t = &job->targets[job->n];
        char *name = phi_strndup(word, len, &err);

        if (name == NULL)
            return report_error(&err);
        t->type = phi_file_type_find(name);
        free(name);
        if (t->type == NULL)
            return unknown_type(job->cmd, word, len);
        if (path == NULL && a->types.n == 1)
            path = a->output;
        else if (a->output != NULL)
            return usage_error(job->cmd, "-o is for a single -t without =FILE");
        if (path == NULL && !a->dry_run)
            return usage_error(job->cmd, "no output for %s: -t %s=FILE%s",
                               t->type->name, t->type->name,
                               a->types.n == 1 ? " or -o FILE" : "");
        if (path != NULL && path[0] == '\0')
            return usage_error(job->cmd, "-t %s: the file has no name", word);
        if (path != NULL && (t->path = phi_strdup(path, &err)) == NULL)
            return report_error(&err);
    }
    return -1;
}

/* Whether two paths name the same entry of the same folder. */
static enum phi_status same_place(bool *same, const char *a, const char *b,
                                  struct phi_err *err)
{
    const char *base_a = phi_path_base(a);
    const char *base_b = phi_path_base(b);
    char *dir_a = phi_strndup(a, (size_t)(base_a - a), err);
    char *dir_b = phi_strndup(b, (size_t)(base_b - b), err);
    struct stat sa;
    struct stat sb;
    const bool room = dir_a != NULL && dir_b != NULL;

    *same = room && strcmp(base_a, base_b) == 0 &&
            stat(dir_a[0] != '\0' ? dir_a : ".", &sa) == 0 &&
            stat(dir_b[0] != '\0' ? dir_b : ".", &sb) == 0 &&
            sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;

    free(dir_a);
    free(dir_b);
    return room ? PHI_OK : PHI_E_NOMEM;
}

static int check_places(const struct job *job)
{
    struct phi_err err = {0};

    for (size_t i = 0; i < job->n; i++) {
        for (size_t k = 0; k < i; k++) {
            const char *a = job->targets[k].path;
            const char *b = job->targets[i].path;
            bool same = false;

            if (a != NULL && b != NULL &&
                same_place(&same, a, b, &err) != PHI_OK)
                return report_error(&err);
            if (same)
                return usage_error(
                    job->cmd, "%s: is named as output of both %s and %s", b,
                    job->targets[k].type->name, job->targets[i].type->name);
        }
    }
    return -1;
}

static enum phi_status make_plans(struct job *job, struct phi_err *err)
{
    for (size_t i = 0; i < job->n; i++) {
        struct target *t = &job->targets[i];
        const struct phi_plan_options opt = {t->type, job->args.pure};
        enum phi_status st;

        if (t->path != NULL &&
            (st = phi_source_not_input(job->source, t->path, err)) != PHI_OK)
            return st;
        if ((st = phi_plan_make(&t->plan, job->source, &opt, err)) != PHI_OK)
            return st;
        st = phi_gguf_size(&t->nbytes, &t->plan.meta, t->plan.tensors,
                           t->plan.n, err);
        if (st != PHI_OK)
            return st;
    }
    return PHI_OK;
}

static enum phi_status write_files(struct job *job, struct phi_err *err)
{
    const struct phi_gguf_options gguf = {.replace = job->args.force};
    struct phi_output_job *jobs = phi_alloc(job->n, sizeof(*jobs), err);
    struct phi_pipeline_options opt = {.nthreads =
                                           (size_t)job->args.common.threads};
    struct progress progress;
    struct phi_monitor monitor;
    enum phi_status st = jobs != NULL ? PHI_OK : PHI_E_NOMEM;

    for (size_t i = 0; st == PHI_OK && i < job->n; i++) {
        struct target *t = &job->targets[i];

        t->rounding = phi_alloc(t->plan.n, sizeof(*t->rounding), err);
        st = t->rounding == NULL
                 ? PHI_E_NOMEM
                 : phi_gguf_sink_open(&t->sink, t->path, &t->plan.meta,
                                      t->plan.tensors, t->plan.n, &gguf, err);
        jobs[i] = (struct phi_output_job){&t->plan, t->sink, t->rounding};
    }
    progress_begin(&progress, job->args.common.progress, "quantize", "B");
    monitor = progress_monitor(&progress);
    opt.monitor = &monitor;
    if (st == PHI_OK)
        st = phi_pipeline_run(job->source, jobs, job->n, &opt, err);
    for (size_t i = 0; st == PHI_OK && i < job->n; i++)
        st = phi_sink_commit(job->targets[i].sink, err);
    progress_end(&progress);
    job->seconds = progress_seconds(&progress);
    free(jobs);
    return st;
}

static void shape_text(const struct phi_sink_tensor *t, char out[96])
{
    int at = 0;

    for (uint32_t i = 0; i < t->rank; i++)
        at += snprintf(out + at, (size_t)(96 - at), "%s%llu",
                       i > 0 ? " x " : "", (unsigned long long)t->dim[i]);
}

/* What becomes of each tensor: the plan, or the plan and what it cost. */
static enum phi_status print_tensors(const struct job *job,
                                     const struct target *t,
                                     struct phi_err *err)
{
    struct table table = {.ncols = 7, .right = {[4] = true, [5] = true}};
    enum phi_status st;

    for (size_t k = 0; k < 7; k++) {
        static const char *const titles[] = {"tensor", "shape", "from",   "to",
                                             "bytes",  "rmse",  "because"};

        table_cell(&table, "%s", titles[k]);
    }
    for (size_t i = 0; i < t->plan.n; i++) {
        const struct phi_sink_tensor *out = &t->plan.tensors[i];
        const struct phi_plan_step *step = &t->plan.steps[i];
        const enum phi_dtype from = job->source->tensors[step->source].dtype;
        char shape[96];

        shape_text(out, shape);
        table_cell(&table, "%s", out->name);
        table_cell(&table, "%s", shape);
        table_cell(&table, "%s", phi_dtype_info(from)->name);
        table_cell(&table, "%s", phi_dtype_info(out->dtype)->name);
        table_cell(&table, "%llu", (unsigned long long)out->nbytes);
        if (t->rounding != NULL)
            table_cell(&table, "%.3g", t->rounding[i].rmse);
        else
            table_cell(&table, "-");
        table_cell(&table, "%s", step->why);
    }
    st = table_print(&table, stdout, err);
    table_release(&table);
    printf("\n");
    return st;
}

static enum phi_status print_summary(const struct job *job, struct phi_err *err)
{
    struct table table = {.ncols = 4, .right = {[2] = true, [3] = true}};
    const bool each = job->args.dry_run || job->args.common.verbose;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && each && i < job->n; i++)
        st = print_tensors(job, &job->targets[i], err);
    table_cell(&table, "file");
    table_cell(&table, "type");
    table_cell(&table, "bits per weight");
    table_cell(&table, "bytes");
    for (size_t i = 0; i < job->n; i++) {
        const struct target *t = &job->targets[i];

        table_cell(&table, "%s", t->path != NULL ? t->path : "(dry run)");
        table_cell(&table, "%s", t->type->name);
        table_cell(&table, "%.3f", phi_plan_bits(&t->plan));
        table_cell(&table, "%llu", (unsigned long long)t->nbytes);
    }
    if (st == PHI_OK)
        st = table_print(&table, stdout, err);
    table_release(&table);
    return st;
}

static enum phi_status print_json(const struct job *job, struct phi_err *err)
{
    struct json_out j = {0};
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    json_open(&j, NULL, '{');
    json_str(&j, "schema", "phiconv.quantize/1");
    json_bool(&j, "dry_run", job->args.dry_run);
    json_open(&j, "outputs", '[');
    for (size_t i = 0; i < job->n; i++) {
        const struct target *t = &job->targets[i];

        json_open(&j, NULL, '{');
        if (t->path != NULL)
            json_str(&j, "path", t->path);
        else
            json_null(&j, "path");
        json_str(&j, "type", t->type->name);
        json_uint(&j, "bytes", t->nbytes);
        json_num(&j, "bits_per_weight", phi_plan_bits(&t->plan));
        json_num(&j, "seconds", job->seconds);
        json_open(&j, "tensors", '[');
        for (size_t k = 0; k < t->plan.n; k++) {
            const struct phi_sink_tensor *out = &t->plan.tensors[k];

            json_open(&j, NULL, '{');
            json_str(&j, "name", out->name);
            json_str(&j, "type", phi_dtype_info(out->dtype)->name);
            json_uint(&j, "bytes", out->nbytes);
            json_str(&j, "because", t->plan.steps[k].why);
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
    json_uint(&j, "peak_rss", (uint64_t)usage.ru_maxrss * 1024);
    json_close(&j, '}');
    return json_finish(&j, err);
}

static int quantize(struct job *job)
{
    struct phi_err err = {0};
    enum phi_status st =
        phi_model_open(&job->source, job->args.common.operands.v[0], &err);

    if (st == PHI_OK)
        st = make_plans(job, &err);
    if (st == PHI_OK && !job->args.dry_run)
        st = write_files(job, &err);
    if (st == PHI_OK && job->args.common.json)
        st = print_json(job, &err);
    else if (st == PHI_OK && !job->args.common.quiet)
        st = print_summary(job, &err);
    return st == PHI_OK ? EXIT_CODE_DONE : report_error(&err);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct job job = {.cmd = self};
    uint32_t features;
    int code = options_parse(self, argc, argv, &job.args);

    if (code == -1) /* one level so far, but a wrong name is a mistake */
        code = level_features(self, &job.args.common, &features);
    if (code == -1)
        code = read_targets(&job);
    if (code == -1)
        code = check_places(&job);
    if (code == -1)
        code = quantize(&job);
    for (size_t i = 0; job.targets != NULL && i < job.args.types.n; i++) {
        phi_sink_close(job.targets[i].sink);
        phi_plan_release(&job.targets[i].plan);
        free(job.targets[i].rounding);
        free(job.targets[i].path);
    }
    free(job.targets);
    phi_source_close(job.source);
    options_release(self, &job.args);
    return code;
}

const struct command cmd_quantize = {
    .name = "quantize",
    .summary = "write a model as GGUF, in one or several types",
    .synopsis = "MODEL -t TYPE[=FILE] [-t ...] [-o FILE] [options]",
    .description =
        "MODEL is a Hugging Face folder or a GGUF file of floats. It is read "
        "once, whatever the number of outputs, and never held in memory.\n\n"
        "Every tensor gets the type and the bytes that llama-quantize gives "
        "it: norms and biases stay F32, the output tensor of 4- and 5-bit "
        "files is Q6_K. NaN, infinities and weights beyond the range of a "
        "type are refused. A file appears under its name when it is complete "
        "and synced, and not before.",
    .options = options,
    .examples = "phiconv quantize my-phi -t q4_0 -o my-phi-q4_0.gguf\n"
                "phiconv quantize my-phi -t q8_0=a.gguf -t q4_0=b.gguf\n"
                "phiconv quantize my-phi -t q4_0 --dry-run",
    .min_operands = 1,
    .max_operands = 1,
    .computes = true,
    .run = run,
};
