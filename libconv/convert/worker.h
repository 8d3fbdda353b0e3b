/* SPDX-License-Identifier: MIT */
/*
 * One thread's share of the pipeline: its buffers, and what it does to a
 * chunk of rows between reading and writing.
 *
 *   raw (chunk) --> values (a piece of it, f32, small enough for the cache)
 *      --> adapters, in place
 *      --> for each output: staging (chunk), placed so that memory and file
 *          agree modulo a page
 */
#ifndef PHI_CONVERT_WORKER_H
#define PHI_CONVERT_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/convert/chunks.h"
#include "libconv/convert/pipeline.h"
#include "libconv/kernels/quant_kernels.h"

/* An output's share of the current chunk. */
struct phi_lane {
    uint8_t *room;  /* a page longer than any chunk of this output */
    uint8_t *bytes; /* (rows, row_nbytes), in room */
    enum phi_dtype dtype;
    size_t row_nbytes;
    phi_quantize_fn quantize; /* NULL: rows are copied */
    phi_widen_fn widen;       /* for reading back; NULL: not asked for */
    const float *importance;  /* (cols) or NULL */
    double *square;           /* (rows) sum of squared errors */
    double *largest;          /* (rows) largest error */
};

struct phi_worker {
    const struct phi_pipeline_work *work;
    uint32_t features;
    uint8_t *arena; /* all buffers */
    uint8_t *raw;
    float *values;
    float *back;            /* for reading back */
    struct phi_lane *lanes; /* (outputs) */
    /* with a merge */
    float *room;                /* of phi_merge_apply() */
    struct phi_merge_sums sums; /* of the chunk */
    /* the current chunk */
    const struct phi_tensor *tensor;
    const struct phi_merge_tensor *merged; /* or NULL: it stays as it is */
    struct phi_chunk chunk;
    size_t stored;  /* rows of the chunk that the source has */
    size_t cols;    /* of the outputs */
    size_t raw_row; /* bytes */
    phi_widen_fn widen;
    bool carried; /* copied only, of values that f32 has no room for */
    size_t piece; /* rows */
    struct phi_err err;
    struct phi_stopwatch watch;
    struct phi_time times[PHI_NTIMES];
};

/*
 * Bytes that one worker's buffers take for chunks of chunk_nbytes; PHI_E_ARG
 * if a plan does not fit the source.
 */
enum phi_status phi_worker_nbytes(size_t *out,
                                  const struct phi_pipeline_work *work,
                                  size_t chunk_nbytes, struct phi_err *err);

/* To be ended with phi_worker_release(), after a failure too. */
enum phi_status phi_worker_init(struct phi_worker *w,
                                const struct phi_pipeline_work *work,
                                size_t chunk_nbytes, uint32_t features,
                                struct phi_err *err);
void phi_worker_release(struct phi_worker *w);

/* Sets the worker to a chunk of the list; w->raw is to be filled then. */
enum phi_status phi_worker_begin(struct phi_worker *w,
                                 const struct phi_chunk *c,
                                 struct phi_err *err);

/*
 * Quantizes rows [first, first + n) of the chunk, n <= w->piece, to every
 * output. PHI_E_FORMAT at a NaN or an infinity, PHI_E_UNSUPPORTED at what an
 * output cannot hold: the first row with such an element decides, then the
 * first output.
 */
enum phi_status phi_worker_piece(struct phi_worker *w, size_t first, size_t n,
                                 struct phi_err *err);

/* Adds what the chunk changed to the merge, if it is merged: rows in order. */
void phi_worker_tally(const struct phi_worker *w, struct phi_merge *merge);

#endif
