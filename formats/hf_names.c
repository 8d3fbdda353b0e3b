/* SPDX-License-Identifier: MIT */
#include "formats/hf_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"

#define CURRENT_LAYER "model.layers."
#define OLD_LAYER     "transformer.h."

/* A number that a dimension can be. */
enum size { NONE, HIDDEN, INNER, VOCAB, KV, QKV, HEAD };

/* When a row is there. */
enum when { ALWAYS, WITH_QK_NORM };

/*
 * One row a module, in the order of the current naming's state dict, which
 * decides what goes into which shard. Modules of a layer have
 * "model.layers.N." (old: "transformer.h.N.") in front and are "blk.N." in
 * GGUF.
 */
static const struct row {
    const char *current; /* NULL: not in this naming */
    const char *old;
    const char *name;
    bool layer;
    bool bias;
    enum size rows;
    enum size cols; /* NONE: a vector */
    enum when when;
} table[] = {
    {"model.embed_tokens", "transformer.embd.wte", "token_embd", false, false,
     VOCAB, HIDDEN, ALWAYS},
    {"self_attn.q_proj", NULL, "attn_q", true, true, HIDDEN, HIDDEN, ALWAYS},
    {"self_attn.k_proj", NULL, "attn_k", true, true, KV, HIDDEN, ALWAYS},
    {"self_attn.v_proj", NULL, "attn_v", true, true, KV, HIDDEN, ALWAYS},
    {NULL, "mixer.Wqkv", "attn_qkv", true, true, QKV, HIDDEN, ALWAYS},
    {"self_attn.dense", "mixer.out_proj", "attn_output", true, true, HIDDEN,
     HIDDEN, ALWAYS},
    {"self_attn.q_layernorm", NULL, "attn_q_norm", true, true, HEAD, NONE,
     WITH_QK_NORM},
    {"self_attn.k_layernorm", NULL, "attn_k_norm", true, true, HEAD, NONE,
     WITH_QK_NORM},
    {"mlp.fc1", "mlp.fc1", "ffn_up", true, true, INNER, HIDDEN, ALWAYS},
    {"mlp.fc2", "mlp.fc2", "ffn_down", true, true, HIDDEN, INNER, ALWAYS},
    {"input_layernorm", "ln", "attn_norm", true, true, HIDDEN, NONE, ALWAYS},
    {"model.final_layernorm", "lm_head.ln", "output_norm", false, true, HIDDEN,
     NONE, ALWAYS},
    {"lm_head", "lm_head.linear", "output", false, true, VOCAB, HIDDEN, ALWAYS},
};

#define NROWS (sizeof(table) / sizeof(table[0]))

static uint64_t size_of(const struct phi_hf_config *c, enum size s)
{
    const uint64_t kv = c->kv_heads * c->head_dim;
    const uint64_t sizes[] = {[NONE] = 1,          [HIDDEN] = c->hidden,
                              [INNER] = c->inner,  [VOCAB] = c->vocab,
                              [KV] = kv,           [QKV] = c->hidden + 2 * kv,
                              [HEAD] = c->head_dim};

    return sizes[s];
}

/* A row's tensor in the checkpoint; layer is meaningless outside layers. */
static void origin_of(char *out, size_t n, const struct row *row, bool old,
                      uint64_t layer, bool bias)
{
    const char *module = old ? row->old : row->current;
    const char *suffix = bias ? "bias" : "weight";

    if (row->layer)
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
    const char *suffix = bias ? "bias" : "weight";

    origin_of(s->origin, sizeof(s->origin), row, old, layer, bias);
    if (row->layer)
        snprintf(s->name, sizeof(s->name), "blk.%llu.%s.%s",
                 (unsigned long long)layer, row->name, suffix);
    else
        snprintf(s->name, sizeof(s->name), "%s.%s", row->name, suffix);
    s->rank = bias || row->cols == NONE ? 1 : 2;
    s->dim[0] = size_of(c, row->rows);
    s->dim[1] = size_of(c, row->cols);
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
        const uint64_t times = row->layer ? c->layers : 1;

        if ((old ? row->old : row->current) == NULL ||
            (row->when == WITH_QK_NORM && !c->qk_norm))
            continue;
        for (uint64_t layer = 0; layer < times; layer++) {
            enum phi_status st = add(out, row, c, old, layer, false, err);

            if (st == PHI_OK && row->bias)
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

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends(const char *text, const char *suffix)
{
    const size_t n = strlen(text), m = strlen(suffix);

    return n >= m && strcmp(text + n - m, suffix) == 0;
}

/* "weight" or "bias" behind the row's name and a point; false: neither. */
static bool is_of(const struct row *row, const char *name, bool *bias)
{
    const size_t n = strlen(row->name);

    if (strncmp(name, row->name, n) != 0 || name[n] != '.')
        return false;
    *bias = strcmp(name + n + 1, "bias") == 0;
    return *bias ? row->bias : strcmp(name + n + 1, "weight") == 0;
}

/* Before the layers, in them, after them. */
static uint64_t section_of(const struct row *row)
{
    return row == table ? 0 : row->layer ? 1 : 2;
}

bool phi_hf_place_of(struct phi_hf_place *out, const char *name, bool old)
{
    uint64_t layer = 0;
    bool bias = false;
    const bool in_layer = begins(name, "blk.");

    if (in_layer) {
        name += 4;
        if (*name < '0' || *name > '9' || (name[0] == '0' && name[1] != '.'))
            return false;
        for (; *name >= '0' && *name <= '9' && layer < PHI_HF_MAX_LAYERS;
             name++)
            layer = layer * 10 + (uint64_t)(*name - '0');
        if (*name++ != '.' || layer >= PHI_HF_MAX_LAYERS)
            return false;
    }
    for (size_t r = 0; r < NROWS; r++) {
        const struct row *row = &table[r];
        /* The old naming's blocks begin with their norm. */
        const bool first = old && strcmp(row->name, "attn_norm") == 0;

        if (row->layer != in_layer || (old ? row->old : row->current) == NULL ||
            !is_of(row, name, &bias))
            continue;
        origin_of(out->origin, sizeof(out->origin), row, old, layer, bias);
        out->order = section_of(row) << 32 | layer << 8 |
                     (first ? 0 : (uint64_t)r + 1) << 1 | bias;
        return true;
    }
    return false;
}

bool phi_hf_is_old(const char *origin)
{
    return begins(origin, "transformer.");
}

bool phi_hf_is_skipped(const char *origin)
{
    return ends(origin, ".attention.masked_bias") ||
           ends(origin, ".attention.bias") ||
           ends(origin, ".rotary_emb.inv_freq");
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

    if (!begins(origin, prefix) || *p < '0' || *p > '9')
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
