/* SPDX-License-Identifier: MIT */
#include "libconv/convert/check_sink.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/lock.h"
#include "libconv/base/mem.h"

/* Bytes read at a time; on the stack of a worker. */
#define PIECE ((size_t)8 << 10)

struct check_sink {
    struct phi_sink sink;
    const struct phi_source *have;
    size_t *at;               /* (n) index in it of tensor i */
    struct phi_check *checks; /* (n) under the lock */
    struct phi_lock *lock;
};

static void note(struct check_sink *s, size_t i, uint64_t first, uint64_t count)
{
    struct phi_check *c = &s->checks[i];

    if (count == 0)
        return;
    phi_lock_take(s->lock);
    if (c->verdict == PHI_CHECK_SAME || first < c->first)
        c->first = first;
    c->verdict = PHI_CHECK_BYTES;
    c->count += count;
    phi_lock_give(s->lock);
}

static enum phi_status compare(struct phi_sink *sink, size_t i, uint64_t offset,
                               const void *bytes, size_t n, struct phi_err *err)
{
    struct check_sink *s = (struct check_sink *)sink;
    const uint8_t *want = bytes;
    uint64_t first = 0;
    uint64_t count = 0;

    if (s->at[i] == SIZE_MAX)
        return PHI_OK;
    for (size_t done = 0; done < n;) {
        const size_t len = n - done < PIECE ? n - done : PIECE;
        uint8_t got[PIECE];
        const enum phi_status st =
            phi_source_read(s->have, s->at[i], offset + done, got, len, err);

        if (st != PHI_OK)
            return st;
        for (size_t k = 0; k < len; k++) {
            if (got[k] != want[done + k] && count++ == 0)
                first = offset + done + k;
        }
        done += len;
    }
    note(s, i, first, count);
    return PHI_OK;
}

/* Nothing is aligned, as nothing is written. */
static uint64_t position(const struct phi_sink *s, size_t i, uint64_t offset)
{
    (void)s;
    (void)i;
    return offset;
}

static enum phi_status keep_meta(struct phi_sink *s,
                                 const struct phi_meta *meta,
                                 struct phi_err *err)
{
    (void)s;
    (void)meta;
    (void)err;
    return PHI_OK;
}

static enum phi_status no_file(struct phi_sink *s, struct phi_err *err)
{
    (void)s;
    return phi_fail(err, PHI_E_ARG, "there is nothing to commit");
}

static void retract(struct phi_sink *s)
{
    (void)s;
}

static void close_sink(struct phi_sink *sink)
{
    struct check_sink *s = (struct check_sink *)sink;

    phi_lock_free(s->lock);
    free(s->at);
    free(s);
}

static const struct phi_sink_ops ops = {.write = compare,
                                        .position = position,
                                        .set_meta = keep_meta,
                                        .sync = no_file,
                                        .publish = no_file,
                                        .settle = no_file,
                                        .retract = retract,
                                        .close = close_sink};

static bool same_shape(const struct phi_sink_tensor *a,
                       const struct phi_tensor *b)
{
    bool same =
        a->dtype == b->dtype && a->rank == b->rank && a->nbytes == b->nbytes;

    for (uint32_t d = 0; same && d < a->rank; d++)
        same = a->dim[d] == b->dim[d];
    return same;
}

enum phi_status phi_check_sink_open(struct phi_sink **out,
                                    const struct phi_source *have,
                                    const struct phi_sink_tensor *tensors,
                                    size_t n, struct phi_check *checks,
                                    struct phi_err *err)
{
    struct check_sink *s = phi_alloc(1, sizeof(*s), err);
    struct phi_map by_name = {0};
    enum phi_status st = PHI_E_NOMEM;

    if (s == NULL)
        return st;
    s->sink.ops = &ops;
    s->have = have;
    s->checks = checks;
    s->at = phi_alloc(n, sizeof(*s->at), err);
    if (s->at != NULL)
        st = phi_lock_new(&s->lock, err);
    if (st == PHI_OK)
        st = phi_source_index(have, &by_name, err);
    for (size_t i = 0; st == PHI_OK && i < n; i++) {
        const char *name = tensors[i].name;
        const uint32_t *at = phi_map_find(&by_name, name, strlen(name));

        checks[i] = (struct phi_check){PHI_CHECK_SAME, 0, 0};
        s->at[i] = SIZE_MAX;
        s->sink.nbytes += tensors[i].nbytes;
        if (at == NULL)
            checks[i].verdict = PHI_CHECK_MISSING;
        else if (!same_shape(&tensors[i], &have->tensors[*at]))
            checks[i].verdict = PHI_CHECK_SHAPE;
        else
            s->at[i] = *at;
    }
    phi_map_release(&by_name);
    if (st == PHI_OK)
        *out = &s->sink;
    else
        close_sink(&s->sink);
    return st;
}
