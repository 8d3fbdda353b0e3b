/* SPDX-License-Identifier: MIT */
/* Opens any model that phiconv reads; knows the list of formats. */
#ifndef PHI_FORMATS_MODEL_H
#define PHI_FORMATS_MODEL_H

#include "libconv/base/err.h"
#include "libconv/tensor/source.h"

/*
 * path is a Hugging Face folder, a GGUF file (the first of a split one) or a
 * packed file.
 * On success the caller owns *out and ends it with phi_source_close().
 */
enum phi_status phi_model_open(struct phi_source **out, const char *path,
                               struct phi_err *err);

#endif
