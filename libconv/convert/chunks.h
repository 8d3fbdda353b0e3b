/* SPDX-License-Identifier: MIT */
/*
 * What a run reads, in order: the model cut into chunks, each some rows of
 * one tensor. The list depends on the source and on the size of a chunk, not
 * on threads.
 */
#ifndef PHI_CONVERT_CHUNKS_H
#define PHI_CONVERT_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/convert/plan.h"

struct phi_chunk {
    size_t step; /* of the plan */
    uint64_t row;
    uint64_t nrows;
};

struct phi_chunks {
    struct phi_chunk *v; /* (n) */
    size_t n;
    size_t cap;
    uint64_t nbytes; /* of the source, all chunks together */
};

/* Rows of t that fit nbytes of the source, at least 1. */
uint64_t phi_chunk_rows(const struct phi_tensor *t, size_t nbytes);

/*
 * Cuts the tensors of the plan, in the order of the source, into chunks of
 * at most nbytes, or of a row. To be ended with phi_chunks_release().
 */
enum phi_status phi_chunks_make(struct phi_chunks *out,
                                const struct phi_source *s,
                                const struct phi_plan *plan, size_t nbytes,
                                struct phi_err *err);
void phi_chunks_release(struct phi_chunks *c);

#endif
