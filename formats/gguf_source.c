/* SPDX-License-Identifier: MIT */
#include "formats/gguf_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gguf_read.h"
#include "formats/gguf_reserve.h"
#include "libconv/base/file.h"
#include "libconv/base/map.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"

#define SPLIT_NO    "split.no"
#define SPLIT_COUNT "split.count"
#define SPLIT_TOTAL "split.tensors.count"

struct part {
    struct phi_file *f;
    struct phi_gguf gguf; /* its meta moves to the source for part 0 */
};

struct gguf_source {
    struct phi_source base;
    char *path;
    struct part *parts; /* (nparts) */
    size_t nparts;
    size_t cap;
    struct phi_tensor *tensors;
    struct phi_source_file *files; /* (nparts) */
};

/* What a file's split keys say. */
struct split {
    uint64_t no;
    uint64_t count; /* 0 or 1: not split */
    uint64_t total; /* tensors of all parts, UINT64_MAX: not said */
};

static const struct gguf_source *self(const struct phi_source *s)
{
    return (const struct gguf_source *)s;
}

static enum phi_status source_read(const struct phi_source *s, size_t i,
                                   uint64_t offset, void *to, size_t n,
                                   struct phi_err *err)
{
    return phi_file_read(self(s)->parts[i].f, offset, to, n, err);
}

static enum phi_status source_unchanged(const struct phi_source *s,
                                        struct phi_err *err)
{
    const struct gguf_source *g = self(s);
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < g->nparts && st == PHI_OK; i++)
        st = phi_file_unchanged(g->parts[i].f, err);
    return st;
}

static enum phi_status source_not_input(const struct phi_source *s,
                                        const char *path, struct phi_err *err)
{
    const struct gguf_source *g = self(s);
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < g->nparts && st == PHI_OK; i++)
        st = phi_output_not_input(path, phi_file_identity(g->parts[i].f), err);
    return st;
}

static void source_close(struct phi_source *s)
{
    struct gguf_source *g = (struct gguf_source *)s;

    for (size_t i = 0; i < g->nparts; i++) {
        phi_gguf_release(&g->parts[i].gguf);
        phi_file_close(g->parts[i].f);
    }
    free(g->parts);
    free(g->tensors);
    free(g->files);
    free(g->path);
    phi_meta_release(&g->base.meta);
    free(g);
}

static const struct phi_source_ops ops = {source_read, source_unchanged,
                                          source_not_input, source_close};

/* Opens the file as the next part. */
static enum phi_status add_part(struct gguf_source *g, const char *path,
                                struct phi_err *err)
{
    void *p = g->parts;
    struct part *part;
    enum phi_status st =
        phi_grow(&p, &g->cap, g->nparts + 1, sizeof(*g->parts), err);

    if (st != PHI_OK)
        return st;
    g->parts = p;
    part = &g->parts[g->nparts];
    st = phi_file_open(&part->f, path, err);
    if (st != PHI_OK)
        return st;
    g->nparts++;
    return phi_gguf_read(&part->gguf, part->f, err);
}

static enum phi_status read_split(const struct part *part, struct split *out,
                                  struct phi_err *err)
{
    const struct phi_meta *m = &part->gguf.meta;
    enum phi_status st;

    *out = (struct split){.total = UINT64_MAX};
    /* Numbers of these widths: uint16, uint16, int32. */
    if ((st = phi_meta_opt_uint(m, SPLIT_COUNT, UINT16_MAX, &out->count,
                                err)) != PHI_OK ||
        (st = phi_meta_opt_uint(m, SPLIT_NO, UINT16_MAX, &out->no, err)) !=
            PHI_OK ||
        (st = phi_meta_opt_uint(m, SPLIT_TOTAL, INT32_MAX, &out->total, err)) !=
            PHI_OK)
        goto out;
    if (out->no > 0 && out->no >= out->count)
        st = phi_fail(err, PHI_E_FORMAT,
                      "key \"" SPLIT_NO "\": is %" PRIu64
                      ", expected less than " SPLIT_COUNT ", %" PRIu64,
                      out->no, out->count);
    else if (out->count > 1 && phi_meta_find(m, SPLIT_NO) == NULL)
        st = phi_fail(err, PHI_E_FORMAT,
                      "key \"" SPLIT_NO
                      "\": is missing, expected it as " SPLIT_COUNT
                      " is %" PRIu64,
                      out->count);
out:
    if (st != PHI_OK)
        phi_err_prefix(err, "%s", phi_file_path(part->f));
    return st;
}

/*
 * The other parts bring tensors, not metadata that would go unheeded. keys:
 * where the first part's are in `first`.
 */
static enum phi_status check_keys(const struct part *part,
                                  const struct phi_meta *first,
                                  const struct phi_map *keys,
                                  struct phi_err *err)
{
    const struct phi_meta *m = &part->gguf.meta;

    for (size_t i = 0; i < m->n; i++) {
        const char *key = m->kv[i].key;
        const uint32_t *k = phi_map_find(keys, key, strlen(key));

        /* These are about the file that they are in. */
        if (strncmp(key, "split.", 6) == 0 ||
            strcmp(key, "general.alignment") == 0)
            continue;
        if (k == NULL)
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: key \"%.*s\": is not in the first part, "
                            "expected all metadata there",
                            phi_file_path(part->f), PHI_ERR_NAME, key);
        if (!phi_kv_same(&m->kv[i], &first->kv[*k]))
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: key \"%.*s\": differs from the first part's, "
                            "expected the same",
                            phi_file_path(part->f), PHI_ERR_NAME, key);
    }
    return PHI_OK;
}

/* Opens part `no` of the model, named stem-0000X-of-0000N.gguf, and checks it.
 */
static enum phi_status open_part(struct gguf_source *g, int stem, uint64_t no,
                                 const struct split *first,
                                 const struct phi_map *keys,
                                 struct phi_err *err)
{
    struct split split;
    const struct part *part;
    enum phi_status st = PHI_E_NOMEM;
    char *path = phi_sprintf(err, "%.*s-%05" PRIu64 "-of-%05" PRIu64 ".gguf",
                             stem, g->path, no + 1, first->count);

    if (path == NULL)
        return st;
    if (phi_path_kind(path) == PHI_PATH_NONE) {
        st = phi_fail(err, PHI_E_FORMAT,
                      "%s: is missing, expected part %" PRIu64 " of %" PRIu64
                      " of the model",
                      path, no + 1, first->count);
        goto out;
    }
    st = add_part(g, path, err);
    if (st != PHI_OK)
        goto out;
    part = &g->parts[no];
    st = read_split(part, &split, err);
    if (st != PHI_OK)
        goto out;
    if (split.no != no || split.count != first->count ||
        split.total != first->total) {
        st = phi_fail(err, PHI_E_FORMAT,
                      "%s: " SPLIT_NO " is %" PRIu64 ", " SPLIT_COUNT
                      " %" PRIu64 ", " SPLIT_TOTAL " %" PRId64
                      ", expected %" PRIu64 ", %" PRIu64 ", %" PRId64,
                      path, split.no, split.count, (int64_t)split.total, no,
                      first->count, (int64_t)first->total);
        goto out;
    }
    st = check_keys(part, &g->base.meta, keys, err);
out:
    free(path);
    return st;
}

static enum phi_status open_parts(struct gguf_source *g,
                                  const struct split *first,
                                  struct phi_err *err)
{
    const struct phi_meta *m = &g->base.meta;
    char suffix[64];
    const size_t n = strlen(g->path);
    struct phi_map keys = {0};
    size_t len;
    enum phi_status st = PHI_OK;

    if (first->count < 2)
        return PHI_OK;
    snprintf(suffix, sizeof(suffix), "-00001-of-%05" PRIu64 ".gguf",
             first->count);
    len = strlen(suffix);
    if (first->no != 0) {
        st = phi_fail(err, PHI_E_ARG,
                      "%s: is part %" PRIu64 " of %" PRIu64
                      " of a split model, expected the first",
                      g->path, first->no + 1, first->count);
        phi_hint(err, "give the file whose name ends in %s", suffix);
        return st;
    }
    if (n < len || strcmp(g->path + n - len, suffix) != 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: is part 1 of %" PRIu64 " of a split model, "
                        "expected a name that ends in %s",
                        g->path, first->count, suffix);
    for (size_t i = 0; i < m->n && st == PHI_OK; i++)
        st = phi_map_add(&keys, m->kv[i].key, strlen(m->kv[i].key), (uint32_t)i,
                         NULL, err);
    for (uint64_t i = 1; i < first->count && st == PHI_OK; i++)
        st = open_part(g, (int)(n - len), i, first, &keys, err);
    phi_map_release(&keys);
    return st;
}

/* The list of all tensors; names must differ across parts too. */
static enum phi_status list_tensors(struct gguf_source *g, uint64_t total,
                                    struct phi_err *err)
{
    struct phi_map seen = {0};
    enum phi_status st = PHI_E_NOMEM;
    size_t n = 0;
    size_t k = 0;

    for (size_t i = 0; i < g->nparts; i++)
        n += g->parts[i].gguf.ntensors;
    if (total != UINT64_MAX && total != n)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: key \"" SPLIT_TOTAL "\": is %" PRIu64
                        ", expected %zu, the number of tensors found",
                        g->path, total, n);
    g->tensors = phi_alloc(n, sizeof(*g->tensors), err);
    g->files = phi_alloc(g->nparts, sizeof(*g->files), err);
    if (g->tensors == NULL || g->files == NULL)
        return st;
    for (size_t i = 0; i < g->nparts; i++) {
        const struct part *part = &g->parts[i];

        g->files[i] = (struct phi_source_file){
            phi_path_base(phi_file_path(part->f)), phi_file_size(part->f)};
        for (size_t j = 0; j < part->gguf.ntensors; j++, k++) {
            const struct phi_gguf_tensor *from = &part->gguf.tensors[j];
            struct phi_tensor *t = &g->tensors[k];
            bool added = false;

            t->name = t->origin = from->name;
            t->file = phi_file_path(part->f);
            t->dtype = from->dtype;
            t->rank = from->rank;
            memcpy(t->dim, from->dim, sizeof(from->dim));
            t->nbytes = from->nbytes;
            t->part = i;
            t->offset = from->offset;
            st = phi_map_add(&seen, t->name, strlen(t->name), 0, &added, err);
            if (st == PHI_OK && !added)
                st = phi_fail(err, PHI_E_FORMAT,
                              "%s: tensor \"%.*s\": is in an earlier part "
                              "too, expected once",
                              t->file, PHI_ERR_NAME, t->name);
            if (st != PHI_OK)
                goto out;
        }
    }
    st = PHI_OK;
out:
    phi_map_release(&seen);
    g->base.files = g->files;
    g->base.nfiles = g->nparts;
    g->base.tensors = g->tensors;
    g->base.ntensors = k;
    return st;
}

enum phi_status phi_gguf_open(struct phi_source **out, const char *path,
                              struct phi_err *err)
{
    struct gguf_source *g = phi_alloc(1, sizeof(*g), err);
    struct split first;
    enum phi_status st = PHI_E_NOMEM;

    if (g == NULL)
        return st;
    g->base.ops = &ops;
    g->base.format = "gguf";
    g->base.path = g->path = phi_strdup(path, err);
    if (g->path == NULL)
        goto out;
    if ((st = add_part(g, path, err)) != PHI_OK ||
        (st = read_split(&g->parts[0], &first, err)) != PHI_OK)
        goto out;
    g->base.meta = g->parts[0].gguf.meta;
    g->parts[0].gguf.meta = (struct phi_meta){0};
    if ((st = open_parts(g, &first, err)) != PHI_OK ||
        (st = list_tensors(g, first.total, err)) != PHI_OK)
        goto out;
    phi_meta_remove(&g->base.meta, SPLIT_NO);
    phi_meta_remove(&g->base.meta, SPLIT_COUNT);
    phi_meta_remove(&g->base.meta, SPLIT_TOTAL);
    phi_gguf_reserve_remove(&g->base.meta);
    *out = &g->base;
    return PHI_OK;
out:
    source_close(&g->base);
    return st;
}
