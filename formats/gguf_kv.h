/* SPDX-License-Identifier: MIT */
/* The keys and values of a GGUF header, read and checked. */
#ifndef PHI_FORMATS_GGUF_KV_H
#define PHI_FORMATS_GGUF_KV_H

#include "formats/gguf_stream.h"

/*
 * Why a key cannot be in a GGUF file, as the end of a message ("is empty"),
 * or NULL if it can: 1 to PHI_GGUF_MAX_KEY printable ASCII characters.
 */
const char *phi_gguf_key_fault(const char *key, size_t n);

/*
 * Appends n entries to m (empty before). Refuses keys that
 * phi_gguf_key_fault() does not like, duplicates, unknown types, bools other
 * than 0 and 1, and arrays of arrays (which llama.cpp does not load either).
 * After a failure the caller still releases m.
 */
enum phi_status phi_gguf_kv_read(struct phi_gguf_stream *s, uint64_t n,
                                 struct phi_meta *m, struct phi_err *err);

/*
 * The alignment of the data that m asks for, PHI_GGUF_ALIGN without the key
 * general.alignment; refuses all but a uint32 power of two in the limits.
 */
enum phi_status phi_gguf_alignment(const struct phi_meta *m, uint64_t *out,
                                   struct phi_err *err);

#endif
