/* SPDX-License-Identifier: MIT */
#include "libconv/convert/chunks.h"

#include <stdlib.h>

#include "libconv/base/mem.h"

/* Files that are read side by side. */
#define STREAMS 4

uint64_t phi_chunk_rows(const struct phi_tensor *t, size_t nbytes)
{
    const uint64_t nrows = phi_tensor_rows(t);
    const uint64_t row = nrows > 0 ? t->nbytes / nrows : 0;
    const uint64_t fit = row > 0 ? nbytes / row : nrows;

    return fit == 0 ? 1 : fit < nrows ? fit : nrows;
}

static enum phi_status add(struct phi_chunks *c, const struct phi_chunk *chunk,
                           struct phi_err *err)
{
    void *v = c->v;
    const enum phi_status st =
        phi_grow(&v, &c->cap, c->n + 1, sizeof(*c->v), err);

    if (st != PHI_OK)
        return st;
    c->v = v;
    c->v[c->n++] = *chunk;
    return PHI_OK;
}

/* ---- one file after the other -------------------------------------------- */

/* A step on its way to its place in the order of the files. */
struct place {
    const struct phi_tensor *tensor;
    size_t step;
    uint64_t nrows; /* that the plan has */
};

static int by_place(const void *pa, const void *pb)
{
    const struct place *a = pa, *b = pb;

    if (a->tensor->part != b->tensor->part)
        return a->tensor->part < b->tensor->part ? -1 : 1;
    if (a->tensor->offset != b->tensor->offset)
        return a->tensor->offset < b->tensor->offset ? -1 : 1;
    return (a->step > b->step) - (a->step < b->step);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static enum phi_status add_tensor(struct phi_chunks *c, const struct place *p,
                                  size_t nbytes, bool again,
                                  struct phi_err *err)
{
    const struct phi_tensor *t = p->tensor;
    const uint64_t have = t->nbytes > 0 ? phi_tensor_rows(t) : 0;
    const uint64_t want = have > 0 ? p->nrows : 0;
    const uint64_t nrows = have > want ? have : want;
    const uint64_t most = phi_chunk_rows(t, nbytes);
    enum phi_status st = PHI_OK;

    for (uint64_t row = 0; st == PHI_OK && row < nrows;) {
        const uint64_t row_nbytes = t->nbytes / have;
        const bool stored = row < have;
        const uint64_t n = least((stored ? have : nrows) - row, most);
        const uint64_t at = stored ? row : have;
        const struct phi_chunk chunk = {
            .step = p->step,
            .file = t->part,
            .offset = t->offset + at * row_nbytes,
            .nbytes = stored ? n * row_nbytes : 0,
            .row = row,
            .nrows = row < want ? least(want - row, n) : 0,
            .again = again || !stored};

        row += n;
        st = add(c, &chunk, err);
    }
    c->nbytes += t->nbytes;
    return st;
}

/* Bytes [from, to) of a file, which belong to no tensor of the plan. */
static enum phi_status add_between(struct phi_chunks *c, size_t file,
                                   uint64_t from, uint64_t to,
                                   struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    while (st == PHI_OK && from < to) {
        const uint64_t n = to - from < PHI_CHUNK_BETWEEN_NBYTES
                               ? to - from
                               : PHI_CHUNK_BETWEEN_NBYTES;
        const struct phi_chunk chunk = {.step = PHI_CHUNK_BETWEEN,
                                        .file = file,
                                        .offset = from,
                                        .nbytes = n};

        st = add(c, &chunk, err);
        from += n;
    }
    return st;
}

/* All of one file; places are those of its tensors. */
static enum phi_status add_file(struct phi_chunks *c,
                                const struct phi_source *s, size_t file,
                                const struct place *places, size_t n,
                                size_t nbytes, bool whole, struct phi_err *err)
{
    uint64_t at = 0; /* bytes before are in chunks */
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < n; i++) {
        const struct phi_tensor *t = places[i].tensor;

        if (whole && t->offset > at)
            st = add_between(c, file, at, t->offset, err);
        if (st == PHI_OK)
            st = add_tensor(c, &places[i], nbytes, t->offset < at, err);
        if (t->offset + t->nbytes > at)
            at = t->offset + t->nbytes;
    }
    if (st == PHI_OK && whole)
        st = add_between(c, file, at, s->files[file].nbytes, err);
    return st;
}

/* ---- files side by side -------------------------------------------------- */

/* The chunks of one file in the list that has file after file. */
struct stream {
    size_t at;
    size_t end;
};

/* A chunk of each stream in turn; an ended one gives way to the next file. */
static void interleave(struct phi_chunk *out, const struct phi_chunk *v,
                       struct stream *files, size_t nfiles)
{
    struct stream *streams[STREAMS];
    size_t n = 0;
    size_t next = 0;

    while (n < STREAMS && next < nfiles)
        streams[n++] = &files[next++];
    while (n > 0) {
        size_t left = 0;

        for (size_t k = 0; k < n; k++) {
            struct stream *f = streams[k];

            if (f->at < f->end)
                *out++ = v[f->at++];
            while (f->at == f->end && next < nfiles)
                f = &files[next++];
            if (f->at < f->end)
                streams[left++] = f;
        }
        n = left;
    }
}

static enum phi_status put_side_by_side(struct phi_chunks *c, size_t nfiles,
                                        struct phi_err *err)
{
    struct stream *files = phi_alloc(nfiles, sizeof(*files), err);
    struct phi_chunk *out = phi_alloc(c->n, sizeof(*out), err);

    if (files == NULL || out == NULL) {
        free(files);
        free(out);
        return PHI_E_NOMEM;
    }
    for (size_t i = c->n; i-- > 0;) {
        struct stream *f = &files[c->v[i].file];

        f->at = i;
        f->end = f->end > i ? f->end : i + 1;
    }
    interleave(out, c->v, files, nfiles);
    free(files);
    free(c->v);
    c->v = out;
    c->cap = c->n;
    return PHI_OK;
}

enum phi_status phi_chunks_make(struct phi_chunks *out,
                                const struct phi_source *s,
                                const struct phi_plan *plan, size_t nbytes,
                                bool whole, struct phi_err *err)
{
    struct place *places = phi_alloc(plan->n, sizeof(*places), err);
    enum phi_status st = places != NULL ? PHI_OK : PHI_E_NOMEM;
    size_t first = 0;

    *out = (struct phi_chunks){0};
    for (size_t i = 0; st == PHI_OK && i < plan->n; i++)
        places[i] = (struct place){&s->tensors[plan->steps[i].source], i,
                                   phi_sink_tensor_rows(&plan->tensors[i])};
    if (st == PHI_OK)
        qsort(places, plan->n, sizeof(*places), by_place);
    for (size_t file = 0; st == PHI_OK && file < s->nfiles; file++) {
        size_t n = 0;

        while (first + n < plan->n && places[first + n].tensor->part == file)
            n++;
        st = add_file(out, s, file, places + first, n, nbytes, whole, err);
        first += n;
    }
    if (st == PHI_OK)
        st = put_side_by_side(out, s->nfiles, err);
    free(places);
    if (st != PHI_OK)
        phi_chunks_release(out);
    return st;
}

void phi_chunks_release(struct phi_chunks *c)
{
    free(c->v);
    *c = (struct phi_chunks){0};
}
