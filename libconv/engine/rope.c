/* SPDX-License-Identifier: MIT */
#include "libconv/engine/rope.h"

#include <stdlib.h>

#include "libconv/base/mem.h"
#include "libconv/kernels/elementary.h"

enum phi_status phi_rope_init(struct phi_rope *r, const struct phi_hparams *h,
                              size_t npositions, struct phi_err *err)
{
    const size_t half = h->n_rot / 2;
    const double log_base = phi_log_f64(h->rope_base);

    *r = (struct phi_rope){.n_rot = h->n_rot};
    if ((double)npositions / h->rope_factor > PHI_SINCOS_MAX)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%zu positions with a rope factor of %g turn by up to "
                        "%g, at most %g is computed exactly",
                        npositions, h->rope_factor,
                        (double)npositions / h->rope_factor, PHI_SINCOS_MAX);
    r->table = phi_alloc(npositions, h->n_rot * sizeof(*r->table), err);
    if (r->table == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < half; i++) {
        const double turn =
            phi_exp_f64(-(double)(2 * i) / (double)h->n_rot * log_base);

        for (size_t p = 0; p < npositions; p++) {
            double *const to = r->table + (p * half + i) * 2;

            phi_sincos_f64((double)p / h->rope_factor * turn, &to[1], &to[0]);
        }
    }
    return PHI_OK;
}

void phi_rope_release(struct phi_rope *r)
{
    free(r->table);
    *r = (struct phi_rope){0};
}

void phi_rope_apply(const struct phi_rope *r, float *head, size_t position)
{
    const size_t half = r->n_rot / 2;
    const double *const turn = r->table + position * r->n_rot;

    for (size_t i = 0; i < half; i++) {
        const double a = (double)head[i];
        const double b = (double)head[i + half];
        const double c = turn[2 * i];
        const double s = turn[2 * i + 1];

        head[i] = (float)(a * c - b * s);
        head[i + half] = (float)(a * s + b * c);
    }
}
