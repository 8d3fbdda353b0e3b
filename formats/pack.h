/* SPDX-License-Identifier: MIT */
/*
 * Numbers of the packed format, for the reader and the writer, and what both
 * compute. formats/PACK.md is the specification; sections are its.
 *
 *   header | section table | head tensors chunks [origin] [files...] | data
 */
#ifndef PHI_FORMATS_PACK_H
#define PHI_FORMATS_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/base/sha256.h"
#include "libconv/tensor/dtype.h"

#define PHI_PACK_SUFFIX ".phipack"
#define PHI_PACK_MAGIC  "PHIPACK\x1a"
#define PHI_PACK_MAJOR  1
#define PHI_PACK_MINOR  0

/* Bytes. */
#define PHI_PACK_HEADER 128u /* section 3 */
#define PHI_PACK_ENTRY  48u  /* of the section table */
#define PHI_PACK_TENSOR 32u  /* of the tensors */
#define PHI_PACK_LIST   16u  /* before the tensors' entries */
#define PHI_PACK_LEAF   40u  /* of a chunk */
#define PHI_PACK_CHUNK  ((size_t)1 << 20)

/* Places, section 7.1. */
#define PHI_PACK_SMALL       65536u /* a large tensor has at least these */
#define PHI_PACK_SMALL_ALIGN 64u
#define PHI_PACK_LARGE_ALIGN 4096u
#define PHI_PACK_SECTION     8u /* alignment of sections but the data */

/* Limits, section 12. */
#define PHI_PACK_MAX_SECTIONS 65535u
#define PHI_PACK_MIN_SECTIONS 4u
#define PHI_PACK_MAX_NAMES    (1u << 24)
#define PHI_PACK_MAX_PLAIN    (1u << 28) /* head, origin, a file */
#define PHI_PACK_MAX_FILE     255u       /* bytes of a file's name */
#define PHI_PACK_MAX_ORIGIN   1024u      /* of a tensor's name in a folder */

#define PHI_PACK_FILES "files/"
#define PHI_PACK_SHARD ".safetensors"

enum phi_pack_kind {
    PHI_PACK_KIND_HEAD = 1,
    PHI_PACK_KIND_TENSORS = 2,
    PHI_PACK_KIND_CHUNKS = 3,
    PHI_PACK_KIND_ORIGIN = 4,
    PHI_PACK_KIND_FILE = 5,
    PHI_PACK_KIND_DATA = 6,
};

/* Kinds from here on are ignored by readers that do not know them. */
#define PHI_PACK_KIND_OPTIONAL 0x80000000u

/* Flags that a reader must know. */
#define PHI_PACK_FLAGS_KNOW 0x0000ffffu

enum phi_pack_codec {
    PHI_PACK_PLAIN = 0,
    PHI_PACK_ZLIB = 1,   /* of a section */
    PHI_PACK_PLANES = 1, /* of a tensor */
};

/* The file of a tensor that was in none. */
#define PHI_PACK_NO_FILE UINT32_MAX

struct phi_pack_section {
    uint32_t kind;
    uint32_t codec;
    uint64_t offset;
    uint64_t stored;
    uint64_t plain;
    uint32_t crc;
    char *name; /* owned */
};

/* Chunks of a tensor of so many bytes. */
static inline uint64_t phi_pack_nchunks(uint64_t nbytes)
{
    return (nbytes + PHI_PACK_CHUNK - 1) / PHI_PACK_CHUNK;
}

/* Plain bytes of chunk k of such a tensor. */
static inline size_t phi_pack_chunk_nbytes(uint64_t nbytes, uint64_t k)
{
    const uint64_t left = nbytes - k * PHI_PACK_CHUNK;

    return left < PHI_PACK_CHUNK ? (size_t)left : PHI_PACK_CHUNK;
}

static inline uint64_t phi_pack_align(uint64_t nbytes)
{
    return nbytes < PHI_PACK_SMALL ? PHI_PACK_SMALL_ALIGN
                                   : PHI_PACK_LARGE_ALIGN;
}

/* Rows of a panel that a type may have, whatever computes with it. */
static inline uint32_t phi_pack_panel_rows(enum phi_dtype t)
{
    return phi_dtype_info(t)->block == 1 ? 16 : 32;
}

/* Whether tensors of a type may have their bytes in planes. */
static inline bool phi_pack_has_planes(enum phi_dtype t)
{
    return t == PHI_F16 || t == PHI_BF16 || t == PHI_F32;
}

/*
 * Why a file of a folder cannot be in a packed file, as the end of a message
 * ("is empty"), or NULL if it can: one beside the weights, and one of weights.
 * No name can be both, so that a folder written back has each file once.
 */
const char *phi_pack_side_fault(const char *name, size_t n);
const char *phi_pack_shard_fault(const char *name, size_t n);

/* Byte planes of n bytes, elements of `size` bytes, and back (section 7.3). */
void phi_pack_split(uint8_t *planes, const uint8_t *bytes, size_t n,
                    size_t size);
void phi_pack_join(uint8_t *bytes, const uint8_t *planes, size_t n,
                   size_t size);

/* ---- the tree, section 9 ---- */

/* The hash of a leaf: of 0x00 and n bytes. */
enum phi_status phi_pack_leaf(uint8_t out[PHI_SHA256_NBYTES], const void *bytes,
                              size_t n, struct phi_err *err);

/* What the root is of: the plain bytes of three sections. */
struct phi_pack_tree {
    const uint8_t *head; /* (head_nbytes) */
    size_t head_nbytes;
    const uint8_t *tensors; /* (tensors_nbytes) */
    size_t tensors_nbytes;
    const uint8_t *chunks; /* (nchunks, PHI_PACK_LEAF) */
    uint64_t nchunks;
};

enum phi_status phi_pack_root(uint8_t out[PHI_SHA256_NBYTES],
                              const struct phi_pack_tree *tree,
                              struct phi_err *err);

#endif
