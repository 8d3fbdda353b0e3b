/* SPDX-License-Identifier: MIT */
#include "formats/gguf_sink.h"

#include <inttypes.h>
#include <stdlib.h>

#include "formats/gguf_write.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"
#include "libconv/base/size.h"

struct entry {
    char *name;
    uint64_t nbytes;
    uint64_t at; /* in the file */
};

struct gguf_sink {
    struct phi_sink base;
    struct phi_output *o;
    struct phi_gguf_layout layout;
    char *path;
    struct entry *tensors; /* (n) */
    size_t n;
};

static enum phi_status sink_write(struct phi_sink *s, size_t i, uint64_t offset,
                                  const void *bytes, size_t n,
                                  struct phi_err *err)
{
    struct gguf_sink *g = (struct gguf_sink *)s;
    const struct entry *t = &g->tensors[i];

    if (i >= g->n)
        return phi_fail(err, PHI_E_ARG,
                        "%s: tensor %zu was written, expected one of %zu",
                        g->path, i, g->n);
    if (offset > t->nbytes || n > t->nbytes - offset)
        return phi_fail(err, PHI_E_ARG,
                        "%s: tensor \"%s\": %zu bytes were written at "
                        "%" PRIu64 ", expected %" PRIu64 " in all",
                        g->path, t->name, n, offset, t->nbytes);
    return phi_output_put(g->o, t->at + offset, bytes, n, err);
}

static uint64_t sink_position(const struct phi_sink *s, size_t i,
                              uint64_t offset)
{
    return ((const struct gguf_sink *)s)->tensors[i].at + offset;
}

/* Every tensor is there; the head, and the zeros between, are dealt with. */
static enum phi_status finish(struct gguf_sink *g, struct phi_err *err)
{
    const struct phi_buf *head = &g->layout.header;
    enum phi_status st = phi_output_put(g->o, 0, head->p, head->n, err);

    for (size_t i = 0; st == PHI_OK && i < g->n; i++) {
        const struct entry *t = &g->tensors[i];
        const uint64_t have = phi_output_count(g->o, t->at, t->nbytes);
        uint64_t padded;

        if (have < t->nbytes)
            return phi_fail(err, PHI_E_ARG,
                            "%s: tensor \"%s\": has %" PRIu64
                            " bytes at the end, expected %" PRIu64,
                            g->path, t->name, have, t->nbytes);
        phi_align_u64(t->nbytes, g->layout.align, &padded);
        st = phi_output_zeros(g->o, t->at + t->nbytes, padded - t->nbytes, err);
    }
    return st;
}

static enum phi_status sink_sync(struct phi_sink *s, struct phi_err *err)
{
    struct gguf_sink *g = (struct gguf_sink *)s;
    const enum phi_status st = finish(g, err);

    return st == PHI_OK ? phi_output_sync(g->o, err) : st;
}

static enum phi_status sink_publish(struct phi_sink *s, struct phi_err *err)
{
    return phi_output_publish(((struct gguf_sink *)s)->o, err);
}

static enum phi_status sink_settle(struct phi_sink *s, struct phi_err *err)
{
    return phi_output_settle(((struct gguf_sink *)s)->o, err);
}

static void sink_retract(struct phi_sink *s)
{
    phi_output_retract(((struct gguf_sink *)s)->o);
}

static void sink_close(struct phi_sink *s)
{
    struct gguf_sink *g = (struct gguf_sink *)s;

    phi_output_close(g->o);
    phi_gguf_layout_release(&g->layout);
    for (size_t i = 0; g->tensors != NULL && i < g->n; i++)
        free(g->tensors[i].name);
    free(g->tensors);
    free(g->path);
    free(g);
}

static const struct phi_sink_ops ops = {
    sink_write,  sink_position, sink_sync, sink_publish,
    sink_settle, sink_retract,  sink_close};

static enum phi_status copy_list(struct gguf_sink *g,
                                 const struct phi_sink_tensor *tensors,
                                 size_t n, struct phi_err *err)
{
    uint64_t at = g->layout.header.n;

    g->tensors = phi_alloc(n, sizeof(*g->tensors), err);
    if (g->tensors == NULL)
        return PHI_E_NOMEM;
    g->n = n;
    for (size_t i = 0; i < n; i++) {
        uint64_t padded;

        g->tensors[i].nbytes = tensors[i].nbytes;
        g->tensors[i].at = at;
        g->tensors[i].name = phi_strdup(tensors[i].name, err);
        if (g->tensors[i].name == NULL)
            return PHI_E_NOMEM;
        /* The layout was made with the same sums, checked. */
        phi_align_u64(tensors[i].nbytes, g->layout.align, &padded);
        at += padded;
    }
    return PHI_OK;
}

enum phi_status phi_gguf_sink_open(struct phi_sink **out, const char *path,
                                   const struct phi_meta *meta,
                                   const struct phi_sink_tensor *tensors,
                                   size_t n, const struct phi_gguf_options *opt,
                                   struct phi_err *err)
{
    struct phi_output_options options = {.replace = opt->replace};
    struct gguf_sink *g = phi_alloc(1, sizeof(*g), err);
    enum phi_status st;

    if (g == NULL)
        return PHI_E_NOMEM;
    g->base.ops = &ops;
    st = phi_gguf_layout_init(&g->layout, meta, tensors, n, err);
    if (st != PHI_OK) {
        if (st != PHI_E_NOMEM)
            phi_err_prefix(err, "%s", path);
        goto out;
    }
    g->base.nbytes = options.size = g->layout.nbytes;
    g->path = phi_strdup(path, err);
    st = PHI_E_NOMEM;
    if (g->path == NULL || (st = copy_list(g, tensors, n, err)) != PHI_OK ||
        (st = phi_output_open(&g->o, path, &options, err)) != PHI_OK)
        goto out;
    *out = &g->base;
    return PHI_OK;
out:
    sink_close(&g->base);
    return st;
}
