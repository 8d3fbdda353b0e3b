/* SPDX-License-Identifier: MIT */
/*
 * A Phi in memory: a source whose tensors are f32 arrays, random or filled by
 * the test, for tests of what reads sources.
 */
#ifndef PHI_TESTS_ARRAY_MODEL_H
#define PHI_TESTS_ARRAY_MODEL_H

#include <math.h>

#include "libconv/tensor/source.h"
#include "tests/unit/unit.h"

#define MEMORY_TENSORS 64

struct memory_model {
    struct phi_source base;
    struct phi_tensor tensors[MEMORY_TENSORS];
    char names[MEMORY_TENSORS][64];
    float *data[MEMORY_TENSORS];
    uint64_t state;
};

/* What a tiny Phi looks like. */
struct memory_shape {
    uint32_t n_vocab, n_ctx, n_embd, n_ff, n_layer, n_head, n_head_kv, n_rot;
    bool fused_qkv;
    bool head_norms;
    bool tied;
};

static inline enum phi_status memory_read(const struct phi_source *s, size_t i,
                                          uint64_t offset, void *to, size_t n,
                                          struct phi_err *err)
{
    const struct memory_model *m = (const struct memory_model *)s;

    (void)err;
    memcpy(to, (const char *)m->data[i] + offset, n);
    return PHI_OK;
}

static inline void memory_close(struct phi_source *s)
{
    struct memory_model *m = (struct memory_model *)s;

    for (size_t i = 0; i < s->ntensors; i++)
        free(m->data[i]);
    phi_meta_release(&s->meta);
    free(m);
}

static const struct phi_source_ops memory_ops = {.read = memory_read,
                                                 .close = memory_close};

/* Normal numbers by the sum of twelve, from splitmix64. */
static inline float memory_random(struct memory_model *m)
{
    float sum = -6;

    for (int i = 0; i < 12; i++) {
        uint64_t z = m->state += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        sum += (float)((z ^ z >> 31) >> 40) * 0x1p-24f;
    }
    return sum;
}

/* A (rows, cols) tensor, or a vector if rows is 0: mean + scale * random. */
static inline float *memory_add(struct memory_model *m, const char *name,
                                uint64_t rows, uint64_t cols, float mean,
                                float scale)
{
    const size_t i = m->base.ntensors++;
    const size_t n = (size_t)((rows > 0 ? rows : 1) * cols);
    struct phi_tensor *t = &m->tensors[i];

    ck_assert_uint_lt(i, MEMORY_TENSORS);
    snprintf(m->names[i], sizeof(m->names[i]), "%s", name);
    *t = (struct phi_tensor){.name = m->names[i],
                             .origin = m->names[i],
                             .file = "memory",
                             .part = i,
                             .dtype = PHI_F32,
                             .nbytes = n * sizeof(float)};
    if (rows > 0)
        t->dim[t->rank++] = rows;
    t->dim[t->rank++] = cols;
    m->data[i] = malloc(n * sizeof(float));
    for (size_t k = 0; k < n; k++)
        m->data[i][k] = mean + scale * memory_random(m);
    return m->data[i];
}

static inline void memory_layer(struct memory_model *m,
                                const struct memory_shape *s, uint32_t il)
{
    const uint32_t dim = s->n_embd / s->n_head;
    const uint32_t kv = s->n_head_kv * dim;
    const uint32_t all = s->fused_qkv ? 1 : 0;
    const struct {
        const char *name;
        uint32_t rows, cols;
        bool wanted;
    } matrices[] = {
        {"attn_q", s->n_embd, s->n_embd, all == 0},
        {"attn_k", kv, s->n_embd, all == 0},
        {"attn_v", kv, s->n_embd, all == 0},
        {"attn_qkv", s->n_embd + 2 * kv, s->n_embd, all == 1},
        {"attn_output", s->n_embd, s->n_embd, true},
        {"ffn_up", s->n_ff, s->n_embd, true},
        {"ffn_down", s->n_embd, s->n_ff, true},
    };
    const struct {
        const char *name;
        uint32_t n;
        bool wanted;
    } norms[] = {
        {"attn_norm", s->n_embd, true},
        {"attn_q_norm", dim, s->head_norms},
        {"attn_k_norm", dim, s->head_norms},
    };
    char name[64];

    for (size_t i = 0; i < sizeof(norms) / sizeof(norms[0]); i++) {
        if (!norms[i].wanted)
            continue;
        snprintf(name, sizeof(name), "blk.%u.%s.weight", il, norms[i].name);
        memory_add(m, name, 0, norms[i].n, 1, 0.3f);
        snprintf(name, sizeof(name), "blk.%u.%s.bias", il, norms[i].name);
        memory_add(m, name, 0, norms[i].n, 0, 0.3f);
    }
    for (size_t i = 0; i < sizeof(matrices) / sizeof(matrices[0]); i++) {
        const float scale = 1.5f / sqrtf((float)matrices[i].cols);

        if (!matrices[i].wanted)
            continue;
        snprintf(name, sizeof(name), "blk.%u.%s.weight", il, matrices[i].name);
        memory_add(m, name, matrices[i].rows, matrices[i].cols, 0, scale);
        snprintf(name, sizeof(name), "blk.%u.%s.bias", il, matrices[i].name);
        memory_add(m, name, 0, matrices[i].rows, 0, 0.2f);
    }
}

static inline void memory_key(struct memory_model *m, const char *key,
                              uint64_t v)
{
    ck_ok(phi_meta_set_u(&m->base.meta, key, PHI_KV_U32, v, &err));
}

static inline struct memory_model *memory_new(const struct memory_shape *s,
                                              uint64_t seed)
{
    struct memory_model *m = calloc(1, sizeof(*m));

    m->base = (struct phi_source){.ops = &memory_ops,
                                  .path = "tiny",
                                  .format = "memory",
                                  .tensors = m->tensors};
    m->state = seed;
    ck_ok(phi_meta_set_str(&m->base.meta, "general.architecture", "phi2", 4,
                           &err));
    memory_key(m, "phi2.context_length", s->n_ctx);
    memory_key(m, "phi2.embedding_length", s->n_embd);
    memory_key(m, "phi2.feed_forward_length", s->n_ff);
    memory_key(m, "phi2.block_count", s->n_layer);
    memory_key(m, "phi2.attention.head_count", s->n_head);
    memory_key(m, "phi2.attention.head_count_kv", s->n_head_kv);
    memory_key(m, "phi2.rope.dimension_count", s->n_rot);
    ck_ok(phi_meta_set_f(&m->base.meta, "phi2.attention.layer_norm_epsilon",
                         PHI_KV_F32, (double)1e-5f, &err));
    memory_add(m, "token_embd.weight", s->n_vocab, s->n_embd, 0, 1);
    for (uint32_t i = 0; i < s->n_layer; i++)
        memory_layer(m, s, i);
    memory_add(m, "output_norm.weight", 0, s->n_embd, 1, 0.3f);
    memory_add(m, "output_norm.bias", 0, s->n_embd, 0, 0.3f);
    if (!s->tied) {
        memory_add(m, "output.weight", s->n_vocab, s->n_embd, 0, 0.15f);
        memory_add(m, "output.bias", 0, s->n_vocab, 0, 0.5f);
    }
    return m;
}

static inline float *memory_data(const struct memory_model *m, const char *name)
{
    size_t i = 0;

    return phi_source_find(&m->base, name, &i) ? m->data[i] : NULL;
}

#endif
