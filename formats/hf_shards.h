/* SPDX-License-Identifier: MIT */
/*
 * The safetensors files of a Hugging Face folder, by their index or alone,
 * and their agreement with the index.
 */
#ifndef PHI_FORMATS_HF_SHARDS_H
#define PHI_FORMATS_HF_SHARDS_H

#include <stddef.h>

#include "formats/hf_index.h"
#include "formats/safetensors.h"
#include "libconv/base/err.h"

#define PHI_HF_SINGLE "model.safetensors"

struct phi_hf_shards {
    struct phi_st **st; /* (n), in the order of their names */
    size_t n;
};

/*
 * Opens all files of the model in the folder. Where there is an index, each
 * tensor is in the file that it names, and no file holds another. Fill
 * out = {0}; release it also after an error.
 */
enum phi_status phi_hf_shards_open(struct phi_hf_shards *out, const char *dir,
                                   struct phi_err *err);
void phi_hf_shards_release(struct phi_hf_shards *shards);

#endif
