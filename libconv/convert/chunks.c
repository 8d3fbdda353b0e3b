/* SPDX-License-Identifier: MIT */
#include "libconv/convert/chunks.h"

#include <stdlib.h>

#include "libconv/base/mem.h"

uint64_t phi_chunk_rows(const struct phi_tensor *t, size_t nbytes)
{
    const uint64_t nrows = phi_tensor_rows(t);
    const uint64_t row = nrows > 0 ? t->nbytes / nrows : 0;
    const uint64_t fit = row > 0 ? nbytes / row : nrows;

    return fit == 0 ? 1 : fit < nrows ? fit : nrows;
}

/* A step on its way to its place in the order of the source. */
struct place {
    size_t source;
    size_t step;
};

static int by_source(const void *pa, const void *pb)
{
    const struct place *a = pa, *b = pb;

    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    return (a->step > b->step) - (a->step < b->step);
}

static enum phi_status cut(struct phi_chunks *c, const struct phi_tensor *t,
                           size_t step, size_t nbytes, struct phi_err *err)
{
    const uint64_t nrows = t->nbytes > 0 ? phi_tensor_rows(t) : 0;
    const uint64_t most = phi_chunk_rows(t, nbytes);

    for (uint64_t row = 0; row < nrows; row += most) {
        void *v = c->v;
        const enum phi_status st =
            phi_grow(&v, &c->cap, c->n + 1, sizeof(*c->v), err);

        if (st != PHI_OK)
            return st;
        c->v = v;
        c->v[c->n++] = (struct phi_chunk){
            step, row, nrows - row < most ? nrows - row : most};
    }
    c->nbytes += t->nbytes;
    return PHI_OK;
}

enum phi_status phi_chunks_make(struct phi_chunks *out,
                                const struct phi_source *s,
                                const struct phi_plan *plan, size_t nbytes,
                                struct phi_err *err)
{
    struct place *places = phi_alloc(plan->n, sizeof(*places), err);
    enum phi_status st = places != NULL ? PHI_OK : PHI_E_NOMEM;

    *out = (struct phi_chunks){0};
    for (size_t i = 0; st == PHI_OK && i < plan->n; i++)
        places[i] = (struct place){plan->steps[i].source, i};
    if (st == PHI_OK)
        qsort(places, plan->n, sizeof(*places), by_source);
    for (size_t i = 0; st == PHI_OK && i < plan->n; i++)
        st = cut(out, &s->tensors[places[i].source], places[i].step, nbytes,
                 err);
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
