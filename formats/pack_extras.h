/* SPDX-License-Identifier: MIT */
/* What a packed file keeps of a Hugging Face folder beside its tensors. */
#ifndef PHI_FORMATS_PACK_EXTRAS_H
#define PHI_FORMATS_PACK_EXTRAS_H

#include <stddef.h>

#include "formats/hf_side_files.h"
#include "formats/pack_write.h"
#include "libconv/base/err.h"
#include "libconv/base/tally.h"
#include "libconv/tensor/sink.h"
#include "libconv/tensor/source.h"

/* Bytes of all files whose names do not say that a model has them. */
#define PHI_PACK_MAX_OTHER ((uint64_t)64 << 20)

struct phi_pack_extras {
    struct phi_pack_part *parts; /* (n) origin and files, names owned */
    struct phi_buf *bufs;        /* (n) what their bytes point into */
    size_t n;
    struct phi_hf_side_files files; /* (nfiles) as they are found */
    size_t nfiles;
};

/*
 * Of a folder or of a packed file that has one, all files or what a model is
 * published with; of anything else, or NULL, nothing. PHI_E_ARG for what does
 * not fit the format. To be ended with phi_pack_extras_release(), after a
 * failure too.
 */
enum phi_status phi_pack_extras_list(struct phi_pack_extras *out,
                                     const struct phi_source *origin,
                                     bool published,
                                     const struct phi_sink_tensor *tensors,
                                     size_t n, struct phi_err *err);

/* Reads and deflates file i of nfiles, each once, each in any thread; tally,
 * or NULL, as for phi_deflate(). */
enum phi_status phi_pack_extras_deflate(struct phi_pack_extras *x, size_t i,
                                        struct phi_tally *tally,
                                        struct phi_err *err);

/*
 * Adds what of a folder, or a packed file, is not packed, but for the model's
 * weights and their index: other weights, hidden files, folders, links that
 * lead out, files of other names that are too large or not to be published.
 */
enum phi_status phi_pack_extras_left(struct phi_names *out,
                                     const struct phi_source *origin,
                                     bool published, struct phi_err *err);

/* PHI_E_ARG if path is one of the files of a folder that would be packed. */
enum phi_status phi_pack_extras_not_input(const struct phi_source *origin,
                                          const char *path,
                                          struct phi_err *err);

void phi_pack_extras_release(struct phi_pack_extras *x);

#endif
