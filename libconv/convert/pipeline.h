/* SPDX-License-Identifier: MIT */
/*
 * Runs plans: one read of the source, any number of outputs.
 *
 *   chunks of rows, in the order of the files, each to the next free worker:
 *     read --> hash, when it is the chunk's turn
 *       --> widen to f32, merge adapters, refuse NaN and infinities
 *       --> for each output: quantize, refuse overflowing scales
 *         --> write each output's rows at their place
 *
 * There are somewhat more workers than threads are asked for, so that one
 * that waits for the disk leaves no processor idle. Memory is what the
 * workers' buffers take, whatever the size of the model. Bytes, statistics
 * and the message of a refusal depend neither on threads nor on timing.
 */
#ifndef PHI_CONVERT_PIPELINE_H
#define PHI_CONVERT_PIPELINE_H

#include "libconv/base/clock.h"
#include "libconv/base/err.h"
#include "libconv/base/monitor.h"
#include "libconv/base/sha256.h"
#include "libconv/convert/plan.h"
#include "libconv/lora/merge.h"
#include "libconv/tensor/sink.h"

/* What rounding did to one tensor, against the widened source. */
struct phi_rounding {
    double rmse;
    double max_error;
};

struct phi_output_job {
    const struct phi_plan *plan;
    struct phi_sink *sink; /* open for the plan's tensors */
    /* (plan->n) to fill, or NULL: asking for it reads every row back. */
    struct phi_rounding *rounding;
};

/* What a run reads, and all that it makes of it. */
struct phi_pipeline_work {
    const struct phi_source *source;
    /* Adapters merged into the source, or NULL. Plans are then of its shapes
     * (phi_merged_shapes_open()); its sums are filled. */
    struct phi_merge *merge;
    const struct phi_output_job *outputs; /* (n), n >= 1 */
    size_t n;
};

/* What a worker's time goes to. */
enum phi_pipeline_account {
    PHI_TIME_READ,
    PHI_TIME_HASH,
    PHI_TIME_QUANTIZE, /* widening and reading back too */
    PHI_TIME_WRITE,
    PHI_TIME_WAIT, /* for another worker */
    PHI_NTIMES
};

/* How long a run took, and what for. */
struct phi_pipeline_times {
    double seconds;
    struct phi_time accounts[PHI_NTIMES]; /* of all workers together */
    size_t nworkers;
    /* Of the file that took longest: no two workers can share that. */
    double longest_hash;
    uint64_t nbytes;  /* of the tensors read */
    uint64_t weights; /* in them */
};

struct phi_pipeline_options {
    size_t nthreads;     /* >= 1 */
    uint32_t features;   /* of the kernels (cpu/cpu.h) */
    size_t chunk_nbytes; /* of the source, at most; 0: the default */
    uint64_t max_memory; /* bytes of buffers; 0: no limit */
    /* (s->nfiles) to fill with the hash of each whole file of the source, of
     * the bytes that were quantized; or NULL. */
    char (*sha256)[PHI_SHA256_HEX];
    const struct phi_monitor *monitor; /* in bytes of the source, or NULL */
    struct phi_pipeline_times *times;  /* to fill, or NULL */
};

/*
 * The least that max_memory may be for this work: one worker, one row at a
 * time. Sinks need not be open.
 */
enum phi_status phi_pipeline_least(uint64_t *out,
                                   const struct phi_pipeline_work *work,
                                   struct phi_err *err);

/*
 * Writes the tensors of all outputs, whose plans are of the source. Commits
 * nothing: the caller does when all is well. Before it returns PHI_OK, the
 * source is known not to have changed while it was read. Little memory means
 * fewer workers, then smaller chunks; PHI_E_ARG with less than the least.
 */
enum phi_status phi_pipeline_run(const struct phi_pipeline_work *work,
                                 const struct phi_pipeline_options *options,
                                 struct phi_err *err);

#endif
