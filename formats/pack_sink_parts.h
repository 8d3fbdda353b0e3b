/* SPDX-License-Identifier: MIT */
/* What pack_sink.c (beginning and chunks) and pack_sink_end.c share. */
#ifndef PHI_FORMATS_PACK_SINK_PARTS_H
#define PHI_FORMATS_PACK_SINK_PARTS_H

#include "formats/pack_extras.h"
#include "formats/pack_sink.h"
#include "formats/pack_stage.h"
#include "formats/pack_write.h"
#include "libconv/base/output.h"
#include "libconv/base/spool.h"

struct phi_pack_sink {
    struct phi_sink base;
    char *path;
    phi_crc32_fn crc32;
    const struct phi_monitor *monitor; /* or NULL; borrowed */
    struct phi_output *output;
    struct phi_spool *spool; /* of chunks, with planes; else NULL */
    uint64_t *spooled;       /* (nchunks) where they are in it */
    bool planes;
    bool replace;
    bool reserve;
    bool copied; /* the head is a file's */
    struct phi_pack_head head;
    struct phi_pack_extras extras;
    struct phi_pack_entry *entries;  /* (n), in the order of the head */
    struct phi_sink_tensor *tensors; /* (n), names those of entries */
    size_t n;
    size_t *order;   /* (n) in the data */
    uint8_t *leaves; /* (nchunks, PHI_PACK_LEAF) the section chunks */
    uint64_t nchunks;
    uint64_t data; /* where the data begins */
    struct phi_pack_stage stage;
};

/*
 * All sections in their order, to be released with free(); `list` is the
 * section tensors, data the length of the data.
 */
enum phi_status phi_pack_sink_parts(const struct phi_pack_sink *s,
                                    const struct phi_buf *list, uint64_t data,
                                    struct phi_pack_part **out, size_t *n,
                                    struct phi_err *err);

/* Once all chunks are there: what was put aside, gaps, and the front. */
enum phi_status phi_pack_sink_finish(struct phi_pack_sink *s,
                                     struct phi_err *err);

#endif
