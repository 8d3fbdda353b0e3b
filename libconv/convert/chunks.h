/* SPDX-License-Identifier: MIT */
/*
 * What a run reads, in order: the model cut into chunks, each some rows of
 * one tensor. A file is read from its beginning to its end, so that it can be
 * hashed on the way, and several files side by side, as hashing one of them
 * is no work for two:
 *
 *   file 0   [head][tensor ...][tensor ...][between]...   chunks 0, 2, 4 ...
 *   file 1   [head][tensor ...                            chunks 1, 3, 5 ...
 *
 * The list depends on the source, the plan and the size of a chunk, never on
 * threads.
 */
#ifndef PHI_CONVERT_CHUNKS_H
#define PHI_CONVERT_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/convert/plan.h"

/* The step of bytes that belong to no tensor and are only hashed. */
#define PHI_CHUNK_BETWEEN SIZE_MAX

/* Bytes of those in a chunk, at most. */
#define PHI_CHUNK_BETWEEN_NBYTES ((size_t)64 << 10)

struct phi_chunk {
    size_t step;     /* of the plan, or PHI_CHUNK_BETWEEN */
    size_t file;     /* of the source */
    uint64_t offset; /* in it */
    uint64_t nbytes; /* of the source; 0: these rows are not in it */
    uint64_t row;    /* of the tensor, as it will be */
    uint64_t nrows;  /* likewise; 0: the plan drops these bytes */
    /* The same bytes came before: a tied tensor. They are hashed once. */
    bool again;
};

struct phi_chunks {
    struct phi_chunk *v; /* (n) */
    size_t n;
    size_t cap;
    uint64_t nbytes; /* of tensors, all chunks together */
};

/* Rows of t that fit nbytes of the source, at least 1. */
uint64_t phi_chunk_rows(const struct phi_tensor *t, size_t nbytes);

/*
 * Cuts the tensors of the plan into chunks of at most nbytes, or of a row;
 * `whole` adds all other bytes of the files. Where the plan has more rows than
 * the source, chunks of nothing follow the tensor's; where it has fewer, some
 * bytes make no rows. To be ended with phi_chunks_release().
 */
enum phi_status phi_chunks_make(struct phi_chunks *out,
                                const struct phi_source *s,
                                const struct phi_plan *plan, size_t nbytes,
                                bool whole, struct phi_err *err);
void phi_chunks_release(struct phi_chunks *c);

#endif
