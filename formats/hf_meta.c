/* SPDX-License-Identifier: MIT */
#include "formats/hf_meta.h"

#include <string.h>

#include "formats/hf_card.h"
#include "formats/hf_tokenizer.h"

/* llama.cpp's number for a file whose matrices have this type. */
static uint64_t file_type(const struct phi_source *s)
{
    for (size_t i = 0; i < s->ntensors; i++) {
        const struct phi_tensor *t = &s->tensors[i];

        if (t->rank < 2)
            continue;
        if (t->dtype == PHI_F32 || t->dtype == PHI_F64)
            return 0;
        /* An F16 holds every value of the 8-bit floats. */
        return t->dtype == PHI_BF16 ? 32 : 1;
    }
    return 1;
}

/* Weights, each counted once. */
static uint64_t count_weights(const struct phi_source *s,
                              const struct phi_hf_config *c)
{
    uint64_t n = 0;

    for (size_t i = 0; i < s->ntensors; i++) {
        const struct phi_tensor *t = &s->tensors[i];

        if (!c->tied || strcmp(t->name, "output.weight") != 0)
            n += phi_tensor_count(t);
    }
    return n;
}

/* The numbers of the architecture. */
static enum phi_status set_sizes(struct phi_meta *m,
                                 const struct phi_hf_config *c,
                                 struct phi_err *err)
{
    const struct {
        const char *key;
        uint64_t value;
    } sizes[] = {
        {"phi2.context_length", c->context},
        {"phi2.embedding_length", c->hidden},
        {"phi2.feed_forward_length", c->inner},
        {"phi2.block_count", c->layers},
        {"phi2.attention.head_count", c->heads},
        {"phi2.attention.head_count_kv", c->kv_heads},
    };
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < sizeof(sizes) / sizeof(sizes[0]);
         i++)
        st = phi_meta_set_u(m, sizes[i].key, PHI_KV_U32, sizes[i].value, err);
    if (st == PHI_OK)
        st = phi_meta_set_f(m, "phi2.attention.layer_norm_epsilon", PHI_KV_F32,
                            (double)(float)c->eps, err);
    return st;
}

static enum phi_status set_rope(struct phi_meta *m,
                                const struct phi_hf_config *c,
                                struct phi_err *err)
{
    enum phi_status st = phi_meta_set_u(m, "phi2.rope.dimension_count",
                                        PHI_KV_U32, c->rotary, err);

    if (st == PHI_OK)
        st = phi_meta_set_f(m, "phi2.rope.freq_base", PHI_KV_F32,
                            (double)(float)c->theta, err);
    if (st != PHI_OK || c->factor == 1)
        return st;
    st = phi_meta_set_str(m, "phi2.rope.scaling.type", "linear", 6, err);
    if (st == PHI_OK)
        st = phi_meta_set_f(m, "phi2.rope.scaling.factor", PHI_KV_F32,
                            (double)(float)c->factor, err);
    return st;
}

/* Before the tokenizer's and after: where llama.cpp's converter has them. */
static enum phi_status set_versions(struct phi_meta *m,
                                    const struct phi_source *s,
                                    struct phi_err *err)
{
    enum phi_status st =
        phi_meta_set_u(m, "general.file_type", PHI_KV_U32, file_type(s), err);

    /* phi_hf_tokenizer() changes it in place if the tokenizer says so. */
    if (st == PHI_OK)
        st = phi_meta_set_u(m, "tokenizer.ggml.add_bos_token", PHI_KV_BOOL, 0,
                            err);
    if (st == PHI_OK)
        st = phi_meta_set_u(m, "general.quantization_version", PHI_KV_U32, 2,
                            err);
    return st;
}

enum phi_status phi_hf_meta(struct phi_source *s, const struct phi_hf_config *c,
                            const struct phi_json *config, struct phi_err *err)
{
    struct phi_meta *m = &s->meta;
    enum phi_status st =
        phi_meta_set_str(m, "general.architecture", "phi2", 4, err);

    if (st == PHI_OK)
        st = phi_meta_set_str(m, "general.type", "model", 5, err);
    if (st == PHI_OK)
        st = phi_hf_general(m, s->path, config, count_weights(s, c), err);
    if (st == PHI_OK)
        st = set_sizes(m, c, err);
    if (st == PHI_OK)
        st = set_rope(m, c, err);
    if (st == PHI_OK)
        st = set_versions(m, s, err);
    if (st == PHI_OK)
        st = phi_hf_tokenizer(m, s->path, config, c->vocab, err);
    return st;
}
