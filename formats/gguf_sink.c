/* SPDX-License-Identifier: MIT */
#include "formats/gguf_sink.h"

#include <stdlib.h>
#include <string.h>

#include "formats/gguf_reserve.h"
#include "formats/gguf_write.h"
#include "formats/sink_files.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"
#include "libconv/base/size.h"

struct gguf_sink {
    struct phi_sink base;
    struct phi_gguf_parts cut;
    bool reserve;
    const uint8_t *head; /* (head_nbytes), borrowed, or NULL */
    size_t head_nbytes;
    struct phi_sink_files files;     /* one a part */
    struct phi_gguf_layout *layouts; /* (cut.n) */
    struct phi_sink_tensor *tensors; /* (files.n), names those of the entries */
};

static struct gguf_sink *gguf_of(struct phi_sink *s)
{
    return (struct gguf_sink *)s;
}

static enum phi_status sink_write(struct phi_sink *s, size_t i, uint64_t offset,
                                  const void *bytes, size_t n,
                                  struct phi_err *err)
{
    return phi_sink_files_write(&gguf_of(s)->files, i, offset, bytes, n, err);
}

static uint64_t sink_position(const struct phi_sink *s, size_t i,
                              uint64_t offset)
{
    return phi_sink_files_position(&((const struct gguf_sink *)s)->files, i,
                                   offset);
}

/* Puts the head that was given in the place of the one that was made. */
static enum phi_status keep_head(const struct gguf_sink *g,
                                 struct phi_gguf_layout *l, struct phi_err *err)
{
    l->nbytes += g->head_nbytes;
    l->nbytes -= l->header.n;
    phi_buf_release(&l->header);
    phi_buf_put(&l->header, g->head, g->head_nbytes);
    return phi_buf_status(&l->header, err);
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

        st = phi_gguf_part_meta(&own, &g->cut, meta, k, g->files.n, err);
        /* The first part has all metadata, so it needs the room. */
        if (st == PHI_OK && g->reserve && k == 0)
            st = phi_gguf_reserve_add(&own, 0, err);
        if (st == PHI_OK)
            st = phi_gguf_layout_init(&layouts[k], &own, g->tensors + first,
                                      g->cut.end[k] - first, err);
        if (st == PHI_OK && g->head != NULL)
            st = keep_head(g, &layouts[k], err);
        phi_meta_release(&own);
    }
    if (st != PHI_OK && st != PHI_E_NOMEM)
        phi_err_prefix(err, "%s", g->files.path);
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
        if (layouts[k].header.n != g->layouts[k].header.n)
            st = phi_fail(err, PHI_E_ARG,
                          "%s: the metadata changed from %zu to %zu bytes",
                          g->files.path, g->layouts[k].header.n,
                          layouts[k].header.n);
    }
    for (size_t k = 0; layouts != NULL && k < g->cut.n; k++) {
        const struct phi_gguf_layout old = g->layouts[k];

        if (st == PHI_OK) {
            g->layouts[k] = layouts[k];
            layouts[k] = old;
        }
        phi_gguf_layout_release(&layouts[k]);
    }
    free(layouts);
    return st;
}

/* ---- the end ------------------------------------------------------------- */

static enum phi_status sink_sync(struct phi_sink *s, struct phi_err *err)
{
    struct gguf_sink *g = gguf_of(s);
    enum phi_status st = PHI_OK;

    for (size_t k = 0; st == PHI_OK && k < g->cut.n; k++)
        st = phi_sink_files_finish(&g->files, k, &g->layouts[k].header,
                                   g->layouts[k].align, err);
    for (size_t k = 0; st == PHI_OK && k < g->cut.n; k++)
        st = phi_output_sync(g->files.outputs[k], err);
    return st;
}

/* The first part last: without it, a reader sees no model. */
static enum phi_status sink_publish(struct phi_sink *s, struct phi_err *err)
{
    const struct gguf_sink *g = gguf_of(s);
    enum phi_status st = PHI_OK;

    for (size_t k = g->cut.n; st == PHI_OK && k-- > 0;)
        st = phi_output_publish(g->files.outputs[k], err);
    return st;
}

static enum phi_status sink_settle(struct phi_sink *s, struct phi_err *err)
{
    const struct gguf_sink *g = gguf_of(s);
    enum phi_status st = PHI_OK;

    for (size_t k = 0; st == PHI_OK && k < g->cut.n; k++)
        st = phi_output_settle(g->files.outputs[k], err);
    return st;
}

static void sink_retract(struct phi_sink *s)
{
    const struct gguf_sink *g = gguf_of(s);

    for (size_t k = 0; k < g->cut.n; k++)
        phi_output_retract(g->files.outputs[k]);
}

static void sink_close(struct phi_sink *s)
{
    struct gguf_sink *g = gguf_of(s);

    for (size_t k = 0; k < g->files.nfiles; k++)
        phi_output_close(g->files.outputs[k]);
    for (size_t k = 0; g->layouts != NULL && k < g->cut.n; k++)
        phi_gguf_layout_release(&g->layouts[k]);
    free(g->layouts);
    free(g->tensors);
    phi_sink_files_release(&g->files);
    phi_gguf_parts_release(&g->cut);
    free(g);
}

static const struct phi_sink_ops ops = {
    sink_write,   sink_position, sink_set_meta, sink_sync,
    sink_publish, sink_settle,   sink_retract,  sink_close};

/* ---- the beginning ------------------------------------------------------- */

static enum phi_status copy_list(struct gguf_sink *g, const char *path,
                                 const struct phi_sink_tensor *tensors,
                                 size_t n, struct phi_err *err)
{
    const enum phi_status st =
        phi_sink_files_init(&g->files, path, tensors, n, g->cut.n, err);

    if (st != PHI_OK)
        return st;
    g->tensors = phi_alloc(n, sizeof(*g->tensors), err);
    if (g->tensors == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        g->tensors[i] = tensors[i];
        g->tensors[i].name = g->files.entries[i].name;
    }
    return PHI_OK;
}

/* Gives every tensor of a part its place there. */
static enum phi_status place(struct gguf_sink *g, size_t k, struct phi_err *err)
{
    const struct phi_gguf_layout *l = &g->layouts[k];
    uint64_t at = l->header.n;
    enum phi_status st = PHI_OK;

    for (size_t i = k > 0 ? g->cut.end[k - 1] : 0;
         st == PHI_OK && i < g->cut.end[k]; i++) {
        uint64_t padded;

        st = phi_sink_files_place(&g->files, i, g->tensors[i].nbytes, k, at,
                                  err);
        /* The layout was made with the same sums, checked. */
        phi_align_u64(g->tensors[i].nbytes, l->align, &padded);
        at += padded;
    }
    return st;
}

/* Everything but the files. */
static enum phi_status sink_new(struct gguf_sink **out, const char *path,
                                const struct phi_meta *meta,
                                const struct phi_sink_tensor *tensors, size_t n,
                                const struct phi_gguf_options *opt,
                                struct phi_err *err)
{
    struct gguf_sink *g = phi_alloc(1, sizeof(*g), err);
    enum phi_status st;

    if (g == NULL)
        return PHI_E_NOMEM;
    *out = g;
    g->base.ops = &ops;
    g->reserve = opt->reserve;
    g->head = opt->head;
    g->head_nbytes = opt->head_nbytes;
    st = phi_gguf_parts_make(&g->cut, &opt->split, tensors, n, err);
    if (st != PHI_OK)
        return st == PHI_E_NOMEM ? st : phi_err_prefix(err, "%s", path);
    g->layouts = phi_alloc(g->cut.n, sizeof(*g->layouts), err);
    st = g->layouts != NULL ? copy_list(g, path, tensors, n, err) : PHI_E_NOMEM;
    if (st == PHI_OK)
        st = lay_out(g, meta, g->layouts, err);
    for (size_t k = 0; st == PHI_OK && k < g->cut.n; k++) {
        st = place(g, k, err);
        if (st == PHI_OK &&
            !phi_add_u64(g->base.nbytes, g->layouts[k].nbytes, &g->base.nbytes))
            st = phi_fail(err, PHI_E_ARG, "%s: its size overflows", path);
    }
    return st;
}

static enum phi_status open_part(struct gguf_sink *g, size_t k, bool replace,
                                 struct phi_err *err)
{
    const struct phi_output_options options = {.size = g->layouts[k].nbytes,
                                               .replace = replace};
    char *path = phi_gguf_part_path(&g->cut, g->files.path, k, err);
    enum phi_status st = PHI_E_NOMEM;

    if (path != NULL)
        st = phi_output_open(&g->files.outputs[k], path, &options, err);
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
    enum phi_status st = sink_new(&g, path, meta, tensors, n, opt, err);

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
                                   size_t n, const struct phi_gguf_options *opt,
                                   struct phi_err *err)
{
    struct gguf_sink *g = NULL;
    const enum phi_status st = sink_new(&g, path, meta, tensors, n, opt, err);

    if (st == PHI_OK)
        *out = g->base.nbytes;
    if (g != NULL)
        sink_close(&g->base);
    return st;
}
