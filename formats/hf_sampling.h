/* SPDX-License-Identifier: MIT */
/* How the model's authors sample from it: generation_config.json. */
#ifndef PHI_FORMATS_HF_SAMPLING_H
#define PHI_FORMATS_HF_SAMPLING_H

#include <stdbool.h>

#include "libconv/base/buf.h"
#include "libconv/base/err.h"
#include "libconv/tensor/meta.h"

/* Appends general.sampling.* for the fields that the folder's file has. */
enum phi_status phi_hf_sampling(struct phi_meta *meta, const char *dir,
                                struct phi_err *err);

/*
 * The way back: appends a line `  "name": value,` to the text of such a file
 * for each of them that meta has. PHI_E_UNSUPPORTED for what is no value of its
 * field.
 */
enum phi_status phi_hf_sampling_put(struct phi_buf *out,
                                    const struct phi_meta *meta,
                                    struct phi_err *err);

/* Whether a key is one of them. */
bool phi_hf_sampling_is(const char *key);

#endif
