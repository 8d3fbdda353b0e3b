/* SPDX-License-Identifier: MIT */
/*
 * An importance matrix: for a tensor, how much the error of each column
 * matters, as llama-quantize takes it (the mean square of what the column is
 * multiplied with). formats/imatrix_read.h reads one from a file.
 */
#ifndef PHI_TENSOR_IMATRIX_H
#define PHI_TENSOR_IMATRIX_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/base/file.h"
#include "libconv/base/map.h"
#include "libconv/base/sha256.h"

struct phi_imatrix_entry {
    char *name; /* of the tensor, as in GGUF */
    size_t n;
    float *importance; /* (n), finite and >= 0 */
};

struct phi_imatrix {
    char *path; /* as the user gave it */
    struct phi_file_id id;
    char sha256[PHI_SHA256_HEX];       /* of the file */
    struct phi_imatrix_entry *entries; /* (nentries) */
    size_t nentries;
    size_t cap;
    struct phi_map by_name;
    char *dataset;    /* the first text it was made from, or NULL */
    uint32_t nchunks; /* of text; 0: not said */
};

/* What a file says of one tensor. */
struct phi_imatrix_sums {
    const char *name; /* nname bytes */
    size_t nname;
    const float *sums; /* (n): over what was seen, of the squares */
    size_t n;
    const float *counts; /* (ncounts): how often; 0: never, all alike */
    size_t ncounts;      /* of equal parts of the sums, one an expert */
};

/*
 * Appends an entry: sums / counts, in f32 as llama-quantize divides, 1 where
 * the count is 0. PHI_E_FORMAT if the name is empty, has a NUL or is there
 * already, if the counts do not divide the sums, or if a number is negative
 * or not finite; the message begins with the entry.
 */
enum phi_status phi_imatrix_add(struct phi_imatrix *m,
                                const struct phi_imatrix_sums *sums,
                                struct phi_err *err);

/* The entry for a tensor, or NULL. */
const struct phi_imatrix_entry *phi_imatrix_find(const struct phi_imatrix *m,
                                                 const char *name);

/* Frees everything; the matrix is empty again. */
void phi_imatrix_release(struct phi_imatrix *m);

#endif
