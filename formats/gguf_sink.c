/* SPDX-License-Identifier: MIT */
#include "formats/gguf_sink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gguf_write.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"
#include "libconv/base/size.h"

/* One of the files. */
struct part {
    struct phi_output *o;
    struct phi_gguf_layout layout;
    size_t first; /* of its tensors */
    size_t end;
};

/* One of the tensors; its name is owned. */
struct entry {
    struct phi_sink_tensor tensor;
    char *name;
    size_t part;
    uint64_t at; /* in the part's file */
};

struct gguf_sink {
    struct phi_sink base;
    char *path;
    struct phi_gguf_parts cut;
    struct part *parts;              /* (cut.n) */
    struct entry *entries;           /* (n) */
    struct phi_sink_tensor *tensors; /* (n), those of the entries */
    size_t n;
};

static struct gguf_sink *gguf_of(struct phi_sink *s)
{
    return (struct gguf_sink *)s;
}

/* ---- writing
 * ----------------------------------------------------------------- */

static enum phi_status sink_write(struct phi_sink *s, size_t i, uint64_t offset,
                                  const void *bytes, size_t n,
                                  struct phi_err *err)
{
    struct gguf_sink *g = gguf_of(s);
    const struct entry *e = &g->entries[i];

    if (i >= g->n)
        return phi_fail(err, PHI_E_ARG,
                        "%s: tensor %zu was written, expected one of %zu",
                        g->path, i, g->n);
    if (offset > e->tensor.nbytes || n > e->tensor.nbytes - offset)
        return phi_fail(err, PHI_E_ARG,
                        "%s: tensor \"%s\": %zu bytes were written at "
                        "%" PRIu64 ", expected %" PRIu64 " in all",
                        g->path, e->name, n, offset, e->tensor.nbytes);
    return phi_output_put(g->parts[e->part].o, e->at + offset, bytes, n, err);
}

static uint64_t sink_position(const struct phi_sink *s, size_t i,
                              uint64_t offset)
{
    return ((const struct gguf_sink *)s)->entries[i].at + offset;
}

/* The heads of all parts, from the metadata of the whole. */
static enum phi_status lay_out(struct gguf_sink *g, const struct phi_meta *meta,
                               struct phi_gguf_layout *layouts,
                               struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t k = 0; st == PHI_OK && k < g->cut.n; k++) {
        const size_t first = k > 0 ? g->cut.end[k - 1] : 0;
        struct phi_meta own;

        st = phi_gguf_part_meta(&own, &g->cut, meta, k, g->n, err);
        if (st != PHI_OK)
            return st;
        st = phi_gguf_layout_init(&layouts[k], &own, g->tensors + first,
                                  g->cut.end[k] - first, err);
        phi_meta_release(&own);
    }
    if (st != PHI_OK && st != PHI_E_NOMEM)
        phi_err_prefix(err, "%s", g->path);
    return st;
}

static enum phi_status sink_set_meta(struct phi_sink *s,
                                     const struct phi_meta *meta,
                                     struct phi_err *err)
{
    struct gguf_sink *g = gguf_of(s);
    struct phi_gguf_layout *layouts =
        phi_alloc(g->cut.n, sizeof(*layouts), err);
    enum phi_status st = PHI_E_NOMEM;

    if (layouts != NULL)
        st = lay_out(g, meta, layouts, err);
    for (size_t k = 0; st == PHI_OK && k < g->cut.n; k++) {
        if (layouts[k].header.n != g->parts[k].layout.header.n)
            st = phi_fail(err, PHI_E_ARG,
                          "%s: the metadata changed from %zu to %zu bytes",
                          g->path, g->parts[k].layout.header.n,
                          layouts[k].header.n);
    }
    for (size_t k = 0; layouts != NULL && k < g->cut.n; k++) {
        struct phi_gguf_layout *now = &g->parts[k].layout;
        const struct phi_gguf_layout old = *now;

        if (st == PHI_OK) {
            *now = layouts[k];
            layouts[k] = old;
        }
        phi_gguf_layout_release(&layouts[k]);
    }
    free(layouts);
    return st;
}

/* ---- the end
 * ------------------------------------------------------------------ */

/* Every tensor is there; the head, and the zeros between, are dealt with. */
static enum phi_status finish(struct gguf_sink *g, const struct part *p,
                              struct phi_err *err)
{
    const struct phi_buf *head = &p->layout.header;
    enum phi_status st = phi_output_put(p->o, 0, head->p, head->n, err);

    for (size_t i = p->first; st == PHI_OK && i < p->end; i++) {
        const struct entry *e = &g->entries[i];
        const uint64_t nbytes = e->tensor.nbytes;
        const uint64_t have = phi_output_count(p->o, e->at, nbytes);
        uint64_t padded;

        if (have < nbytes)
            return phi_fail(err, PHI_E_ARG,
                            "%s: tensor \"%s\": has %" PRIu64
                            " bytes at the end, expected %" PRIu64,
                            g->path, e->name, have, nbytes);
        phi_align_u64(nbytes, p->layout.align, &padded);
        st = phi_output_zeros(p->o, e->at + nbytes, padded - nbytes, err);
    }
    return st;
}

static enum phi_status sink_sync(struct phi_sink *s, struct phi_err *err)
{
    struct gguf_sink *g = gguf_of(s);
    enum phi_status st = PHI_OK;

    for (size_t k = 0; st == PHI_OK && k < g->cut.n; k++)
        st = finish(g, &g->parts[k], err);
    for (size_t k = 0; st == PHI_OK && k < g->cut.n; k++)
        st = phi_output_sync(g->parts[k].o, err);
    return st;
}

/* The first part last: without it, a reader sees no model. */
static enum phi_status sink_publish(struct phi_sink *s, struct phi_err *err)
{
    const struct gguf_sink *g = gguf_of(s);
    enum phi_status st = PHI_OK;

    for (size_t k = g->cut.n; st == PHI_OK && k-- > 0;)
        st = phi_output_publish(g->parts[k].o, err);
    return st;
}

static enum phi_status sink_settle(struct phi_sink *s, struct phi_err *err)
{
    const struct gguf_sink *g = gguf_of(s);
    enum phi_status st = PHI_OK;

    for (size_t k = 0; st == PHI_OK && k < g->cut.n; k++)
        st = phi_output_settle(g->parts[k].o, err);
    return st;
}

static void sink_retract(struct phi_sink *s)
{
    const struct gguf_sink *g = gguf_of(s);

    for (size_t k = 0; k < g->cut.n; k++)
        phi_output_retract(g->parts[k].o);
}

static void sink_close(struct phi_sink *s)
{
    struct gguf_sink *g = gguf_of(s);

    for (size_t k = 0; g->parts != NULL && k < g->cut.n; k++) {
        phi_output_close(g->parts[k].o);
        phi_gguf_layout_release(&g->parts[k].layout);
    }
    for (size_t i = 0; g->entries != NULL && i < g->n; i++)
        free(g->entries[i].name);
    free(g->parts);
    free(g->entries);
    free(g->tensors);
    phi_gguf_parts_release(&g->cut);
    free(g->path);
    free(g);
}

static const struct phi_sink_ops ops = {
    sink_write,   sink_position, sink_set_meta, sink_sync,
    sink_publish, sink_settle,   sink_retract,  sink_close};

/* ---- the beginning
 * ------------------------------------------------------------ */

static enum phi_status copy_list(struct gguf_sink *g,
                                 const struct phi_sink_tensor *tensors,
                                 size_t n, struct phi_err *err)
{
    g->entries = phi_alloc(n, sizeof(*g->entries), err);
    g->tensors = phi_alloc(n, sizeof(*g->tensors), err);
    if (g->entries == NULL || g->tensors == NULL)
        return PHI_E_NOMEM;
    g->n = n;
    for (size_t i = 0; i < n; i++) {
        struct entry *e = &g->entries[i];

        e->tensor = tensors[i];
        e->tensor.name = e->name = phi_strdup(tensors[i].name, err);
        if (e->name == NULL)
            return PHI_E_NOMEM;
        g->tensors[i] = e->tensor;
    }
    return PHI_OK;
}

/* Gives every tensor its part and its place there. */
static void place(struct gguf_sink *g, size_t k)
{
    struct part *p = &g->parts[k];
    uint64_t at = p->layout.header.n;

    p->first = k > 0 ? g->cut.end[k - 1] : 0;
    p->end = g->cut.end[k];
    for (size_t i = p->first; i < p->end; i++) {
        uint64_t padded;

        g->entries[i].part = k;
        g->entries[i].at = at;
        /* The layout was made with the same sums, checked. */
        phi_align_u64(g->tensors[i].nbytes, p->layout.align, &padded);
        at += padded;
    }
}

/* Everything but the files. */
static enum phi_status sink_new(struct gguf_sink **out, const char *path,
                                const struct phi_meta *meta,
                                const struct phi_sink_tensor *tensors, size_t n,
                                const struct phi_gguf_split *split,
                                struct phi_err *err)
{
    struct gguf_sink *g = phi_alloc(1, sizeof(*g), err);
    struct phi_gguf_layout *layouts = NULL;
    enum phi_status st;

    if (g == NULL)
        return PHI_E_NOMEM;
    *out = g;
    g->base.ops = &ops;
    g->path = phi_strdup(path, err);
    if (g->path == NULL)
        return PHI_E_NOMEM;
    st = phi_gguf_parts_make(&g->cut, split, tensors, n, err);
    if (st != PHI_OK)
        return st == PHI_E_NOMEM ? st : phi_err_prefix(err, "%s", path);
    g->parts = phi_alloc(g->cut.n, sizeof(*g->parts), err);
    layouts = phi_alloc(g->cut.n, sizeof(*layouts), err);
    st = g->parts != NULL && layouts != NULL ? PHI_OK : PHI_E_NOMEM;
    if (st == PHI_OK && (st = copy_list(g, tensors, n, err)) == PHI_OK)
        st = lay_out(g, meta, layouts, err);
    for (size_t k = 0; g->parts != NULL && layouts != NULL && k < g->cut.n;
         k++) {
        g->parts[k].layout = layouts[k];
        if (st != PHI_OK)
            continue;
        place(g, k);
        if (!phi_add_u64(g->base.nbytes, layouts[k].nbytes, &g->base.nbytes))
            st = phi_fail(err, PHI_E_ARG, "%s: its size overflows", path);
    }
    free(layouts);
    return st;
}

static enum phi_status open_part(struct gguf_sink *g, size_t k, bool replace,
                                 struct phi_err *err)
{
    const struct phi_output_options options = {
        .size = g->parts[k].layout.nbytes, .replace = replace};
    char *path = phi_gguf_part_path(&g->cut, g->path, k, err);
    enum phi_status st = PHI_E_NOMEM;

    if (path != NULL)
        st = phi_output_open(&g->parts[k].o, path, &options, err);
    free(path);
    return st;
}

enum phi_status phi_gguf_sink_open(struct phi_sink **out, const char *path,
                                   const struct phi_meta *meta,
                                   const struct phi_sink_tensor *tensors,
                                   size_t n, const struct phi_gguf_options *opt,
                                   struct phi_err *err)
{
    struct gguf_sink *g = NULL;
    enum phi_status st = sink_new(&g, path, meta, tensors, n, &opt->split, err);

    for (size_t k = 0; st == PHI_OK && k < g->cut.n; k++)
        st = open_part(g, k, opt->replace, err);
    if (st == PHI_OK)
        *out = &g->base;
    else if (g != NULL)
        sink_close(&g->base);
    return st;
}

enum phi_status phi_gguf_sink_size(uint64_t *out, const char *path,
                                   const struct phi_meta *meta,
                                   const struct phi_sink_tensor *tensors,
                                   size_t n, const struct phi_gguf_split *split,
                                   struct phi_err *err)
{
    struct gguf_sink *g = NULL;
    const enum phi_status st = sink_new(&g, path, meta, tensors, n, split, err);

    if (st == PHI_OK)
        *out = g->base.nbytes;
    if (g != NULL)
        sink_close(&g->base);
    return st;
}
