/* SPDX-License-Identifier: MIT */
/* GGUF v3 as a sink: one file, or a model split into several. */
#ifndef PHI_FORMATS_GGUF_SINK_H
#define PHI_FORMATS_GGUF_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/gguf_split.h"
#include "libconv/base/err.h"
#include "libconv/tensor/meta.h"
#include "libconv/tensor/sink.h"

struct phi_gguf_options {
    bool replace; /* existing files may be replaced */
    bool reserve; /* leave room for other metadata (gguf_reserve.h) */
    struct phi_gguf_split split;
    /* (head_nbytes) The head of a file with these tensors in this order, which
     * is to come back as it was, not split; NULL: it is made. Borrowed until
     * the sink is closed. */
    const uint8_t *head;
    size_t head_nbytes;
};

/*
 * Begins the files and reserves their exact sizes (see gguf_write.h for what
 * is refused; nothing is created then). The alignment of the data is the key
 * general.alignment of meta, 32 without it. Tensors are in the files in list
 * order, and so are keys, without `reserve`. Headers are written last: what was
 * left by a crash is no GGUF file. meta and tensors are not needed after the
 * call. On success the caller owns *out.
 */
enum phi_status phi_gguf_sink_open(struct phi_sink **out, const char *path,
                                   const struct phi_meta *meta,
                                   const struct phi_sink_tensor *tensors,
                                   size_t n, const struct phi_gguf_options *opt,
                                   struct phi_err *err);

/*
 * Bytes of all files that the sink would write, with its checks; path is
 * only for messages.
 */
enum phi_status phi_gguf_sink_size(uint64_t *out, const char *path,
                                   const struct phi_meta *meta,
                                   const struct phi_sink_tensor *tensors,
                                   size_t n, const struct phi_gguf_options *opt,
                                   struct phi_err *err);

#endif
