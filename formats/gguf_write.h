/* SPDX-License-Identifier: MIT */
/*
 * The head of a GGUF v3 file, built in memory. Given the same keys and
 * tensors it has the bytes that llama.cpp's own writer gives: keys and
 * tensors in list order, trailing dimensions of 1 dropped (outermost here),
 * offsets the running sum of padded sizes.
 */
#ifndef PHI_FORMATS_GGUF_WRITE_H
#define PHI_FORMATS_GGUF_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/buf.h"
#include "libconv/base/err.h"
#include "libconv/tensor/meta.h"
#include "libconv/tensor/sink.h"

struct phi_gguf_layout {
    struct phi_buf header; /* all before the data, padded */
    uint64_t align;        /* of the data: the key general.alignment, or 32 */
    uint64_t nbytes;       /* of the whole file */
};

/*
 * Refuses with PHI_E_ARG what a GGUF file cannot hold or llama.cpp would not
 * load: a key that is no ASCII or there twice, a number that does not fit
 * its type, a tensor's name of more than PHI_MAX_NAME bytes or there twice, a
 * rank that is not 1 to 4, a type without a number in GGUF, a size that does
 * not follow from shape and type. To be ended with phi_gguf_layout_release().
 */
enum phi_status phi_gguf_layout_init(struct phi_gguf_layout *out,
                                     const struct phi_meta *meta,
                                     const struct phi_sink_tensor *tensors,
                                     size_t n, struct phi_err *err);
void phi_gguf_layout_release(struct phi_gguf_layout *l);

/*
 * Appends one key and its value as they are in a file; PHI_E_ARG for what a
 * file cannot hold. Memory that runs out is remembered by b.
 */
enum phi_status phi_gguf_put_key(struct phi_buf *b, const struct phi_kv *kv,
                                 struct phi_err *err);

/* Size in bytes of the file that the sink would write, with its checks. */
enum phi_status phi_gguf_size(uint64_t *out, const struct phi_meta *meta,
                              const struct phi_sink_tensor *tensors, size_t n,
                              struct phi_err *err);

#endif
