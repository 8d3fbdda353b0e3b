/* SPDX-License-Identifier: MIT */
/*
 * The packed format as a sink. Rows come in as GGUF has them, from any thread
 * in any order; they are arranged in chunks on the way, and a chunk that is
 * whole is hashed and written. Header and table are written last: what was
 * left by a crash is no packed file.
 */
#ifndef PHI_FORMATS_PACK_SINK_H
#define PHI_FORMATS_PACK_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "libconv/base/crc32.h"
#include "libconv/base/err.h"
#include "libconv/base/monitor.h"
#include "libconv/tensor/meta.h"
#include "libconv/tensor/sink.h"
#include "libconv/tensor/source.h"

struct phi_pack_options {
    bool replace; /* an existing file may be replaced */
    /* Floats get their bytes in planes and deflated: the size is known only
     * at the end, and as much disk is needed once more on the way. */
    bool planes;
    /* Whose folder's other files and places are kept: a Hugging Face folder
     * or a packed file; or NULL, or any other: there are none. */
    const struct phi_source *origin;
    /* Of these files only such as a model is published with, as they are
     * copied into folders: hf_side_files.h. */
    bool published;
    /* (head_nbytes) The head of a GGUF file of gguf_nbytes that is to come
     * back as it was; NULL: it is made of meta and tensors, */
    const uint8_t *head;
    size_t head_nbytes;
    uint64_t gguf_nbytes;
    bool reserve;       /* with room for other metadata (gguf_reserve.h) */
    phi_crc32_fn crc32; /* or NULL: phi_crc32() */
    size_t nthreads;    /* that deflate metadata and files; 0: one */
    /* Asked meanwhile, and while planes go to their places at the end; or NULL.
     * Borrowed until the sink is closed. */
    const struct phi_monitor *monitor;
};

/* What planes saved, when all is written. */
struct phi_pack_saving {
    uint64_t plain; /* bytes of tensors that have them */
    uint64_t stored;
};

/*
 * Decides everything and makes all that comes before the tensors: (*out)->
 * nbytes is the file's size, with planes at most so many. Refuses what a GGUF
 * file cannot hold (gguf_write.h), and what is beyond the limits of PACK.md.
 * meta, tensors and options are not needed after the call, but the monitor is.
 * On success the caller owns *out.
 */
enum phi_status phi_pack_sink_plan(struct phi_sink **out, const char *path,
                                   const struct phi_meta *meta,
                                   const struct phi_sink_tensor *tensors,
                                   size_t n, const struct phi_pack_options *opt,
                                   struct phi_err *err);

/* Another name for the file of a sink that was planned and not begun. */
enum phi_status phi_pack_sink_rename(struct phi_sink *s, const char *path,
                                     struct phi_err *err);

/* Begins the file of a sink that was planned; an existing one may be replaced
 * if the options said so. */
enum phi_status phi_pack_sink_begin(struct phi_sink *s, struct phi_err *err);

/* Both at once. */
enum phi_status phi_pack_sink_open(struct phi_sink **out, const char *path,
                                   const struct phi_meta *meta,
                                   const struct phi_sink_tensor *tensors,
                                   size_t n, const struct phi_pack_options *opt,
                                   struct phi_err *err);

/* Of a sink that was begun, once it is synced. */
struct phi_pack_saving phi_pack_sink_saving(const struct phi_sink *s);

/* Memory that such a sink takes while nthreads write to it, at most. */
uint64_t phi_pack_sink_memory(size_t nthreads);

#endif
