/* SPDX-License-Identifier: MIT */
#include "libconv/lora/lora_config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void release_modules(struct phi_lora_modules *m)
{
    phi_module_pattern_free(m->pattern);
    for (size_t i = 0; i < m->n; i++)
        free(m->names[i]);
    free(m->names);
}

static void release_overrides(struct phi_lora_overrides *o)
{
    for (size_t i = 0; i < o->n; i++) {
        free(o->v[i].text);
        phi_module_pattern_free(o->v[i].pattern);
    }
    free(o->v);
}

static void release_patterns(struct phi_module_pattern **p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        phi_module_pattern_free(p[i]);
    free(p);
}

void phi_lora_config_release(struct phi_lora_config *c)
{
    release_modules(&c->targets);
    release_modules(&c->excluded);
    release_overrides(&c->ranks);
    release_overrides(&c->alphas);
    free(c->layers);
    release_patterns(c->layer_patterns, c->nlayer_patterns);
    release_patterns(c->saved, c->nsaved);
    for (size_t i = 0; i < c->ntokens; i++) {
        free(c->tokens[i].name);
        free(c->tokens[i].rows);
    }
    free(c->tokens);
    free(c->made_for);
    *c = (struct phi_lora_config){0};
}

/* The path itself, or its end after a dot. */
static bool ends_in(const char *path, const char *name)
{
    const size_t n = strlen(path);
    const size_t m = strlen(name);

    if (n < m || strcmp(path + n - m, name) != 0)
        return false;
    return n == m || path[n - m - 1] == '.';
}

static enum phi_status among(const struct phi_lora_modules *m, const char *path,
                             uint64_t *work, bool *yes, struct phi_err *err)
{
    *yes = false;
    if (m->pattern != NULL)
        return phi_module_pattern_match(m->pattern, path, yes, NULL, work, err);
    for (size_t i = 0; i < m->n && !*yes; i++)
        *yes = ends_in(path, m->names[i]);
    return PHI_OK;
}

enum phi_status phi_lora_saves(const struct phi_lora_config *c,
                               const char *path, uint64_t *work, bool *yes,
                               struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    *yes = false;
    for (size_t i = 0; st == PHI_OK && i < c->nsaved && !*yes; i++)
        st = phi_module_pattern_match(c->saved[i], path, yes, NULL, work, err);
    return st;
}

const struct phi_lora_tokens *phi_lora_tokens_of(
    const struct phi_lora_config *c, const char *path, bool embedding)
{
    for (size_t i = 0; i < c->ntokens; i++) {
        const char *name = c->tokens[i].name;
        const size_t n = strlen(path);
        const size_t m = name != NULL ? strlen(name) : 0;

        /* PEFT asks for no dot in front of the name. */
        if (name == NULL ? embedding
                         : n >= m && strcmp(path + n - m, name) == 0)
            return &c->tokens[i];
    }
    return NULL;
}

/* Whether the module is in one of the layers; outside of any it is in none. */
static enum phi_status in_layers(const struct phi_lora_config *c,
                                 const char *path, uint64_t *work, bool *yes,
                                 struct phi_err *err)
{
    uint64_t layer = 0;
    bool found = false;
    enum phi_status st = PHI_OK;

    *yes = c->nlayers == 0;
    if (*yes)
        return PHI_OK;
    for (size_t i = 0; st == PHI_OK && i < c->nlayer_patterns && !found; i++)
        st = phi_module_pattern_match(c->layer_patterns[i], path, &found,
                                      &layer, work, err);
    for (size_t i = 0; found && i < c->nlayers; i++)
        *yes = *yes || c->layers[i] == layer;
    return st;
}

static bool is_named(const struct phi_lora_modules *m, const char *path)
{
    for (size_t i = 0; i < m->n; i++) {
        if (strcmp(path, m->names[i]) == 0)
            return true;
    }
    return false;
}

enum phi_status phi_lora_adapts(const struct phi_lora_config *c,
                                const char *path, enum phi_lora_kind kind,
                                uint64_t *work, bool *yes, struct phi_err *err)
{
    bool out = false;
    enum phi_status st = among(&c->excluded, path, work, &out, err);

    *yes = false;
    if (st == PHI_OK && !out)
        st = phi_lora_saves(c, path, work, &out, err);
    if (st != PHI_OK || out)
        return st;
    /* PEFT asks for the layer only where the end of a path is named. */
    *yes = c->targets.all_linear ? kind == PHI_LORA_LINEAR
                                 : is_named(&c->targets, path);
    if (*yes || c->targets.all_linear)
        return PHI_OK;
    st = among(&c->targets, path, work, yes, err);
    if (st == PHI_OK && *yes && c->targets.pattern == NULL)
        st = in_layers(c, path, work, yes, err);
    return st;
}

static enum phi_status look_up(const struct phi_lora_overrides *o,
                               const char *path, uint64_t *work, double *value,
                               const char **from, struct phi_err *err)
{
    bool found = false;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < o->n && !found; i++) {
        st = phi_module_pattern_match(o->v[i].pattern, path, &found, NULL, work,
                                      err);
        if (st == PHI_OK && found) {
            *value = o->v[i].value;
            *from = o->v[i].text;
        }
    }
    return st;
}

enum phi_status phi_lora_scale_of(const struct phi_lora_config *c,
                                  const char *path, uint64_t *work,
                                  struct phi_lora_scale *out,
                                  struct phi_err *err)
{
    double r = c->r;
    enum phi_status st;

    *out = (struct phi_lora_scale){.alpha = c->alpha};
    st = look_up(&c->ranks, path, work, &r, &out->rank_from, err);
    if (st == PHI_OK)
        st =
            look_up(&c->alphas, path, work, &out->alpha, &out->alpha_from, err);
    if (st != PHI_OK)
        return st;
    if (!(r >= 1 && r <= PHI_LORA_MAX_RANK) || r != floor(r))
        return phi_fail(err, PHI_E_FORMAT,
                        "module \"%.*s\": rank %g, expected an integer from 1 "
                        "to %d",
                        PHI_ERR_NAME, path, r, PHI_LORA_MAX_RANK);
    out->rank = (uint64_t)r;
    out->scale = out->alpha / (c->rslora ? sqrt(r) : r);
    return PHI_OK;
}
