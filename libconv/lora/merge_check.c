/* SPDX-License-Identifier: MIT */
/* The account: what the configuration asks for is there, and nothing else. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/lora/merge_parts.h"
#include "libconv/tensor/model_parts.h"

/* ---- tensors without a use ----------------------------------------------- */

enum phi_status phi_merge_no_use(struct phi_merge_maker *m, size_t i,
                                 struct phi_err *err, const char *fmt, ...)
{
    const char *key = m->adapter->tensors[i].key;
    char reason[256];
    bool allowed = false;
    void *v = m->out->unused;
    enum phi_status st = PHI_OK;
    va_list args;

    if (m->options->allow_unused != NULL)
        st = phi_module_pattern_match(m->options->allow_unused, key, &allowed,
                                      NULL, NULL, err);
    if (st != PHI_OK)
        return st;
    if (!allowed) {
        va_start(args, fmt);
        vsnprintf(reason, sizeof(reason), fmt, args);
        va_end(args);
        phi_fail(err, PHI_E_FORMAT, "%s: tensor \"%.*s\": %s", m->adapter->file,
                 PHI_ERR_NAME, key, reason);
        return phi_hint(err, "every tensor of an adapter is merged, or named "
                             "by --allow-unused");
    }
    st = phi_grow(&v, &m->unused_cap, m->out->nunused + 1,
                  sizeof(*m->out->unused), err);
    if (st != PHI_OK)
        return st;
    m->out->unused = v;
    m->out->unused[m->out->nunused++] = key;
    return PHI_OK;
}

/* ---- what the configuration asks for ------------------------------------- */

/* Whether there is that tensor; g may be NULL. */
static bool has(const struct phi_merge_group *g, enum phi_adapter_role role)
{
    return g != NULL && g->tensor[role] != PHI_MERGE_NONE;
}

static bool is_vocabulary(const struct phi_lora_place *p)
{
    return p->shape == PHI_SHAPE_EMBEDDING || p->kind == PHI_LORA_OUTPUT;
}

/* Why the configuration knows nothing of that tensor; NULL: it does. */
static const char *why_not(const struct phi_lora_config *c,
                           const struct phi_merge_group *g,
                           enum phi_adapter_role role)
{
    const bool embedding = g->place.shape == PHI_SHAPE_EMBEDDING;

    if (role == PHI_ADAPTER_TOKENS &&
        (!is_vocabulary(&g->place) || g->adapts || g->saves))
        return "its module is not one of the vocabulary, or is adapted, too";
    switch (role) {
    case PHI_ADAPTER_A:
    case PHI_ADAPTER_B:
        if (embedding || g->place.shape == PHI_SHAPE_NORM)
            return "its module is no linear one";
        return g->adapts ? NULL : "target_modules does not name its module";
    case PHI_ADAPTER_EMBEDDING_A:
    case PHI_ADAPTER_EMBEDDING_B:
        if (!embedding)
            return "its module is no embedding";
        return g->adapts ? NULL : "target_modules does not name its module";
    case PHI_ADAPTER_MAGNITUDE:
        return c->dora && g->adapts ? NULL : "use_dora is false";
    case PHI_ADAPTER_B_BIAS:
        return c->lora_bias && g->adapts ? NULL : "lora_bias is false";
    case PHI_ADAPTER_WEIGHT:
        return g->saves || is_vocabulary(&g->place)
                   ? NULL
                   : "modules_to_save does not name its module";
    case PHI_ADAPTER_ORIGINAL_WEIGHT:
    case PHI_ADAPTER_ORIGINAL_BIAS:
        return g->saves ? NULL : "modules_to_save does not name its module";
    case PHI_ADAPTER_BASE_WEIGHT:
        return is_vocabulary(&g->place) &&
                       (g->adapts || has(g, PHI_ADAPTER_TOKENS))
                   ? NULL
                   : "its module is no embedding that is adapted";
    case PHI_ADAPTER_BIAS:
        if (g->saves || is_vocabulary(&g->place) ||
            c->bias == PHI_LORA_BIAS_ALL)
            return NULL;
        return c->bias == PHI_LORA_BIAS_LORA_ONLY && g->adapts
                   ? NULL
                   : "bias is none, or lora_only of other modules";
    case PHI_ADAPTER_BASE_BIAS:
        return g->adapts && (is_vocabulary(&g->place) ||
                             c->bias != PHI_LORA_BIAS_NONE)
                   ? NULL
                   : "bias is none, or its module is not adapted";
    default:
        return phi_lora_tokens_of(c, g->path, embedding) != NULL
                   ? NULL
                   : "trainable_token_indices does not name its module";
    }
}

enum phi_status phi_merge_check_group(struct phi_merge_maker *m,
                                      struct phi_merge_group *g,
                                      struct phi_err *err)
{
    const struct phi_lora_config *c = &m->adapter->config;
    enum phi_status st = PHI_OK;

    if (c->bare) {
        g->saves = g->place.shape == PHI_SHAPE_NORM;
        g->adapts = !g->saves;
    } else {
        st = phi_lora_adapts(c, g->path, g->place.kind, &m->work, &g->adapts,
                             err);
        if (st == PHI_OK)
            st = phi_lora_saves(c, g->path, &m->work, &g->saves, err);
        if (st != PHI_OK)
            return phi_err_prefix(err, "%s", m->adapter->path);
    }
    for (int r = 0; st == PHI_OK && r < PHI_ADAPTER_NROLES; r++) {
        const size_t i = g->tensor[r];
        const char *why;

        if (i == PHI_MERGE_NONE)
            continue;
        why = why_not(c, g, (enum phi_adapter_role)r);
        if (why == NULL)
            continue;
        st = phi_merge_no_use(m, i, err, "%s", why);
        g->tensor[r] = PHI_MERGE_NONE;
    }
    return st;
}

static enum phi_status lacks(const struct phi_merge_maker *m, const char *path,
                             const char *what, struct phi_err *err)
{
    phi_fail(err, PHI_E_FORMAT, "%s: module \"%.*s\": has no %s in \"%s\"",
             m->adapter->path, PHI_ERR_NAME, path, what, m->adapter->file);
    return phi_hint(err, "the adapter's configuration names the module, so "
                         "what was trained there is lost: save it again");
}

/* An adapted module has both halves, and all else that it was trained with. */
static enum phi_status check_adapted(const struct phi_merge_maker *m,
                                     const char *path,
                                     const struct phi_lora_place *place,
                                     const struct phi_merge_group *g,
                                     struct phi_err *err)
{
    const struct phi_lora_config *c = &m->adapter->config;
    const bool embedding = place->shape == PHI_SHAPE_EMBEDDING;
    struct phi_merge_parts bias;
    enum phi_status st;

    if (!has(g, embedding ? PHI_ADAPTER_EMBEDDING_A : PHI_ADAPTER_A))
        return lacks(m, path, embedding ? "lora_embedding_A" : "lora_A", err);
    if (!has(g, embedding ? PHI_ADAPTER_EMBEDDING_B : PHI_ADAPTER_B))
        return lacks(m, path, embedding ? "lora_embedding_B" : "lora_B", err);
    if (c->dora && !has(g, PHI_ADAPTER_MAGNITUDE))
        return lacks(m, path, "lora_magnitude_vector", err);
    if (c->lora_bias && !embedding && !has(g, PHI_ADAPTER_B_BIAS))
        return lacks(m, path, "bias of lora_B", err);
    if (m->out->source == NULL)
        return PHI_OK; /* whether it has a bias, nobody knows */
    st = phi_merge_find(m, place, true, &bias, err);
    if (st == PHI_OK && bias.n > 0 && c->bias != PHI_LORA_BIAS_NONE &&
        !has(g, PHI_ADAPTER_BIAS) && !has(g, PHI_ADAPTER_BASE_BIAS))
        return lacks(m, path, "bias, which was trained", err);
    return st;
}

/* A module of the base, by the adapter's naming, and what the adapter has. */
static enum phi_status check_module(struct phi_merge_maker *m,
                                    const struct phi_map *map, const char *path,
                                    size_t *adapted, struct phi_err *err)
{
    const struct phi_lora_config *c = &m->adapter->config;
    const uint32_t *i = phi_map_find(map, path, strlen(path));
    const struct phi_merge_group *g = i != NULL ? &m->groups[*i] : NULL;
    struct phi_lora_place place;
    struct phi_merge_parts weight;
    struct phi_merge_parts bias;
    bool adapts = false;
    bool saves = false;
    enum phi_status st;

    /* A layer with a number that no adapter can have is none of them. */
    if (!phi_lora_place_of(&place, path, m->naming))
        return PHI_OK;
    if ((st = phi_merge_find(m, &place, false, &weight, err)) != PHI_OK ||
        weight.n == 0 ||
        (st = phi_merge_find(m, &place, true, &bias, err)) != PHI_OK)
        return st;
    st = phi_lora_saves(c, path, &m->work, &saves, err);
    if (st == PHI_OK && place.shape != PHI_SHAPE_NORM)
        st = phi_lora_adapts(c, path, place.kind, &m->work, &adapts, err);
    if (st != PHI_OK)
        return phi_err_prefix(err, "%s", m->adapter->path);
    *adapted += adapts;
    if (adapts)
        return check_adapted(m, path, &place, g, err);
    if (is_vocabulary(&place) &&
        phi_lora_tokens_of(c, path, place.shape == PHI_SHAPE_EMBEDDING) !=
            NULL &&
        !has(g, PHI_ADAPTER_TOKENS))
        return lacks(m, path, "trainable_tokens_delta", err);
    if (saves && !has(g, PHI_ADAPTER_WEIGHT))
        return lacks(m, path, "weight, which was trained", err);
    if (bias.n > 0 && (saves || c->bias == PHI_LORA_BIAS_ALL) &&
        !has(g, PHI_ADAPTER_BIAS))
        return lacks(m, path, "bias, which was trained", err);
    return PHI_OK;
}

static int by_number(const void *pa, const void *pb)
{
    const uint64_t *a = pa;
    const uint64_t *b = pb;

    return *a < *b ? -1 : *a > *b;
}

/*
 * Layers of the base, whatever each of them lacks: the numbers in names, each
 * once, in order. (*n), for free(); NULL and *err without memory.
 */
static uint64_t *list_layers(const struct phi_merge_maker *m, size_t *n,
                             struct phi_err *err)
{
    const struct phi_source *s = m->out->source;
    uint64_t *layers = phi_alloc(s->ntensors, sizeof(*layers), err);
    size_t all = 0;

    *n = 0;
    for (size_t i = 0; layers != NULL && i < s->ntensors; i++)
        all += phi_layer_of(&layers[all], s->tensors[i].name);
    if (all > 0)
        qsort(layers, all, sizeof(*layers), by_number);
    for (size_t i = 0; i < all; i++) {
        if (i == 0 || layers[i] != layers[*n - 1])
            layers[(*n)++] = layers[i];
    }
    return layers;
}

bool phi_merge_is_used(const struct phi_merge_group *g)
{
    for (int r = 0; r < PHI_ADAPTER_NROLES; r++) {
        if (g->tensor[r] != PHI_MERGE_NONE)
            return true;
    }
    return false;
}

enum phi_status phi_merge_check_halves(const struct phi_merge_maker *m,
                                       struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < m->ngroups; i++) {
        const struct phi_merge_group *g = &m->groups[i];

        if (g->adapts && phi_merge_is_used(g))
            st = check_adapted(m, g->path, &g->place, g, err);
    }
    return st;
}

enum phi_status phi_merge_check_complete(struct phi_merge_maker *m,
                                         const struct phi_map *map,
                                         struct phi_err *err)
{
    char path[PHI_LORA_PATH_MAX];
    size_t adapted = 0;
    size_t nlayers;
    uint64_t *layers = list_layers(m, &nlayers, err);
    enum phi_status st = layers != NULL ? PHI_OK : PHI_E_NOMEM;

    for (size_t k = 0;
         st == PHI_OK && phi_lora_path(path, m->naming, PHI_NO_LAYER, k); k++)
        st = check_module(m, map, path, &adapted, err);
    for (size_t i = 0; st == PHI_OK && i < nlayers; i++) {
        for (size_t k = 0;
             st == PHI_OK && phi_lora_path(path, m->naming, layers[i], k); k++)
            st = check_module(m, map, path, &adapted, err);
    }
    free(layers);
    if (st == PHI_OK && adapted == 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: target_modules names no module of the base %s",
                        m->adapter->path, m->out->source->path);
    return st;
}
