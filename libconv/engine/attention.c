/* SPDX-License-Identifier: MIT */
#include "libconv/engine/attention.h"

#include <math.h>
#include <string.h>

#include "libconv/base/par.h"
#include "libconv/engine/panel.h"

/* Keys whose scores are summed in double at a time. */
#define KEYS 64

/* Norm, if the model has one, then rotation of one head of q or k. */
static void place(const struct phi_attention *a, float *head,
                  const float *norm_w, const float *norm_b, size_t position)
{
    const struct phi_hparams *h = a->hparams;

    if (norm_w != NULL)
        a->kernels->vec->norm(head, head, norm_w, norm_b, h->head_dim,
                              h->norm_eps);
    phi_rope_apply(a->rope, head, position);
}

/* Packed keys and values of one (window, kv head). */
static float *keys_of(const struct phi_attention *a, size_t i)
{
    return (float *)a->space->keys.p +
           i * phi_panel_count(a->n_ctx) * PHI_PANEL * a->hparams->head_dim;
}

static float *values_of(const struct phi_attention *a, size_t i)
{
    return (float *)a->space->values.p +
           i * phi_panel_count(a->hparams->head_dim) * PHI_PANEL * a->n_ctx;
}

static void pack_keys(const struct phi_attention *a, float *to, float *k,
                      size_t ld)
{
    const size_t dim = a->hparams->head_dim;
    const size_t nkeys = phi_panel_count(a->n_ctx) * PHI_PANEL;

    for (size_t j = 0; j < nkeys; j++) {
        float *const column =
            to + j / PHI_PANEL * PHI_PANEL * dim + j % PHI_PANEL;

        if (j < a->n_ctx)
            place(a, k + j * ld, a->layer->k_norm_w, a->layer->k_norm_b, j);
        for (size_t d = 0; d < dim; d++)
            column[d * PHI_PANEL] = j < a->n_ctx ? k[j * ld + d] : 0;
    }
}

static void pack_values(const struct phi_attention *a, float *to,
                        const float *v, size_t ld)
{
    const size_t dim = a->hparams->head_dim;

    for (size_t d = 0; d < phi_panel_count(dim) * PHI_PANEL; d += PHI_PANEL) {
        const size_t n = dim - d < PHI_PANEL ? dim - d : PHI_PANEL;

        for (size_t j = 0; j < a->n_ctx; j++, to += PHI_PANEL) {
            memset(to, 0, PHI_PANEL * sizeof(*to));
            memcpy(to, v + j * ld + d, n * sizeof(*to));
        }
    }
}

static void pack(void *ctx, size_t first, size_t count, size_t worker)
{
    const struct phi_attention *a = ctx;
    const struct phi_hparams *h = a->hparams;
    const size_t ld = h->n_head_kv * h->head_dim;

    (void)worker;
    for (size_t i = first; i < first + count; i++) {
        const size_t at =
            i / h->n_head_kv * a->n_ctx * ld + i % h->n_head_kv * h->head_dim;

        pack_keys(a, keys_of(a, i), (float *)a->space->k.p + at, ld);
        pack_values(a, values_of(a, i), (float *)a->space->v.p + at, ld);
    }
}

/* Sixteen queries, or fewer, of one head: from the at-th of the window on. */
static void take_queries(const struct phi_attention *a,
                         const struct phi_space_worker *own, const float *q,
                         size_t at, size_t nq)
{
    const size_t dim = a->hparams->head_dim;
    float *const panel = own->q.p;
    float *const head = panel + dim * PHI_PANEL;

    memset(panel, 0, dim * PHI_PANEL * sizeof(*panel));
    for (size_t t = 0; t < nq; t++) {
        memcpy(head, q + t * a->hparams->n_embd, dim * sizeof(*head));
        place(a, head, a->layer->q_norm_w, a->layer->q_norm_b, at + t);
        for (size_t d = 0; d < dim; d++)
            panel[d * PHI_PANEL + t] = head[d];
    }
}

/*
 * scores[j][t] = e^(q[t] . k[j] / sqrt(head_dim) - maximum) for the keys that
 * query i0 + t may see, 0 for the others of nkeys; their sums in `sums`.
 */
static void attend(const struct phi_attention *a,
                   const struct phi_space_worker *own, const float *keys,
                   size_t i0, size_t nkeys, double sums[PHI_PANEL])
{
    const size_t dim = a->hparams->head_dim;
    const double factor = 1.0 / sqrt((double)dim);
    float *const scores = own->scores.p;

    for (size_t j = 0; j < nkeys; j += KEYS) {
        const size_t n = nkeys - j < KEYS ? nkeys - j : KEYS;
        double acc[KEYS * PHI_PANEL] = {0};

        a->gemm(acc, PHI_PANEL, keys + j * dim, PHI_PANEL * dim, own->q.p, n,
                dim);
        a->kernels->vec->scale(scores + j * PHI_PANEL, acc, factor,
                               n * PHI_PANEL);
    }
    a->kernels->vec->softmax(sums, scores, nkeys, i0 + 1);
}

/*
 * heads[d / 16][t][d % 16] = sum over keys j of scores[j][t] * v[j][d]. A block
 * of keys meets all of a head while its scores are in the first cache.
 */
static void weigh(const struct phi_attention *a,
                  const struct phi_space_worker *own, const float *values,
                  size_t nq, size_t nkeys)
{
    const size_t npanels = phi_panel_count(a->hparams->head_dim);
    const float *const scores = own->scores.p;
    double *const heads = own->heads.p;

    memset(heads, 0, npanels * PHI_PANEL * PHI_PANEL * sizeof(*heads));
    for (size_t j = 0; j < nkeys; j += PHI_GEMM_BLOCK) {
        const size_t n =
            nkeys - j < PHI_GEMM_BLOCK ? nkeys - j : PHI_GEMM_BLOCK;

        for (size_t i = 0; i < npanels; i++)
            a->gemm(heads + i * PHI_PANEL * PHI_PANEL, PHI_PANEL,
                    scores + j * PHI_PANEL, 0,
                    values + (i * a->n_ctx + j) * PHI_PANEL, nq, n);
    }
}

/* Up to sixteen queries of one head of one window, from the at-th on. */
static void do_tile(const struct phi_attention *a,
                    const struct phi_space_worker *own, size_t window,
                    size_t head, size_t at)
{
    const struct phi_hparams *h = a->hparams;
    const size_t dim = h->head_dim;
    const size_t i0 = a->first + at;
    const size_t left = a->count - at;
    const size_t nq = left < PHI_PANEL ? left : PHI_PANEL;
    const size_t nkeys = i0 + nq;
    const size_t kv = window * h->n_head_kv + head / (h->n_head / h->n_head_kv);
    float *const q = (float *)a->space->q.p +
                     (window * a->count + at) * h->n_embd + head * dim;
    const double *const heads = own->heads.p;
    double sums[PHI_PANEL];

    take_queries(a, own, q, i0, nq);
    attend(a, own, keys_of(a, kv), i0, nkeys, sums);
    weigh(a, own, values_of(a, kv), nq, nkeys);
    for (size_t t = 0; t < nq; t++) {
        for (size_t d = 0; d < dim; d++) {
            const size_t panel = d / PHI_PANEL;

            q[t * h->n_embd + d] =
                (float)(heads[(panel * PHI_PANEL + t) * PHI_PANEL +
                              d % PHI_PANEL] /
                        sums[t]);
        }
    }
}

static void do_tiles(void *ctx, size_t first, size_t count, size_t worker)
{
    const struct phi_attention *a = ctx;
    const size_t ntiles = phi_panel_count(a->count);
    const size_t n_head = a->hparams->n_head;

    for (size_t i = first; i < first + count; i++)
        do_tile(a, &a->space->workers[worker], i / ntiles / n_head,
                i / ntiles % n_head, i % ntiles * PHI_PANEL);
}

void phi_attention_run(const struct phi_attention *a)
{
    const size_t ntiles = phi_panel_count(a->count);
    struct phi_attention ctx = *a;

    phi_par_for(a->nthreads, a->nwindows * a->hparams->n_head_kv, 1, pack,
                &ctx);
    phi_par_for(a->nthreads, a->nwindows * a->hparams->n_head * ntiles, 1,
                do_tiles, &ctx);
}
