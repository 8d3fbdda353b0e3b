/* SPDX-License-Identifier: MIT */
/*
 * A sink is a model being written to one file or several. Its format's open
 * function gets the metadata and the list of all tensors, so every offset and
 * the exact size are known before the first byte, and tensors may be written
 * in any order, in pieces, by several threads.
 */
#ifndef PHI_TENSOR_SINK_H
#define PHI_TENSOR_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/tensor/source.h"

struct phi_sink;

struct phi_sink_ops {
    /* Writes bytes [offset, offset + n) of tensor i. Thread-safe. */
    enum phi_status (*write)(struct phi_sink *s, size_t i, uint64_t offset,
                             const void *bytes, size_t n, struct phi_err *err);
    /* Where in its file byte `offset` of tensor i lies. */
    uint64_t (*position)(const struct phi_sink *s, size_t i, uint64_t offset);
    /* Replaces metadata by other of exactly the same size. */
    enum phi_status (*set_meta)(struct phi_sink *s, const struct phi_meta *meta,
                                struct phi_err *err);
    /* As the functions phi_output_sync() etc. of base/output.h. */
    enum phi_status (*sync)(struct phi_sink *s, struct phi_err *err);
    enum phi_status (*publish)(struct phi_sink *s, struct phi_err *err);
    enum phi_status (*settle)(struct phi_sink *s, struct phi_err *err);
    void (*retract)(struct phi_sink *s);
    /* Frees; what was not published leaves nothing behind. */
    void (*close)(struct phi_sink *s);
};

/* First member of each format's own structure. */
struct phi_sink {
    const struct phi_sink_ops *ops;
    uint64_t nbytes; /* exact size of the finished files */
};

/*
 * Writes bytes [offset, offset + n) of tensor i; every byte of every tensor
 * is written once, in any order. Several threads may write at once. It is
 * fastest where `bytes` agrees with phi_sink_position() modulo
 * PHI_OUTPUT_PAGE (base/output.h).
 */
static inline enum phi_status phi_sink_write(struct phi_sink *s, size_t i,
                                             uint64_t offset, const void *bytes,
                                             size_t n, struct phi_err *err)
{
    return s->ops->write(s, i, offset, bytes, n, err);
}

/* Where in its file byte `offset` of tensor i, which exists, lies. */
static inline uint64_t phi_sink_position(const struct phi_sink *s, size_t i,
                                         uint64_t offset)
{
    return s->ops->position(s, i, offset);
}

/*
 * Replaces the metadata that the sink was opened with, any time before it is
 * committed. Values may differ from those; PHI_E_ARG if their sizes do.
 */
static inline enum phi_status phi_sink_set_meta(struct phi_sink *s,
                                                const struct phi_meta *meta,
                                                struct phi_err *err)
{
    return s->ops->set_meta(s, meta, err);
}

/*
 * Makes n finished sinks durable, all of them, and only then puts them in
 * place. If one fails, all names hold what they held before. What is replaced
 * stays until the sinks are closed, and the folders are not synced: for files
 * of a new folder, which is.
 */
enum phi_status phi_sinks_publish(struct phi_sink *const *sinks, size_t n,
                                  struct phi_err *err);

/*
 * The same, for good. Only if syncing a folder fails, after all that, the
 * message says that the files are there.
 */
enum phi_status phi_sinks_commit(struct phi_sink *const *sinks, size_t n,
                                 struct phi_err *err);

static inline void phi_sink_close(struct phi_sink *s)
{
    if (s != NULL)
        s->ops->close(s);
}

/* One tensor of the list: canonical name, type and shape of the output. */
struct phi_sink_tensor {
    const char *name; /* at most PHI_MAX_NAME bytes */
    enum phi_dtype dtype;
    uint32_t rank;              /* 1 to 4 */
    uint64_t dim[PHI_MAX_RANK]; /* outermost first */
    uint64_t nbytes;
};

/* As phi_tensor_cols() and phi_tensor_rows(). */
static inline uint64_t phi_sink_tensor_cols(const struct phi_sink_tensor *t)
{
    return t->rank > 0 ? t->dim[t->rank - 1] : 1;
}

static inline uint64_t phi_sink_tensor_rows(const struct phi_sink_tensor *t)
{
    uint64_t n = 1;

    for (uint32_t i = 0; i + 1 < t->rank; i++)
        n *= t->dim[i];
    return n;
}

#endif
