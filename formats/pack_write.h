/* SPDX-License-Identifier: MIT */
/* What comes before the data of a packed file, built in memory. */
#ifndef PHI_FORMATS_PACK_WRITE_H
#define PHI_FORMATS_PACK_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "formats/pack.h"
#include "formats/pack_panels.h"
#include "libconv/base/buf.h"
#include "libconv/base/err.h"
#include "libconv/tensor/meta.h"
#include "libconv/tensor/sink.h"

/* The head: of a GGUF file that exists, or as the GGUF writer would make it. */
struct phi_pack_head {
    struct phi_buf plain;
    struct phi_buf deflated;
    uint64_t gguf_nbytes;
};

/*
 * Keys phiconv.*, whose values may become known after the sizes, are stored
 * in the stream as they are: with other values of the same lengths it has the
 * same length. With `reserve` there is room as in gguf_reserve.h.
 */
enum phi_status phi_pack_head_make(struct phi_pack_head *out,
                                   const struct phi_meta *meta,
                                   const struct phi_sink_tensor *tensors,
                                   size_t n, bool reserve, struct phi_err *err);
/* Of n bytes that are a file's; PHI_E_ARG if they do not list the tensors. */
enum phi_status phi_pack_head_copy(struct phi_pack_head *out,
                                   const uint8_t *head, size_t nbytes,
                                   uint64_t gguf_nbytes,
                                   const struct phi_sink_tensor *tensors,
                                   size_t n, struct phi_err *err);
void phi_pack_head_release(struct phi_pack_head *h);

/* A tensor being written. */
struct phi_pack_entry {
    char *name; /* owned */
    uint64_t nbytes;
    uint64_t offset; /* in the data */
    uint64_t stored;
    uint32_t codec;
    struct phi_panels arrangement;
    uint64_t chunk; /* its first */
    uint64_t nchunks;
};

/*
 * Arrangement, chunks and names of n tensors; planes: floats get the codec.
 * Stored lengths are the plain ones. *nchunks is that of all.
 */
enum phi_status phi_pack_entries_make(struct phi_pack_entry *out,
                                      uint64_t *nchunks,
                                      const struct phi_sink_tensor *tensors,
                                      size_t n, bool planes,
                                      struct phi_err *err);

/* Gives all their offsets by their stored lengths, small ones first; order
 * (n) becomes theirs in the data. Returns the data's length. */
uint64_t phi_pack_entries_place(struct phi_pack_entry *entries, size_t n,
                                size_t *order);

/* A section that is written: its stored bytes, or none for the data. */
struct phi_pack_part {
    struct phi_pack_section head; /* offset and crc are filled in */
    const uint8_t *bytes;         /* (head.stored) */
};

/* Fills in all offsets; returns where the data begins. */
uint64_t phi_pack_parts_place(struct phi_pack_part *parts, size_t n);

/* Appends header, table and all parts but the data, up to where it begins;
 * sums of all parts but the data, whose is given, are filled in. */
enum phi_status phi_pack_parts_write(struct phi_buf *out,
                                     struct phi_pack_part *parts, size_t n,
                                     const uint8_t root[PHI_SHA256_NBYTES],
                                     struct phi_err *err);

#endif
