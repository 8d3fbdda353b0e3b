/* SPDX-License-Identifier: MIT */
/* What has to be read of a base before it is merged. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/lora/base_rows.h"
#include "libconv/lora/merge_parts.h"

/* ---- a tensor that the adapter only repeats ------------------------------ */

enum phi_status phi_merge_is_same(const struct phi_merge_maker *m,
                                  size_t tensor, size_t source, bool *same,
                                  struct phi_err *err)
{
    const struct phi_adapter_tensor *t = &m->adapter->tensors[tensor];
    const struct phi_tensor *base = phi_merge_base(m, source);
    const bool vector = base->rank == 1;
    struct phi_base_rows b = {0};
    float *x = NULL;
    enum phi_status st;

    *same = t->dim[0] == phi_merge_length(base);
    if (!*same)
        return PHI_OK;
    st = phi_base_rows_init(&b, m->out->source, source, 0, m->options->features,
                            err);
    if (st == PHI_OK &&
        (x = phi_alloc(b.rows * b.cols, sizeof(*x), err)) == NULL)
        st = PHI_E_NOMEM;
    for (uint64_t row = 0; st == PHI_OK && *same && row < b.have;
         row += b.rows) {
        const size_t n =
            b.have - row < b.rows ? (size_t)(b.have - row) : b.rows;

        st = phi_base_rows_read(&b, row, n, err);
        if (st == PHI_OK)
            st = phi_adapter_rows(m->adapter, tensor, row,
                                  vector ? t->dim[0] : n, x, err);
        if (st == PHI_OK)
            *same = memcmp(x, b.x, n * b.cols * sizeof(*x)) == 0;
    }
    free(x);
    phi_base_rows_release(&b);
    return st;
}

/* ---- norms of columns ---------------------------------------------------- */

/* Adds the squares of each column, with one delta, to sum. */
static enum phi_status sum_columns(double *sum, const struct phi_merge *m,
                                   const struct phi_merge_tensor *t,
                                   const struct phi_merge_op *op,
                                   struct phi_err *err)
{
    struct phi_base_rows b = {0};
    enum phi_status st =
        phi_base_rows_init(&b, m->source, t->source, 0, m->features, err);

    for (uint64_t row = 0; st == PHI_OK && row < t->rows; row += b.rows) {
        const size_t n =
            t->rows - row < b.rows ? (size_t)(t->rows - row) : b.rows;

        st = phi_base_rows_read(&b, row, n, err);
        if (st == PHI_OK)
            st = phi_merge_replace_rows(m, t, b.x, row, n, err);
        if (st != PHI_OK)
            break;
        m->kernel(b.x, n, b.cols, op->b + row * op->rank, op->a, op->rank,
                  op->scale);
        for (size_t i = 0; i < n; i++) {
            for (size_t c = 0; c < b.cols; c++) {
                const double v = (double)b.x[i * b.cols + c];

                sum[c] += v * v;
            }
        }
    }
    phi_base_rows_release(&b);
    return st;
}

/* factor = magnitude / norm of a column, for an embedding. */
static enum phi_status norms_of(struct phi_merge *m,
                                const struct phi_merge_tensor *t,
                                struct phi_merge_op *op, struct phi_err *err)
{
    const size_t cols = (size_t)t->cols;
    double *sum = phi_alloc(cols, sizeof(*sum), err);
    float *factor = phi_merge_own(m, cols, sizeof(*factor), err);
    enum phi_status st = PHI_E_NOMEM;

    if (sum != NULL && factor != NULL)
        st = sum_columns(sum, m, t, op, err);
    for (size_t c = 0; st == PHI_OK && c < cols; c++)
        factor[c] = (float)((double)op->magnitude[c] / sqrt(sum[c]));
    if (st == PHI_OK)
        op->magnitude = factor;
    free(sum);
    return st;
}

enum phi_status phi_merge_norms(struct phi_merge *m, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < m->n; i++) {
        for (size_t k = 0; st == PHI_OK && k < m->tensors[i].n; k++) {
            if (m->tensors[i].ops[k].kind == PHI_MERGE_DORA_COLS)
                st = norms_of(m, &m->tensors[i], &m->tensors[i].ops[k], err);
        }
    }
    return st;
}
