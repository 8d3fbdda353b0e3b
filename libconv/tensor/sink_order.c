/* SPDX-License-Identifier: MIT */
#include "libconv/tensor/sink_order.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"

struct ordered {
    struct phi_sink base;
    struct phi_sink *inner;
    size_t *map; /* (n) */
    size_t n;
};

static struct ordered *self(struct phi_sink *s)
{
    return (struct ordered *)s;
}

static enum phi_status order_write(struct phi_sink *s, size_t i,
                                   uint64_t offset, const void *bytes, size_t n,
                                   struct phi_err *err)
{
    const struct ordered *o = self(s);

    if (i >= o->n)
        return phi_fail(err, PHI_E_ARG,
                        "tensor %zu was written, expected one of %zu", i, o->n);
    return phi_sink_write(o->inner, o->map[i], offset, bytes, n, err);
}

static uint64_t order_position(const struct phi_sink *s, size_t i,
                               uint64_t offset)
{
    const struct ordered *o = (const struct ordered *)s;

    return phi_sink_position(o->inner, o->map[i], offset);
}

static enum phi_status order_set_meta(struct phi_sink *s,
                                      const struct phi_meta *meta,
                                      struct phi_err *err)
{
    return phi_sink_set_meta(self(s)->inner, meta, err);
}

static enum phi_status order_sync(struct phi_sink *s, struct phi_err *err)
{
    struct phi_sink *inner = self(s)->inner;
    const enum phi_status st = inner->ops->sync(inner, err);

    s->nbytes = inner->nbytes;
    return st;
}

static enum phi_status order_publish(struct phi_sink *s, struct phi_err *err)
{
    return self(s)->inner->ops->publish(self(s)->inner, err);
}

static enum phi_status order_settle(struct phi_sink *s, struct phi_err *err)
{
    return self(s)->inner->ops->settle(self(s)->inner, err);
}

static void order_retract(struct phi_sink *s)
{
    self(s)->inner->ops->retract(self(s)->inner);
}

static void order_close(struct phi_sink *s)
{
    phi_sink_close(self(s)->inner);
    free(self(s)->map);
    free(s);
}

static const struct phi_sink_ops ops = {
    order_write,   order_position, order_set_meta, order_sync,
    order_publish, order_settle,   order_retract,  order_close};

enum phi_status phi_sink_reorder(struct phi_sink **out, struct phi_sink *inner,
                                 const size_t *map, size_t n,
                                 struct phi_err *err)
{
    struct ordered *o = phi_alloc(1, sizeof(*o), err);
    size_t *copy = phi_alloc(n, sizeof(*copy), err);

    if (o == NULL || copy == NULL) {
        phi_sink_close(inner);
        free(o);
        free(copy);
        return PHI_E_NOMEM;
    }
    if (n > 0)
        memcpy(copy, map, n * sizeof(*copy));
    *o = (struct ordered){{&ops, inner->nbytes}, inner, copy, n};
    *out = &o->base;
    return PHI_OK;
}
