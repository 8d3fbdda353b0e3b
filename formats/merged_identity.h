/* SPDX-License-Identifier: MIT */
/*
 * What a merged model says that it is. Adapters make another model of their
 * base: its metadata, taken over, would claim to be the base itself, as its
 * author published it. What general.* says of the base is said of
 * general.base_model.0 instead, as GGUF has it for models that were made from
 * others; license, languages, tags and datasets hold for both and stay.
 */
#ifndef PHI_FORMATS_MERGED_IDENTITY_H
#define PHI_FORMATS_MERGED_IDENTITY_H

#include <stddef.h>

#include "libconv/base/buf.h"
#include "libconv/base/err.h"
#include "libconv/tensor/meta.h"

/* Appends the last part of an adapter's path, without a file's ending. */
void phi_adapter_label(struct phi_buf *b, const char *path);

/*
 * "BASE + ADAPTER + ...": the base by its metadata, n adapters by their paths,
 * of which nothing but the last part is used. Printable, to be released with
 * free(); NULL and err without memory.
 */
char *phi_merged_name(const struct phi_meta *base, const char *const *adapters,
                      size_t n, struct phi_err *err);

/* Makes the base's metadata those of a model of this name that was made from
 * it. */
enum phi_status phi_merged_identity(struct phi_meta *meta, const char *name,
                                    struct phi_err *err);

#endif
