/* SPDX-License-Identifier: MIT */
/* The section origin: where tensors stood in a folder (PACK.md, 10). */
#ifndef PHI_FORMATS_PACK_ORIGIN_H
#define PHI_FORMATS_PACK_ORIGIN_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/buf.h"
#include "libconv/base/err.h"
#include "libconv/tensor/sink.h"
#include "libconv/tensor/source.h"

struct phi_pack_origin {
    struct phi_folder folder;
    struct phi_source_file *files;   /* folder.files, names owned */
    struct phi_folder_place *places; /* folder.places, names owned */
    size_t nplaces;
};

/* Reads n bytes; ntensors as the head says. To be released, whatever comes. */
enum phi_status phi_pack_origin_read(struct phi_pack_origin *out,
                                     const uint8_t *bytes, size_t n,
                                     size_t ntensors, const char *path,
                                     struct phi_err *err);
void phi_pack_origin_release(struct phi_pack_origin *o);

/* Appends what a source that has a folder says of n tensors, in their order;
 * those that it does not have were in no file. */
enum phi_status phi_pack_origin_write(struct phi_buf *out,
                                      const struct phi_source *s,
                                      const struct phi_sink_tensor *tensors,
                                      size_t n, struct phi_err *err);

#endif
