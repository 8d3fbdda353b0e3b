/* SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include "tools/quantize_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "formats/pack_sink.h"
#include "libconv/base/disk.h"
#include "libconv/base/mem.h"
#include "libconv/convert/provenance.h"
#include "tools/progress.h"
#include "tools/quantize_target.h"
#include "tools/report.h"
#include "tools/run_leftovers.h"

/* For stacks, the C library and lists that grow while it runs. */
#define SLACK (UINT64_C(6) << 20)

static enum phi_status check_disks(const struct quantize_job *job,
                                   struct phi_err *err)
{
    struct phi_disk_need *needs = phi_alloc(job->n, sizeof(*needs), err);
    enum phi_status st = PHI_E_NOMEM;

    if (needs == NULL)
        return st;
    for (size_t i = 0; i < job->n; i++)
        needs[i] = (struct phi_disk_need){job->targets[i].path,
                                          job->targets[i].nbytes};
    st = phi_disk_check(needs, job->n, err);
    free(needs);
    return st;
}

/* The room that dead runs take is had back before it is asked for. */
static enum phi_status clear_leftovers(struct quantize_job *job,
                                       struct phi_err *err)
{
    for (size_t i = 0; i < job->n; i++) {
        const struct quantize_target *t = &job->targets[i];

        for (size_t k = 0; k < t->parts.n; k++) {
            char *path = phi_gguf_part_path(&t->parts, t->path, k, err);

            if (path == NULL)
                return PHI_E_NOMEM;
            leftovers_before(&job->args.common, path);
            free(path);
        }
    }
    return PHI_OK;
}

/* Bytes of memory that the process has now; 0 where that is not told. */
static uint64_t resident(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long long total;
    unsigned long long pages = 0;

    if (f == NULL)
        return 0;
    if (fscanf(f, "%llu %llu", &total, &pages) != 2)
        pages = 0;
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* --max-memory is for the whole process: what is left of it for buffers. */
static enum phi_status share_memory(const struct quantize_job *job,
                                    const struct phi_pipeline_work *work,
                                    uint64_t *out, struct phi_err *err)
{
    uint64_t used = resident() + SLACK;
    const uint64_t max = job->args.max_memory;
    uint64_t least;
    const enum phi_status st = phi_pipeline_least(&least, work, err);

    if (st != PHI_OK)
        return st;
    for (size_t i = 0; i < job->n; i++) {
        if (job->targets[i].packed)
            used += phi_pack_sink_memory((size_t)job->args.common.threads);
    }
    if (used > max || least > max - used) {
        const uint64_t unit = UINT64_C(1) << 20;

        return phi_fail(err, PHI_E_ARG,
                        "--max-memory: %llu bytes are not enough, this job "
                        "takes %lluM",
                        (unsigned long long)max,
                        (unsigned long long)((used + least + unit - 1) / unit));
    }
    *out = max - used;
    return PHI_OK;
}

static enum phi_status open_target(const struct quantize_job *job,
                                   struct quantize_target *t,
                                   struct phi_err *err)
{
    /* Errors are measured only for reports that have a line a tensor. */
    if (job->args.common.json || job->args.common.verbose) {
        t->rounding = phi_alloc(t->plan.n, sizeof(*t->rounding), err);
        if (t->rounding == NULL)
            return PHI_E_NOMEM;
    }
    return quantize_open_format(job, t, err);
}

/* Puts the hashes where zeros held their places. */
static enum phi_status set_hashes(struct quantize_job *job, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < job->n; i++) {
        struct quantize_target *t = &job->targets[i];

        if (t->copied)
            continue;
        st = phi_provenance_fill(&t->plan.meta,
                                 (const char(*)[PHI_SHA256_HEX])job->sha256,
                                 job->source->nfiles, err);
        if (st == PHI_OK)
            st = phi_sink_set_meta(t->sink, &t->plan.meta, err);
    }
    return st;
}

/* Files that are copied say where they come from, or not, as they did. */
static bool needs_hashes(const struct quantize_job *job)
{
    bool any = false;

    for (size_t i = 0; i < job->n; i++)
        any = any || !job->targets[i].copied;
    return job->hashed || (any && !job->args.no_provenance);
}

/* Everything between opened and closed outputs. */
static enum phi_status run(struct quantize_job *job,
                           const struct phi_pipeline_work *work,
                           struct phi_sink *const *sinks, struct phi_err *err)
{
    struct progress progress;
    struct phi_monitor monitor;
    struct phi_pipeline_options opt = {
        .nthreads = (size_t)job->args.common.threads,
        .features = job->features,
        .monitor = &monitor,
        .times = &job->times,
    };
    enum phi_status st = share_memory(job, work, &opt.max_memory, err);

    if (st != PHI_OK)
        return st;
    if (needs_hashes(job)) {
        job->sha256 = phi_alloc(job->source->nfiles, sizeof(*job->sha256), err);
        if (job->sha256 == NULL)
            return PHI_E_NOMEM;
        opt.sha256 = job->sha256;
    }
    progress_begin(&progress, job->args.common.progress, "quantize", "B");
    monitor = progress_monitor(&progress);
    st = phi_pipeline_run(work, &opt, err);
    if (st == PHI_OK && job->sha256 != NULL)
        st = set_hashes(job, err);
    if (st == PHI_OK)
        st = job->within ? phi_sinks_publish(sinks, job->n, err)
                         : phi_sinks_commit(sinks, job->n, err);
    for (size_t i = 0; st == PHI_OK && i < job->n; i++)
        job->targets[i].nbytes = job->targets[i].sink->nbytes;
    progress_end(&progress);
    job->seconds = progress_seconds(&progress);
    return st;
}

enum phi_status quantize_write_files(struct quantize_job *job,
                                     struct phi_err *err)
{
    struct phi_output_job *jobs = phi_alloc(job->n, sizeof(*jobs), err);
    struct phi_sink **sinks = phi_alloc(job->n, sizeof(*sinks), err);
    const struct phi_pipeline_work work = {
        .source = job->source,
        .merge = job->model.n > 0 ? &job->model.merge : NULL,
        .outputs = jobs,
        .n = job->n};
    enum phi_status st = PHI_E_NOMEM;

    if (jobs != NULL && sinks != NULL)
        st = clear_leftovers(job, err);
    if (st == PHI_OK)
        st = check_disks(job, err);
    for (size_t i = 0; st == PHI_OK && i < job->n; i++) {
        struct quantize_target *t = &job->targets[i];

        st = open_target(job, t, err);
        sinks[i] = t->sink;
        jobs[i] = (struct phi_output_job){&t->plan, t->sink, t->rounding};
    }
    if (st == PHI_OK)
        st = run(job, &work, sinks, err);
    free(sinks);
    free(jobs);
    return st;
}
