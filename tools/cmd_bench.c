/* SPDX-License-Identifier: MIT */
/* phiconv bench: how fast the kernels are, and how fast they could be. */
#define _POSIX_C_SOURCE 200809L
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/cpu/cpu.h"
#include "tools/bench_report.h"
#include "tools/commands.h"
#include "tools/levels.h"
#include "tools/progress.h"
#include "tools/report.h"
#include "tools/signals.h"

#define DEFAULT_SECONDS 0.2
#define MAX_SECONDS     3600.0

/* perplexity needs two windows, and to be worth it some tokens in each. */
#define MIN_CTX 4
#define MAX_CTX (1 << 20)

struct args {
    struct common common;
    const char *file;
    struct text_list kernels;
    struct opt_float seconds;
    uint64_t n_ctx;
    uint64_t chunks;
    bool list;
};

static const struct option options[] = {
    OPT_TEXT('f', "file", "TEXT", struct args, file,
             "take the model's tokens from this text; any tokens otherwise"),
    OPT_LIST('k', "kernel", "GLOB", struct args, kernels,
             "measure only what has such a name, and its peaks: "
             "'gemm_i8.q4_*', 'model.*'; may be repeated"),
    OPT_FLAG(0, "list", struct args, list,
             "print the names and measure nothing"),
    OPT_FLOAT(0, "seconds", "X", struct args, seconds,
              "time that each measurement takes (0.2)"),
    OPT_UINT('c', "ctx-size", "N", struct args, n_ctx, MIN_CTX, MAX_CTX,
             "tokens of a window (512)"),
    OPT_UINT(0, "chunks", "N", struct args, chunks, 2, 1 << 20,
             "windows of a run of the model (2)"),
    OPT_END,
};

struct job {
    const struct command *cmd;
    struct args args;
    uint32_t features;
    struct bench_list peaks;
    struct bench_list kernels;
    struct bench_result *peak_results;
    struct bench_result *kernel_results;
    struct bench_model model;
    const struct bench_model_row *model_rows;
    struct bench_result *model_results;
    size_t nmodel;
    bool *chosen; /* peaks, kernels, rows of the model */
    struct progress progress;
};

static int check_args(struct job *job)
{
    struct args *a = &job->args;

    if (a->file != NULL && a->common.operands.n == 0)
        return usage_error(job->cmd, "-f TEXT is for a MODEL");
    if (!a->seconds.given)
        a->seconds.value = DEFAULT_SECONDS;
    if (!(a->seconds.value > 0 && a->seconds.value <= MAX_SECONDS))
        return usage_error(job->cmd,
                           "--seconds %g: expected more than 0, and "
                           "3600 at most",
                           a->seconds.value);
    if (a->chunks == 0)
        a->chunks = 2;
    return level_features(job->cmd, &a->common, &job->features);
}

static enum phi_status list_all(struct job *job, struct phi_err *err)
{
    enum phi_status st = bench_list_peaks(
        &job->peaks, job->features, (size_t)job->args.common.threads, err);

    if (st == PHI_OK)
        st = bench_list_products(&job->kernels, job->features, err);
    if (st == PHI_OK)
        st = bench_list_vectors(&job->kernels, job->features, err);
    if (st == PHI_OK)
        st = bench_list_blocks(&job->kernels, job->features, err);
    return st;
}

static enum phi_status open_model(struct job *job, const char *path,
                                  struct phi_err *err)
{
    const struct args *a = &job->args;

    job->model = (struct bench_model){.n_ctx = (size_t)a->n_ctx, /* or 0 */
                                      .windows = (size_t)a->chunks,
                                      .nthreads = (size_t)a->common.threads,
                                      .features = job->features,
                                      .monitor = &signals_monitor};
    return bench_model_open(&job->model, path, a->file, err);
}

/* The name of row i of all: peaks, kernels, the model's. */
static const char *name_of(const struct job *job, size_t i)
{
    if (i < job->peaks.n)
        return job->peaks.v[i].name;
    i -= job->peaks.n;
    if (i < job->kernels.n)
        return job->kernels.v[i].name;
    return job->model_rows[i - job->kernels.n].name;
}

static size_t count(const struct job *job)
{
    return job->peaks.n + job->kernels.n + job->nmodel;
}

/* Which rows are wanted; -1, or the exit code if a pattern wants none. */
static int choose(struct job *job)
{
    const struct text_list *globs = &job->args.kernels;

    for (size_t g = 0; g < globs->n; g++) {
        bool found = false;

        for (size_t i = 0; i < count(job); i++) {
            if (fnmatch(globs->v[g], name_of(job, i), 0) == 0)
                job->chosen[i] = found = true;
        }
        if (!found)
            return usage_error(job->cmd,
                               "--kernel %s: nothing has such a name; --list "
                               "prints them",
                               globs->v[g]);
    }
    for (size_t i = 0; globs->n == 0 && i < count(job); i++)
        job->chosen[i] = true;
    /* A kernel needs its peak. */
    for (size_t i = 0; i < job->kernels.n; i++) {
        if (job->chosen[job->peaks.n + i] &&
            job->kernels.v[i].peak != BENCH_NO_PEAK)
            job->chosen[job->kernels.v[i].peak] = true;
    }
    return -1;
}

/* Phi-2's shapes are made only if they are used. */
static bool model_chosen(const struct job *job)
{
    bool any = false;

    for (size_t i = 0; i < job->nmodel; i++)
        any = any || job->chosen[job->peaks.n + job->kernels.n + i];
    return any;
}

static enum phi_status measure_row(struct job *job, size_t i,
                                   struct phi_err *err)
{
    const size_t nthreads = (size_t)job->args.common.threads;
    const double seconds = job->args.seconds.value;

    if (i < job->peaks.n)
        return bench_time(&job->peaks.v[i], nthreads, seconds,
                          &job->peak_results[i], err);
    i -= job->peaks.n;
    if (i < job->kernels.n)
        return bench_time(&job->kernels.v[i], nthreads, seconds,
                          &job->kernel_results[i], err);
    i -= job->kernels.n;
    return bench_model_time(&job->model, job->model_rows[i].act,
                            &job->model_results[i], err);
}

static enum phi_status measure(struct job *job, struct phi_err *err)
{
    const struct phi_monitor shown = progress_monitor(&job->progress);
    size_t done = 0, all = 0;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < count(job); i++)
        all += job->chosen[i];
    progress_begin(&job->progress, job->args.common.progress, "bench", "rows");
    for (size_t i = 0; st == PHI_OK && i < count(job); i++) {
        if (!job->chosen[i])
            continue;
        st = phi_monitor_tick(&shown, done++, all, name_of(job, i), err);
        if (st == PHI_OK)
            st = measure_row(job, i, err);
    }
    if (st == PHI_OK)
        st = phi_monitor_tick(&shown, done, all, NULL, err);
    progress_end(&job->progress);
    return st;
}

/* The best level whose features are all in use. */
static const char *level_name(uint32_t features)
{
    const char *best = phi_cpu_level_name(0);
    const char *name;

    for (size_t i = 0; (name = phi_cpu_level_name(i)) != NULL; i++) {
        uint32_t needs = 0;

        if (phi_cpu_level(name, &needs) && (needs & ~features) == 0)
            best = name;
    }
    return best;
}

static enum phi_status tell(const struct job *job, struct phi_err *err)
{
    const struct bench_report r = {
        .level = level_name(job->features),
        .nthreads = (size_t)job->args.common.threads,
        .seconds = job->args.seconds.value,
        .peaks = &job->peaks,
        .peak_results = job->peak_results,
        .kernels = &job->kernels,
        .kernel_results = job->kernel_results,
        .model = job->model.source != NULL ? &job->model : NULL,
        .model_rows = job->model_rows,
        .model_results = job->model_results,
        .nmodel = job->nmodel,
    };

    if (job->args.common.json)
        return bench_report_json(&r, err);
    return job->args.common.quiet ? PHI_OK : bench_report_table(&r, err);
}

static enum phi_status prepare(struct job *job, struct phi_err *err)
{
    const struct text_list *models = &job->args.common.operands;
    enum phi_status st = list_all(job, err);

    if (st == PHI_OK && models->n > 0)
        st = open_model(job, models->v[0], err);
    if (st != PHI_OK)
        return st;
    job->model_rows = bench_model_rows(job->model.source, &job->nmodel);
    job->peak_results =
        phi_alloc(job->peaks.n, sizeof(*job->peak_results), err);
    job->kernel_results =
        phi_alloc(job->kernels.n, sizeof(*job->kernel_results), err);
    job->model_results =
        phi_alloc(job->nmodel, sizeof(*job->model_results), err);
    job->chosen = phi_alloc(count(job), sizeof(*job->chosen), err);
    return job->peak_results == NULL || job->kernel_results == NULL ||
                   job->model_results == NULL || job->chosen == NULL
               ? PHI_E_NOMEM
               : PHI_OK;
}

static enum phi_status print_list(const struct job *job, struct phi_err *err)
{
    struct json_out o = {0};

    if (job->args.common.json) {
        json_open(&o, NULL, '{');
        json_str(&o, "schema", "phiconv.bench.list/1");
        json_open(&o, "names", '[');
    }
    for (size_t i = 0; i < count(job); i++) {
        if (job->chosen[i] && job->args.common.json)
            json_str(&o, NULL, name_of(job, i));
        else if (job->chosen[i])
            printf("%s\n", name_of(job, i));
    }
    if (!job->args.common.json)
        return PHI_OK;
    json_close(&o, ']');
    json_close(&o, '}');
    return json_finish(&o, err);
}

static int bench(struct job *job)
{
    struct phi_err err = {0};
    enum phi_status st = prepare(job, &err);
    int code;

    if (st != PHI_OK)
        return report_error(&err);
    code = choose(job);
    if (code != -1)
        return code;
    if (job->args.list) {
        st = print_list(job, &err);
        return st == PHI_OK ? EXIT_CODE_DONE : report_error(&err);
    }
    if (job->model.source == NULL && model_chosen(job))
        st = open_model(job, NULL, &err);
    if (st == PHI_OK)
        st = measure(job, &err);
    if (st == PHI_OK)
        st = tell(job, &err);
    return st == PHI_OK ? EXIT_CODE_DONE : report_error(&err);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct job job = {.cmd = self};
    int code = options_parse(self, argc, argv, &job.args);

    if (code == -1)
        code = check_args(&job);
    if (code == -1)
        code = bench(&job);
    bench_list_release(&job.peaks);
    bench_list_release(&job.kernels);
    free(job.peak_results);
    free(job.kernel_results);
    free(job.model_results);
    free(job.chosen);
    bench_model_release(&job.model);
    options_release(self, &job.args);
    return code;
}

const struct command cmd_bench = {
    .name = "bench",
    .summary = "measure how fast this machine is, and the kernels on it",
    .synopsis = "[MODEL] [-f TEXT] [options]",
    .description =
        "Measures what the processor can do at most (products of bytes, f32, "
        "reading memory), then every kernel as a part of that, on one thread "
        "and on all, and how many tokens a second eval-ppl evaluates of MODEL, "
        "or of four layers with Phi-2's shapes.\n\n"
        "A rate is the median of up to fifteen runs, a peak the best of them; "
        "their spread is half of what lies between the quartiles. Those of "
        "kernels are by the time that threads are on a processor, so that "
        "other work disturbs them little; the model's are by the clock. "
        "Operations are multiplications and additions; a product with two "
        "bytes an "
        "activation (exact) counts once. peak.f32 fuses the two where the "
        "processor can; what rounds after each is held against "
        "peak.f32_apart. What converts values is held against reading memory, "
        "by the bytes that it reads and writes: past 100 % it would wait for "
        "memory.\n\n"
        "Nothing that phiconv computes depends on these times.",
    .options = options,
    .examples = "phiconv bench\n"
                "phiconv bench -k 'gemm_i8.*' --cpu avx2 -j 1\n"
                "phiconv bench phi-q4_0.gguf -f text.txt -k 'model.*' --json",
    .max_operands = 1,
    .computes = true,
    .run = run,
};
