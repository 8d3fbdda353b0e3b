/* SPDX-License-Identifier: MIT */
/* All of a packed file but its data: what it holds, and where. */
#ifndef PHI_FORMATS_PACK_READ_H
#define PHI_FORMATS_PACK_READ_H

#include <stddef.h>
#include <stdint.h>

#include "formats/gguf_read.h"
#include "formats/pack_front.h"
#include "formats/pack_panels.h"

/* A tensor, beside what the head says of it. */
struct phi_pack_tensor {
    uint64_t offset; /* in the file */
    uint64_t stored;
    uint32_t codec;
    struct phi_panels arrangement;
    uint64_t chunk; /* index of its first */
    uint64_t nchunks;
};

struct phi_pack_chunk {
    uint64_t offset; /* in the file */
    size_t stored;
    size_t plain;
    uint32_t crc;
    const uint8_t *leaf; /* (PHI_SHA256_NBYTES) */
};

struct phi_pack {
    struct phi_pack_front front;
    uint8_t *head; /* (head_nbytes) */
    size_t head_nbytes;
    uint8_t *list; /* (list_nbytes) the section tensors */
    size_t list_nbytes;
    struct phi_gguf gguf;            /* what it says */
    uint64_t gguf_nbytes;            /* of the file that it stands for */
    struct phi_pack_tensor *tensors; /* (gguf.ntensors) */
    uint8_t *chunks;                 /* (nchunks, PHI_PACK_LEAF) */
    uint64_t nchunks;
    uint64_t *places; /* (nchunks) in the file */
    size_t *order;    /* (gguf.ntensors) of tensors in the data */
};

/*
 * Steps 1 to 4 of PACK.md, 13, but for the sections origin and files, which
 * are not read. To be ended with phi_pack_release(), after a failure too.
 */
enum phi_status phi_pack_read(struct phi_pack *out,
                              const struct phi_pack_input *in,
                              struct phi_err *err);
void phi_pack_release(struct phi_pack *p);

/* Chunk k of tensor i. */
struct phi_pack_chunk phi_pack_chunk_of(const struct phi_pack *p, size_t i,
                                        uint64_t k);

/*
 * The plain bytes of a chunk whose stored bytes, which are right, are given:
 * those, or what they inflate to in `room` of PHI_PACK_CHUNK bytes, with the
 * bytes of elements together. `planes` is as large, to work in.
 */
enum phi_status phi_pack_chunk_plain(const struct phi_pack *p, size_t i,
                                     const struct phi_pack_chunk *c,
                                     const uint8_t *stored, uint8_t *room,
                                     uint8_t *planes, const uint8_t **out,
                                     struct phi_err *err);

#endif
