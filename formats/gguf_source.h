/* SPDX-License-Identifier: MIT */
/* GGUF as a source: one file, or a model split into several. */
#ifndef PHI_FORMATS_GGUF_SOURCE_H
#define PHI_FORMATS_GGUF_SOURCE_H

#include "libconv/base/err.h"
#include "libconv/tensor/source.h"

/*
 * Opens the GGUF file at path. If its keys split.no, split.count and
 * split.tensors.count say that it is the first part of a split model
 * (NAME-00001-of-0000N.gguf), the others are opened beside it and checked to
 * be the missing ones. The source's metadata are those of the first part
 * without the split keys and the room left for others (gguf_reserve.h);
 * tensors come in file order, part after part.
 */
enum phi_status phi_gguf_open(struct phi_source **out, const char *path,
                              struct phi_err *err);

#endif
