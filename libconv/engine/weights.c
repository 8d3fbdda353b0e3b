/* SPDX-License-Identifier: MIT */
#include "libconv/engine/weights.h"

#include <stdlib.h>

#include "libconv/base/mem.h"
#include "libconv/quant/quant.h"
#include "libconv/tensor/model_parts.h"

/* What loading needs besides the result. Names and shapes are right already:
 * phi_model_check() has held every tensor against tensor/model_parts.h. */
struct loader {
    struct phi_weights *w;
    const struct phi_source *s;
};

static bool has(const struct loader *l, uint64_t layer, enum phi_part part,
                bool bias)
{
    char name[64];
    size_t i;

    phi_part_name(name, sizeof(name), layer, part, bias);
    return phi_source_find(l->s, name, &i);
}

/* Looks up a tensor, which must be of a type that can be computed with. */
static enum phi_status find(const struct loader *l, uint64_t layer,
                            enum phi_part part, bool bias, size_t *i,
                            struct phi_err *err)
{
    const struct phi_tensor *t;
    char name[64];

    phi_part_name(name, sizeof(name), layer, part, bias);
    if (!phi_source_find(l->s, name, i))
        return phi_fail(err, PHI_E_FORMAT, "%s: tensor \"%s\": is missing",
                        l->s->path, name);
    t = &l->s->tensors[*i];
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

/* Loads a norm's half or a bias. */
static enum phi_status vector(const struct loader *l, uint64_t layer,
                              enum phi_part part, bool bias, const float **out,
                              struct phi_err *err)
{
    const struct phi_tensor *t;
    void *raw = NULL;
    float *v = NULL;
    size_t i;
    enum phi_status st = find(l, layer, part, bias, &i, err);

    if (st != PHI_OK)
        return st;
    t = &l->s->tensors[i];
    raw = phi_alloc((size_t)t->nbytes, 1, err);
    if (raw == NULL)
        return PHI_E_NOMEM;
    st = phi_source_read(l->s, i, 0, raw, (size_t)t->nbytes, err);
    if (st == PHI_OK)
        st = new_vector(l->w, (size_t)t->dim[0], &v, err);
    if (st == PHI_OK) {
        phi_quant_to_f32(t->dtype, raw, (size_t)t->dim[0], v);
        *out = v;
    }
    free(raw);
    return st;
}

/* Finds a weight, without its bias. */
static enum phi_status matrix(const struct loader *l, uint64_t layer,
                              enum phi_part part, struct phi_matrix *out,
                              struct phi_err *err)
{
    const struct phi_tensor *t;
    uint64_t row_nbytes = 0;
    size_t i;
    const enum phi_status st = find(l, layer, part, false, &i, err);

    if (st != PHI_OK)
        return st;
    t = &l->s->tensors[i];
    if (!phi_dtype_nbytes(t->dtype, t->dim[1], &row_nbytes) ||
        row_nbytes > SIZE_MAX)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: tensor \"%.*s\": rows of %zu are not whole blocks",
                        t->file, PHI_ERR_NAME, t->origin, (size_t)t->dim[1]);
    *out = (struct phi_matrix){.source = l->s,
                               .tensor = i,
                               .nrows = (size_t)t->dim[0],
                               .ncols = (size_t)t->dim[1],
                               .row_nbytes = (size_t)row_nbytes};
    return PHI_OK;
}

/* Weight and bias. */
static enum phi_status linear(const struct loader *l, uint64_t layer,
                              enum phi_part part, struct phi_matrix *out,
                              struct phi_err *err)
{
    const enum phi_status st = matrix(l, layer, part, out, err);

    return st == PHI_OK ? vector(l, layer, part, true, &out->bias, err) : st;
}

/* Query, key and value: three tensors, or one with their rows in turn. */
static enum phi_status attention_input(const struct loader *l, uint64_t layer,
                                       struct phi_layer *to,
                                       struct phi_err *err)
{
    const struct phi_hparams *h = &l->w->hparams;
    const size_t kv = h->n_head_kv * h->head_dim;
    struct phi_matrix qkv;
    enum phi_status st;

    if (has(l, layer, PHI_PART_QKV, false)) {
        st = linear(l, layer, PHI_PART_QKV, &qkv, err);
        if (st != PHI_OK)
            return st;
        to->q = phi_matrix_rows(&qkv, 0, h->n_embd);
        to->k = phi_matrix_rows(&qkv, h->n_embd, kv);
        to->v = phi_matrix_rows(&qkv, h->n_embd + kv, kv);
        return PHI_OK;
    }
    st = linear(l, layer, PHI_PART_Q, &to->q, err);
    if (st == PHI_OK)
        st = linear(l, layer, PHI_PART_K, &to->k, err);
    if (st == PHI_OK)
        st = linear(l, layer, PHI_PART_V, &to->v, err);
    return st;
}

static enum phi_status norm(const struct loader *l, uint64_t layer,
                            enum phi_part part, const float **w,
                            const float **b, struct phi_err *err)
{
    const enum phi_status st = vector(l, layer, part, false, w, err);

    return st == PHI_OK ? vector(l, layer, part, true, b, err) : st;
}

static enum phi_status layer(const struct loader *l, uint64_t il,
                             struct phi_layer *to, struct phi_err *err)
{
    enum phi_status st =
        norm(l, il, PHI_PART_NORM, &to->norm_w, &to->norm_b, err);

    if (st == PHI_OK)
        st = attention_input(l, il, to, err);
    if (st == PHI_OK && has(l, il, PHI_PART_Q_NORM, false)) {
        st = norm(l, il, PHI_PART_Q_NORM, &to->q_norm_w, &to->q_norm_b, err);
        if (st == PHI_OK)
            st =
                norm(l, il, PHI_PART_K_NORM, &to->k_norm_w, &to->k_norm_b, err);
    }
    if (st == PHI_OK)
        st = linear(l, il, PHI_PART_O, &to->o, err);
    if (st == PHI_OK)
        st = linear(l, il, PHI_PART_UP, &to->up, err);
    if (st == PHI_OK)
        st = linear(l, il, PHI_PART_DOWN, &to->down, err);
    return st;
}

/* Embedding, last norm and head; a missing head is the embedding's rows. */
static enum phi_status ends(const struct loader *l, struct phi_err *err)
{
    struct phi_weights *w = l->w;
    enum phi_status st = matrix(l, PHI_NO_LAYER, PHI_PART_EMBD, &w->embd, err);

    if (st == PHI_OK)
        st = norm(l, PHI_NO_LAYER, PHI_PART_LAST_NORM, &w->norm_w, &w->norm_b,
                  err);
    if (st != PHI_OK)
        return st;
    w->head = w->embd;
    if (has(l, PHI_NO_LAYER, PHI_PART_HEAD, false))
        st = matrix(l, PHI_NO_LAYER, PHI_PART_HEAD, &w->head, err);
    if (st == PHI_OK && has(l, PHI_NO_LAYER, PHI_PART_HEAD, true))
        st = vector(l, PHI_NO_LAYER, PHI_PART_HEAD, true, &w->head.bias, err);
    return st;
}

enum phi_status phi_weights_init(struct phi_weights *w,
                                 const struct phi_source *s,
                                 struct phi_err *err)
{
    const struct loader l = {.w = w, .s = s};
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
        st = layer(&l, i, &w->layers[i], err);
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
