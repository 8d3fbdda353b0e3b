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
 * One row a module. Modules of a layer have "model.layers.N." (old:
 * "transformer.h.N.") in front and are "blk.N." in GGUF.
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
    {"input_layernorm", "ln", "attn_norm", true, true, HIDDEN, NONE, ALWAYS},
    {"self_attn.q_proj", NULL, "attn_q", true, true, HIDDEN, HIDDEN, ALWAYS},
    {"self_attn.k_proj", NULL, "attn_k", true, true, KV, HIDDEN, ALWAYS},
    {"self_attn.v_proj", NULL, "attn_v", true, true, KV, HIDDEN, ALWAYS},
    {NULL, "mixer.Wqkv", "attn_qkv", true, true, QKV, HIDDEN, ALWAYS},
    {"self_attn.q_layernorm", NULL, "attn_q_norm", true, true, HEAD, NONE,
     WITH_QK_NORM},
    {"self_attn.k_layernorm", NULL, "attn_k_norm", true, true, HEAD, NONE,
     WITH_QK_NORM},
    {"self_attn.dense", "mixer.out_proj", "attn_output", true, true, HIDDEN,
     HIDDEN, ALWAYS},
    {"mlp.fc1", "mlp.fc1", "ffn_up", true, true, INNER, HIDDEN, ALWAYS},
    {"mlp.fc2", "mlp.fc2", "ffn_down", true, true, HIDDEN, INNER, ALWAYS},
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

/* Adds weight or bias of a row; layer is meaningless for others. */
static enum phi_status add(struct phi_hf_slots *out, const struct row *row,
                           const struct phi_hf_config *c, bool old,
                           uint64_t layer, bool bias, struct phi_err *err)
{
    struct phi_hf_slot *s = &out->slot[out->n];
    const char *module = old ? row->old : row->current;
    const char *suffix = bias ? "bias" : "weight";

    if (row->layer) {
        snprintf(s->origin, sizeof(s->origin), "%s%llu.%s.%s",
                 old ? OLD_LAYER : CURRENT_LAYER, (unsigned long long)layer,
                 module, suffix);
        snprintf(s->name, sizeof(s->name), "blk.%llu.%s.%s",
                 (unsigned long long)layer, row->name, suffix);
    } else {
        snprintf(s->origin, sizeof(s->origin), "%s.%s", module, suffix);
        snprintf(s->name, sizeof(s->name), "%s.%s", row->name, suffix);
    }
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

enum phi_status phi_hf_unexpected(const struct phi_hf_config *c,
                                  const char *file, const char *origin,
                                  struct phi_err *err)
{
    uint64_t layer;

    for (size_t i = 0; i < sizeof(leftovers) / sizeof(leftovers[0]); i++) {
        if (strstr(origin, leftovers[i].part) == NULL)
            continue;
        phi_fail(err, PHI_E_UNSUPPORTED,
                 "%s: tensor \"%.*s\": is %s, expected the tensors of a Phi in "
                 "floats",
                 file, PHI_ERR_NAME, origin, leftovers[i].what);
        return phi_hint(err, "%s", leftovers[i].hint);
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
