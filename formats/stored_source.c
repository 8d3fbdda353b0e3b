/* SPDX-License-Identifier: MIT */
#include "formats/stored_source.h"

#include <stdlib.h>
#include <string.h>

#include "formats/hf_shards.h"
#include "formats/json.h"
#include "formats/json_meta.h"
#include "formats/safetensors.h"
#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"

struct stored {
    struct phi_source base;
    char *path;
    struct phi_hf_shards shards;
    struct phi_tensor *tensors;
    struct phi_source_file *files;
};

static const struct stored *self(const struct phi_source *s)
{
    return (const struct stored *)s;
}

static enum phi_status source_read(const struct phi_source *s, size_t i,
                                   uint64_t offset, void *to, size_t n,
                                   struct phi_err *err)
{
    return phi_file_read(self(s)->shards.st[i]->file, offset, to, n, err);
}

static enum phi_status source_unchanged(const struct phi_source *s,
                                        struct phi_err *err)
{
    const struct phi_hf_shards *shards = &self(s)->shards;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < shards->n; i++)
        st = phi_file_unchanged(shards->st[i]->file, err);
    return st;
}

static enum phi_status source_not_input(const struct phi_source *s,
                                        const char *path, struct phi_err *err)
{
    const struct phi_hf_shards *shards = &self(s)->shards;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < shards->n; i++)
        st = phi_output_not_input(path, phi_file_identity(shards->st[i]->file),
                                  err);
    return st;
}

static void source_close(struct phi_source *s)
{
    struct stored *t = (struct stored *)s;

    phi_meta_release(&t->base.meta);
    phi_hf_shards_release(&t->shards);
    free(t->tensors);
    free(t->files);
    free(t->path);
    free(t);
}

static const struct phi_source_ops ops = {source_read, source_unchanged,
                                          source_not_input, source_close};

static struct stored *new_stored(const char *path, const char *format,
                                 struct phi_err *err)
{
    struct stored *t = phi_alloc(1, sizeof(*t), err);

    if (t == NULL)
        return NULL;
    t->base.ops = &ops;
    t->base.format = format;
    t->base.path = t->path = phi_strdup(path, err);
    if (t->path != NULL)
        return t;
    free(t);
    return NULL;
}

static enum phi_status open_alone(struct stored *t, const char *path,
                                  struct phi_err *err)
{
    enum phi_status st;

    t->shards.st = phi_alloc(1, sizeof(*t->shards.st), err);
    if (t->shards.st == NULL)
        return PHI_E_NOMEM;
    st = phi_st_open(&t->shards.st[0], path, err);
    t->shards.n = st == PHI_OK ? 1 : 0;
    return st;
}

/* The lists of files and tensors; each shard's names are unique. */
static enum phi_status list_tensors(struct stored *t, struct phi_err *err)
{
    const struct phi_hf_shards *shards = &t->shards;
    size_t n = 0;

    for (size_t s = 0; s < shards->n; s++)
        n += shards->st[s]->n;
    t->tensors = phi_alloc(n, sizeof(*t->tensors), err);
    t->files = phi_alloc(shards->n, sizeof(*t->files), err);
    if (t->tensors == NULL || t->files == NULL)
        return PHI_E_NOMEM;
    n = 0;
    for (size_t s = 0; s < shards->n; s++) {
        const struct phi_st *from = shards->st[s];
        const char *path = phi_file_path(from->file);

        t->files[s] = (struct phi_source_file){phi_path_base(path),
                                               phi_file_size(from->file)};
        for (size_t i = 0; i < from->n; i++) {
            struct phi_tensor *to = &t->tensors[n++];

            to->name = to->origin = from->tensors[i].name;
            to->file = path;
            to->part = s;
            to->offset = from->tensors[i].begin;
            to->dtype = from->tensors[i].dtype;
            to->rank = from->tensors[i].rank;
            memcpy(to->dim, from->tensors[i].dim, sizeof(to->dim));
            to->nbytes = from->tensors[i].nbytes;
        }
    }
    t->base.tensors = t->tensors;
    t->base.ntensors = n;
    t->base.files = t->files;
    t->base.nfiles = shards->n;
    return PHI_OK;
}

/* Ends the opening: *out on success, and t is closed otherwise. */
static enum phi_status finish(struct phi_source **out, struct stored *t,
                              enum phi_status st, struct phi_err *err)
{
    if (st == PHI_OK)
        st = list_tensors(t, err);
    if (st != PHI_OK) {
        source_close(&t->base);
        return st;
    }
    *out = &t->base;
    return PHI_OK;
}

enum phi_status phi_stored_open_file(struct phi_source **out, const char *path,
                                     struct phi_err *err)
{
    struct stored *t = new_stored(path, "safetensors", err);
    struct phi_json root, metadata;
    enum phi_status st;

    if (t == NULL)
        return PHI_E_NOMEM;
    st = open_alone(t, path, err);
    if (st == PHI_OK) {
        root = phi_json_root(t->shards.st[0]->header);
        if (phi_json_find(&root, "__metadata__", &metadata))
            st = phi_json_meta(&t->base.meta, "", &metadata, err);
    }
    return finish(out, t, st, err);
}

/* The values of dir/name; a file that is not there has none. */
static enum phi_status add_config(struct phi_meta *meta, const char *dir,
                                  const char *name, const char *prefix,
                                  struct phi_err *err)
{
    char *path = phi_path_join(dir, name, err);
    struct phi_json_doc *doc = NULL;
    struct phi_json root;
    enum phi_status st = path != NULL ? PHI_OK : PHI_E_NOMEM;

    if (st == PHI_OK && phi_path_kind(path) != PHI_PATH_NONE) {
        st = phi_json_load(&doc, path, PHI_JSON_MAX_CONFIG, err);
        if (st == PHI_OK) {
            root = phi_json_root(doc);
            st = phi_json_meta(meta, prefix, &root, err);
        }
    }
    phi_json_free(doc);
    free(path);
    return st;
}

enum phi_status phi_stored_open_model(struct phi_source **out, const char *dir,
                                      struct phi_err *err)
{
    struct stored *t = new_stored(dir, "hf", err);
    enum phi_status st;

    if (t == NULL)
        return PHI_E_NOMEM;
    st = phi_hf_shards_open(&t->shards, dir, err);
    if (st == PHI_OK)
        st = add_config(&t->base.meta, dir, "config.json", "config", err);
    return finish(out, t, st, err);
}

enum phi_status phi_stored_open_adapter(struct phi_source **out,
                                        const char *dir, struct phi_err *err)
{
    struct stored *t = new_stored(dir, "adapter", err);
    char *weights = phi_path_join(dir, "adapter_model.safetensors", err);
    enum phi_status st = PHI_E_NOMEM;

    if (t != NULL && weights != NULL)
        st = open_alone(t, weights, err);
    free(weights);
    if (t == NULL)
        return st;
    if (st == PHI_OK)
        st = add_config(&t->base.meta, dir, "adapter_config.json", "adapter",
                        err);
    return finish(out, t, st, err);
}
