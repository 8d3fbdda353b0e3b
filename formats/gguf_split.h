/* SPDX-License-Identifier: MIT */
/*
 * A GGUF model cut into several files, as llama.cpp's gguf-split cuts it:
 *
 *   NAME-00001-of-00003.gguf   all metadata, and the first tensors
 *   NAME-00002-of-00003.gguf   more tensors, in the order of the list
 *   NAME-00003-of-00003.gguf
 *
 * each with the keys split.no, split.count and split.tensors.count.
 */
#ifndef PHI_FORMATS_GGUF_SPLIT_H
#define PHI_FORMATS_GGUF_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/tensor/meta.h"
#include "libconv/tensor/sink.h"

/* Of each file; 0: no limit. With neither, the model stays whole. */
struct phi_gguf_split {
    uint64_t max_nbytes; /* of tensors with their padding, without the head */
    uint64_t max_tensors;
};

struct phi_gguf_parts {
    size_t *end; /* (n) part i has the tensors from end[i - 1] to end[i] */
    size_t n;    /* 1 to 65535 */
    bool split;  /* false: one file under the model's own name */
};

/*
 * Cuts the list. A tensor larger than max_nbytes gets a file of its own.
 * PHI_E_ARG if there would be too many. To be ended with
 * phi_gguf_parts_release().
 */
enum phi_status phi_gguf_parts_make(struct phi_gguf_parts *out,
                                    const struct phi_gguf_split *split,
                                    const struct phi_sink_tensor *tensors,
                                    size_t n, struct phi_err *err);
void phi_gguf_parts_release(struct phi_gguf_parts *p);

/*
 * The name of part i of the model at path, whose ".gguf" is left away if it
 * has one. To be released with free().
 */
char *phi_gguf_part_path(const struct phi_gguf_parts *p, const char *path,
                         size_t i, struct phi_err *err);

/*
 * The metadata of part i of a model with ntensors, to be ended with
 * phi_meta_release(): all of it in the first.
 */
enum phi_status phi_gguf_part_meta(struct phi_meta *out,
                                   const struct phi_gguf_parts *p,
                                   const struct phi_meta *meta, size_t i,
                                   size_t ntensors, struct phi_err *err);

#endif
