/* SPDX-License-Identifier: MIT */
/*
 * Linear layers over a batch of tokens. Rows of weights are cut into groups,
 * threads take groups; a group is read from the source, widened panel by panel
 * and multiplied with all tokens before the next is touched, so that weights
 * are read once a batch and never held. Blocks are multiplied as integers with
 * quantized activations (kernels/gemm_i8.h) if the mode says so.
 */
#ifndef PHI_ENGINE_LINEAR_H
#define PHI_ENGINE_LINEAR_H

#include <stdbool.h>

#include "libconv/base/monitor.h"
#include "libconv/engine/act.h"
#include "libconv/engine/space.h"
#include "libconv/kernels/kernels.h"

/* What becomes of a product once its biases are added, in double. */
enum phi_epilogue {
    PHI_EPILOGUE_STORE, /* y = it */
    PHI_EPILOGUE_GELU,  /* y = gelu_new(it) */
    PHI_EPILOGUE_ADD,   /* y = y + it, rounded once */
};

struct phi_term {
    const struct phi_matrix *w;
    const float *x; /* (ntokens, w->ncols) */
};

/* y = epilogue(sum over the terms of x w^T + bias); same rows in all terms. */
struct phi_linear {
    struct phi_term term[2];
    size_t nterms;
    enum phi_epilogue epilogue;
    float *y; /* (ntokens, rows) */
    size_t ldy;
    /* If not NULL, y is made ready for integer products here and not stored:
     * a later run has this among its `ready`. rows is a multiple of 32. */
    const struct phi_ready *ready;
};

/* Activations of x that are quantized already; x is only a name then. */
struct phi_ready {
    const float *x;
    uint8_t *blocks; /* (ntokens, stride) */
    size_t stride;   /* phi_linear_stride() of x's columns */
};

/* Jobs that do not read what another of them writes. */
struct phi_linear_run {
    const struct phi_kernels *kernels;
    size_t nthreads;
    const struct phi_linear *jobs; /* (njobs) of PHI_ACTS inputs at most */
    size_t njobs;
    size_t ntokens;
    const struct phi_ready *ready; /* an input that is, or NULL */
    enum phi_engine_act act;
    uint32_t features; /* of the kernels for integers */
    /* Ticked with `done` and `total` as they are, often: a stop is heeded
     * within the time of a group per thread. */
    const struct phi_monitor *monitor; /* or NULL */
    uint64_t done;
    uint64_t total;
};

/* Whether a matrix is multiplied as integers in this mode. */
bool phi_linear_is_integer(enum phi_engine_act act, const struct phi_matrix *w);

/* Bytes of a token's quantized activations, ncols of them. */
size_t phi_linear_stride(enum phi_engine_act act, size_t ncols);

/* Runs all jobs at once. PHI_E_CANCELLED leaves their y undefined. */
enum phi_status phi_linear_run(struct phi_space *space,
                               const struct phi_linear_run *run,
                               struct phi_err *err);

#endif
