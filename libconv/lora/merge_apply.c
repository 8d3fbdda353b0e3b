/* SPDX-License-Identifier: MIT */
/* Operations on rows: see merge.h. Everything is done four rows at a time. */
#include <math.h>
#include <string.h>

#include "libconv/lora/merge_parts.h"

#define LANES 16 /* of sums, on every machine */

/* ---- sums ---------------------------------------------------------------- */

static double add_lanes(const double s[LANES])
{
    double h[LANES / 2];

    for (size_t l = 0; l < 8; l++)
        h[l] = s[l] + s[l + 8];
    for (size_t l = 0; l < 4; l++)
        h[l] += h[l + 4];
    return (h[0] + h[2]) + (h[1] + h[3]);
}

static double sum_squares(const float *x, size_t n)
{
    double s[LANES] = {0};
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        for (size_t l = 0; l < LANES; l++)
            s[l] += (double)x[i + l] * (double)x[i + l];
    }
    for (size_t l = 0; l < n - i; l++)
        s[l] += (double)x[i + l] * (double)x[i + l];
    return add_lanes(s);
}

static double sum_change(const float *x, const float *y, size_t n)
{
    double s[LANES] = {0};
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        for (size_t l = 0; l < LANES; l++) {
            const double d = (double)x[i + l] - (double)y[i + l];

            s[l] += d * d;
        }
    }
    for (size_t l = 0; l < n - i; l++) {
        const double d = (double)x[i + l] - (double)y[i + l];

        s[l] += d * d;
    }
    return add_lanes(s);
}

/* ---- a few rows ---------------------------------------------------------- */

/* Some rows of a tensor, and the room to work on them. */
struct rows {
    const struct phi_merge *m;
    const struct phi_merge_tensor *t;
    float *x; /* (n, t->cols) */
    uint64_t row;
    size_t n;
    float *plain;  /* (n, t->cols) without any adapter, or NULL */
    float *before; /* (n, t->cols) before an operation */
};

/* The rows of r that an operation is for: first and number, of r. */
static size_t overlap(const struct rows *r, const struct phi_merge_op *op,
                      size_t *first)
{
    const uint64_t begin = op->row > r->row ? op->row : r->row;
    uint64_t end = op->row + op->nrows;

    if (end > r->row + r->n)
        end = r->row + r->n;
    if (begin >= end)
        return 0;
    *first = (size_t)(begin - r->row);
    return (size_t)(end - begin);
}

/*
 * Rows [first, first + n) of r: to the magnitude, by the norm that the plain
 * rows have with this adapter alone.
 */
static void do_dora(const struct rows *r, const struct phi_merge_op *op,
                    size_t first, size_t n, const float *b)
{
    const size_t cols = (size_t)r->t->cols;
    float *x = r->x + first * cols;
    float *v = r->plain + first * cols;
    const float *magnitude = op->magnitude + (r->row + first - op->row);

    r->m->kernel(x, n, cols, b, op->a, op->rank, op->scale);
    for (size_t i = 0; i < n; i++, x += cols, v += cols) {
        float *const sum = r->before;
        float factor;

        memcpy(sum, v, cols * sizeof(*sum));
        r->m->kernel(sum, 1, cols, b + i * op->rank, op->a, op->rank,
                     op->scale);
        factor = (float)((double)magnitude[i] / sqrt(sum_squares(sum, cols)));
        for (size_t c = 0; c < cols; c++)
            x[c] = factor * x[c];
    }
}

/* Rows [first, first + n) of r: those of tokens in the list. */
static void do_tokens(const struct rows *r, const struct phi_merge_op *op,
                      size_t first, size_t n)
{
    const float *data = op->adapter->tensors[op->tensor].data;
    const size_t cols = (size_t)r->t->cols;
    const uint64_t row = r->row + first;

    for (size_t i = phi_merge_token_from(op, row);
         i < op->ntokens && op->tokens[i].row - row < n; i++)
        memcpy(r->x + (size_t)(op->tokens[i].row - r->row) * cols,
               data + op->tokens[i].from * cols, cols * sizeof(*data));
}

static enum phi_status do_op(const struct rows *r,
                             const struct phi_merge_op *op, size_t first,
                             size_t n, struct phi_err *err)
{
    const size_t cols = (size_t)r->t->cols;
    const uint64_t at = r->row + first - op->row; /* of the operation's rows */
    float *x = r->x + first * cols;
    const float *b = NULL;

    if (op->kind == PHI_MERGE_REPLACE)
        return phi_adapter_rows(op->adapter, op->tensor, op->from + at, n, x,
                                err);
    if (op->kind == PHI_MERGE_TOKENS) {
        do_tokens(r, op, first, n);
        return PHI_OK;
    }
    b = op->b + at * (op->kind == PHI_MERGE_ADD_VECTOR ? 1 : op->rank);
    switch (op->kind) {
    case PHI_MERGE_ADD_VECTOR:
        for (size_t i = 0; i < n; i++) {
            const float d = op->scale * b[i];

            if (d != 0)
                x[i] += d;
        }
        break;
    case PHI_MERGE_DORA:
        do_dora(r, op, first, n, b);
        break;
    default:
        r->m->kernel(x, n, cols, b, op->a, op->rank, op->scale);
        for (size_t i = 0; op->kind == PHI_MERGE_DORA_COLS && i < n;
             i++, x += cols) {
            for (size_t c = 0; c < cols; c++)
                x[c] = op->magnitude[c] * x[c];
        }
    }
    return PHI_OK;
}

static bool has_dora(const struct phi_merge_tensor *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->ops[i].kind == PHI_MERGE_DORA)
            return true;
    }
    return false;
}

enum phi_status phi_merge_replace_rows(const struct phi_merge *m,
                                       const struct phi_merge_tensor *t,
                                       float *x, uint64_t row, size_t n,
                                       struct phi_err *err)
{
    const struct rows r = {.m = m, .t = t, .x = x, .row = row, .n = n};
    enum phi_status st = PHI_OK;

    for (size_t k = 0; st == PHI_OK && k < t->n; k++) {
        size_t first = 0;
        const size_t count = overlap(&r, &t->ops[k], &first);

        if (phi_merge_replaces(&t->ops[k]) && count > 0)
            st = do_op(&r, &t->ops[k], first, count, err);
    }
    return st;
}

/* ---- rows ---------------------------------------------------------------- */

/* Sums before the operations: rows that the base lacks are zeros. */
static void begin_sums(const struct rows *r, uint64_t base_rows,
                       const struct phi_merge_sums *sums, size_t at)
{
    const size_t cols = (size_t)r->t->cols;

    for (size_t i = 0; i < r->n; i++) {
        float *x = r->x + i * cols;

        if (r->row + i >= base_rows)
            memset(x, 0, cols * sizeof(*x));
        sums->weight[at + i] = sum_squares(x, cols);
    }
}

/* All operations on a group of rows; row `at` of the call. */
static enum phi_status do_group(const struct rows *r, size_t at,
                                const struct phi_merge_sums *sums,
                                struct phi_err *err)
{
    const size_t cols = (size_t)r->t->cols;
    bool copied = r->plain == NULL;
    float *const old = r->before + cols; /* (n, cols) */

    /* Replacements come first, whatever the order of adapters. */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t k = 0; k < r->t->n; k++) {
            const struct phi_merge_op *op = &r->t->ops[k];
            size_t first = 0;
            size_t n;
            enum phi_status st;

            if (phi_merge_replaces(op) != (pass == 0))
                continue;
            n = overlap(r, op, &first);
            if (pass == 1 && !copied) {
                memcpy(r->plain, r->x, r->n * cols * sizeof(*r->x));
                copied = true;
            }
            if (sums != NULL)
                memcpy(old, r->x, r->n * cols * sizeof(*old));
            st = n > 0 ? do_op(r, op, first, n, err) : PHI_OK;
            if (st != PHI_OK)
                return st;
            for (size_t i = 0; sums != NULL && i < r->n; i++)
                sums->delta[k * sums->stride + at + i] =
                    n > 0 ? sum_change(r->x + i * cols, old + i * cols, cols)
                          : 0;
        }
    }
    return PHI_OK;
}

static enum phi_status do_vector(const struct phi_merge *m,
                                 const struct phi_merge_tensor *t, float *x,
                                 size_t nrows, struct phi_err *err)
{
    const struct rows r = {.m = m, .t = t, .x = x, .n = nrows};
    enum phi_status st = PHI_OK;

    for (int pass = 0; pass < 2; pass++) {
        for (size_t k = 0; st == PHI_OK && k < t->n; k++) {
            size_t first = 0;
            size_t n;

            if (phi_merge_replaces(&t->ops[k]) != (pass == 0))
                continue;
            n = overlap(&r, &t->ops[k], &first);
            if (n > 0)
                st = do_op(&r, &t->ops[k], first, n, err);
        }
    }
    return st;
}

size_t phi_merge_room(const struct phi_merge *m)
{
    size_t most = 0;

    for (size_t i = 0; i < m->n; i++) {
        if (!m->tensors[i].vector && m->tensors[i].cols > most)
            most = (size_t)m->tensors[i].cols;
    }
    /* plain rows, old rows, and one */
    return (2 * PHI_MERGE_GROUP + 1) * most;
}

enum phi_status phi_merge_apply(const struct phi_merge *m, size_t i, float *x,
                                uint64_t row, size_t nrows, float *room,
                                const struct phi_merge_sums *sums,
                                struct phi_err *err)
{
    const struct phi_merge_tensor *t = &m->tensors[i];
    const struct phi_tensor *base = &m->source->tensors[t->source];
    const size_t cols = (size_t)t->cols;
    const bool dora = has_dora(t);
    /* What needs no room goes through the kernel in one piece. */
    const size_t step = dora || sums != NULL ? PHI_MERGE_GROUP : nrows;
    enum phi_status st = PHI_OK;

    if (t->vector)
        return do_vector(m, t, x, nrows, err);
    for (size_t at = 0; st == PHI_OK && at < nrows; at += step) {
        const struct rows r = {.m = m,
                               .t = t,
                               .x = x + at * cols,
                               .row = row + at,
                               .n = nrows - at < step ? nrows - at : step,
                               .plain = dora ? room : NULL,
                               .before = room + PHI_MERGE_GROUP * cols};

        if (sums != NULL)
            begin_sums(&r, phi_tensor_rows(base), sums, at);
        st = do_group(&r, at, sums, err);
    }
    return st;
}

void phi_merge_tally(struct phi_merge *m, size_t i, uint64_t row, size_t nrows,
                     const struct phi_merge_sums *sums)
{
    const struct phi_merge_tensor *t = &m->tensors[i];

    for (size_t k = 0; k < t->n; k++) {
        struct phi_merge_op *op = &t->ops[k];

        for (size_t r = 0; r < nrows; r++) {
            if (row + r < op->row || row + r >= op->row + op->nrows)
                continue;
            op->delta += sums->delta[k * sums->stride + r];
            op->weight += sums->weight[r];
        }
    }
}

void phi_merge_sum_up(struct phi_merge *m)
{
    for (size_t i = 0; i < m->nmodules; i++)
        m->modules[i].delta = m->modules[i].weight = 0;
    for (size_t i = 0; i < m->n; i++) {
        for (size_t k = 0; k < m->tensors[i].n; k++) {
            const struct phi_merge_op *op = &m->tensors[i].ops[k];

            m->modules[op->module].delta += op->delta;
            m->modules[op->module].weight += op->weight;
        }
    }
}

size_t phi_merge_most_ops(const struct phi_merge *m)
{
    size_t most = 0;

    for (size_t i = 0; i < m->n; i++)
        most = m->tensors[i].n > most ? m->tensors[i].n : most;
    return most;
}
