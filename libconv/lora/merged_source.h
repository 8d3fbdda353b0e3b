/* SPDX-License-Identifier: MIT */
/*
 * A source with adapters merged into it, for readers that want values and
 * not files, as the engine does: tensors that change are F32, with as many
 * rows as they get, and merged whenever they are read; all others are the
 * base's. Its files are the base's, but the changed tensors are in none of
 * them, so that it cannot be hashed: what writes files merges on its own.
 */
#ifndef PHI_LORA_MERGED_SOURCE_H
#define PHI_LORA_MERGED_SOURCE_H

#include "libconv/base/err.h"
#include "libconv/lora/merge.h"
#include "libconv/tensor/source.h"

/*
 * m is a merge of m->source; both are borrowed and outlive *out, which the
 * caller ends with phi_source_close().
 */
enum phi_status phi_merged_source_open(struct phi_source **out,
                                       const struct phi_merge *m,
                                       struct phi_err *err);

/*
 * The same for planning: tensors have their new shapes and the base's types
 * and places, and cannot be read. meta is the base's, borrowed.
 */
enum phi_status phi_merged_shapes_open(struct phi_source **out,
                                       const struct phi_merge *m,
                                       struct phi_err *err);

#endif
