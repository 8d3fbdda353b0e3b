/* SPDX-License-Identifier: MIT */
#include "libconv/engine/linear.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "libconv/base/par.h"
#include "libconv/quant/quant.h"

/*
 * Tokens that go through one piece of a panel before the next panel: their
 * activations (64 x 512 x 4 bytes) stay in the second-level cache.
 */
#define TOKENS 64

struct run {
    struct phi_space *space;
    const struct phi_linear_run *args;
    atomic_bool stop; /* the monitor said so */
};

static size_t groups_of(const struct phi_linear *job)
{
    return (job->term[0].w->nrows + PHI_GROUP - 1) / PHI_GROUP;
}

/* panel[k][c] = rows[c][k]; columns past n are zero. */
static void interleave(float *panel, const float *rows, size_t n, size_t depth)
{
    for (size_t k = 0; k < depth; k++) {
        for (size_t c = 0; c < n; c++)
            panel[k * PHI_PANEL + c] = rows[c * PHI_DEPTH + k];
        for (size_t c = n; c < PHI_PANEL; c++)
            panel[k * PHI_PANEL + c] = 0;
    }
}

/* Widens columns [k0, k0 + depth) of up to 16 stored rows into a panel. */
static void widen(const struct phi_worker *own, float *panel,
                  const struct phi_matrix *w, const uint8_t *raw, size_t n,
                  size_t k0, size_t depth)
{
    const enum phi_dtype dtype = phi_matrix_dtype(w);
    float *const rows = own->rows.p;
    uint64_t at = 0;

    /* k0 is a multiple of every block, so this cannot fail. */
    (void)phi_dtype_nbytes(dtype, k0, &at);
    for (size_t c = 0; c < n; c++)
        phi_quant_to_f32(dtype, raw + c * w->row_nbytes + at, depth,
                         rows + c * PHI_DEPTH);
    interleave(panel, rows, n, depth);
}

/* acc += x w^T for a group of stored rows, piece by piece of their length. */
static void multiply(const struct run *r, const struct phi_worker *own,
                     const struct phi_term *term, size_t nrows)
{
    const struct phi_matrix *w = term->w;
    const size_t ncols = w->ncols;
    float *const panels = own->panels.p;

    for (size_t k = 0; k < ncols; k += PHI_DEPTH) {
        const size_t depth = ncols - k < PHI_DEPTH ? ncols - k : PHI_DEPTH;

        for (size_t c = 0; c < nrows; c += PHI_PANEL)
            widen(own, panels + c * PHI_DEPTH, w,
                  (const uint8_t *)own->raw.p + c * w->row_nbytes,
                  nrows - c < PHI_PANEL ? nrows - c : PHI_PANEL, k, depth);
        for (size_t t = 0; t < r->args->ntokens; t += TOKENS) {
            const size_t left = r->args->ntokens - t;

            for (size_t c = 0; c < nrows; c += PHI_PANEL)
                r->args->kernels->gemm->f32(
                    (double *)own->acc.p + t * PHI_GROUP + c, PHI_GROUP,
                    term->x + t * ncols + k, ncols, panels + c * PHI_DEPTH,
                    left < TOKENS ? left : TOKENS, depth);
        }
    }
}

static void finish(const struct run *r, const struct phi_linear *job,
                   const double *acc, size_t row0, size_t nrows)
{
    double bias[PHI_GROUP] = {0};

    for (size_t i = 0; i < job->nterms; i++) {
        const float *b = job->term[i].w->bias;

        for (size_t c = 0; b != NULL && c < nrows; c++)
            bias[c] += (double)b[row0 + c];
    }
    for (size_t t = 0; t < r->args->ntokens; t++) {
        const double *from = acc + t * PHI_GROUP;
        float *const y = job->y + t * job->ldy + row0;

        switch (job->epilogue) {
        case PHI_EPILOGUE_STORE:
            for (size_t c = 0; c < nrows; c++)
                y[c] = (float)(from[c] + bias[c]);
            break;
        case PHI_EPILOGUE_GELU:
            for (size_t c = 0; c < nrows; c++)
                y[c] = (float)(from[c] + bias[c]);
            r->args->kernels->vec->gelu_new(y, nrows);
            break;
        case PHI_EPILOGUE_ADD:
            for (size_t c = 0; c < nrows; c++)
                y[c] = (float)((double)y[c] + (from[c] + bias[c]));
            break;
        }
    }
}

static enum phi_status do_group(const struct run *r, struct phi_worker *own,
                                const struct phi_linear *job, size_t row0)
{
    const size_t left = job->term[0].w->nrows - row0;
    const size_t nrows = left < PHI_GROUP ? left : PHI_GROUP;
    double *const acc = own->acc.p;

    memset(acc, 0, r->args->ntokens * PHI_GROUP * sizeof(*acc));
    for (size_t i = 0; i < job->nterms; i++) {
        const enum phi_status st =
            phi_matrix_read(job->term[i].w, row0, nrows, own->raw.p, &own->err);

        if (st != PHI_OK)
            return st;
        multiply(r, own, &job->term[i], nrows);
    }
    finish(r, job, acc, row0, nrows);
    return PHI_OK;
}

static void do_groups(void *ctx, size_t first, size_t count, size_t worker)
{
    struct run *r = ctx;
    struct phi_worker *own = &r->space->workers[worker];

    /* Worker 0 is the caller's thread: the monitor knows no other. */
    if (worker == 0 && own->status == PHI_OK) {
        own->status = phi_monitor_tick(r->args->monitor, r->args->done,
                                       r->args->total, NULL, &own->err);
        if (own->status != PHI_OK)
            atomic_store(&r->stop, true);
    }
    if (atomic_load(&r->stop))
        return;
    for (size_t i = first; i < first + count; i++) {
        const struct phi_linear *job = r->args->jobs;
        size_t group = i;

        while (group >= groups_of(job)) {
            group -= groups_of(job);
            job++;
        }
        if (own->status == PHI_OK)
            own->status = do_group(r, own, job, group * PHI_GROUP);
    }
}

enum phi_status phi_linear_run(struct phi_space *space,
                               const struct phi_linear_run *run,
                               struct phi_err *err)
{
    struct run r = {.space = space, .args = run};
    size_t ngroups = 0;

    atomic_init(&r.stop, false);
    for (size_t i = 0; i < run->njobs; i++)
        ngroups += groups_of(&run->jobs[i]);
    phi_par_for(run->nthreads, ngroups, 1, do_groups, &r);
    return phi_space_status(space, err);
}
