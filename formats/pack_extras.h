/* SPDX-License-Identifier: MIT */
/* What a packed file keeps of a Hugging Face folder beside its tensors. */
#ifndef PHI_FORMATS_PACK_EXTRAS_H
#define PHI_FORMATS_PACK_EXTRAS_H

#include <stddef.h>

#include "formats/hf_side_files.h"
#include "formats/pack_write.h"
#include "libconv/base/err.h"
#include "libconv/tensor/sink.h"
#include "libconv/tensor/source.h"

struct phi_pack_extras {
    struct phi_pack_part *parts; /* (n) origin and files, names owned */
    struct phi_buf *bufs;        /* (n) what their bytes point into */
    size_t n;
    struct phi_hf_side_files files; /* (nfiles) as they are found */
    size_t nfiles;
};

/*
 * Of a folder or of a packed file that has one; of anything else, or NULL,
 * nothing. PHI_E_ARG for what does not fit the format. To be ended with
 * phi_pack_extras_release(), after a failure too.
 */
enum phi_status phi_pack_extras_list(struct phi_pack_extras *out,
                                     const struct phi_source *origin,
                                     const struct phi_sink_tensor *tensors,
                                     size_t n, struct phi_err *err);

/* Reads and deflates file i of nfiles, each once, each in any thread. */
enum phi_status phi_pack_extras_deflate(struct phi_pack_extras *x, size_t i,
                                        struct phi_err *err);

void phi_pack_extras_release(struct phi_pack_extras *x);

#endif
