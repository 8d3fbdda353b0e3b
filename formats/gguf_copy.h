/* SPDX-License-Identifier: MIT */
/*
 * A GGUF file that only changes its container: packed, or taken out of a
 * packed file, it keeps its metadata, its order and every byte of its head.
 */
#ifndef PHI_FORMATS_GGUF_COPY_H
#define PHI_FORMATS_GGUF_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/tensor/sink.h"
#include "libconv/tensor/source.h"

/* Zero-initialise; end with phi_gguf_copy_release(). Without a head it is no
 * copy, and nothing else is set. */
struct phi_gguf_copy {
    uint8_t *head; /* (head_nbytes) before the tensors */
    size_t head_nbytes;
    uint64_t gguf_nbytes;
    size_t *map;                    /* (n) tensors in the source */
    struct phi_sink_tensor *listed; /* (n) in its order; names are borrowed */
};

/*
 * Fills *out if the n tensors, of which the i-th is tensor map[i] of s, are all
 * of s as they are, and s is what such a copy can be made of. `packed`: into a
 * packed file; else into GGUF. map becomes *out's, or is freed.
 */
enum phi_status phi_gguf_copy_make(struct phi_gguf_copy *out,
                                   const struct phi_source *s, bool packed,
                                   const struct phi_sink_tensor *tensors,
                                   size_t *map, size_t n, struct phi_err *err);

void phi_gguf_copy_release(struct phi_gguf_copy *c);

#endif
