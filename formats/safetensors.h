/* SPDX-License-Identifier: MIT */
/*
 * safetensors, one file: reading with every rule of the reference reader
 * (huggingface/safetensors, README.md and tensor.rs at 24b0b285) and a few
 * that only its README states, and writing in the reference's order.
 *
 *   0      u64      N, the length of the header
 *   8      N bytes  {"NAME":{"dtype":..,"shape":[..],"data_offsets":[b,e]},..}
 *   8 + N  to the   data, little-endian; the ranges [b, e), relative to here,
 *          end      tile it without holes, overlaps or anything left over
 */
#ifndef PHI_FORMATS_SAFETENSORS_H
#define PHI_FORMATS_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/base/file.h"
#include "libconv/tensor/dtype.h"
#include "libconv/tensor/source.h"

/* The header's limit is the reference's: decimal, not MiB. */
#define PHI_ST_MAX_HEADER 100000000u
#define PHI_ST_MAX_NAME   1024

struct phi_st_tensor {
    const char *name;
    enum phi_dtype dtype;
    uint32_t rank;              /* 0 (a scalar) to PHI_MAX_RANK */
    uint64_t dim[PHI_MAX_RANK]; /* outermost first */
    uint64_t begin;             /* of its data, from the start of the file */
    uint64_t nbytes;
};

/* Read only; several threads may read its data at once. */
struct phi_st {
    struct phi_file *file;
    struct phi_json_doc *header;   /* holds the names */
    struct phi_st_tensor *tensors; /* (n), in the order of their data */
    size_t n;
};

/*
 * Opens and checks a file; its data is not read. The caller owns *out. A Git
 * LFS pointer or a PyTorch pickle is refused with a hint.
 */
enum phi_status phi_st_open(struct phi_st **out, const char *path,
                            struct phi_err *err);
void phi_st_close(struct phi_st *st); /* accepts NULL */

/* Reads bytes [offset, offset + n) of tensor i. */
enum phi_status phi_st_read(const struct phi_st *st, size_t i, uint64_t offset,
                            void *to, size_t n, struct phi_err *err);

/* The value of a key of __metadata__, borrowed, or NULL. */
const char *phi_st_metadata(const struct phi_st *st, const char *key);

/* One tensor to be written. */
struct phi_st_entry {
    const char *name;
    enum phi_dtype dtype; /* one that safetensors knows, of whole bytes */
    uint32_t rank;
    uint64_t dim[PHI_MAX_RANK];
};

struct phi_st_writer;

/*
 * Begins a file with these n tensors, which it copies. metadata: keys and
 * values by turns, a NULL at the end; or NULL. replace as in output.h. On
 * success the caller owns *out.
 */
enum phi_status phi_st_create(struct phi_st_writer **out, const char *path,
                              const struct phi_st_entry *entries, size_t n,
                              const char *const *metadata, bool replace,
                              struct phi_err *err);

/*
 * The entry (its index in `entries`) whose data comes at position k < n: by
 * type in descending order of the reference's enumeration, then by name.
 */
size_t phi_st_order(const struct phi_st_writer *w, size_t k);

/*
 * Appends n little-endian bytes to entry i. Entries come in the order of
 * phi_st_order(), each complete before the next; PHI_E_ARG otherwise.
 */
enum phi_status phi_st_write(struct phi_st_writer *w, size_t i,
                             const void *bytes, size_t n, struct phi_err *err);

/* As phi_output_commit(); PHI_E_ARG if data is missing. */
enum phi_status phi_st_commit(struct phi_st_writer *w, struct phi_err *err);
void phi_st_writer_close(struct phi_st_writer *w); /* accepts NULL */

#endif
