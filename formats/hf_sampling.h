/* SPDX-License-Identifier: MIT */
/* How the model's authors sample from it: generation_config.json. */
#ifndef PHI_FORMATS_HF_SAMPLING_H
#define PHI_FORMATS_HF_SAMPLING_H

#include "libconv/base/err.h"
#include "libconv/tensor/meta.h"

/* Appends general.sampling.* for the fields that the folder's file has. */
enum phi_status phi_hf_sampling(struct phi_meta *meta, const char *dir,
                                struct phi_err *err);

#endif
