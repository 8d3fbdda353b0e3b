/* SPDX-License-Identifier: MIT */
#include "libconv/convert/worker.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/base/output.h"
#include "libconv/quant/overflow.h"
#include "libconv/quant/quant.h"

/* Of f32: with what it becomes, about half of a second-level cache. */
#define PIECE ((size_t)128 << 10)

#define PAGE ((uint64_t)PHI_OUTPUT_PAGE)

/* ---- memory -------------------------------------------------------------- */

/* Bytes of the buffers that all outputs share. */
struct room {
    uint64_t raw;
    uint64_t values;
    uint64_t rows; /* of a chunk, at most: no bytes */
};

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t piece_rows(uint64_t cols)
{
    const uint64_t rows = cols > 0 ? PIECE / sizeof(float) / cols : 1;

    return rows > 0 ? rows : 1;
}

static bool measured(const struct phi_pipeline_work *work)
{
    for (size_t k = 0; k < work->n; k++) {
        if (work->outputs[k].rounding != NULL)
            return true;
    }
    return false;
}

/* What the source's side of any chunk needs. A merge may lengthen a vector:
 * both lengths count. */
static enum phi_status measure(struct room *out,
                               const struct phi_pipeline_work *work,
                               size_t chunk_nbytes, struct phi_err *err)
{
    const struct phi_plan *plan = work->outputs[0].plan;

    *out = (struct room){.raw = PHI_CHUNK_BETWEEN_NBYTES};
    for (size_t i = 0; i < plan->n; i++) {
        const struct phi_tensor *t =
            &work->source->tensors[plan->steps[i].source];
        const uint64_t cols =
            most(phi_tensor_cols(t), phi_sink_tensor_cols(&plan->tensors[i]));
        const uint64_t rows = phi_chunk_rows(t, chunk_nbytes);
        uint64_t row;

        if (cols > PHI_PLAN_MAX_COLS ||
            !phi_dtype_nbytes(t->dtype, phi_tensor_cols(t), &row))
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: tensor \"%.*s\": its rows are no whole blocks",
                            t->file, PHI_ERR_NAME, t->origin);
        out->raw = most(out->raw, rows * row);
        out->values = most(out->values,
                           (rows < piece_rows(cols) ? rows : piece_rows(cols)) *
                               cols * sizeof(float));
        out->rows = most(out->rows, rows);
    }
    return PHI_OK;
}

/* What output k makes of any chunk. */
static enum phi_status measure_lane(uint64_t *out, const struct phi_source *s,
                                    const struct phi_plan *plan,
                                    size_t chunk_nbytes, struct phi_err *err)
{
    *out = 0;
    for (size_t i = 0; i < plan->n; i++) {
        const struct phi_tensor *t = &s->tensors[plan->steps[i].source];
        uint64_t row;

        if (!phi_dtype_nbytes(plan->tensors[i].dtype,
                              phi_sink_tensor_cols(&plan->tensors[i]), &row))
            return phi_fail(err, PHI_E_ARG, "tensor \"%.*s\": bad plan",
                            PHI_ERR_NAME, t->origin);
        *out = most(*out, phi_chunk_rows(t, chunk_nbytes) * row);
    }
    return PHI_OK;
}

/* Takes n bytes, in whole pages, from the arena; NULL while it is measured. */
static void *take(uint8_t *arena, uint64_t *at, uint64_t n)
{
    uint8_t *p = arena != NULL ? arena + *at : NULL;

    *at += (n + PAGE - 1) / PAGE * PAGE;
    return p;
}

/*
 * Cuts up the arena or, where w->arena is NULL, only measures it. No sum
 * overflows: rows have at most 2^22 elements and chunks fit memory.
 */
static enum phi_status lay_out(struct phi_worker *w, size_t chunk_nbytes,
                               uint64_t *total, struct phi_err *err)
{
    const struct phi_merge *m = w->work->merge;
    struct room room;
    uint64_t lane = 0;
    enum phi_status st = measure(&room, w->work, chunk_nbytes, err);

    *total = 0;
    w->raw = take(w->arena, total, room.raw);
    w->values = take(w->arena, total, room.values);
    w->back = take(w->arena, total, measured(w->work) ? room.values : 0);
    if (m != NULL) {
        const uint64_t n = room.rows * sizeof(double);

        w->room = take(w->arena, total, phi_merge_room(m) * sizeof(float));
        w->sums.weight = take(w->arena, total, n);
        w->sums.delta = take(w->arena, total, n * phi_merge_most_ops(m));
    }
    for (size_t k = 0; st == PHI_OK && k < w->work->n; k++) {
        const struct phi_output_job *job = &w->work->outputs[k];
        const uint64_t rows = job->rounding != NULL ? room.rows : 0;
        struct phi_lane l = {0};

        st = measure_lane(&lane, w->work->source, job->plan, chunk_nbytes, err);
        l.room = take(w->arena, total, lane + PAGE);
        l.square = take(w->arena, total, rows * sizeof(double));
        l.largest = take(w->arena, total, rows * sizeof(double));
        if (w->lanes != NULL)
            w->lanes[k] = l;
    }
    return st;
}

enum phi_status phi_worker_nbytes(size_t *out,
                                  const struct phi_pipeline_work *work,
                                  size_t chunk_nbytes, struct phi_err *err)
{
    struct phi_worker w = {.work = work};
    uint64_t total;
    const enum phi_status st = lay_out(&w, chunk_nbytes, &total, err);

    if (st == PHI_OK && total > SIZE_MAX)
        return phi_fail(err, PHI_E_NOMEM,
                        "out of memory: %llu bytes for buffers",
                        (unsigned long long)total);
    *out = (size_t)total;
    return st;
}

enum phi_status phi_worker_init(struct phi_worker *w,
                                const struct phi_pipeline_work *work,
                                size_t chunk_nbytes, uint32_t features,
                                struct phi_err *err)
{
    uint64_t total;
    size_t nbytes;
    enum phi_status st = phi_worker_nbytes(&nbytes, work, chunk_nbytes, err);

    *w = (struct phi_worker){.work = work, .features = features};
    if (st != PHI_OK)
        return st;
    w->arena = phi_alloc_pages(nbytes, err);
    w->lanes = phi_alloc(work->n, sizeof(*w->lanes), err);
    if (w->arena == NULL || w->lanes == NULL)
        return PHI_E_NOMEM;
    return lay_out(w, chunk_nbytes, &total, err);
}

void phi_worker_release(struct phi_worker *w)
{
    free(w->arena);
    free(w->lanes);
    *w = (struct phi_worker){0};
}

/* ---- rows ---------------------------------------------------------------- */

/* Whether every output can have what it wants of the tensor. */
static enum phi_status check_lanes(const struct phi_worker *w,
                                   struct phi_err *err)
{
    const struct phi_tensor *t = w->tensor;

    for (size_t k = 0; k < w->work->n && !w->carried; k++) {
        const struct phi_lane *l = &w->lanes[k];

        if (w->widen == NULL ||
            ((l->dtype != t->dtype || w->merged != NULL) &&
             l->quantize == NULL) ||
            !phi_overflow_known(l->dtype))
            return phi_fail(err, PHI_E_UNSUPPORTED,
                            "%s: tensor \"%.*s\": %s cannot become %s%s",
                            t->file, PHI_ERR_NAME, t->origin,
                            phi_dtype_info(t->dtype)->name,
                            phi_dtype_info(l->dtype)->name,
                            w->merged != NULL ? " after a merge" : "");
    }
    return PHI_OK;
}

enum phi_status phi_worker_begin(struct phi_worker *w,
                                 const struct phi_chunk *c, struct phi_err *err)
{
    const struct phi_pipeline_work *work = w->work;
    const struct phi_plan *plan = work->outputs[0].plan;
    const size_t source = plan->steps[c->step].source;
    const struct phi_tensor *t = &work->source->tensors[source];

    w->tensor = t;
    w->merged =
        work->merge != NULL ? phi_merge_tensor_of(work->merge, source) : NULL;
    w->chunk = *c;
    w->cols = (size_t)phi_sink_tensor_cols(&plan->tensors[c->step]);
    w->raw_row = (size_t)(t->nbytes / phi_tensor_rows(t));
    w->stored = (size_t)c->nbytes / w->raw_row;
    w->widen = phi_widen_kernel(w->features, t->dtype);
    w->carried = w->widen == NULL || t->dtype == PHI_F64;
    w->piece = (size_t)piece_rows(w->cols);
    w->sums.stride = (size_t)c->nrows;
    for (size_t k = 0; k < work->n; k++) {
        const struct phi_output_job *job = &work->outputs[k];
        struct phi_lane *l = &w->lanes[k];
        uint64_t row = 0;
        uint64_t at;

        l->dtype = job->plan->tensors[c->step].dtype;
        l->importance = job->plan->steps[c->step].importance;
        phi_dtype_nbytes(l->dtype, w->cols, &row);
        l->row_nbytes = (size_t)row;
        at = phi_sink_position(job->sink, c->step, c->row * row);
        l->bytes = l->room + at % PAGE;
        l->quantize = l->dtype != t->dtype || w->merged != NULL
                          ? phi_quantize_kernel(w->features, l->dtype)
                          : NULL;
        l->widen = job->rounding != NULL
                       ? phi_widen_kernel(w->features, l->dtype)
                       : NULL;
        w->carried = w->carried && l->dtype == t->dtype && w->merged == NULL;
    }
    return check_lanes(w, err);
}

/* Partial results of a row: element i goes to part i % PARTS. */
#define PARTS 8

/* What was lost in one row, between x and what was read back. */
static void compare(const float *restrict x, const float *restrict back,
                    size_t n, double *square, double *largest)
{
    double sum[PARTS] = {0};
    double max[PARTS] = {0};

    for (size_t i = 0; i < n; i += PARTS) {
        const size_t end = n - i < PARTS ? n - i : PARTS;

        for (size_t k = 0; k < end; k++) {
            const double e = (double)back[i + k] - (double)x[i + k];
            const double a = e < 0 ? -e : e;

            sum[k] += e * e;
            max[k] = a > max[k] ? a : max[k];
        }
    }
    for (size_t half = PARTS / 2; half > 0; half /= 2) {
        for (size_t k = 0; k < half; k++) {
            sum[k] += sum[k + half];
            max[k] = max[k + half] > max[k] ? max[k + half] : max[k];
        }
    }
    *square = sum[0];
    *largest = max[0];
}

/*
 * Quantizes n rows to one output. The first row of them that it cannot hold,
 * or n; *col is the first element of what it cannot hold.
 */
static size_t do_lane(struct phi_worker *w, struct phi_lane *l, size_t first,
                      size_t n, size_t *col)
{
    const uint32_t block = phi_dtype_info(l->dtype)->block;
    const size_t nblk = w->cols / block;
    const float limit = phi_quant_limit(l->dtype);
    uint8_t *to = l->bytes + first * l->row_nbytes;
    const size_t values = n * w->cols;
    size_t bad;

    if (l->quantize == NULL)
        memcpy(to, w->raw + first * w->raw_row, n * l->row_nbytes);
    else
        l->quantize(to, w->values, n, w->cols, l->importance);
    if (l->widen != NULL) {
        l->widen(w->back, to, n * nblk);
        for (size_t r = 0; r < n; r++)
            compare(w->values + r * w->cols, w->back + r * w->cols, w->cols,
                    &l->square[first + r], &l->largest[first + r]);
    }
    bad = phi_overflow_find(l->dtype, to, n * nblk) * block;
    if (limit < FLT_MAX) {
        const size_t past = phi_overflow_value(w->values, values, limit);

        if (past / w->cols < bad / w->cols)
            bad = past;
    }
    *col = bad % w->cols;
    return bad / w->cols;
}

static const char *kind_of(float v)
{
    if (v != v)
        return "NaN";
    return v > 0 ? "infinity" : "-infinity";
}

static enum phi_status not_finite(const struct phi_worker *w, size_t first,
                                  size_t at, float value, struct phi_err *err)
{
    const struct phi_tensor *t = w->tensor;

    return phi_fail(err, PHI_E_FORMAT,
                    "%s: tensor \"%.*s\": %s at row %llu, column %zu%s, "
                    "expected finite weights",
                    t->file, PHI_ERR_NAME, t->origin, kind_of(value),
                    (unsigned long long)(w->chunk.row + first + at / w->cols),
                    at % w->cols, w->merged != NULL ? " after the merge" : "");
}

/*
 * Names the largest magnitude of the block with element `col`: a scale that
 * overflows makes all elements of its block bad, small ones too.
 */
static enum phi_status too_large(const struct phi_worker *w, size_t first,
                                 size_t row, size_t col, enum phi_dtype dtype,
                                 struct phi_err *err)
{
    const struct phi_tensor *t = w->tensor;
    const struct phi_dtype_info *d = phi_dtype_info(dtype);
    const float *x = w->values + row * w->cols;
    const size_t from = col - col % d->block;
    size_t at = from;

    for (size_t i = from + 1; i < from + d->block; i++) {
        if ((x[i] < 0 ? -x[i] : x[i]) > (x[at] < 0 ? -x[at] : x[at]))
            at = i;
    }
    return phi_fail(err, PHI_E_UNSUPPORTED,
                    "%s: tensor \"%.*s\": %g at row %llu, column %zu%s is "
                    "beyond what %s can hold",
                    t->file, PHI_ERR_NAME, t->origin, (double)x[at],
                    (unsigned long long)(w->chunk.row + first + row), at,
                    w->merged != NULL ? " after the merge" : "", d->name);
}

/* Values of rows [first, first + n), with what adapters make of them. */
static enum phi_status load(struct phi_worker *w, size_t first, size_t n,
                            struct phi_err *err)
{
    const struct phi_tensor *t = w->tensor;
    const uint32_t block = phi_dtype_info(t->dtype)->block;
    const size_t left = first < w->stored ? w->stored - first : 0;
    const struct phi_merge *m = w->work->merge;
    struct phi_merge_sums sums = {.stride = w->sums.stride};

    w->widen(w->values, w->raw + first * w->raw_row,
             (left < n ? left : n) * (size_t)(phi_tensor_cols(t) / block));
    if (w->merged == NULL)
        return PHI_OK;
    if (w->merged->vector)
        return phi_merge_apply(m, (size_t)(w->merged - m->tensors), w->values,
                               0, (size_t)w->merged->rows, w->room, NULL, err);
    sums.weight = w->sums.weight + first;
    sums.delta = w->sums.delta + first;
    return phi_merge_apply(m, (size_t)(w->merged - m->tensors), w->values,
                           w->chunk.row + first, n, w->room, &sums, err);
}

void phi_worker_tally(const struct phi_worker *w, struct phi_merge *merge)
{
    if (w->merged != NULL && !w->merged->vector)
        phi_merge_tally(merge, (size_t)(w->merged - merge->tensors),
                        w->chunk.row, (size_t)w->chunk.nrows, &w->sums);
}

/*
 * Rows that every output has as they are, and that need not fit f32 for it.
 * What can be looked at is: no type of a block can, whose values nobody here
 * knows.
 */
static enum phi_status carry(struct phi_worker *w, size_t first, size_t n,
                             struct phi_err *err)
{
    const enum phi_dtype dtype = w->tensor->dtype;
    const uint8_t *from = w->raw + first * w->raw_row;
    const size_t values = n * w->cols;
    size_t bad = values;
    float value;

    for (size_t k = 0; k < w->work->n; k++) {
        struct phi_lane *l = &w->lanes[k];

        memcpy(l->bytes + first * w->raw_row, from, n * w->raw_row);
        l->widen = NULL; /* nothing was rounded */
    }
    if (phi_overflow_known(dtype)) /* F64 */
        bad = phi_overflow_find(dtype, from, values);
    if (bad == values)
        return PHI_OK;
    w->widen(&value, from + bad * (w->raw_row / w->cols), 1);
    return not_finite(w, first, bad, value, err);
}

enum phi_status phi_worker_piece(struct phi_worker *w, size_t first, size_t n,
                                 struct phi_err *err)
{
    enum phi_status st;
    size_t bad;
    size_t good;
    size_t bad_row;
    size_t bad_col = 0;
    size_t bad_lane = 0;

    if (w->carried)
        return carry(w, first, n, err);
    if ((st = load(w, first, n, err)) != PHI_OK)
        return st;
    bad = phi_overflow_value(w->values, n * w->cols, FLT_MAX);
    /* Rows before the first that is not finite are judged before it. */
    good = bad_row = bad / w->cols;
    for (size_t k = 0; k < w->work->n && bad_row > 0; k++) {
        size_t col;
        const size_t row = do_lane(w, &w->lanes[k], first, good, &col);

        if (row < bad_row) {
            bad_row = row;
            bad_col = col;
            bad_lane = k;
        }
    }
    if (bad_row < good)
        return too_large(w, first, bad_row, bad_col, w->lanes[bad_lane].dtype,
                         err);
    return good < n ? not_finite(w, first, bad, w->values[bad], err) : PHI_OK;
}
