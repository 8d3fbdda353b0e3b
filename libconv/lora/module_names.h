/* SPDX-License-Identifier: MIT */
/*
 * The names that the modules of a Phi have had, and the one they have in GGUF
 * and in every source: "model.layers.0.self_attn.q_proj", for instance, is
 * "blk.0.attn_q".
 */
#ifndef PHI_LORA_MODULE_NAMES_H
#define PHI_LORA_MODULE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/lora/lora_config.h"
#include "libconv/tensor/model_parts.h"
#include "libconv/tensor/source.h"

enum phi_lora_naming {
    PHI_NAMING_PHI,  /* model.layers.0.self_attn.q_proj */
    PHI_NAMING_OLD,  /* transformer.h.0.mixer.Wqkv, 2023 */
    PHI_NAMING_PHI3, /* model.layers.0.self_attn.qkv_proj */
    PHI_NAMING_GGUF, /* blk.0.attn_q */
    PHI_NNAMINGS
};

/* What kind of tensors a module has. */
enum phi_lora_shape { PHI_SHAPE_NORM, PHI_SHAPE_MATRIX, PHI_SHAPE_EMBEDDING };

struct phi_lora_place {
    char name[PHI_MAX_NAME + 1]; /* in GGUF, without ".weight" */
    uint64_t layer;              /* or PHI_NO_LAYER */
    enum phi_lora_kind kind;
    enum phi_lora_shape shape;
};

/* Where a path of that naming leads; false: nowhere in a Phi. */
bool phi_lora_place_of(struct phi_lora_place *out, const char *path,
                       enum phi_lora_naming naming);

/* Room for every path that phi_lora_path() makes. */
#define PHI_LORA_PATH_MAX 80

/*
 * The modules of a naming: path k of a layer, or, with PHI_NO_LAYER, of those
 * in none. False past the last.
 */
bool phi_lora_path(char out[PHI_LORA_PATH_MAX], enum phi_lora_naming naming,
                   uint64_t layer, size_t k);

#endif
