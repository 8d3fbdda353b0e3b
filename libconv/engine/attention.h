/* SPDX-License-Identifier: MIT */
/*
 * Causal attention over a batch of windows, as products with panels: keys are
 * the rows of one matrix, values the columns of another.
 *
 *   keys    (window, kv head, keys/16, head_dim, 16)   panels of 16 keys
 *   values  (window, kv head, head_dim/16, n_ctx, 16)  panels of 16 columns
 */
#ifndef PHI_ENGINE_ATTENTION_H
#define PHI_ENGINE_ATTENTION_H

#include "libconv/engine/rope.h"
#include "libconv/engine/space.h"
#include "libconv/kernels/kernels.h"

struct phi_attention {
    struct phi_space *space; /* q, k, v in; the heads' outputs replace q, */
                             /* (nwindows, count, n_embd) */
    const struct phi_kernels *kernels;
    phi_gemm_f32_fn gemm;
    const struct phi_hparams *hparams;
    const struct phi_layer *layer; /* for the norms of q and k */
    const struct phi_rope *rope;
    size_t nthreads;
    size_t nwindows;
    size_t n_ctx; /* keys of a window */
    size_t first; /* its queries are at [first, first + count) */
    size_t count;
};

void phi_attention_run(const struct phi_attention *a);

#endif
