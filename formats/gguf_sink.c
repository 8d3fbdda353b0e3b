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
};

struct gguf_sink {
    struct phi_sink base;
    struct phi_output *o;
    char *path;
    struct entry *tensors; /* (n) */
    size_t n;
    uint64_t align;
    size_t at;     /* the tensor being written; n: all are complete */
    uint64_t done; /* its bytes so far */
};

static enum phi_status pad(struct gguf_sink *g, uint64_t nbytes,
                           struct phi_err *err)
{
    static const uint8_t zeros[4096];
    enum phi_status st = PHI_OK;
    uint64_t left;

    phi_align_u64(nbytes, g->align, &left);
    left -= nbytes;
    while (left > 0 && st == PHI_OK) {
        const size_t n = left < sizeof(zeros) ? (size_t)left : sizeof(zeros);

        st = phi_output_write(g->o, zeros, n, err);
        left -= n;
    }
    return st;
}

static enum phi_status sink_write(struct phi_sink *s, size_t i,
                                  const void *bytes, size_t n,
                                  struct phi_err *err)
{
    struct gguf_sink *g = (struct gguf_sink *)s;
    const struct entry *t = &g->tensors[g->at];
    enum phi_status st;

    if (i >= g->n)
        return phi_fail(err, PHI_E_ARG,
                        "%s: tensor %zu was written, expected one of %zu",
                        g->path, i, g->n);
    if (i != g->at)
        return phi_fail(err, PHI_E_ARG,
                        "%s: tensor \"%s\": was written out of order, expected "
                        "\"%s\"",
                        g->path, g->tensors[i].name,
                        g->at < g->n ? t->name : "the end");
    if (n > t->nbytes - g->done)
        return phi_fail(err, PHI_E_ARG,
                        "%s: tensor \"%s\": %zu bytes were written after "
                        "%" PRIu64 ", expected %" PRIu64 " in all",
                        g->path, t->name, n, g->done, t->nbytes);
    st = phi_output_write(g->o, bytes, n, err);
    if (st != PHI_OK)
        return st;
    g->done += n;
    if (g->done < t->nbytes)
        return PHI_OK;
    g->at++;
    g->done = 0;
    return pad(g, t->nbytes, err);
}

static enum phi_status sink_commit(struct phi_sink *s, struct phi_err *err)
{
    struct gguf_sink *g = (struct gguf_sink *)s;

    if (g->at < g->n)
        return phi_fail(err, PHI_E_ARG,
                        "%s: tensor \"%s\": has %" PRIu64
                        " bytes at the end, expected %" PRIu64,
                        g->path, g->tensors[g->at].name, g->done,
                        g->tensors[g->at].nbytes);
    return phi_output_commit(g->o, err);
}

static void sink_close(struct phi_sink *s)
{
    struct gguf_sink *g = (struct gguf_sink *)s;

    phi_output_close(g->o);
    for (size_t i = 0; g->tensors != NULL && i < g->n; i++)
        free(g->tensors[i].name);
    free(g->tensors);
    free(g->path);
    free(g);
}

static const struct phi_sink_ops ops = {sink_write, sink_commit, sink_close};

static enum phi_status copy_list(struct gguf_sink *g,
                                 const struct phi_sink_tensor *tensors,
                                 size_t n, struct phi_err *err)
{
    /* One more than n: sink_write() looks at the entry after the last. */
    g->tensors = phi_alloc(n + 1, sizeof(*g->tensors), err);
    if (g->tensors == NULL)
        return PHI_E_NOMEM;
    g->n = n;
    for (size_t i = 0; i < n; i++) {
        g->tensors[i].nbytes = tensors[i].nbytes;
        g->tensors[i].name = phi_strdup(tensors[i].name, err);
        if (g->tensors[i].name == NULL)
            return PHI_E_NOMEM;
    }
    return PHI_OK;
}

enum phi_status phi_gguf_sink_open(struct phi_sink **out, const char *path,
                                   const struct phi_meta *meta,
                                   const struct phi_sink_tensor *tensors,
                                   size_t n, const struct phi_gguf_options *opt,
                                   struct phi_err *err)
{
    struct phi_gguf_layout l;
    struct phi_output_options options = {.replace = opt->replace};
    struct gguf_sink *g = NULL;
    enum phi_status st = phi_gguf_layout_init(&l, meta, tensors, n, err);

    if (st != PHI_OK) {
        if (st != PHI_E_NOMEM)
            phi_err_prefix(err, "%s", path);
        return st;
    }
    g = phi_alloc(1, sizeof(*g), err);
    if (g == NULL) {
        st = PHI_E_NOMEM;
        goto out;
    }
    g->base.ops = &ops;
    g->base.nbytes = options.size = l.nbytes;
    g->align = l.align;
    g->path = phi_strdup(path, err);
    st = PHI_E_NOMEM;
    if (g->path == NULL || (st = copy_list(g, tensors, n, err)) != PHI_OK ||
        (st = phi_output_open(&g->o, path, &options, err)) != PHI_OK ||
        (st = phi_output_write(g->o, l.header.p, l.header.n, err)) != PHI_OK)
        goto out;
    *out = &g->base;
    g = NULL;
out:
    phi_gguf_layout_release(&l);
    if (g != NULL)
        sink_close(&g->base);
    return st;
}
