/* SPDX-License-Identifier: MIT */
/*
 * model.safetensors.index.json: which shard holds which tensor. Its
 * weight_map says which files are the model; metadata.total_size is not
 * looked at, since published files have wrong ones.
 */
#ifndef PHI_FORMATS_HF_INDEX_H
#define PHI_FORMATS_HF_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "formats/json.h"
#include "libconv/base/err.h"
#include "libconv/base/map.h"

#define PHI_HF_INDEX "model.safetensors.index.json"

/* Longest name of a shard: what file systems take. */
#define PHI_HF_MAX_SHARD_NAME 255

struct phi_hf_index {
    struct phi_json_doc *doc; /* holds all names */
    const char **shards;      /* (n), each once, in order of their bytes */
    size_t n;
    struct phi_map tensors; /* name -> index of its shard */
};

/*
 * Shard names are one path component ending in ".safetensors", so that no
 * index leads out of its folder. Fill out = {0}; release it also after an
 * error.
 */
enum phi_status phi_hf_index_load(struct phi_hf_index *out, const char *path,
                                  struct phi_err *err);
void phi_hf_index_release(struct phi_hf_index *index);

#endif
