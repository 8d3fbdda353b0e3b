/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 of the tensors of a source, each over its bytes as they are stored,
 * and one digest of them all. The digest is the SHA-256 of the text with one
 * line a tensor, sorted by the bytes of the names:
 *
 *   LENGTH NAME TYPE SHAPE HASH\n
 *
 * LENGTH is that of the name in bytes, TYPE as GGUF writes it ("Q4_K"), SHAPE
 * the dimensions, outermost first, with commas ("2048,256"), HASH the
 * tensor's. It depends on no file name, order, offset or metadata.
 */
#ifndef PHI_TENSOR_SOURCE_HASH_H
#define PHI_TENSOR_SOURCE_HASH_H

#include <stddef.h>

#include "libconv/base/err.h"
#include "libconv/base/monitor.h"
#include "libconv/base/sha256.h"
#include "libconv/tensor/source.h"

/*
 * Fills hex (s->ntensors), reading all tensors on up to nthreads threads with
 * a fixed buffer each. monitor, which may be NULL, counts bytes.
 */
enum phi_status phi_source_hash(const struct phi_source *s, size_t nthreads,
                                const struct phi_monitor *monitor,
                                char (*hex)[PHI_SHA256_HEX],
                                struct phi_err *err);

/* The digest of the model whose tensors have these hashes. */
enum phi_status phi_source_digest(const struct phi_source *s,
                                  const char (*hex)[PHI_SHA256_HEX],
                                  char out[PHI_SHA256_HEX],
                                  struct phi_err *err);

/*
 * Indices of all tensors in the order of their names' bytes; to be released
 * with free(). NULL and err without memory.
 */
size_t *phi_source_by_name(const struct phi_source *s, struct phi_err *err);

#endif
