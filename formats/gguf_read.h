/* SPDX-License-Identifier: MIT */
/* One GGUF file: its metadata and where its tensors lie. */
#ifndef PHI_FORMATS_GGUF_READ_H
#define PHI_FORMATS_GGUF_READ_H

#include <stddef.h>
#include <stdint.h>

#include "formats/gguf.h"
#include "libconv/base/err.h"
#include "libconv/base/file.h"
#include "libconv/tensor/dtype.h"
#include "libconv/tensor/meta.h"

struct phi_gguf_tensor {
    char *name;
    enum phi_dtype dtype;
    uint32_t rank;                   /* 0 to PHI_GGUF_MAX_RANK */
    uint64_t dim[PHI_GGUF_MAX_RANK]; /* outermost first; all >= 1 */
    uint64_t nbytes;
    uint64_t offset; /* in the file */
};

struct phi_gguf {
    uint32_t version;
    struct phi_meta meta; /* all keys, in file order */
    struct phi_gguf_tensor *tensors;
    size_t ntensors;
    uint64_t listed; /* where the list of tensors ends */
    uint64_t data;   /* where the first tensor begins, padded */
};

/*
 * Reads and checks everything before the data of a GGUF file of version 2
 * or 3, and that all tensors lie inside the file, in order and without gaps
 * (as llama.cpp demands). Zeros that should pad the end may be missing; bytes
 * after them are refused. Errors name the file; *out is empty after one.
 */
enum phi_status phi_gguf_read(struct phi_gguf *out, const struct phi_file *f,
                              struct phi_err *err);

/*
 * The same of the n bytes before the data of a file of `size` bytes, which
 * are in memory; path is for messages.
 */
enum phi_status phi_gguf_read_bytes(struct phi_gguf *out, const uint8_t *head,
                                    size_t n, uint64_t size, const char *path,
                                    struct phi_err *err);
void phi_gguf_release(struct phi_gguf *g);

#endif
