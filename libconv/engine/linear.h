/* SPDX-License-Identifier: MIT */
/*
 * Linear layers over a batch of tokens. Rows of weights are cut into groups,
 * threads take groups; a group is read from the source, widened panel by panel
 * and multiplied with all tokens before the next is touched, so that weights
 * are read once a batch and never held.
 */
#ifndef PHI_ENGINE_LINEAR_H
#define PHI_ENGINE_LINEAR_H

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
};

/* Runs all jobs at once; they do not read what another of them writes. */
enum phi_status phi_linear_run(struct phi_space *space,
                               const struct phi_kernels *kernels,
                               size_t nthreads, const struct phi_linear *jobs,
                               size_t njobs, size_t ntokens,
                               struct phi_err *err);

#endif
