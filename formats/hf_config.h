/* SPDX-License-Identifier: MIT */
/*
 * config.json of a PhiForCausalLM (phi-1, phi-1.5, phi-2), in three spellings:
 * transformers 4, transformers 5 (rope_parameters), and Microsoft's own of
 * 2023 (n_embd, n_layer, ...). A model whose configuration is not understood
 * must not be converted: every key is used, known to be without influence on
 * the forward pass, switched off (null, false, empty), or refused.
 *
 * Meaning of the keys and defaults of missing ones: configuration_phi.py of
 * transformers 4.37 and 5, and of microsoft/phi-2 for the old spelling.
 */
#ifndef PHI_FORMATS_HF_CONFIG_H
#define PHI_FORMATS_HF_CONFIG_H

#include <stdint.h>

#include "formats/json.h"
#include "libconv/base/err.h"

#define PHI_HF_MAX_HIDDEN  1048576  /* hidden_size, intermediate_size */
#define PHI_HF_MAX_LAYERS  4096     /* num_hidden_layers */
#define PHI_HF_MAX_HEADS   65536    /* num_attention_heads */
#define PHI_HF_MAX_ROWS    16777216 /* vocab_size */
#define PHI_HF_MAX_CONTEXT 1073741824
#define PHI_HF_VOCAB       51200 /* vocab_size where nothing says it */

struct phi_hf_config {
    uint64_t hidden;   /* width of the residual stream */
    uint64_t inner;    /* width inside the MLP */
    uint64_t layers;   /* number of blocks */
    uint64_t heads;    /* query heads; divides hidden */
    uint64_t kv_heads; /* key and value heads; divides heads */
    uint64_t head_dim; /* hidden / heads */
    uint64_t rotary;   /* rotated dimensions of a head, even, >= 2 */
    uint64_t vocab;    /* rows of the embedding */
    uint64_t context;  /* positions trained on */
    double eps;        /* of the layer norms */
    double theta;      /* base of the rotary frequencies */
    double factor;     /* positions are divided by it; 1: not scaled */
    bool tied;         /* lm_head.weight is the embedding */
    bool qk_norm;      /* layer norms on each head's query and key */
};

/*
 * root: config.json. PHI_E_FORMAT for values out of range or inconsistent,
 * PHI_E_UNSUPPORTED for models that are not handled; both name the key.
 */
enum phi_status phi_hf_config_read(struct phi_hf_config *out,
                                   const struct phi_json *root,
                                   struct phi_err *err);

#endif
