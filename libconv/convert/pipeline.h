/* SPDX-License-Identifier: MIT */
/*
 * Runs plans: one read of the source, any number of outputs.
 *
 *   read a chunk of rows --> widen to f32, refuse NaN and infinities
 *     --> for each output: quantize, refuse overflowing scales, append
 *
 * Memory is one chunk and what each output makes of it, whatever the size of
 * the model. The bytes depend neither on the chunk nor on the threads.
 */
#ifndef PHI_CONVERT_PIPELINE_H
#define PHI_CONVERT_PIPELINE_H

#include "libconv/base/err.h"
#include "libconv/base/monitor.h"
#include "libconv/convert/plan.h"
#include "libconv/tensor/sink.h"

/* What rounding did to one tensor, against the widened source. */
struct phi_rounding {
    double rmse;
    double max_error;
};

struct phi_output_job {
    const struct phi_plan *plan;
    struct phi_sink *sink;         /* open for the plan's tensors */
    struct phi_rounding *rounding; /* (plan->n) to fill, or NULL */
};

struct phi_pipeline_options {
    size_t nthreads;                   /* >= 1 */
    size_t chunk_nbytes;               /* of f32; 0: the default, 4 MiB */
    const struct phi_monitor *monitor; /* in bytes of the source, or NULL */
};

/*
 * Writes the tensors of all jobs, whose plans are of source s. Commits
 * nothing: the caller does when all is well. Before it returns PHI_OK, the
 * source is known not to have changed while it was read.
 */
enum phi_status phi_pipeline_run(const struct phi_source *s,
                                 const struct phi_output_job *jobs, size_t n,
                                 const struct phi_pipeline_options *options,
                                 struct phi_err *err);

#endif
