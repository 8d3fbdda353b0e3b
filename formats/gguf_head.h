/* SPDX-License-Identifier: MIT */
/* The head of a GGUF file that comes back byte for byte. */
#ifndef PHI_FORMATS_GGUF_HEAD_H
#define PHI_FORMATS_GGUF_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/tensor/source.h"

/* Whether a source is one GGUF file, or a packed one that stands for it. */
bool phi_gguf_has_head(const struct phi_source *s);

/*
 * Everything before the tensors of such a source, to be released with free(),
 * and the length of the whole file. PHI_E_UNSUPPORTED if other bytes of it
 * belong to no tensor and are not zero: nothing would bring them back.
 */
enum phi_status phi_gguf_head_load(const struct phi_source *s, uint8_t **out,
                                   size_t *n, uint64_t *nbytes,
                                   struct phi_err *err);

#endif
