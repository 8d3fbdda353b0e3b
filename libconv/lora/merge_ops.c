/* SPDX-License-Identifier: MIT */
/* From the tensors of one module to operations on tensors of the base. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/lora/merge_parts.h"

/* ---- adding operations --------------------------------------------------- */

/* The tensor of the merge for a tensor of the base, made if need be. */
static struct phi_merge_tensor *merged_tensor(struct phi_merge_maker *m,
                                              size_t source,
                                              struct phi_err *err)
{
    struct phi_merge *out = m->out;
    const struct phi_tensor *t = phi_merge_base(m, source);
    void *v = out->tensors;

    if (out->of_source[source] != PHI_MERGE_NONE)
        return &out->tensors[out->of_source[source]];
    if (phi_grow(&v, &m->cap, out->n + 1, sizeof(*out->tensors), err) != PHI_OK)
        return NULL;
    out->tensors = v;
    out->of_source[source] = out->n;
    out->tensors[out->n] =
        (struct phi_merge_tensor){.source = source,
                                  .rows = phi_merge_length(t),
                                  .cols = t->rank == 1 ? 1 : phi_tensor_cols(t),
                                  .vector = t->rank == 1};
    return &out->tensors[out->n++];
}

static bool covers(const struct phi_merge_op *op, uint64_t row)
{
    size_t i;

    if (op->kind != PHI_MERGE_TOKENS)
        return row >= op->row && row - op->row < op->nrows;
    i = phi_merge_token_from(op, row);
    return i < op->ntokens && op->tokens[i].row == row;
}

/* Whether two operations touch one row. */
static bool in_the_way(const struct phi_merge_op *a,
                       const struct phi_merge_op *b)
{
    bool both = false;

    if (a->kind != PHI_MERGE_TOKENS && b->kind != PHI_MERGE_TOKENS)
        return a->row < b->row + b->nrows && b->row < a->row + a->nrows;
    if (a->kind != PHI_MERGE_TOKENS)
        return in_the_way(b, a);
    for (size_t i = 0; i < a->ntokens && !both; i++)
        both = covers(b, a->tokens[i].row);
    return both;
}

static enum phi_status add_op(struct phi_merge_maker *m, size_t source,
                              const struct phi_merge_op *op,
                              struct phi_err *err)
{
    struct phi_merge_tensor *t = merged_tensor(m, source, err);
    void *v;
    size_t cap;
    enum phi_status st;

    if (t == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; phi_merge_replaces(op) && i < t->n; i++) {
        /* Single tokens of what the same module replaced are meant so. */
        if ((t->ops[i].module != op->module || op->kind == PHI_MERGE_REPLACE) &&
            in_the_way(op, &t->ops[i]))
            return phi_fail(err, PHI_E_UNSUPPORTED,
                            "%s: tensor \"%.*s\": takes the place of rows of "
                            "\"%s\" that are changed before",
                            m->adapter->file, PHI_ERR_NAME,
                            m->adapter->tensors[op->tensor].key,
                            phi_merge_base(m, source)->origin);
    }
    v = t->ops;
    cap = t->n;
    st = phi_grow(&v, &cap, t->n + 1, sizeof(*t->ops), err);
    if (st != PHI_OK)
        return st;
    t->ops = v;
    t->ops[t->n++] = *op;
    return PHI_OK;
}

/* Rows of the whole module, as many as it has by now. */
static uint64_t module_rows(const struct phi_merge_maker *m,
                            const struct phi_merge_parts *p)
{
    const size_t source = p->part[0].source;

    if (p->n == 1 &&
        p->part[0].nrows == phi_merge_length(phi_merge_base(m, source)))
        return phi_merge_rows_now(m->out, source);
    return p->rows;
}

/* ---- checks -------------------------------------------------------------- */

static const struct phi_adapter_tensor *tensor_of(
    const struct phi_merge_maker *m, const struct phi_merge_group *g,
    enum phi_adapter_role role)
{
    return g->tensor[role] != PHI_MERGE_NONE
               ? &m->adapter->tensors[g->tensor[role]]
               : NULL;
}

static enum phi_status check_shape(const struct phi_merge_maker *m,
                                   const struct phi_adapter_tensor *t,
                                   uint64_t rows, uint64_t cols,
                                   struct phi_err *err)
{
    const uint64_t dim[] = {rows, cols};
    char found[48], want[48];

    if (t->dim[0] == rows && t->dim[1] == cols)
        return PHI_OK;
    phi_fail(err, PHI_E_FORMAT,
             "%s: tensor \"%.*s\": has shape %s, expected %s", m->adapter->file,
             PHI_ERR_NAME, t->key,
             phi_shape_text(found, sizeof(found), t->dim, t->rank),
             phi_shape_text(want, sizeof(want), dim, t->rank));
    if (m->adapter->config.ranks.n > 1 &&
        (t->role == PHI_ADAPTER_A || t->role == PHI_ADAPTER_EMBEDDING_A) &&
        t->dim[1] == cols)
        return phi_hint(err, "PEFT sorts rank_pattern when it saves, and the "
                             "first that matches decides: put it back into "
                             "the order of the training");
    return phi_hint(err, "the adapter belongs to another base model, or its "
                         "configuration to another adapter");
}

enum phi_status phi_merge_check_rank(struct phi_merge_maker *m,
                                     const struct phi_merge_group *g,
                                     struct phi_err *err)
{
    const bool embedding = g->place.shape == PHI_SHAPE_EMBEDDING;
    const struct phi_adapter_tensor *a =
        tensor_of(m, g, embedding ? PHI_ADAPTER_EMBEDDING_A : PHI_ADAPTER_A);
    const struct phi_adapter_tensor *b =
        tensor_of(m, g, embedding ? PHI_ADAPTER_EMBEDDING_B : PHI_ADAPTER_B);
    struct phi_lora_scale scale;
    enum phi_status st =
        phi_lora_scale_of(&m->adapter->config, g->path, &m->work, &scale, err);

    if (st != PHI_OK)
        return phi_err_prefix(err, "%s", m->adapter->path);
    st = check_shape(m, a, scale.rank, a->dim[1], err);
    return st == PHI_OK ? check_shape(m, b, b->dim[0], scale.rank, err) : st;
}

static bool all_zero(const float *x, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        if (x[i] != 0)
            return false;
    }
    return true;
}

/* An adapter that only adds zeros is told to the user. */
static void note_effect(struct phi_merge_maker *m, const struct phi_merge_op *o,
                        uint64_t cols)
{
    const uint64_t nb = o->kind == PHI_MERGE_ADD_VECTOR ? 1 : o->rank;
    const bool nothing =
        o->scale == 0 || all_zero(o->b, o->nrows * nb) ||
        (o->a != NULL && all_zero(o->a, (uint64_t)o->rank * cols));

    if (o->kind == PHI_MERGE_REPLACE || o->magnitude != NULL || !nothing)
        m->out->idle[m->input] = false;
}

/* ---- the parts of a module ----------------------------------------------- */

/* What takes a place takes it wholly. */
static enum phi_status check_scaled(const struct phi_merge_maker *m,
                                    const struct phi_adapter_tensor *t,
                                    struct phi_err *err)
{
    const double scale = m->inputs[m->input].scale;

    if (scale == 1)
        return PHI_OK;
    return phi_fail(err, PHI_E_UNSUPPORTED,
                    "%s: tensor \"%.*s\": takes the place of the base's and "
                    "cannot be scaled by %g",
                    m->adapter->file, PHI_ERR_NAME, t->key, scale);
}

/* Whether such a tensor was trained; else it is what the adapter stands on. */
static bool trained(const struct phi_merge_maker *m, enum phi_adapter_role role)
{
    return role != PHI_ADAPTER_BASE_WEIGHT &&
           (role != PHI_ADAPTER_BASE_BIAS ||
            m->adapter->config.bias != PHI_LORA_BIAS_NONE);
}

static enum phi_status replace(struct phi_merge_maker *m,
                               const struct phi_merge_group *g,
                               enum phi_adapter_role role, bool bias,
                               struct phi_err *err)
{
    const struct phi_adapter_tensor *t = tensor_of(m, g, role);
    const bool vocab =
        g->place.layer == PHI_NO_LAYER && g->place.shape != PHI_SHAPE_NORM;
    struct phi_merge_parts p;
    bool same = false;
    enum phi_status st;

    if (t == NULL)
        return PHI_OK;
    st = g->adapts && !trained(m, role) ? PHI_OK : check_scaled(m, t, err);
    if (st == PHI_OK)
        st = phi_merge_find(m, &g->place, bias, &p, err);
    if (st == PHI_OK)
        st = check_shape(m, t, vocab ? t->dim[0] : p.rows, p.cols, err);
    if (st == PHI_OK && !trained(m, role))
        st =
            phi_merge_is_same(m, g->tensor[role], p.part[0].source, &same, err);
    if (st != PHI_OK || same)
        return st;
    for (size_t i = 0; st == PHI_OK && i < p.n; i++) {
        const struct phi_merge_op op = {.kind = PHI_MERGE_REPLACE,
                                        .module = g->module,
                                        .row = p.part[i].row,
                                        .nrows =
                                            vocab ? t->dim[0] : p.part[i].nrows,
                                        .adapter = m->adapter,
                                        .tensor = g->tensor[role],
                                        .from = p.part[i].from};

        st = add_op(m, p.part[i].source, &op, err);
        if (st == PHI_OK && vocab)
            m->out->tensors[m->out->of_source[p.part[i].source]].rows =
                t->dim[0];
    }
    m->out->idle[m->input] = false;
    m->out->modules[g->module].replaced = true;
    return st;
}

static int by_row(const void *pa, const void *pb)
{
    const struct phi_merge_token *a = pa;
    const struct phi_merge_token *b = pb;

    return a->row < b->row ? -1 : a->row > b->row;
}

/* Rows of single tokens, checked against the vocabulary. */
static enum phi_status list_tokens(struct phi_merge_maker *m,
                                   const struct phi_adapter_tensor *t,
                                   const struct phi_lora_tokens *list,
                                   struct phi_merge_op *op, struct phi_err *err)
{
    struct phi_merge_token *to =
        phi_merge_own(m->out, list->n, sizeof(*to), err);

    if (to == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < list->n; i++)
        to[i] = (struct phi_merge_token){list->rows[i], i};
    if (list->n > 0)
        qsort(to, list->n, sizeof(*to), by_row);
    for (size_t i = 0; i < list->n; i++) {
        if (to[i].row >= op->nrows)
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: tensor \"%.*s\": is of token %" PRIu64
                            ", expected tokens below %" PRIu64,
                            m->adapter->file, PHI_ERR_NAME, t->key, to[i].row,
                            op->nrows);
        if (i > 0 && to[i].row == to[i - 1].row)
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: tensor \"%.*s\": holds token %" PRIu64
                            " twice, expected each once",
                            m->adapter->file, PHI_ERR_NAME, t->key, to[i].row);
    }
    op->tokens = to;
    op->ntokens = list->n;
    return PHI_OK;
}

static enum phi_status replace_tokens(struct phi_merge_maker *m,
                                      const struct phi_merge_group *g,
                                      struct phi_err *err)
{
    const struct phi_adapter_tensor *t = tensor_of(m, g, PHI_ADAPTER_TOKENS);
    const struct phi_lora_tokens *list = phi_lora_tokens_of(
        &m->adapter->config, g->path, g->place.shape == PHI_SHAPE_EMBEDDING);
    struct phi_merge_op op = {.kind = PHI_MERGE_TOKENS,
                              .module = g->module,
                              .adapter = m->adapter,
                              .tensor = g->tensor[PHI_ADAPTER_TOKENS]};
    struct phi_merge_parts p;
    enum phi_status st;

    if (t == NULL)
        return PHI_OK;
    st = check_scaled(m, t, err);
    if (st == PHI_OK)
        st = phi_merge_find(m, &g->place, false, &p, err);
    if (st == PHI_OK)
        st = check_shape(m, t, list->n, p.cols, err);
    if (st != PHI_OK)
        return st;
    op.nrows = module_rows(m, &p);
    st = list_tokens(m, t, list, &op, err);
    if (st != PHI_OK)
        return st;
    m->out->idle[m->input] = false;
    m->out->modules[g->module].tokens = list->n;
    return add_op(m, p.part[0].source, &op, err);
}

/* The transposed matrix, (cols, rows), owned by the merge. */
static float *turned(struct phi_merge *out, const struct phi_adapter_tensor *t,
                     struct phi_err *err)
{
    float *to =
        phi_merge_own(out, (size_t)(t->dim[0] * t->dim[1]), sizeof(*to), err);

    for (uint64_t r = 0; to != NULL && r < t->dim[0]; r++) {
        for (uint64_t c = 0; c < t->dim[1]; c++)
            to[c * t->dim[0] + r] = t->data[r * t->dim[1] + c];
    }
    return to;
}

/* An embedding: rows are tokens, W + scale (B A)^T = W + scale A^T B^T. */
static enum phi_status add_embedding(struct phi_merge_maker *m,
                                     const struct phi_merge_group *g,
                                     const struct phi_merge_parts *p,
                                     struct phi_merge_op *op,
                                     struct phi_err *err)
{
    const struct phi_adapter_tensor *a =
        tensor_of(m, g, PHI_ADAPTER_EMBEDDING_A);
    const struct phi_adapter_tensor *b =
        tensor_of(m, g, PHI_ADAPTER_EMBEDDING_B);
    const struct phi_adapter_tensor *magnitude =
        tensor_of(m, g, PHI_ADAPTER_MAGNITUDE);
    enum phi_status st;

    op->row = 0;
    op->nrows = phi_merge_rows_now(m->out, p->part[0].source);
    if ((st = check_shape(m, a, op->rank, op->nrows, err)) != PHI_OK ||
        (st = check_shape(m, b, p->cols, op->rank, err)) != PHI_OK)
        return st;
    if (magnitude != NULL) {
        op->kind = PHI_MERGE_DORA_COLS;
        op->magnitude = magnitude->data; /* until phi_merge_norms() */
        if ((st = check_shape(m, magnitude, p->cols, 1, err)) != PHI_OK)
            return st;
    }
    op->b = turned(m->out, a, err);
    op->a = turned(m->out, b, err);
    if (op->a == NULL || op->b == NULL)
        return PHI_E_NOMEM;
    note_effect(m, op, p->cols);
    return add_op(m, p->part[0].source, op, err);
}

static enum phi_status add_linear(struct phi_merge_maker *m,
                                  const struct phi_merge_group *g,
                                  const struct phi_merge_parts *p,
                                  struct phi_merge_op *op, struct phi_err *err)
{
    const struct phi_adapter_tensor *a = tensor_of(m, g, PHI_ADAPTER_A);
    const struct phi_adapter_tensor *b = tensor_of(m, g, PHI_ADAPTER_B);
    const struct phi_adapter_tensor *magnitude =
        tensor_of(m, g, PHI_ADAPTER_MAGNITUDE);
    const uint64_t rows = module_rows(m, p);
    enum phi_status st;

    if ((st = check_shape(m, a, op->rank, p->cols, err)) != PHI_OK ||
        (st = check_shape(m, b, rows, op->rank, err)) != PHI_OK ||
        (magnitude != NULL &&
         (st = check_shape(m, magnitude, rows, 1, err)) != PHI_OK))
        return st;
    op->a = a->data;
    for (size_t i = 0; st == PHI_OK && i < p->n; i++) {
        const struct phi_merge_part *part = &p->part[i];

        op->row = part->row;
        op->nrows = p->n == 1 ? rows : part->nrows;
        op->b = b->data + part->from * op->rank;
        if (magnitude != NULL) {
            op->kind = PHI_MERGE_DORA;
            op->magnitude = magnitude->data + part->from;
        }
        note_effect(m, op, p->cols);
        st = add_op(m, part->source, op, err);
    }
    return st;
}

/* The bias of B: base bias + scale * b. */
static enum phi_status add_bias(struct phi_merge_maker *m,
                                const struct phi_merge_group *g, float scale,
                                struct phi_err *err)
{
    const struct phi_adapter_tensor *t = tensor_of(m, g, PHI_ADAPTER_B_BIAS);
    struct phi_merge_parts p;
    enum phi_status st;

    if (t == NULL)
        return PHI_OK;
    st = phi_merge_find(m, &g->place, true, &p, err);
    if (st == PHI_OK && p.n == 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: tensor \"%.*s\": is added to a bias that the base "
                        "does not have",
                        m->adapter->file, PHI_ERR_NAME, t->key);
    if (st == PHI_OK)
        st = check_shape(m, t, module_rows(m, &p), 1, err);
    for (size_t i = 0; st == PHI_OK && i < p.n; i++) {
        const struct phi_merge_op op = {.kind = PHI_MERGE_ADD_VECTOR,
                                        .module = g->module,
                                        .row = p.part[i].row,
                                        .nrows = p.n == 1 ? t->dim[0]
                                                          : p.part[i].nrows,
                                        .scale = scale,
                                        .b = t->data + p.part[i].from};

        note_effect(m, &op, 1);
        st = add_op(m, p.part[i].source, &op, err);
    }
    return st;
}

/* The factor of the product as PEFT has it: a double, rounded to f32. */
static enum phi_status scale_of(struct phi_merge_maker *m,
                                const struct phi_merge_group *g,
                                struct phi_merge_module *line, float *out,
                                struct phi_err *err)
{
    const struct phi_lora_config *c = &m->adapter->config;
    const double factor = m->inputs[m->input].scale;
    const struct phi_adapter_tensor *b = tensor_of(
        m, g,
        g->place.shape == PHI_SHAPE_EMBEDDING ? PHI_ADAPTER_EMBEDDING_B
                                              : PHI_ADAPTER_B);
    enum phi_status st = PHI_OK;

    if (c->bare)
        line->scale = (struct phi_lora_scale){
            .rank = b->dim[1],
            .alpha = c->alpha,
            .scale = c->alpha != 0 ? c->alpha / (double)b->dim[1] : 1};
    else
        st = phi_lora_scale_of(c, line->path, &m->work, &line->scale, err);
    if (st != PHI_OK)
        return phi_err_prefix(err, "%s", m->adapter->path);
    line->rslora = c->rslora;
    *out = (float)(line->scale.scale * factor);
    if (!isfinite(*out))
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: module \"%.*s\": scale %g is too large for F32",
                        m->adapter->path, PHI_ERR_NAME, line->path,
                        line->scale.scale * factor);
    if (line->dora && factor != 1)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: module \"%.*s\": has magnitudes (DoRA), which "
                        "cannot be scaled by %g",
                        m->adapter->path, PHI_ERR_NAME, line->path, factor);
    return PHI_OK;
}

enum phi_status phi_merge_group_ops(struct phi_merge_maker *m,
                                    struct phi_merge_group *g,
                                    struct phi_err *err)
{
    struct phi_merge_module *line = &m->out->modules[g->module];
    struct phi_merge_op op = {.kind = PHI_MERGE_ADD, .module = g->module};
    struct phi_merge_parts p;
    enum phi_status st;

    if ((st = replace(m, g, PHI_ADAPTER_WEIGHT, false, err)) != PHI_OK ||
        (st = replace(m, g, PHI_ADAPTER_BASE_WEIGHT, false, err)) != PHI_OK ||
        (st = replace(m, g, PHI_ADAPTER_BIAS, true, err)) != PHI_OK ||
        (st = replace(m, g, PHI_ADAPTER_BASE_BIAS, true, err)) != PHI_OK ||
        (st = replace_tokens(m, g, err)) != PHI_OK || !line->lora)
        return st;
    if ((st = scale_of(m, g, line, &op.scale, err)) != PHI_OK ||
        (st = phi_merge_find(m, &g->place, false, &p, err)) != PHI_OK)
        return st;
    op.rank = (size_t)line->scale.rank;
    st = g->place.shape == PHI_SHAPE_EMBEDDING
             ? add_embedding(m, g, &p, &op, err)
             : add_linear(m, g, &p, &op, err);
    return st == PHI_OK ? add_bias(m, g, op.scale, err) : st;
}
