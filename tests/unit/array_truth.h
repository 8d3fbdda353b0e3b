/* SPDX-License-Identifier: MIT */
/* A model of arrays as reference/ takes it: what is true of it, in double. */
#ifndef PHI_TESTS_ARRAY_TRUTH_H
#define PHI_TESTS_ARRAY_TRUTH_H

#include "reference/ref_phi.h"
#include "tests/unit/array_model.h"

static inline double *widen(const float *from, size_t n)
{
    double *to = malloc((n + 1) * sizeof(*to));

    for (size_t i = 0; i < n; i++)
        to[i] = (double)from[i];
    return to;
}

/* What ref_phi_forward() reads, from the tensors of the source. */
struct truth {
    struct ref_phi_params params;
    struct ref_phi_weights weights;
    struct ref_phi_layer layers[4];
    double *all[MEMORY_TENSORS + 1];
    size_t n;
};

static inline const double *take(struct truth *r, const struct memory_model *m,
                                 const char *name)
{
    size_t i = 0;

    if (!phi_source_find(&m->base, name, &i))
        return NULL;
    r->all[r->n] =
        widen(m->data[i], (size_t)m->tensors[i].nbytes / sizeof(float));
    return r->all[r->n++];
}

static inline const double *of_layer(struct truth *r,
                                     const struct memory_model *m, size_t il,
                                     const char *rest)
{
    char name[64];

    snprintf(name, sizeof(name), "blk.%zu.%s", il, rest);
    return take(r, m, name);
}

static inline void truth_layer(struct truth *r, const struct memory_model *m,
                               const struct memory_shape *s, size_t il)
{
    const size_t kv = s->n_embd / s->n_head * s->n_head_kv;
    struct ref_phi_layer *l = &r->layers[il];

    if (s->fused_qkv) {
        l->q_w = of_layer(r, m, il, "attn_qkv.weight");
        l->q_b = of_layer(r, m, il, "attn_qkv.bias");
        l->k_w = l->q_w + (size_t)s->n_embd * s->n_embd;
        l->k_b = l->q_b + s->n_embd;
        l->v_w = l->k_w + kv * s->n_embd;
        l->v_b = l->k_b + kv;
    } else {
        l->q_w = of_layer(r, m, il, "attn_q.weight");
        l->q_b = of_layer(r, m, il, "attn_q.bias");
        l->k_w = of_layer(r, m, il, "attn_k.weight");
        l->k_b = of_layer(r, m, il, "attn_k.bias");
        l->v_w = of_layer(r, m, il, "attn_v.weight");
        l->v_b = of_layer(r, m, il, "attn_v.bias");
    }
    l->norm_w = of_layer(r, m, il, "attn_norm.weight");
    l->norm_b = of_layer(r, m, il, "attn_norm.bias");
    l->dense_w = of_layer(r, m, il, "attn_output.weight");
    l->dense_b = of_layer(r, m, il, "attn_output.bias");
    l->fc1_w = of_layer(r, m, il, "ffn_up.weight");
    l->fc1_b = of_layer(r, m, il, "ffn_up.bias");
    l->fc2_w = of_layer(r, m, il, "ffn_down.weight");
    l->fc2_b = of_layer(r, m, il, "ffn_down.bias");
    l->q_norm_w = of_layer(r, m, il, "attn_q_norm.weight");
    l->q_norm_b = of_layer(r, m, il, "attn_q_norm.bias");
    l->k_norm_w = of_layer(r, m, il, "attn_k_norm.weight");
    l->k_norm_b = of_layer(r, m, il, "attn_k_norm.bias");
}

static inline void truth_init(struct truth *r, const struct memory_model *m,
                              const struct memory_shape *s)
{
    *r = (struct truth){.params = {s->n_vocab, s->n_embd, s->n_ff, s->n_layer,
                                   s->n_head, s->n_head_kv, s->n_rot, 10000,
                                   (double)1e-5f}};
    r->weights.embd = take(r, m, "token_embd.weight");
    r->weights.layers = r->layers;
    for (size_t i = 0; i < s->n_layer; i++)
        truth_layer(r, m, s, i);
    r->weights.norm_w = take(r, m, "output_norm.weight");
    r->weights.norm_b = take(r, m, "output_norm.bias");
    r->weights.head_w = take(r, m, "output.weight");
    r->weights.head_b = take(r, m, "output.bias");
    if (s->tied) {
        r->all[r->n] = calloc(s->n_vocab, sizeof(double));
        r->weights.head_w = r->weights.embd;
        r->weights.head_b = r->all[r->n++];
    }
}

static inline void truth_release(struct truth *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->all[i]);
}

#endif
