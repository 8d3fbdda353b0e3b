/* SPDX-License-Identifier: MIT */
#include "libconv/tensor/source_hash.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/buf.h"
#include "libconv/base/mem.h"
#include "libconv/base/par.h"
#include "libconv/base/tally.h"

#define CHUNK ((size_t)1 << 20)

struct work {
    const struct phi_source *s;
    struct phi_tally tally;
    uint8_t *room; /* (threads, CHUNK) */
    char (*hex)[PHI_SHA256_HEX];
};

static enum phi_status hash_one(struct work *w, size_t i, uint8_t *room,
                                struct phi_err *err)
{
    const struct phi_tensor *t = &w->s->tensors[i];
    struct phi_sha256 *h = NULL;
    enum phi_status st = phi_sha256_new(&h, err);

    for (uint64_t at = 0; st == PHI_OK && at < t->nbytes;) {
        const uint64_t left = t->nbytes - at;
        const size_t n = left < CHUNK ? (size_t)left : CHUNK;

        st = phi_source_read(w->s, i, at, room, n, err);
        if (st == PHI_OK)
            st = phi_sha256_add(h, room, n, err);
        at += n;
        if (st == PHI_OK && phi_tally_add(&w->tally, i, n) != PHI_OK)
            goto out; /* the tally has the reason */
    }
    if (st == PHI_OK)
        st = phi_sha256_hex(h, w->hex[i], err);
out:
    phi_sha256_free(h);
    return st;
}

static void hash_some(void *ctx, size_t first, size_t count, size_t worker)
{
    struct work *w = ctx;

    for (size_t i = first; i < first + count; i++) {
        struct phi_err err = {0};

        if (hash_one(w, i, w->room + worker * CHUNK, &err) != PHI_OK)
            phi_tally_fail(&w->tally, i, &err);
    }
}

enum phi_status phi_source_hash(const struct phi_source *s, size_t nthreads,
                                const struct phi_monitor *monitor,
                                char (*hex)[PHI_SHA256_HEX],
                                struct phi_err *err)
{
    struct work w = {.s = s, .hex = hex};
    uint64_t total = 0;
    enum phi_status st;

    for (size_t i = 0; i < s->ntensors; i++)
        total += s->tensors[i].nbytes;
    if (nthreads > s->ntensors)
        nthreads = s->ntensors > 0 ? s->ntensors : 1;
    st = phi_tally_init(&w.tally, monitor, total, err);
    if (st == PHI_OK) {
        w.room = phi_alloc_aligned(nthreads, CHUNK, err);
        st = w.room != NULL ? PHI_OK : PHI_E_NOMEM;
    }
    if (st == PHI_OK) {
        phi_par_for(nthreads, s->ntensors, 1, hash_some, &w);
        st = phi_tally_status(&w.tally, err);
    }
    phi_tally_release(&w.tally);
    free(w.room);
    return st == PHI_OK ? phi_source_unchanged(s, err) : st;
}

struct named {
    const char *name;
    size_t i;
};

static int by_name(const void *pa, const void *pb)
{
    return strcmp(((const struct named *)pa)->name,
                  ((const struct named *)pb)->name);
}

size_t *phi_source_by_name(const struct phi_source *s, struct phi_err *err)
{
    struct named *list = phi_alloc(s->ntensors, sizeof(*list), err);
    size_t *order = phi_alloc(s->ntensors, sizeof(*order), err);

    if (list == NULL || order == NULL) {
        free(list);
        free(order);
        return NULL;
    }
    for (size_t i = 0; i < s->ntensors; i++)
        list[i] = (struct named){s->tensors[i].name, i};
    qsort(list, s->ntensors, sizeof(*list), by_name);
    for (size_t i = 0; i < s->ntensors; i++)
        order[i] = list[i].i;
    free(list);
    return order;
}

enum phi_status phi_source_digest(const struct phi_source *s,
                                  const char (*hex)[PHI_SHA256_HEX],
                                  char out[PHI_SHA256_HEX], struct phi_err *err)
{
    struct phi_sha256 *h = NULL;
    struct phi_buf line = {0};
    size_t *order = phi_source_by_name(s, err);
    enum phi_status st = PHI_E_NOMEM;

    if (order != NULL)
        st = phi_sha256_new(&h, err);
    for (size_t k = 0; st == PHI_OK && k < s->ntensors; k++) {
        const struct phi_tensor *t = &s->tensors[order[k]];

        line.n = 0;
        phi_buf_printf(&line, "%zu ", strlen(t->name));
        phi_buf_text(&line, t->name);
        phi_buf_printf(&line, " %s ", phi_dtype_info(t->dtype)->name);
        for (uint32_t d = 0; d < t->rank; d++)
            phi_buf_printf(&line, "%s%llu", d > 0 ? "," : "",
                           (unsigned long long)t->dim[d]);
        phi_buf_printf(&line, " %s\n", hex[order[k]]);
        st = phi_buf_status(&line, err);
        if (st == PHI_OK)
            st = phi_sha256_add(h, line.p, line.n, err);
    }
    if (st == PHI_OK)
        st = phi_sha256_hex(h, out, err);
    phi_buf_release(&line);
    phi_sha256_free(h);
    free(order);
    return st;
}
