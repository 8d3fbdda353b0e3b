/* SPDX-License-Identifier: MIT */
#include "libconv/engine/weights.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "libconv/base/mem.h"
#include "libconv/quant/quant.h"

/* What loading needs besides the result. */
struct loader {
    struct phi_weights *w;
    const struct phi_source *s;
    char name[64];
};

/* Looks up the tensor l->name. */
static enum phi_status find(struct loader *l, size_t *i, struct phi_err *err)
{
    if (!phi_source_find(l->s, l->name, i))
        return phi_fail(err, PHI_E_FORMAT, "%s: tensor \"%s\": is missing",
                        l->s->path, l->name);
    return PHI_OK;
}

static bool has(struct loader *l)
{
    size_t i;

    return phi_source_find(l->s, l->name, &i);
}

/* Shapes are right already. */
static enum phi_status check(struct loader *l, size_t i, struct phi_err *err)
{
    const struct phi_tensor *t = &l->s->tensors[i];

    if (!phi_quant_readable(t->dtype))
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: tensor \"%.*s\": type %s cannot be computed with",
                        t->file, PHI_ERR_NAME, t->origin,
                        phi_dtype_info(t->dtype)->name);
    return PHI_OK;
}

/* Room for one more vector of n elements, owned by w. */
static enum phi_status new_vector(struct phi_weights *w, size_t n, float **out,
                                  struct phi_err *err)
{
    void *list = w->vectors;
    const enum phi_status st =
        phi_grow(&list, &w->cap, w->nvectors + 1, sizeof(*w->vectors), err);

    w->vectors = list;
    if (st != PHI_OK)
        return st;
    *out = phi_alloc(n, sizeof(**out), err);
    if (*out == NULL)
        return PHI_E_NOMEM;
    w->vectors[w->nvectors++] = *out;
    return PHI_OK;
}

/* Loads the vector l->name of n elements. */
static enum phi_status vector(struct loader *l, size_t n, const float **out,
                              struct phi_err *err)
{
    void *raw = NULL;
    float *v = NULL;
    size_t i, nbytes;
    enum phi_status st = find(l, &i, err);

    if (st == PHI_OK)
        st = check(l, i, err);
    if (st != PHI_OK)
        return st;
    nbytes = (size_t)l->s->tensors[i].nbytes;
    raw = phi_alloc(nbytes, 1, err);
    if (raw == NULL)
        return PHI_E_NOMEM;
    st = phi_source_read(l->s, i, 0, raw, nbytes, err);
    if (st == PHI_OK)
        st = new_vector(l->w, n, &v, err);
    if (st == PHI_OK) {
        phi_quant_to_f32(l->s->tensors[i].dtype, raw, n, v);
        *out = v;
    }
    free(raw);
    return st;
}

/* Finds the matrix l->name, without its bias. */
static enum phi_status matrix(struct loader *l, size_t nrows, size_t ncols,
                              struct phi_matrix *out, struct phi_err *err)
{
    uint64_t row_nbytes = 0;
    size_t i;
    enum phi_status st = find(l, &i, err);

    if (st == PHI_OK)
        st = check(l, i, err);
    if (st != PHI_OK)
        return st;
    if (!phi_dtype_nbytes(l->s->tensors[i].dtype, ncols, &row_nbytes) ||
        row_nbytes > SIZE_MAX)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: tensor \"%.*s\": rows of %zu are not whole blocks",
                        l->s->tensors[i].file, PHI_ERR_NAME,
                        l->s->tensors[i].origin, ncols);
    *out = (struct phi_matrix){.source = l->s,
                               .tensor = i,
                               .nrows = nrows,
                               .ncols = ncols,
                               .row_nbytes = (size_t)row_nbytes};
    return PHI_OK;
}

/* A vector of layer il, or one of the model where il is negative. */
static enum phi_status named_vector(struct loader *l, int il, const char *name,
                                    size_t n, const float **out,
                                    struct phi_err *err)
{
    if (il < 0)
        snprintf(l->name, sizeof(l->name), "%s", name);
    else
        snprintf(l->name, sizeof(l->name), "blk.%d.%s", il, name);
    return vector(l, n, out, err);
}

/* Matrix and bias of layer il. */
static enum phi_status linear(struct loader *l, int il, const char *name,
                              size_t nrows, size_t ncols,
                              struct phi_matrix *out, struct phi_err *err)
{
    enum phi_status st;

    snprintf(l->name, sizeof(l->name), "blk.%d.%s.weight", il, name);
    st = matrix(l, nrows, ncols, out, err);
    if (st != PHI_OK)
        return st;
    snprintf(l->name, sizeof(l->name), "blk.%d.%s.bias", il, name);
    return vector(l, nrows, &out->bias, err);
}

/* Query, key and value: three tensors, or one with their rows in turn. */
static enum phi_status attention_input(struct loader *l, int il,
                                       struct phi_layer *to,
                                       struct phi_err *err)
{
    const struct phi_hparams *h = &l->w->hparams;
    const size_t kv = h->n_head_kv * h->head_dim;
    struct phi_matrix qkv;
    enum phi_status st;

    snprintf(l->name, sizeof(l->name), "blk.%d.attn_qkv.weight", il);
    if (has(l)) {
        st =
            linear(l, il, "attn_qkv", h->n_embd + 2 * kv, h->n_embd, &qkv, err);
        if (st != PHI_OK)
            return st;
        to->q = phi_matrix_rows(&qkv, 0, h->n_embd);
        to->k = phi_matrix_rows(&qkv, h->n_embd, kv);
        to->v = phi_matrix_rows(&qkv, h->n_embd + kv, kv);
        return PHI_OK;
    }
    st = linear(l, il, "attn_q", h->n_embd, h->n_embd, &to->q, err);
    if (st == PHI_OK)
        st = linear(l, il, "attn_k", kv, h->n_embd, &to->k, err);
    if (st == PHI_OK)
        st = linear(l, il, "attn_v", kv, h->n_embd, &to->v, err);
    return st;
}

static enum phi_status head_norms(struct loader *l, int il,
                                  struct phi_layer *to, struct phi_err *err)
{
    const struct {
        const char *name;
        const float **to;
    } norms[] = {
        {"attn_q_norm.weight", &to->q_norm_w},
        {"attn_q_norm.bias", &to->q_norm_b},
        {"attn_k_norm.weight", &to->k_norm_w},
        {"attn_k_norm.bias", &to->k_norm_b},
    };

    snprintf(l->name, sizeof(l->name), "blk.%d.attn_q_norm.weight", il);
    if (!has(l))
        return PHI_OK;
    for (size_t i = 0; i < 4; i++) {
        const enum phi_status st = named_vector(
            l, il, norms[i].name, l->w->hparams.head_dim, norms[i].to, err);

        if (st != PHI_OK)
            return st;
    }
    return PHI_OK;
}

static enum phi_status layer(struct loader *l, int il, struct phi_layer *to,
                             struct phi_err *err)
{
    const struct phi_hparams *h = &l->w->hparams;
    enum phi_status st;

    st = named_vector(l, il, "attn_norm.weight", h->n_embd, &to->norm_w, err);
    if (st == PHI_OK)
        st = named_vector(l, il, "attn_norm.bias", h->n_embd, &to->norm_b, err);
    if (st == PHI_OK)
        st = attention_input(l, il, to, err);
    if (st == PHI_OK)
        st = head_norms(l, il, to, err);
    if (st == PHI_OK)
        st = linear(l, il, "attn_output", h->n_embd, h->n_embd, &to->o, err);
    if (st == PHI_OK)
        st = linear(l, il, "ffn_up", h->n_ff, h->n_embd, &to->up, err);
    if (st == PHI_OK)
        st = linear(l, il, "ffn_down", h->n_embd, h->n_ff, &to->down, err);
    return st;
}

/* Embedding, last norm and head; a missing head is the embedding's rows. */
static enum phi_status ends(struct loader *l, struct phi_err *err)
{
    struct phi_weights *w = l->w;
    const struct phi_hparams *h = &w->hparams;
    enum phi_status st;

    snprintf(l->name, sizeof(l->name), "token_embd.weight");
    st = matrix(l, h->n_vocab, h->n_embd, &w->embd, err);
    if (st == PHI_OK)
        st = named_vector(l, -1, "output_norm.weight", h->n_embd, &w->norm_w,
                          err);
    if (st == PHI_OK)
        st =
            named_vector(l, -1, "output_norm.bias", h->n_embd, &w->norm_b, err);
    if (st != PHI_OK)
        return st;
    w->head = w->embd;
    snprintf(l->name, sizeof(l->name), "output.weight");
    if (has(l))
        st = matrix(l, h->n_vocab, h->n_embd, &w->head, err);
    if (st != PHI_OK)
        return st;
    snprintf(l->name, sizeof(l->name), "output.bias");
    return has(l) ? vector(l, h->n_vocab, &w->head.bias, err) : PHI_OK;
}

enum phi_status phi_weights_init(struct phi_weights *w,
                                 const struct phi_source *s,
                                 struct phi_err *err)
{
    struct loader l = {.w = w, .s = s};
    enum phi_status st;

    *w = (struct phi_weights){0};
    st = phi_hparams_read(&w->hparams, s, err);
    if (st != PHI_OK)
        return st;
    st = phi_model_check(s, &w->hparams.sizes, err);
    if (st != PHI_OK)
        return st;
    w->layers = phi_alloc(w->hparams.n_layer, sizeof(*w->layers), err);
    if (w->layers == NULL)
        return PHI_E_NOMEM;
    st = ends(&l, err);
    for (size_t i = 0; st == PHI_OK && i < w->hparams.n_layer; i++)
        st = layer(&l, (int)i, &w->layers[i], err);
    return st;
}

void phi_weights_release(struct phi_weights *w)
{
    for (size_t i = 0; i < w->nvectors; i++)
        free(w->vectors[i]);
    free(w->vectors);
    free(w->layers);
    *w = (struct phi_weights){0};
}

struct phi_matrix phi_matrix_rows(const struct phi_matrix *m, size_t row0,
                                  size_t nrows)
{
    struct phi_matrix part = *m;

    part.row0 += row0;
    part.nrows = nrows;
    part.bias = m->bias == NULL ? NULL : m->bias + row0;
    return part;
}

enum phi_status phi_matrix_read(const struct phi_matrix *m, size_t row0,
                                size_t n, void *to, struct phi_err *err)
{
    return phi_source_read(m->source, m->tensor,
                           (m->row0 + row0) * m->row_nbytes, to,
                           n * m->row_nbytes, err);
}

bool phi_matrix_in_panels(const struct phi_matrix *m, size_t row0, size_t rows)
{
    return phi_source_has_panels(m->source, m->tensor) &&
           m->source->tensors[m->tensor].panel_rows == rows &&
           (m->row0 + row0) % rows == 0;
}

size_t phi_matrix_panel_rows(const struct phi_matrix *m, size_t row0)
{
    const struct phi_tensor *t = &m->source->tensors[m->tensor];
    const uint64_t left = phi_tensor_rows(t) - (m->row0 + row0);

    return left < t->panel_rows ? (size_t)left : t->panel_rows;
}

enum phi_status phi_matrix_read_panels(const struct phi_matrix *m, size_t row0,
                                       size_t n, void *to, struct phi_err *err)
{
    const size_t step = m->source->tensors[m->tensor].panel_rows;
    const size_t last = (n - 1) / step * step;

    n = last + phi_matrix_panel_rows(m, row0 + last);
    return phi_source_read_panels(m->source, m->tensor,
                                  (m->row0 + row0) * m->row_nbytes, to,
                                  n * m->row_nbytes, err);
}

enum phi_dtype phi_matrix_dtype(const struct phi_matrix *m)
{
    return m->source->tensors[m->tensor].dtype;
}
