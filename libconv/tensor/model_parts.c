/* SPDX-License-Identifier: MIT */
#include "libconv/tensor/model_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"

/* Above the layers of any model; numbers in names are cut there. */
#define MAX_LAYER 1000000

#define NONE     PHI_SIZE_NONE
#define EMBD     PHI_SIZE_EMBD
#define FF       PHI_SIZE_FF
#define VOCAB    PHI_SIZE_VOCAB
#define KV       PHI_SIZE_KV
#define QKV      PHI_SIZE_QKV
#define HEAD_DIM PHI_SIZE_HEAD_DIM

const struct phi_part_info phi_parts[PHI_NPARTS] = {
    [PHI_PART_EMBD] = {"token_embd", false, false, VOCAB, EMBD},
    [PHI_PART_Q] = {"attn_q", true, true, EMBD, EMBD},
    [PHI_PART_K] = {"attn_k", true, true, KV, EMBD},
    [PHI_PART_V] = {"attn_v", true, true, KV, EMBD},
    [PHI_PART_QKV] = {"attn_qkv", true, true, QKV, EMBD},
    [PHI_PART_O] = {"attn_output", true, true, EMBD, EMBD},
    [PHI_PART_Q_NORM] = {"attn_q_norm", true, true, HEAD_DIM, NONE},
    [PHI_PART_K_NORM] = {"attn_k_norm", true, true, HEAD_DIM, NONE},
    [PHI_PART_UP] = {"ffn_up", true, true, FF, EMBD},
    [PHI_PART_DOWN] = {"ffn_down", true, true, EMBD, FF},
    [PHI_PART_NORM] = {"attn_norm", true, true, EMBD, NONE},
    [PHI_PART_LAST_NORM] = {"output_norm", false, true, EMBD, NONE},
    [PHI_PART_HEAD] = {"output", false, true, VOCAB, EMBD},
};

/* ---- names and shapes ---------------------------------------------------- */

bool phi_layer_read(const char **path, const char *prefix, uint64_t *layer)
{
    const size_t n = strlen(prefix);
    const char *p;
    uint64_t v = 0;

    if (strncmp(*path, prefix, n) != 0)
        return false;
    p = *path + n;
    if (*p < '0' || *p > '9' || (p[0] == '0' && p[1] >= '0' && p[1] <= '9'))
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        v = v * 10 + (uint64_t)(*p - '0');
        if (v > MAX_LAYER)
            return false;
    }
    if (*p != '.')
        return false;
    *path = p + 1;
    *layer = v;
    return true;
}

bool phi_layer_of(uint64_t *layer, const char *name)
{
    return phi_layer_read(&name, "blk.", layer);
}

bool phi_part_of(struct phi_part_place *out, const char *name)
{
    uint64_t layer = PHI_NO_LAYER;
    const bool inside = phi_layer_read(&name, "blk.", &layer);

    for (int i = 0; i < PHI_NPARTS; i++) {
        const struct phi_part_info *p = &phi_parts[i];
        const size_t n = strlen(p->name);
        bool bias;

        if (p->layer != inside || strncmp(name, p->name, n) != 0 ||
            name[n] != '.')
            continue;
        bias = strcmp(name + n + 1, "bias") == 0;
        if (bias ? !p->bias : strcmp(name + n + 1, "weight") != 0)
            return false;
        *out = (struct phi_part_place){(enum phi_part)i, layer, bias};
        return true;
    }
    return false;
}

char *phi_part_name(char *out, size_t n, uint64_t layer, enum phi_part part,
                    bool bias)
{
    const struct phi_part_info *p = &phi_parts[part];
    const char *suffix = bias ? "bias" : "weight";

    if (p->layer)
        snprintf(out, n, "blk.%" PRIu64 ".%s.%s", layer, p->name, suffix);
    else
        snprintf(out, n, "%s.%s", p->name, suffix);
    return out;
}

static uint64_t size_of(const struct phi_sizes *z, enum phi_size s)
{
    const uint64_t kv = z->kv_heads * z->head_dim;
    const uint64_t sizes[] = {[NONE] = 1,
                              [EMBD] = z->embd,
                              [FF] = z->ff,
                              [VOCAB] = z->vocab,
                              [KV] = kv,
                              [QKV] = z->embd + 2 * kv,
                              [HEAD_DIM] = z->head_dim};

    return sizes[s];
}

uint32_t phi_part_shape(uint64_t dim[2], enum phi_part part, bool bias,
                        const struct phi_sizes *sizes)
{
    const struct phi_part_info *p = &phi_parts[part];

    dim[0] = size_of(sizes, p->rows);
    dim[1] = size_of(sizes, p->cols);
    return bias || p->cols == NONE ? 1 : 2;
}

/* ---- sizes --------------------------------------------------------------- */

static enum phi_status read_vocab(struct phi_sizes *z,
                                  const struct phi_source *s,
                                  struct phi_err *err)
{
    static const char name[] = "token_embd.weight";
    const struct phi_tensor *t;
    size_t i;

    if (!phi_source_find(s, name, &i))
        return phi_fail(err, PHI_E_FORMAT,
                        "tensor \"%s\": is missing, expected a row for every "
                        "token",
                        name);
    t = &s->tensors[i];
    if (t->rank != 2 || t->dim[0] == 0 || t->dim[0] > UINT32_MAX)
        return phi_fail(err, PHI_E_FORMAT,
                        "tensor \"%s\": is no table of at most 2^32 - 1 rows",
                        name);
    z->vocab = t->dim[0];
    return PHI_OK;
}

enum phi_status phi_sizes_read(struct phi_sizes *out,
                               const struct phi_source *s, uint64_t max_width,
                               uint64_t max_layers, struct phi_err *err)
{
    struct phi_sizes z = {0};
    const struct {
        const char *key;
        uint64_t max;
        uint64_t *to;
    } sizes[] = {
        {"phi2.embedding_length", max_width, &z.embd},
        {"phi2.feed_forward_length", max_width, &z.ff},
        {"phi2.block_count", max_layers, &z.layers},
        {"phi2.attention.head_count", max_width, &z.heads},
        {"phi2.attention.head_count_kv", max_width, &z.kv_heads},
    };
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < sizeof(sizes) / sizeof(*sizes);
         i++) {
        z.kv_heads = z.heads; /* the last may be left out */
        if (sizes[i].to != &z.kv_heads ||
            phi_meta_find(&s->meta, sizes[i].key) != NULL)
            st = phi_meta_get_size(&s->meta, sizes[i].key, sizes[i].max,
                                   sizes[i].to, err);
    }
    if (st != PHI_OK)
        return st;
    if (z.embd % z.heads != 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "%" PRIu64 " embedding dimensions do not divide into "
                        "%" PRIu64 " heads",
                        z.embd, z.heads);
    if (z.heads % z.kv_heads != 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "%" PRIu64 " heads do not divide into %" PRIu64
                        " key-value heads",
                        z.heads, z.kv_heads);
    z.head_dim = z.embd / z.heads;
    st = read_vocab(&z, s, err);
    if (st == PHI_OK)
        *out = z;
    return st;
}

/* ---- the whole model ----------------------------------------------------- */

/* Which tensors are there: two a part, weight and bias, for each layer; parts
 * outside layers are those of layer 0. */
struct seen {
    bool *is; /* (layers * 2 * PHI_NPARTS) */
    bool head_norms;
};

static bool *seen_at(const struct seen *seen, uint64_t layer, enum phi_part p,
                     bool bias)
{
    return &seen->is[(layer * PHI_NPARTS + (uint64_t)p) * 2 + bias];
}

static enum phi_status check_tensor(struct seen *seen,
                                    const struct phi_tensor *t,
                                    const struct phi_sizes *z,
                                    struct phi_err *err)
{
    struct phi_part_place place;
    char found[200], expected[80];
    uint64_t dim[2];
    uint32_t rank;

    if (!phi_part_of(&place, t->name))
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: tensor \"%.*s\": has no place in a Phi, expected "
                        "names such as \"blk.0.ffn_up.weight\"",
                        t->file, PHI_ERR_NAME, t->origin);
    if (place.layer == PHI_NO_LAYER)
        place.layer = 0;
    if (place.layer >= z->layers)
        return phi_fail(
            err, PHI_E_UNSUPPORTED,
            "%s: tensor \"%.*s\": has no place in this model, "
            "expected layers 0 to %" PRIu64 ": phi2.block_count is %" PRIu64,
            t->file, PHI_ERR_NAME, t->origin, z->layers - 1, z->layers);
    rank = phi_part_shape(dim, place.part, place.bias, z);
    if (t->rank != rank || memcmp(t->dim, dim, rank * sizeof(*dim)) != 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: tensor \"%.*s\": has shape %s, expected %s by the "
                        "metadata",
                        t->file, PHI_ERR_NAME, t->origin,
                        phi_shape_text(found, sizeof(found), t->dim, t->rank),
                        phi_shape_text(expected, sizeof(expected), dim, rank));
    if (*seen_at(seen, place.layer, place.part, place.bias))
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: tensor \"%.*s\": is there twice, expected once",
                        t->file, PHI_ERR_NAME, t->origin);
    *seen_at(seen, place.layer, place.part, place.bias) = true;
    seen->head_norms = seen->head_norms || place.part == PHI_PART_Q_NORM ||
                       place.part == PHI_PART_K_NORM;
    return PHI_OK;
}

/* Whether the model must have a part in that layer. */
static bool is_needed(const struct seen *seen, uint64_t layer, enum phi_part p,
                      bool bias)
{
    const bool fused = *seen_at(seen, layer, PHI_PART_QKV, false);

    switch (p) {
    case PHI_PART_Q:
    case PHI_PART_K:
    case PHI_PART_V:
        return !fused;
    case PHI_PART_QKV:
        return fused;
    case PHI_PART_Q_NORM:
    case PHI_PART_K_NORM:
        return seen->head_norms;
    case PHI_PART_HEAD: /* a tied one may have a bias, another has one */
        return bias && *seen_at(seen, 0, PHI_PART_HEAD, false);
    default:
        return true;
    }
}

/* One tensor that is there and must not, or must be and is not. */
static enum phi_status check_place(const struct seen *seen, uint64_t layer,
                                   enum phi_part p, bool bias,
                                   const struct phi_source *s,
                                   const struct phi_sizes *z,
                                   struct phi_err *err)
{
    const bool there = *seen_at(seen, layer, p, bias);
    const bool needed = is_needed(seen, layer, p, bias);
    char name[64], shape[80];
    uint64_t dim[2];
    uint32_t rank;

    phi_part_name(name, sizeof(name), layer, p, bias);
    if (needed && !there) {
        rank = phi_part_shape(dim, p, bias, z);
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: tensor \"%s\": is missing, expected with shape "
                        "%s",
                        s->path, name,
                        phi_shape_text(shape, sizeof(shape), dim, rank));
    }
    if (there && !needed && p != PHI_PART_HEAD)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: tensor \"%s\": has no place in this model, "
                        "expected query, key and value in three tensors or "
                        "in one",
                        s->path, name);
    return PHI_OK;
}

static enum phi_status check_layer(const struct seen *seen, uint64_t layer,
                                   const struct phi_source *s,
                                   const struct phi_sizes *z,
                                   struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (int p = 0; st == PHI_OK && p < PHI_NPARTS; p++) {
        if (layer > 0 && !phi_parts[p].layer)
            continue;
        st = check_place(seen, layer, (enum phi_part)p, false, s, z, err);
        if (st == PHI_OK && phi_parts[p].bias)
            st = check_place(seen, layer, (enum phi_part)p, true, s, z, err);
    }
    return st;
}

enum phi_status phi_model_check(const struct phi_source *s,
                                const struct phi_sizes *sizes,
                                struct phi_err *err)
{
    struct seen seen = {0};
    enum phi_status st = PHI_OK;

    /* Every layer has a dozen tensors: no allocation without them. */
    if (sizes->layers > s->ntensors)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: %" PRIu64 " layers, but only %zu tensors", s->path,
                        sizes->layers, s->ntensors);
    seen.is = phi_alloc((size_t)sizes->layers, 2 * PHI_NPARTS, err);
    if (seen.is == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; st == PHI_OK && i < s->ntensors; i++)
        st = check_tensor(&seen, &s->tensors[i], sizes, err);
    for (uint64_t l = 0; st == PHI_OK && l < sizes->layers; l++)
        st = check_layer(&seen, l, s, sizes, err);
    free(seen.is);
    return st;
}
