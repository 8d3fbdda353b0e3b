/* SPDX-License-Identifier: MIT */
/*
 * A sink is a model file being written. Its format's open function gets the
 * metadata and the list of all tensors, so every offset and the exact size
 * are known before the first byte; then tensors are written in list order.
 */
#ifndef PHI_TENSOR_SINK_H
#define PHI_TENSOR_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/tensor/source.h"

struct phi_sink;

struct phi_sink_ops {
    /*
     * Appends n bytes to tensor i. Tensors come in list order, each complete
     * before the next one begins; the sink adds padding.
     */
    enum phi_status (*write)(struct phi_sink *s, size_t i, const void *bytes,
                             size_t n, struct phi_err *err);
    /* All tensors are complete: sync and put in place, as phi_output_commit. */
    enum phi_status (*commit)(struct phi_sink *s, struct phi_err *err);
    /* Frees; without commit nothing is left behind. */
    void (*close)(struct phi_sink *s);
};

/* First member of each format's own structure. */
struct phi_sink {
    const struct phi_sink_ops *ops;
    uint64_t nbytes; /* exact size of the finished file */
};

static inline enum phi_status phi_sink_write(struct phi_sink *s, size_t i,
                                             const void *bytes, size_t n,
                                             struct phi_err *err)
{
    return s->ops->write(s, i, bytes, n, err);
}

static inline enum phi_status phi_sink_commit(struct phi_sink *s,
                                              struct phi_err *err)
{
    return s->ops->commit(s, err);
}

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

#endif
