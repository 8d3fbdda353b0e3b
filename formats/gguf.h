/* SPDX-License-Identifier: MIT */
/*
 * Numbers of the GGUF format (ggml's docs/gguf.md) and phiconv's limits on
 * it, for the reader and the writer. All integers are little-endian.
 *
 *   "GGUF"  u32 version  u64 tensors  u64 keys
 *   key     string, u32 type, value       string: u64 length, bytes
 *   ...     (array: u32 type, u64 count, values)
 *   tensor  string name, u32 rank, u64 dim[rank] (contiguous first),
 *   ...     u32 type, u64 offset in the data
 *   zeros up to a multiple of the alignment
 *   data    each tensor padded with zeros to a multiple of the alignment
 */
#ifndef PHI_FORMATS_GGUF_H
#define PHI_FORMATS_GGUF_H

#define PHI_GGUF_MAGIC   "GGUF"
#define PHI_GGUF_VERSION 3

/* Of the data, unless the key general.alignment (uint32) says otherwise. */
#define PHI_GGUF_ALIGN     32u
#define PHI_GGUF_ALIGN_MIN 8u
#define PHI_GGUF_ALIGN_MAX 65536u

#define PHI_GGUF_MAX_RANK 4u     /* GGML_MAX_DIMS */
#define PHI_GGUF_MAX_KEY  65535u /* bytes; the specification's limit */
#define PHI_GGUF_MAX_NAME 1024u  /* bytes of a tensor's name, when reading */

/* Keys, and tensors, of one file. */
#define PHI_GGUF_MAX_ITEMS 1000000u

/* Bytes before the data; the largest vocabularies take some 20 MB. */
#define PHI_GGUF_MAX_HEADER (256u << 20)

#endif
