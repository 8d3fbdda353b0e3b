/* SPDX-License-Identifier: MIT */
#include "formats/hf_export.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/hf_names.h"
#include "formats/hf_sampling.h"
#include "formats/json.h"
#include "formats/json_write.h"
#include "formats/safetensors.h"
#include "libconv/base/decimal.h"
#include "libconv/base/mem.h"

/* The shortest text that reads back as v, an f32, as Python writes it. */
static void put_f32(struct phi_buf *b, double v)
{
    char text[PHI_DECIMAL_MAX];

    if (v >= 1 && v < 1e15 && v == (double)(uint64_t)v)
        phi_buf_printf(b, "%llu.0", (unsigned long long)v);
    else
        phi_buf_text(b, phi_decimal_f32(text, (float)v));
}

/*
 * The share of a head that is rotated, in the fewest digits that say exactly
 * that; or a bit more, where the product with the head's size would be cut
 * to less than it was.
 */
static void put_partial(struct phi_buf *b, const struct phi_hf_config *c)
{
    double p = (double)c->rotary / (double)c->head_dim;
    char text[PHI_DECIMAL_MAX];

    if (p < 1 && (uint64_t)(p * (double)c->head_dim) < c->rotary)
        p = nextafter(p, 1);
    phi_decimal(text, p);
    phi_buf_printf(b, "%s%s", text, strchr(text, '.') == NULL ? ".0" : "");
}

/* The id under a key, or null. */
static enum phi_status put_id(struct phi_buf *b, const char *name,
                              const struct phi_meta *meta, const char *key,
                              struct phi_err *err)
{
    uint64_t id = UINT64_MAX;
    const enum phi_status st =
        phi_meta_opt_uint(meta, key, UINT32_MAX, &id, err);

    if (st != PHI_OK)
        return st;
    if (id == UINT64_MAX)
        phi_buf_printf(b, "  \"%s\": null,\n", name);
    else
        phi_buf_printf(b, "  \"%s\": %llu,\n", name, (unsigned long long)id);
    return PHI_OK;
}

static void put_uint(struct phi_buf *b, const char *name, uint64_t v)
{
    phi_buf_printf(b, "  \"%s\": %llu,\n", name, (unsigned long long)v);
}

/* What the text says is what it was made from. */
static enum phi_status read_back(const struct phi_buf *text,
                                 const struct phi_hf_config *c,
                                 struct phi_err *err)
{
    struct phi_hf_config r = {0};
    struct phi_json_doc *doc = NULL;
    struct phi_json root;
    enum phi_status st = phi_json_parse(&doc, (const char *)text->p, text->n,
                                        "config.json", err);

    if (st != PHI_OK)
        return st;
    root = phi_json_root(doc);
    st = phi_hf_config_read(&r, &root, err);
    phi_json_free(doc);
    if (st != PHI_OK)
        return st;
    if (r.hidden != c->hidden || r.inner != c->inner || r.layers != c->layers ||
        r.heads != c->heads || r.kv_heads != c->kv_heads ||
        r.head_dim != c->head_dim || r.rotary != c->rotary ||
        r.vocab != c->vocab || r.context != c->context ||
        (float)r.eps != (float)c->eps || (float)r.theta != (float)c->theta ||
        (float)r.factor != (float)c->factor || r.tied != c->tied ||
        r.qk_norm != c->qk_norm)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "config.json: cannot say what the model is: %llu of "
                        "%llu dimensions of a head are rotated",
                        (unsigned long long)c->rotary,
                        (unsigned long long)c->head_dim);
    return PHI_OK;
}

enum phi_status phi_hf_export_config(struct phi_buf *out,
                                     const struct phi_hf_config *c,
                                     const struct phi_meta *meta,
                                     struct phi_err *err)
{
    enum phi_status st;

    phi_buf_text(out, "{\n  \"architectures\": [\n    \"PhiForCausalLM\"\n"
                      "  ],\n  \"attention_dropout\": 0.0,\n");
    st = put_id(out, "bos_token_id", meta, "tokenizer.ggml.bos_token_id", err);
    phi_buf_text(out, "  \"embd_pdrop\": 0.0,\n");
    if (st == PHI_OK)
        st = put_id(out, "eos_token_id", meta, "tokenizer.ggml.eos_token_id",
                    err);
    phi_buf_text(out, "  \"hidden_act\": \"gelu_new\",\n");
    put_uint(out, "hidden_size", c->hidden);
    put_uint(out, "intermediate_size", c->inner);
    phi_buf_text(out, "  \"layer_norm_eps\": ");
    put_f32(out, c->eps);
    phi_buf_text(out, ",\n");
    put_uint(out, "max_position_embeddings", c->context);
    phi_buf_text(out, "  \"model_type\": \"phi\",\n");
    put_uint(out, "num_attention_heads", c->heads);
    put_uint(out, "num_hidden_layers", c->layers);
    put_uint(out, "num_key_value_heads", c->kv_heads);
    if (st == PHI_OK)
        st = put_id(out, "pad_token_id", meta,
                    "tokenizer.ggml.padding_token_id", err);
    phi_buf_text(out, "  \"partial_rotary_factor\": ");
    put_partial(out, c);
    phi_buf_printf(out, ",\n  \"qk_layernorm\": %s,\n  \"resid_pdrop\": 0.0,\n",
                   c->qk_norm ? "true" : "false");
    if (c->factor == 1) {
        phi_buf_text(out, "  \"rope_scaling\": null,\n");
    } else {
        phi_buf_text(out, "  \"rope_scaling\": {\n    \"factor\": ");
        put_f32(out, c->factor);
        phi_buf_text(out, ",\n    \"rope_type\": \"linear\",\n"
                          "    \"type\": \"linear\"\n  },\n");
    }
    phi_buf_text(out, "  \"rope_theta\": ");
    put_f32(out, c->theta);
    phi_buf_printf(out, ",\n  \"tie_word_embeddings\": %s,\n",
                   c->tied ? "true" : "false");
    phi_buf_text(out, "  \"torch_dtype\": null,\n  \"use_cache\": true,\n");
    phi_buf_printf(out, "  \"vocab_size\": %llu\n}\n",
                   (unsigned long long)c->vocab);
    if (st == PHI_OK)
        st = phi_buf_status(out, err);
    return st == PHI_OK ? read_back(out, c, err) : st;
}

enum phi_status phi_hf_export_generation(struct phi_buf *out,
                                         const struct phi_meta *meta,
                                         struct phi_err *err)
{
    size_t ids;
    enum phi_status st;

    phi_buf_text(out, "{\n");
    st = put_id(out, "bos_token_id", meta, "tokenizer.ggml.bos_token_id", err);
    if (st == PHI_OK)
        st = put_id(out, "eos_token_id", meta, "tokenizer.ggml.eos_token_id",
                    err);
    if (st == PHI_OK)
        st = put_id(out, "pad_token_id", meta,
                    "tokenizer.ggml.padding_token_id", err);
    ids = out->n;
    if (st == PHI_OK)
        st = phi_hf_sampling_put(out, meta, err);
    /* transformers makes a file that says so anew, from config.json alone. */
    if (out->n == ids)
        phi_buf_text(out, "  \"_from_model_config\": true,\n");
    if (st == PHI_OK)
        st = phi_buf_status(out, err);
    if (st != PHI_OK)
        return st;
    out->n -= 2; /* the last comma */
    phi_buf_text(out, "\n}\n");
    return phi_buf_status(out, err);
}

/* One tensor against its slot. */
static enum phi_status check_tensor(const struct phi_tensor *t,
                                    const struct phi_hf_slots *slots, bool old,
                                    struct phi_err *err)
{
    struct phi_hf_place place;
    const struct phi_hf_slot *slot = NULL;
    char found[200], expected[80];

    if (phi_hf_place_of(&place, t->name, old))
        slot = phi_hf_slots_find(slots, place.origin);
    if (slot == NULL)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: tensor \"%.*s\": has no place in a PhiForCausalLM",
                        t->file, PHI_ERR_NAME, t->origin);
    if (t->rank == slot->rank &&
        memcmp(t->dim, slot->dim, slot->rank * sizeof(slot->dim[0])) == 0)
        return PHI_OK;
    return phi_fail(
        err, PHI_E_FORMAT,
        "%s: tensor \"%.*s\": has shape %s, expected %s by the metadata",
        t->file, PHI_ERR_NAME, t->origin,
        phi_shape_text(found, sizeof(found), t->dim, t->rank),
        phi_shape_text(expected, sizeof(expected), slot->dim, slot->rank));
}

/* The slot of the split naming that a name of GGUF's has is taken, once. */
static enum phi_status take(bool *taken, const struct phi_hf_slots *split,
                            const struct phi_tensor *t, const char *name,
                            struct phi_err *err)
{
    struct phi_hf_place place;
    const struct phi_hf_slot *slot = NULL;

    if (phi_hf_place_of(&place, name, false))
        slot = phi_hf_slots_find(split, place.origin);
    if (slot == NULL || taken[slot - split->slot])
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: tensor \"%s\": is there for itself and in "
                        "attn_qkv, expected once",
                        t->file, name);
    taken[slot - split->slot] = true;
    return PHI_OK;
}

/* A fused tensor takes three. */
static enum phi_status take_all(bool *taken, const struct phi_hf_slots *split,
                                const struct phi_tensor *t, struct phi_err *err)
{
    static const char *const parts[] = {"attn_q", "attn_k", "attn_v"};
    static const char fused[] = "attn_qkv";
    const char *at = strstr(t->name, fused);
    enum phi_status st = PHI_OK;

    if (at == NULL)
        return take(taken, split, t, t->name, err);
    for (size_t k = 0; st == PHI_OK && k < 3; k++) {
        char name[PHI_MAX_NAME + 1];

        snprintf(name, sizeof(name), "%.*s%s%s", (int)(at - t->name), t->name,
                 parts[k], at + strlen(fused));
        st = take(taken, split, t, name, err);
    }
    return st;
}

static enum phi_status check_complete(const bool *taken,
                                      const struct phi_hf_slots *split,
                                      const struct phi_source *s,
                                      struct phi_err *err)
{
    char shape[80];

    for (size_t i = 0; i < split->n; i++) {
        const struct phi_hf_slot *slot = &split->slot[i];

        if (!taken[i] && !slot->tied)
            return phi_fail(
                err, PHI_E_FORMAT,
                "%s: tensor \"%s\": is missing, expected with shape %s",
                s->path, slot->name,
                phi_shape_text(shape, sizeof(shape), slot->dim, slot->rank));
    }
    return PHI_OK;
}

enum phi_status phi_hf_export_check(const struct phi_source *s,
                                    const struct phi_hf_config *c,
                                    struct phi_err *err)
{
    struct phi_hf_slots slots[2] = {{0}, {0}}; /* split, fused */
    bool *taken = NULL;                        /* of the split ones */
    enum phi_status st = phi_hf_slots_make(&slots[0], c, false, err);

    if (st == PHI_OK)
        st = phi_hf_slots_make(&slots[1], c, true, err);
    if (st == PHI_OK) {
        taken = phi_alloc(slots[0].n, sizeof(*taken), err);
        st = taken != NULL ? PHI_OK : PHI_E_NOMEM;
    }
    for (size_t i = 0; st == PHI_OK && i < s->ntensors; i++) {
        const struct phi_tensor *t = &s->tensors[i];
        const bool fused = strstr(t->name, ".attn_qkv.") != NULL;

        st = check_tensor(t, &slots[fused], fused, err);
        if (st == PHI_OK)
            st = take_all(taken, &slots[0], t, err);
    }
    if (st == PHI_OK)
        st = check_complete(taken, &slots[0], s, err);
    free(taken);
    phi_hf_slots_release(&slots[0]);
    phi_hf_slots_release(&slots[1]);
    return st;
}
