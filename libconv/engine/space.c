/* SPDX-License-Identifier: MIT */
#include "libconv/engine/space.h"

#include <stdlib.h>

#include "libconv/base/mem.h"
#include "libconv/base/size.h"
#include "libconv/engine/panel.h"
#include "libconv/kernels/gemm_i8.h"
#include "libconv/kernels/kernels.h"

enum phi_status phi_block_fit(struct phi_block *b, size_t n, size_t size,
                              struct phi_err *err)
{
    size_t want;

    if (!phi_mul_size(n, size, &want))
        return phi_fail(err, PHI_E_NOMEM, "out of memory");
    if (want <= b->n)
        return PHI_OK;
    free(b->p);
    b->n = 0;
    b->p = phi_alloc_aligned(n, size, err);
    if (b->p == NULL)
        return PHI_E_NOMEM;
    b->n = want;
    return PHI_OK;
}

static size_t longest_row(const struct phi_weights *w)
{
    size_t n = w->embd.row_nbytes;

    if (w->head.row_nbytes > n)
        n = w->head.row_nbytes;
    for (size_t i = 0; i < w->hparams.n_layer; i++) {
        const struct phi_layer *l = &w->layers[i];
        const size_t sizes[] = {l->q.row_nbytes,  l->k.row_nbytes,
                                l->v.row_nbytes,  l->o.row_nbytes,
                                l->up.row_nbytes, l->down.row_nbytes};

        for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
            n = sizes[k] > n ? sizes[k] : n;
    }
    return n;
}

static enum phi_status fit_worker(struct phi_space_worker *k,
                                  const struct phi_space_size *size,
                                  struct phi_err *err)
{
    const struct phi_hparams *h = &size->weights->hparams;
    const struct {
        struct phi_block *block;
        size_t n;
        size_t size;
    } blocks[] = {
        {&k->raw, longest_row(size->weights), PHI_GROUP},
        {&k->rows, PHI_PANEL * PHI_DEPTH, sizeof(float)},
        {&k->panels, PHI_GROUP * PHI_DEPTH, sizeof(float)},
        {&k->acc, size->nwindows * size->n_ctx, PHI_GROUP * sizeof(double)},
        /* The attention's output and the second half of the MLP: one job. */
        {&k->bytes,
         PHI_GROUP / PHI_I8_ROWS * ((h->n_embd + h->n_ff) / PHI_I8_BLOCK),
         PHI_I8_MOST},
        {&k->sums, PHI_INTEGER_TOKENS, PHI_GROUP * sizeof(float)},
        {&k->q, (PHI_PANEL + 1) * h->head_dim, sizeof(float)},
        {&k->scores, phi_panel_count(size->n_ctx) * PHI_PANEL,
         PHI_PANEL * sizeof(float)},
        {&k->heads, phi_panel_count(h->head_dim),
         PHI_PANEL * PHI_PANEL * sizeof(double)},
    };
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < sizeof(blocks) / sizeof(blocks[0]);
         i++)
        st = phi_block_fit(blocks[i].block, blocks[i].n, blocks[i].size, err);
    return st;
}

enum phi_status phi_space_fit(struct phi_space *s,
                              const struct phi_space_size *size,
                              struct phi_err *err)
{
    const struct phi_hparams *h = &size->weights->hparams;
    const size_t n = size->nwindows * size->n_ctx;
    const size_t kv = h->n_head_kv * h->head_dim;
    const struct {
        struct phi_block *block;
        size_t rows;
        size_t columns;
    } blocks[] = {
        {&s->x, n, h->n_embd},
        {&s->h, n, h->n_embd},
        {&s->q, n, h->n_embd},
        {&s->k, n, kv},
        {&s->v, n, kv},
        {&s->ff, n, h->n_ff},
        {&s->keys, size->nwindows * phi_panel_count(size->n_ctx) * PHI_PANEL,
         kv},
        {&s->values, n,
         h->n_head_kv * phi_panel_count(h->head_dim) * PHI_PANEL},
    };
    enum phi_status st = PHI_OK;
    void *workers = s->workers;

    st = phi_grow(&workers, &s->nworkers, size->nthreads, sizeof(*s->workers),
                  err);
    s->workers = workers;
    for (size_t i = 0; st == PHI_OK && i < size->nthreads; i++)
        st = fit_worker(&s->workers[i], size, err);
    for (size_t i = 0; st == PHI_OK && i < sizeof(blocks) / sizeof(blocks[0]);
         i++)
        st = phi_block_fit(blocks[i].block, blocks[i].rows,
                           blocks[i].columns * sizeof(float), err);
    return st;
}

void phi_space_release(struct phi_space *s)
{
    struct phi_block *const blocks[] = {&s->x, &s->h,  &s->q,    &s->k,
                                        &s->v, &s->ff, &s->keys, &s->values};

    for (size_t i = 0; i < s->nworkers; i++) {
        struct phi_space_worker *k = &s->workers[i];

        free(k->raw.p);
        free(k->rows.p);
        free(k->panels.p);
        free(k->acc.p);
        free(k->bytes.p);
        free(k->sums.p);
        free(k->q.p);
        free(k->scores.p);
        free(k->heads.p);
    }
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
        free(blocks[i]->p);
    for (size_t i = 0; i < PHI_ACTS; i++) {
        free(s->act[i].p);
        free(s->tiles[i].p);
    }
    free(s->ff_act.p);
    free(s->workers);
    *s = (struct phi_space){0};
}

size_t phi_space_token_nbytes(const struct phi_hparams *h)
{
    const size_t kv = h->n_head_kv * h->head_dim;

    /* x, h, q; k, v, keys, values; ff */
    return (3 * h->n_embd + 4 * kv + h->n_ff) * sizeof(float);
}

enum phi_status phi_space_status(struct phi_space *s, struct phi_err *err)
{
    const struct phi_space_worker *first = NULL;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < s->nworkers; i++) {
        const struct phi_space_worker *k = &s->workers[i];

        if (k->status != PHI_OK && (first == NULL || k->item < first->item))
            first = k;
    }
    if (first != NULL) {
        st = first->status;
        if (err != NULL)
            *err = first->err;
    }
    for (size_t i = 0; i < s->nworkers; i++)
        s->workers[i].status = PHI_OK;
    return st;
}
