/* SPDX-License-Identifier: MIT */
/* The header and the section table of a packed file, read and checked. */
#ifndef PHI_FORMATS_PACK_FRONT_H
#define PHI_FORMATS_PACK_FRONT_H

#include <stddef.h>
#include <stdint.h>

#include "formats/pack.h"
#include "libconv/base/err.h"
#include "libconv/base/file.h"

/* Where the bytes are: in a file, or the first of them in memory. */
struct phi_pack_input {
    const struct phi_file *file; /* or NULL: */
    const uint8_t *bytes;        /* (n) */
    uint64_t n;                  /* of the file, or of bytes */
    const char *path;            /* for messages */
};

enum phi_status phi_pack_input_read(const struct phi_pack_input *in,
                                    uint64_t offset, void *to, size_t n,
                                    struct phi_err *err);

#define PHI_PACK_NO_SECTION SIZE_MAX

struct phi_pack_front {
    uint16_t major;
    uint16_t minor;
    uint32_t flags;
    uint64_t nbytes; /* of the file */
    uint8_t root[PHI_SHA256_NBYTES];
    uint32_t crc;                      /* of the table */
    struct phi_pack_section *sections; /* (n), in file order */
    size_t n;
    size_t head; /* indices; all but origin exist */
    size_t tensors;
    size_t chunks;
    size_t origin; /* or PHI_PACK_NO_SECTION */
    size_t data;
};

/* Bytes of header, table and names, by a header that was checked. */
enum phi_status phi_pack_header_read(struct phi_pack_front *out,
                                     uint64_t *nbytes,
                                     const uint8_t header[PHI_PACK_HEADER],
                                     const char *path, struct phi_err *err);

/*
 * Steps 1 and 2 of PACK.md, 13. The length of the file is compared with that
 * of a file, not with that of bytes in memory. To be ended with
 * phi_pack_front_release(), after a failure too.
 */
enum phi_status phi_pack_front_read(struct phi_pack_front *out,
                                    const struct phi_pack_input *in,
                                    struct phi_err *err);
void phi_pack_front_release(struct phi_pack_front *f);

/* The section of that name; false if there is none. */
bool phi_pack_front_find(const struct phi_pack_front *f, const char *name,
                         size_t *i);

/*
 * The plain bytes of section i, which is not the data, checked and with a NUL
 * after them; to be released with free(). Their number is the section's.
 */
enum phi_status phi_pack_section_load(const struct phi_pack_front *f,
                                      const struct phi_pack_input *in, size_t i,
                                      uint8_t **out, struct phi_err *err);

#endif
