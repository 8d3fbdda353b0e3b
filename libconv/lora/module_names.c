/* SPDX-License-Identifier: MIT */
#include "libconv/lora/module_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const layer_prefix[PHI_NNAMINGS] = {
    "model.layers.", "transformer.h.", "model.layers.", "blk."};

/* One row a module; a name is NULL where a naming has no such module. */
static const struct row {
    const char *names[PHI_NNAMINGS];
    bool layer;
    enum phi_lora_kind kind;
    enum phi_lora_shape shape;
} table[] = {
    {{"model.embed_tokens", "transformer.embd.wte", "model.embed_tokens",
      "token_embd"},
     false,
     PHI_LORA_OTHER,
     PHI_SHAPE_EMBEDDING},
    {{"model.final_layernorm", "lm_head.ln", "model.norm", "output_norm"},
     false,
     PHI_LORA_OTHER,
     PHI_SHAPE_NORM},
    {{"lm_head", "lm_head.linear", "lm_head", "output"},
     false,
     PHI_LORA_OUTPUT,
     PHI_SHAPE_MATRIX},
    {{"input_layernorm", "ln", "input_layernorm", "attn_norm"},
     true,
     PHI_LORA_OTHER,
     PHI_SHAPE_NORM},
    {{"self_attn.q_layernorm", NULL, NULL, "attn_q_norm"},
     true,
     PHI_LORA_OTHER,
     PHI_SHAPE_NORM},
    {{"self_attn.k_layernorm", NULL, NULL, "attn_k_norm"},
     true,
     PHI_LORA_OTHER,
     PHI_SHAPE_NORM},
    {{NULL, NULL, "post_attention_layernorm", "ffn_norm"},
     true,
     PHI_LORA_OTHER,
     PHI_SHAPE_NORM},
    {{"self_attn.q_proj", NULL, NULL, "attn_q"},
     true,
     PHI_LORA_LINEAR,
     PHI_SHAPE_MATRIX},
    {{"self_attn.k_proj", NULL, NULL, "attn_k"},
     true,
     PHI_LORA_LINEAR,
     PHI_SHAPE_MATRIX},
    {{"self_attn.v_proj", NULL, NULL, "attn_v"},
     true,
     PHI_LORA_LINEAR,
     PHI_SHAPE_MATRIX},
    {{NULL, "mixer.Wqkv", "self_attn.qkv_proj", "attn_qkv"},
     true,
     PHI_LORA_LINEAR,
     PHI_SHAPE_MATRIX},
    {{"self_attn.dense", "mixer.out_proj", "self_attn.o_proj", "attn_output"},
     true,
     PHI_LORA_LINEAR,
     PHI_SHAPE_MATRIX},
    {{"mlp.fc1", "mlp.fc1", "mlp.gate_up_proj", "ffn_up"},
     true,
     PHI_LORA_LINEAR,
     PHI_SHAPE_MATRIX},
    {{"mlp.fc2", "mlp.fc2", "mlp.down_proj", "ffn_down"},
     true,
     PHI_LORA_LINEAR,
     PHI_SHAPE_MATRIX},
};

#define NROWS (sizeof(table) / sizeof(table[0]))

bool phi_lora_place_of(struct phi_lora_place *out, const char *path,
                       enum phi_lora_naming naming)
{
    const char *rest = path;
    uint64_t layer = PHI_NO_LAYER;
    const bool inside = phi_layer_read(&rest, layer_prefix[naming], &layer);

    for (size_t i = 0; i < NROWS; i++) {
        const struct row *r = &table[i];
        const char *gguf = r->names[PHI_NAMING_GGUF];

        if (r->layer != inside || r->names[naming] == NULL ||
            strcmp(rest, r->names[naming]) != 0)
            continue;
        if (inside)
            snprintf(out->name, sizeof(out->name), "blk.%" PRIu64 ".%s", layer,
                     gguf);
        else
            snprintf(out->name, sizeof(out->name), "%s", gguf);
        out->layer = layer;
        out->kind = r->kind;
        out->shape = r->shape;
        return true;
    }
    return false;
}

bool phi_lora_path(char out[PHI_LORA_PATH_MAX], enum phi_lora_naming naming,
                   uint64_t layer, size_t k)
{
    for (size_t i = 0; i < NROWS; i++) {
        const char *name = table[i].names[naming];

        if (table[i].layer != (layer != PHI_NO_LAYER) || name == NULL ||
            k-- > 0)
            continue;
        if (table[i].layer)
            snprintf(out, PHI_LORA_PATH_MAX, "%s%" PRIu64 ".%s",
                     layer_prefix[naming], layer, name);
        else
            snprintf(out, PHI_LORA_PATH_MAX, "%s", name);
        return true;
    }
    return false;
}
