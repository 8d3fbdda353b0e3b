/* SPDX-License-Identifier: MIT */
#include "formats/hf_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/ascii.h"
#include "libconv/base/mem.h"
#include "libconv/tensor/model_parts.h"

#define CURRENT_LAYER "model.layers."
#define OLD_LAYER     "transformer.h."

/*
 * One row a part, in the order of the current naming's state dict, which
 * decides what goes into which shard. Modules of a layer have
 * "model.layers.N." (old: "transformer.h.N.") in front.
 */
static const struct row {
    const char *current; /* NULL: not in this naming */
    const char *old;
    enum phi_part part;
} table[] = {
    {"model.embed_tokens", "transformer.embd.wte", PHI_PART_EMBD},
    {"self_attn.q_proj", NULL, PHI_PART_Q},
    {"self_attn.k_proj", NULL, PHI_PART_K},
    {"self_attn.v_proj", NULL, PHI_PART_V},
    {NULL, "mixer.Wqkv", PHI_PART_QKV},
    {"self_attn.dense", "mixer.out_proj", PHI_PART_O},
    {"self_attn.q_layernorm", NULL, PHI_PART_Q_NORM},
    {"self_attn.k_layernorm", NULL, PHI_PART_K_NORM},
    {"mlp.fc1", "mlp.fc1", PHI_PART_UP},
    {"mlp.fc2", "mlp.fc2", PHI_PART_DOWN},
    {"input_layernorm", "ln", PHI_PART_NORM},
    {"model.final_layernorm", "lm_head.ln", PHI_PART_LAST_NORM},
    {"lm_head", "lm_head.linear", PHI_PART_HEAD},
};

#define NROWS (sizeof(table) / sizeof(table[0]))

static bool in_layer(const struct row *row)
{
    return phi_parts[row->part].layer;
}

static bool is_head_norm(const struct row *row)
{
    return row->part == PHI_PART_Q_NORM || row->part == PHI_PART_K_NORM;
}

static struct phi_sizes sizes_of(const struct phi_hf_config *c)
{
    return (struct phi_sizes){.vocab = c->vocab,
                              .embd = c->hidden,
                              .ff = c->inner,
                              .layers = c->layers,
                              .heads = c->heads,
                              .kv_heads = c->kv_heads,
                              .head_dim = c->head_dim};
}

/* A row's tensor in the checkpoint; layer is meaningless outside layers. */
static void origin_of(char *out, size_t n, const struct row *row, bool old,
                      uint64_t layer, bool bias)
{
    const char *module = old ? row->old : row->current;
    const char *suffix = bias ? "bias" : "weight";

    if (in_layer(row))
        snprintf(out, n, "%s%llu.%s.%s", old ? OLD_LAYER : CURRENT_LAYER,
                 (unsigned long long)layer, module, suffix);
    else
        snprintf(out, n, "%s.%s", module, suffix);
}

/* Adds weight or bias of a row. */
static enum phi_status add(struct phi_hf_slots *out, const struct row *row,
                           const struct phi_hf_config *c, bool old,
                           uint64_t layer, bool bias, struct phi_err *err)
{
    struct phi_hf_slot *s = &out->slot[out->n];
    const struct phi_sizes sizes = sizes_of(c);

    origin_of(s->origin, sizeof(s->origin), row, old, layer, bias);
    phi_part_name(s->name, sizeof(s->name), layer, row->part, bias);
    s->rank = phi_part_shape(s->dim, row->part, bias, &sizes);
    s->tied = c->tied && strcmp(s->name, "output.weight") == 0;
    return phi_map_add(&out->index, s->origin, strlen(s->origin),
                       (uint32_t)out->n++, NULL, err);
}

enum phi_status phi_hf_slots_make(struct phi_hf_slots *out,
                                  const struct phi_hf_config *c, bool old,
                                  struct phi_err *err)
{
    /* All rows for all layers are more than are used. */
    const size_t most = 2 * NROWS * ((size_t)c->layers + 1);

    out->slot = phi_alloc(most, sizeof(*out->slot), err);
    if (out->slot == NULL)
        return PHI_E_NOMEM;
    for (size_t r = 0; r < NROWS; r++) {
        const struct row *row = &table[r];
        const uint64_t times = in_layer(row) ? c->layers : 1;

        if ((old ? row->old : row->current) == NULL ||
            (is_head_norm(row) && !c->qk_norm))
            continue;
        for (uint64_t layer = 0; layer < times; layer++) {
            enum phi_status st = add(out, row, c, old, layer, false, err);

            if (st == PHI_OK && phi_parts[row->part].bias)
                st = add(out, row, c, old, layer, true, err);
            if (st != PHI_OK)
                return st;
        }
    }
    return PHI_OK;
}

void phi_hf_slots_release(struct phi_hf_slots *slots)
{
    phi_map_release(&slots->index);
    free(slots->slot);
    *slots = (struct phi_hf_slots){0};
}

const struct phi_hf_slot *phi_hf_slots_find(const struct phi_hf_slots *slots,
                                            const char *origin)
{
    const uint32_t *i = phi_map_find(&slots->index, origin, strlen(origin));

    return i != NULL ? &slots->slot[*i] : NULL;
}

/* Before the layers, in them, after them. */
static uint64_t section_of(const struct row *row)
{
    return row == table ? 0 : in_layer(row) ? 1 : 2;
}

bool phi_hf_place_of(struct phi_hf_place *out, const char *name, bool old)
{
    struct phi_part_place place;
    uint64_t layer;

    if (!phi_part_of(&place, name))
        return false;
    layer = place.layer == PHI_NO_LAYER ? 0 : place.layer;
    if (layer >= PHI_HF_MAX_LAYERS)
        return false;
    for (size_t r = 0; r < NROWS; r++) {
        const struct row *row = &table[r];
        /* The old naming's blocks begin with their norm. */
        const bool first = old && row->part == PHI_PART_NORM;

        if (row->part != place.part || (old ? row->old : row->current) == NULL)
            continue;
        origin_of(out->origin, sizeof(out->origin), row, old, layer,
                  place.bias);
        out->order = section_of(row) << 32 | layer << 8 |
                     (first ? 0 : (uint64_t)r + 1) << 1 | place.bias;
        return true;
    }
    return false;
}

bool phi_hf_is_old(const char *origin)
{
    return phi_begins(origin, "transformer.");
}

bool phi_hf_is_skipped(const char *origin)
{
    return phi_ends(origin, ".attention.masked_bias") ||
           phi_ends(origin, ".attention.bias") ||
           phi_ends(origin, ".rotary_emb.inv_freq");
}

/* What a part of a name tells about where the tensor comes from. */
static const struct {
    const char *part;
    const char *what;
    const char *hint;
} leftovers[] = {
#define DEQUANTIZE                                                             \
    "convert the original checkpoint, or dequantize this one with "            \
    "transformers (model.dequantize()) and save it"
#define MERGE                                                                  \
    "merge the adapter first: phiconv merge-lora, or merge_and_unload() of "   \
    "PEFT"
    {".SCB", "a scale of bitsandbytes' 8-bit weights", DEQUANTIZE},
    {".weight_format", "part of bitsandbytes' 8-bit weights", DEQUANTIZE},
    {".absmax", "a scale of bitsandbytes' 4-bit weights", DEQUANTIZE},
    {".nested_absmax", "a scale of bitsandbytes' 4-bit weights", DEQUANTIZE},
    {".quant_map", "part of bitsandbytes' 4-bit weights", DEQUANTIZE},
    {".nested_quant_map", "part of bitsandbytes' 4-bit weights", DEQUANTIZE},
    {".quant_state", "part of bitsandbytes' 4-bit weights", DEQUANTIZE},
    {".qweight", "a weight quantized by GPTQ or AWQ", DEQUANTIZE},
    {".qzeros", "part of a weight quantized by GPTQ or AWQ", DEQUANTIZE},
    {".g_idx", "part of a weight quantized by GPTQ", DEQUANTIZE},
    {".scales", "a scale of quantized weights", DEQUANTIZE},
    {"_scale", "a scale of quantized weights", DEQUANTIZE},
    {".biases", "part of weights quantized by MLX", DEQUANTIZE},
    {"lora_A", "part of a LoRA adapter", MERGE},
    {"lora_B", "part of a LoRA adapter", MERGE},
    {"lora_embedding_", "part of a LoRA adapter", MERGE},
    {"lora_magnitude_vector", "part of a LoRA adapter", MERGE},
    {"base_layer.", "a weight below an adapter that is not merged", MERGE},
    {"modules_to_save.", "part of an adapter", MERGE},
};

/* The N of "model.layers.N." in front of a name; false if there is none. */
static bool layer_of(const char *origin, uint64_t *layer)
{
    const char *prefix = phi_hf_is_old(origin) ? OLD_LAYER : CURRENT_LAYER;
    const char *p = origin + strlen(prefix);
    uint64_t n = 0;

    if (!phi_begins(origin, prefix) || *p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9' && n < UINT64_MAX / 100; p++)
        n = n * 10 + (uint64_t)(*p - '0');
    *layer = n;
    return *p == '.';
}

bool phi_hf_leftover(const char *origin, const char **what, const char **hint)
{
    for (size_t i = 0; i < sizeof(leftovers) / sizeof(leftovers[0]); i++) {
        if (strstr(origin, leftovers[i].part) == NULL)
            continue;
        *what = leftovers[i].what;
        *hint = leftovers[i].hint;
        return true;
    }
    return false;
}

enum phi_status phi_hf_unexpected(const struct phi_hf_config *c,
                                  const char *file, const char *origin,
                                  struct phi_err *err)
{
    const char *what, *hint;
    uint64_t layer;

    if (phi_hf_leftover(origin, &what, &hint)) {
        phi_fail(err, PHI_E_UNSUPPORTED,
                 "%s: tensor \"%.*s\": is %s, expected the tensors of a Phi in "
                 "floats",
                 file, PHI_ERR_NAME, origin, what);
        return phi_hint(err, "%s", hint);
    }
    if (layer_of(origin, &layer) && layer >= c->layers)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: tensor \"%.*s\": is of layer %llu, expected 0 to "
                        "%llu: num_hidden_layers is %llu",
                        file, PHI_ERR_NAME, origin, (unsigned long long)layer,
                        (unsigned long long)(c->layers - 1),
                        (unsigned long long)c->layers);
    if (!c->qk_norm && (strstr(origin, ".q_layernorm.") != NULL ||
                        strstr(origin, ".k_layernorm.") != NULL))
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: tensor \"%.*s\": is there, but qk_layernorm is "
                        "false, expected none",
                        file, PHI_ERR_NAME, origin);
    return phi_fail(err, PHI_E_FORMAT,
                    "%s: tensor \"%.*s\": is no part of a Phi, expected names "
                    "such as \"%s\"",
                    file, PHI_ERR_NAME, origin,
                    phi_hf_is_old(origin) ? "transformer.h.0.mlp.fc1.weight"
                                          : "model.layers.0.mlp.fc1.weight");
}
