/* SPDX-License-Identifier: MIT */
/* Models of the public interface: opening, tensors, metadata, errors. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/api/api_parts.h"
#include "libconv/base/mem.h"
#include "libconv/cpu/cpu.h"

const char *phiconv_version(void)
{
    return PHICONV_API_VERSION;
}

enum phiconv_status phiconv_fail(struct phiconv_error *error,
                                 enum phi_status st, const struct phi_err *err)
{
    static const enum phiconv_status statuses[] = {
        [PHI_OK] = PHICONV_OK,
        [PHI_E_NOMEM] = PHICONV_NO_MEMORY,
        [PHI_E_IO] = PHICONV_SYSTEM,
        [PHI_E_FORMAT] = PHICONV_MALFORMED,
        [PHI_E_UNSUPPORTED] = PHICONV_UNSUPPORTED,
        [PHI_E_ARG] = PHICONV_MISUSE,
        [PHI_E_CANCELLED] = PHICONV_CANCELLED,
    };

    if (error == NULL)
        return statuses[st];
    *error = (struct phiconv_error){.status = statuses[st]};
    if (st != PHI_OK) {
        error->system = err->sys;
        snprintf(error->message, sizeof(error->message), "%s", err->msg);
        snprintf(error->hint, sizeof(error->hint), "%s", err->hint);
    }
    return statuses[st];
}

enum phi_status phiconv_take_options(void *to, size_t n, const void *from,
                                     size_t size, struct phi_err *err)
{
    if (size < sizeof(size) || size > n)
        return phi_fail(err, PHI_E_ARG,
                        "options of %zu bytes, expected %zu or fewer: they "
                        "are not initialised, or this library is older",
                        size, n);
    memcpy(to, from, size);
    return PHI_OK;
}

static bool tick(void *ctx, uint64_t done, uint64_t total, const char *note)
{
    const struct phiconv_ticker *t = ctx;

    (void)note;
    return t->progress == NULL || t->progress(t->context, done, total) == 0;
}

struct phi_monitor phiconv_monitor(struct phiconv_ticker *t)
{
    return (struct phi_monitor){tick, t};
}

const struct phi_source *phiconv_source_of(const struct phiconv_model *m)
{
    return m->merged != NULL ? m->merged : m->adapted.base;
}

/* A scale that was forgotten is 0, and the adapter would be, too. */
static enum phi_status take_words(struct phi_adapter_words *words,
                                  const struct phiconv_adapter *adapters,
                                  size_t n, struct phi_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const double scale = adapters[i].scale;

        if (adapters[i].path == NULL)
            return phi_fail(err, PHI_E_ARG,
                            "adapter %zu: has no path, expected one", i);
        if (scale == 0 || !isfinite(scale))
            return phi_fail(err, PHI_E_ARG,
                            "%s: %g is no scale, expected a finite number but "
                            "0: set scale to 1",
                            adapters[i].path, scale);
        words[i] = (struct phi_adapter_words){adapters[i].path, scale};
    }
    return PHI_OK;
}

static enum phi_status open_model(struct phiconv_model *m, const char *path,
                                  const struct phiconv_adapter *adapters,
                                  size_t n, struct phi_err *err)
{
    const struct phi_merge_options options = {.features = phi_cpu_detect()};
    struct phi_adapter_words *words = phi_alloc(n, sizeof(*words), err);
    enum phi_status st;

    if (words == NULL)
        return PHI_E_NOMEM;
    st = take_words(words, adapters, n, err);
    if (st == PHI_OK)
        st = phi_adapted_open(&m->adapted, path, words, n, &options, NULL, err);
    if (st == PHI_OK && n > 0)
        st = phi_adapted_values(&m->adapted, &m->merged, err);
    free(words);
    return st;
}

enum phiconv_status phiconv_open_adapted(struct phiconv_model **out,
                                         const char *path,
                                         const struct phiconv_adapter *adapters,
                                         size_t n, struct phiconv_error *error)
{
    struct phi_err err = {0};
    struct phiconv_model *m = phi_alloc(1, sizeof(*m), &err);
    enum phi_status st = PHI_E_NOMEM;

    if (m != NULL)
        st = open_model(m, path, adapters, n, &err);
    if (st == PHI_OK)
        *out = m;
    else
        phiconv_close(m);
    return phiconv_fail(error, st, &err);
}

enum phiconv_status phiconv_open(struct phiconv_model **out, const char *path,
                                 struct phiconv_error *error)
{
    return phiconv_open_adapted(out, path, NULL, 0, error);
}

int phiconv_adapter_idle(const struct phiconv_model *model, size_t i)
{
    return i < model->adapted.n && model->adapted.merge.idle[i];
}

void phiconv_close(struct phiconv_model *model)
{
    if (model == NULL)
        return;
    phi_source_close(model->merged);
    phi_adapted_release(&model->adapted);
    free(model);
}

const char *phiconv_format(const struct phiconv_model *model)
{
    return model->adapted.base->format;
}

/* ---- tensors ------------------------------------------------------------- */

size_t phiconv_tensor_count(const struct phiconv_model *model)
{
    return phiconv_source_of(model)->ntensors;
}

static enum phi_status no_item(const char *what, size_t i, size_t n,
                               struct phi_err *err)
{
    return phi_fail(err, PHI_E_ARG, "there is no %s %zu, only %zu", what, i, n);
}

enum phiconv_status phiconv_tensor_at(const struct phiconv_model *model,
                                      size_t i, struct phiconv_tensor *out,
                                      struct phiconv_error *error)
{
    const struct phi_source *s = phiconv_source_of(model);
    const struct phi_tensor *t;
    struct phi_err err = {0};

    if (i >= s->ntensors)
        return phiconv_fail(error, no_item("tensor", i, s->ntensors, &err),
                            &err);
    t = &s->tensors[i];
    *out = (struct phiconv_tensor){.name = t->name,
                                   .type = phi_dtype_info(t->dtype)->name,
                                   .rank = t->rank,
                                   .nbytes = t->nbytes};
    memcpy(out->dim, t->dim, sizeof(out->dim));
    return phiconv_fail(error, PHI_OK, &err);
}

enum phiconv_status phiconv_tensor_read(const struct phiconv_model *model,
                                        size_t i, uint64_t offset, void *to,
                                        size_t n, struct phiconv_error *error)
{
    const struct phi_source *s = phiconv_source_of(model);
    struct phi_err err = {0};
    enum phi_status st;

    if (i >= s->ntensors)
        st = no_item("tensor", i, s->ntensors, &err);
    else
        st = phi_source_read(s, i, offset, to, n, &err);
    return phiconv_fail(error, st, &err);
}

/* ---- metadata ------------------------------------------------------------ */

size_t phiconv_metadata_count(const struct phiconv_model *model)
{
    return phiconv_source_of(model)->meta.n;
}

static void fill(struct phiconv_metadata *out, const struct phi_kv *kv)
{
    *out = (struct phiconv_metadata){.key = kv->key,
                                     .type = phi_kv_type_name(kv->type),
                                     .kind = PHICONV_UNSIGNED};
    switch (kv->type) {
    case PHI_KV_I8:
    case PHI_KV_I16:
    case PHI_KV_I32:
    case PHI_KV_I64:
        out->kind = PHICONV_SIGNED;
        out->value.i = kv->v.i;
        break;
    case PHI_KV_F32:
    case PHI_KV_F64:
        out->kind = PHICONV_REAL;
        out->value.f = kv->v.f;
        break;
    case PHI_KV_STRING:
        out->kind = PHICONV_TEXT;
        out->value.text = kv->v.str.p != NULL ? kv->v.str.p : "";
        out->n = kv->v.str.n;
        break;
    case PHI_KV_ARRAY:
        out->kind = PHICONV_ARRAY;
        out->type = phi_kv_type_name(kv->v.arr.type);
        out->n = kv->v.arr.n;
        break;
    default:
        out->kind = kv->type == PHI_KV_BOOL ? PHICONV_BOOL : PHICONV_UNSIGNED;
        out->value.u = kv->v.u;
        break;
    }
}

enum phiconv_status phiconv_metadata_at(const struct phiconv_model *model,
                                        size_t i, struct phiconv_metadata *out,
                                        struct phiconv_error *error)
{
    const struct phi_meta *m = &phiconv_source_of(model)->meta;
    struct phi_err err = {0};

    if (i >= m->n)
        return phiconv_fail(error, no_item("key", i, m->n, &err), &err);
    fill(out, &m->kv[i]);
    return phiconv_fail(error, PHI_OK, &err);
}

const char *phiconv_metadata_text(const struct phiconv_model *model,
                                  const char *key)
{
    const char *text = NULL;

    if (phi_meta_opt_str(&phiconv_source_of(model)->meta, key, &text, NULL) !=
        PHI_OK)
        return NULL;
    return text;
}

const char *phiconv_metadata_element(const struct phiconv_model *model,
                                     size_t i, size_t k)
{
    const struct phi_meta *m = &phiconv_source_of(model)->meta;
    const struct phi_kv *kv = i < m->n ? &m->kv[i] : NULL;

    if (kv == NULL || kv->type != PHI_KV_ARRAY || kv->v.arr.str == NULL ||
        k >= kv->v.arr.n)
        return NULL;
    return kv->v.arr.str[k].p != NULL ? kv->v.arr.str[k].p : "";
}
