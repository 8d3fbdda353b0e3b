/* SPDX-License-Identifier: MIT */
/*
 * Weights of any type are widened to f32, products of f32 summed in double
 * (kernels.h) and rounded once, to f32, where a value is stored; blocks may be
 * multiplied as integers instead (act.h, kernels/gemm_i8.h). A
 * batch of windows goes through the model layer by layer; weights are read
 * from the source once a batch and never held, so a model larger than memory
 * works. The result is the same bits for any number of threads, windows in a
 * batch, and any level of kernels.
 *
 *   x = embedding of the token
 *   each layer:  h = norm(x)                 (one norm feeds both branches)
 *                x = x + o(attention(q(h), k(h), v(h))) + down(gelu(up(h)))
 *   logits = head(norm(x))
 */
#ifndef PHI_ENGINE_ENGINE_H
#define PHI_ENGINE_ENGINE_H

#include "libconv/base/monitor.h"
#include "libconv/engine/act.h"
#include "libconv/engine/hparams.h"
#include "libconv/engine/space.h"
#include "libconv/kernels/kernels.h"

struct phi_engine;

struct phi_engine_options {
    const struct phi_kernels *kernels;
    size_t nthreads; /* >= 1 */
    size_t n_ctx;    /* tokens of a window, >= 1 */
    enum phi_engine_act act;
    uint32_t features; /* of the kernels for integers (cpu/cpu.h) */
};

/*
 * Checks all of the model's tensors and loads the small ones. On success the
 * caller owns *out; s is borrowed until it is closed. PHI_E_ARG if n_ctx is
 * longer than the model's context.
 */
enum phi_status phi_engine_open(struct phi_engine **out,
                                const struct phi_source *s,
                                const struct phi_engine_options *options,
                                struct phi_err *err);
void phi_engine_close(struct phi_engine *e); /* accepts NULL */

/* Borrowed from e. */
const struct phi_hparams *phi_engine_hparams(const struct phi_engine *e);

/* Windows of n_ctx tokens, of which positions [first, first + count) count. */
struct phi_batch {
    const uint32_t *tokens; /* (nwindows, n_ctx), each below n_vocab */
    size_t nwindows;
    size_t first;
    size_t count;
};

/*
 * Runs a batch; hidden (nwindows * count, n_embd) gets the normalised state
 * after the last layer at the positions that count. `space` may be shared by
 * engines that run in turn. m (or NULL) is ticked within and after each layer
 * with layers done, layers in all; PHI_E_CANCELLED if it says stop.
 */
enum phi_status phi_engine_forward(const struct phi_engine *e,
                                   struct phi_space *space,
                                   const struct phi_batch *batch, float *hidden,
                                   const struct phi_monitor *m,
                                   struct phi_err *err);

/* logits (n, nrows) of vocabulary rows [row0, row0 + nrows). */
struct phi_head_part {
    const float *hidden; /* (n, n_embd), n at most the batch's tokens */
    size_t n;
    size_t row0;
    size_t nrows;
    float *logits; /* row t at logits + t * ld */
    size_t ld;
};

/*
 * After phi_engine_forward() with this space. m (or NULL) is ticked on the way
 * with row0, rows in all; PHI_E_CANCELLED if it says stop.
 */
enum phi_status phi_engine_head(const struct phi_engine *e,
                                struct phi_space *space,
                                const struct phi_head_part *part,
                                const struct phi_monitor *m,
                                struct phi_err *err);

#endif
