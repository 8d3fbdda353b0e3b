/* SPDX-License-Identifier: MIT */
#include "libconv/lora/merged_source.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/lora/base_rows.h"

struct merged_source {
    struct phi_source base;
    const struct phi_merge *merge;
    struct phi_tensor *tensors;
    size_t first; /* part of the first tensor of the merge */
};

static const struct merged_source *self(const struct phi_source *s)
{
    return (const struct merged_source *)s;
}

static enum phi_status read_merged(const struct merged_source *s, size_t i,
                                   uint64_t offset, uint8_t *to, size_t n,
                                   struct phi_err *err)
{
    const struct phi_merge *m = s->merge;
    const struct phi_merge_tensor *t = &m->tensors[i];
    const size_t row_nbytes = (size_t)t->cols * sizeof(float);
    struct phi_base_rows b = {0};
    float *room = phi_alloc_aligned(phi_merge_room(m) + 1, sizeof(*room), err);
    enum phi_status st = PHI_E_NOMEM;

    /* A vector is merged whole, and may grow. */
    if (room != NULL)
        st = phi_base_rows_init(&b, m->source, t->source,
                                t->vector ? (size_t)t->rows : 0, m->features,
                                err);
    while (st == PHI_OK && n > 0) {
        const uint64_t row = t->vector ? 0 : offset / row_nbytes;
        const size_t skip = (size_t)(offset - row * row_nbytes);
        const size_t want = (skip + n + row_nbytes - 1) / row_nbytes;
        const size_t most = t->vector ? (size_t)t->rows : b.rows;
        const size_t rows = t->vector || want > most ? most : want;
        const size_t part =
            rows * row_nbytes - skip < n ? rows * row_nbytes - skip : n;

        st = phi_base_rows_read(&b, row, t->vector ? 1 : rows, err);
        if (st == PHI_OK)
            st = phi_merge_apply(m, i, b.x, row, rows, room, NULL, err);
        if (st == PHI_OK)
            memcpy(to, (const uint8_t *)b.x + skip, part);
        to += part;
        offset += part;
        n -= part;
    }
    free(room);
    phi_base_rows_release(&b);
    return st;
}

static enum phi_status merged_read(const struct phi_source *s, size_t i,
                                   uint64_t offset, void *to, size_t n,
                                   struct phi_err *err)
{
    const struct phi_source *base = self(s)->merge->source;

    if (i >= self(s)->first)
        return read_merged(self(s), i - self(s)->first, offset, to, n, err);
    return base->ops->read(base, i, offset, to, n, err);
}

/* Of a tensor that no adapter changes, which has its place in both. */
static enum phi_status merged_read_panels(const struct phi_source *s, size_t i,
                                          uint64_t offset, void *to, size_t n,
                                          struct phi_err *err)
{
    const struct phi_source *base = self(s)->merge->source;

    return base->read_panels(base, i, offset, to, n, err);
}

/* Shapes only: what a tensor will be is nowhere to be read. */
static enum phi_status shapes_read(const struct phi_source *s, size_t i,
                                   uint64_t offset, void *to, size_t n,
                                   struct phi_err *err)
{
    (void)i, (void)offset, (void)to, (void)n;
    return phi_fail(err, PHI_E_ARG, "%s: is not merged yet", s->path);
}

static enum phi_status merged_unchanged(const struct phi_source *s,
                                        struct phi_err *err)
{
    const struct phi_merge *m = self(s)->merge;
    const enum phi_status st = phi_source_unchanged(m->source, err);

    return st == PHI_OK ? phi_merge_unchanged(m, err) : st;
}

static enum phi_status merged_not_input(const struct phi_source *s,
                                        const char *path, struct phi_err *err)
{
    return phi_source_not_input(self(s)->merge->source, path, err);
}

static void merged_close(struct phi_source *s)
{
    struct merged_source *m = (struct merged_source *)s;

    free(m->tensors);
    free(m);
}

static const struct phi_source_ops ops = {merged_read, merged_unchanged,
                                          merged_not_input, merged_close};

static const struct phi_source_ops shapes_ops = {
    shapes_read, merged_unchanged, merged_not_input, merged_close};

/* The tensor after the merge, in a part of its own. */
static void change(struct phi_tensor *t, const struct phi_merge_tensor *to,
                   size_t part)
{
    t->part = part;
    t->offset = 0;
    t->dtype = PHI_F32;
    t->dim[0] = to->rows;
    t->nbytes = to->rows * to->cols * sizeof(float);
    t->panel_rows = 0;
}

static enum phi_status merged_new(struct merged_source **out,
                                  const struct phi_merge *m,
                                  const struct phi_source_ops *how,
                                  struct phi_err *err)
{
    const struct phi_source *base = m->source;
    struct merged_source *s = phi_alloc(1, sizeof(*s), err);

    if (s == NULL)
        return PHI_E_NOMEM;
    s->base = *base;
    s->base.ops = how;
    s->base.read_panels = NULL;
    s->merge = m;
    s->tensors = phi_alloc(base->ntensors, sizeof(*s->tensors), err);
    if (s->tensors == NULL) {
        merged_close(&s->base);
        return PHI_E_NOMEM;
    }
    for (size_t i = 0; i < base->ntensors; i++) {
        s->tensors[i] = base->tensors[i];
        if (base->tensors[i].part >= s->first)
            s->first = base->tensors[i].part + 1;
    }
    s->base.tensors = s->tensors;
    *out = s;
    return PHI_OK;
}

enum phi_status phi_merged_source_open(struct phi_source **out,
                                       const struct phi_merge *m,
                                       struct phi_err *err)
{
    struct merged_source *s;
    const enum phi_status st = merged_new(&s, m, &ops, err);

    if (st != PHI_OK)
        return st;
    if (m->source->read_panels != NULL)
        s->base.read_panels = merged_read_panels;
    for (size_t i = 0; i < m->n; i++)
        change(&s->tensors[m->tensors[i].source], &m->tensors[i], s->first + i);
    *out = &s->base;
    return PHI_OK;
}

enum phi_status phi_merged_shapes_open(struct phi_source **out,
                                       const struct phi_merge *m,
                                       struct phi_err *err)
{
    struct merged_source *s;
    enum phi_status st = merged_new(&s, m, &shapes_ops, err);

    if (st != PHI_OK)
        return st;
    for (size_t i = 0; st == PHI_OK && i < m->n; i++) {
        struct phi_tensor *t = &s->tensors[m->tensors[i].source];

        t->dim[0] = m->tensors[i].rows;
        if (!phi_dtype_nbytes(t->dtype, m->tensors[i].rows * m->tensors[i].cols,
                              &t->nbytes))
            st = phi_fail(err, PHI_E_FORMAT,
                          "%s: tensor \"%.*s\": its new size is no whole "
                          "blocks",
                          t->file, PHI_ERR_NAME, t->origin);
    }
    if (st != PHI_OK)
        merged_close(&s->base);
    else
        *out = &s->base;
    return st;
}
