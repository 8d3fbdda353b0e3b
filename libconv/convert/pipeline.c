/* SPDX-License-Identifier: MIT */
#include "libconv/convert/pipeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/half.h"
#include "libconv/base/mem.h"
#include "libconv/base/par.h"
#include "libconv/base/size.h"
#include "libconv/quant/quant.h"

#define DEFAULT_CHUNK ((size_t)4 << 20)

/* Rows that a thread takes at a time. */
#define GRAIN 4

/* What a row's work found; rows are looked at in order afterwards. */
struct row_result {
    uint64_t bad_col; /* first NaN or infinity of the source, or NONE */
    float bad_value;
};

#define NONE UINT64_MAX

/* An output's share of the current chunk. */
struct lane {
    enum phi_dtype dtype;
    const float *importance; /* (cols) or NULL */
    uint8_t *bytes;          /* (rows, row_nbytes) */
    size_t row_nbytes;
    uint64_t *bad;   /* (rows) first element stored as NaN or infinity */
    double *square;  /* (rows) sum of squared errors; NULL: not asked for */
    double *largest; /* (rows) largest error */
    double sum;      /* of `square` over the rows so far, in order */
    double max_error;
};

struct chunk {
    enum phi_dtype from;
    size_t cols;
    size_t row_nbytes;          /* in the source */
    const uint8_t *raw;         /* (rows, row_nbytes) */
    float *values;              /* (rows, cols) */
    float *scratch;             /* (threads, cols) for reading back */
    struct row_result *results; /* (rows) */
    struct lane *lanes;
    size_t nlanes;
};

static bool is_finite(float v)
{
    return (phi_f32_bits(v) & 0x7f800000) != 0x7f800000;
}

static uint64_t first_not_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!is_finite(x[i]))
            return i;
    }
    return NONE;
}

/* A weight that the type would lose without a trace. */
static uint64_t first_past_limit(const float *x, size_t n, enum phi_dtype t)
{
    const float limit = phi_quant_limit(t);

    for (size_t i = 0; i < n; i++) {
        if (x[i] > limit || x[i] < -limit)
            return i;
    }
    return NONE;
}

/* Quantizes row r to one output and, where asked or needed, reads it back. */
static void do_lane(const struct chunk *c, struct lane *l, size_t r,
                    float *back)
{
    const float *x = c->values + r * c->cols;
    uint8_t *to = l->bytes + r * l->row_nbytes;
    double square = 0;
    double largest = 0;

    if (l->dtype == c->from)
        memcpy(to, c->raw + r * c->row_nbytes, l->row_nbytes);
    else
        phi_quant_row(l->dtype, x, c->cols, l->importance, to);
    /* A scale beyond f16, or a weight beyond the type, shows up here. */
    phi_quant_to_f32(l->dtype, to, c->cols, back);
    l->bad[r] = first_not_finite(back, c->cols);
    if (l->bad[r] == NONE)
        l->bad[r] = first_past_limit(x, c->cols, l->dtype);
    if (l->square == NULL)
        return;
    for (size_t i = 0; i < c->cols; i++) {
        const double e = (double)back[i] - (double)x[i];
        const double a = e < 0 ? -e : e;

        square += e * e;
        if (a > largest)
            largest = a;
    }
    l->square[r] = square;
    l->largest[r] = largest;
}

static void do_rows(void *ctx, size_t first, size_t count, size_t worker)
{
    const struct chunk *c = ctx;
    float *back = c->scratch + worker * c->cols;

    for (size_t r = first; r < first + count; r++) {
        float *x = c->values + r * c->cols;
        struct row_result *res = &c->results[r];

        phi_quant_to_f32(c->from, c->raw + r * c->row_nbytes, c->cols, x);
        res->bad_col = first_not_finite(x, c->cols);
        if (res->bad_col != NONE) {
            res->bad_value = x[res->bad_col];
            continue;
        }
        for (size_t k = 0; k < c->nlanes; k++)
            do_lane(c, &c->lanes[k], r, back);
    }
}

static const char *kind_of(float v)
{
    if (v != v)
        return "NaN";
    return v > 0 ? "infinity" : "-infinity";
}

/*
 * Of the block of row r with the element `bad`, the largest magnitude: a
 * scale that overflows makes all elements of its block bad, small ones too.
 */
static uint64_t culprit(const struct chunk *c, const struct lane *l, size_t r)
{
    const float *x = c->values + r * c->cols;
    const uint64_t block = phi_dtype_info(l->dtype)->block;
    const uint64_t first = l->bad[r] - l->bad[r] % block;
    uint64_t at = first;

    for (uint64_t i = first + 1; i < first + block; i++) {
        if ((x[i] < 0 ? -x[i] : x[i]) > (x[at] < 0 ? -x[at] : x[at]))
            at = i;
    }
    return at;
}

/* Looks at the rows in order, so that the message is always the same one. */
static enum phi_status check_rows(const struct chunk *c, size_t nrows,
                                  uint64_t first, const struct phi_tensor *t,
                                  struct phi_err *err)
{
    for (size_t r = 0; r < nrows; r++) {
        const struct row_result *res = &c->results[r];
        const unsigned long long row = first + r;

        if (res->bad_col != NONE)
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: tensor \"%.*s\": %s at row %llu, column %llu, "
                            "expected finite weights",
                            t->file, PHI_ERR_NAME, t->origin,
                            kind_of(res->bad_value), row,
                            (unsigned long long)res->bad_col);
        for (size_t k = 0; k < c->nlanes; k++) {
            const struct lane *l = &c->lanes[k];
            uint64_t col;

            if (l->bad[r] == NONE)
                continue;
            col = culprit(c, l, r);
            return phi_fail(
                err, PHI_E_UNSUPPORTED,
                "%s: tensor \"%.*s\": %g at row %llu, column %llu is beyond "
                "what %s can hold",
                t->file, PHI_ERR_NAME, t->origin,
                (double)c->values[r * c->cols + col], row,
                (unsigned long long)col, phi_dtype_info(l->dtype)->name);
        }
    }
    return PHI_OK;
}

static enum phi_status lane_init(struct lane *l, size_t nrows, bool measured,
                                 struct phi_err *err)
{
    l->bytes = phi_alloc(nrows, l->row_nbytes, err);
    l->bad = phi_alloc(nrows, sizeof(*l->bad), err);
    if (l->bytes == NULL || l->bad == NULL)
        return PHI_E_NOMEM;
    if (!measured)
        return PHI_OK;
    l->square = phi_alloc(nrows, sizeof(*l->square), err);
    l->largest = phi_alloc(nrows, sizeof(*l->largest), err);
    return l->square != NULL && l->largest != NULL ? PHI_OK : PHI_E_NOMEM;
}

static void chunk_release(struct chunk *c)
{
    for (size_t k = 0; c->lanes != NULL && k < c->nlanes; k++) {
        free(c->lanes[k].bytes);
        free(c->lanes[k].bad);
        free(c->lanes[k].square);
        free(c->lanes[k].largest);
    }
    free(c->lanes);
    free((void *)c->raw);
    free(c->values);
    free(c->scratch);
    free(c->results);
    *c = (struct chunk){0};
}

/* Buffers for nrows rows of step i of the jobs' plans. */
static enum phi_status chunk_init(struct chunk *c, size_t nrows, size_t i,
                                  const struct phi_tensor *t,
                                  const struct phi_output_job *jobs, size_t n,
                                  size_t nthreads, struct phi_err *err)
{
    /* Threads that get a piece of the chunk. */
    const size_t npieces = (nrows + GRAIN - 1) / GRAIN;
    const size_t nworkers = nthreads < npieces ? nthreads : npieces;
    uint64_t row_nbytes = 0;
    size_t values;
    size_t scratch;

    *c = (struct chunk){.from = t->dtype, .nlanes = n};
    c->cols = (size_t)phi_tensor_cols(t);
    if (!phi_mul_size(nrows, c->cols, &values) ||
        !phi_mul_size(nworkers, c->cols, &scratch) ||
        !phi_dtype_nbytes(t->dtype, c->cols, &row_nbytes))
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: tensor \"%.*s\": its rows are no whole blocks",
                        t->file, PHI_ERR_NAME, t->origin);
    c->row_nbytes = (size_t)row_nbytes;
    c->raw = phi_alloc(nrows, c->row_nbytes, err);
    c->values = phi_alloc(values, sizeof(float), err);
    c->scratch = phi_alloc(scratch, sizeof(float), err);
    c->results = phi_alloc(nrows, sizeof(*c->results), err);
    c->lanes = phi_alloc(n, sizeof(*c->lanes), err);
    if (c->raw == NULL || c->values == NULL || c->scratch == NULL ||
        c->results == NULL || c->lanes == NULL)
        return PHI_E_NOMEM;
    for (size_t k = 0; k < n; k++) {
        struct lane *l = &c->lanes[k];

        l->dtype = jobs[k].plan->tensors[i].dtype;
        l->importance = jobs[k].plan->steps[i].importance;
        if (!phi_dtype_nbytes(l->dtype, c->cols, &row_nbytes))
            return phi_fail(err, PHI_E_ARG, "tensor \"%.*s\": bad plan",
                            PHI_ERR_NAME, t->origin);
        l->row_nbytes = (size_t)row_nbytes;
        if (lane_init(l, nrows, jobs[k].rounding != NULL, err) != PHI_OK)
            return PHI_E_NOMEM;
    }
    return PHI_OK;
}

static enum phi_status write_rows(const struct chunk *c, size_t nrows, size_t i,
                                  const struct phi_output_job *jobs,
                                  struct phi_err *err)
{
    for (size_t k = 0; k < c->nlanes; k++) {
        struct lane *l = &c->lanes[k];
        const enum phi_status st = phi_sink_write(jobs[k].sink, i, l->bytes,
                                                  nrows * l->row_nbytes, err);

        if (st != PHI_OK)
            return st;
        for (size_t r = 0; l->square != NULL && r < nrows; r++) {
            l->sum += l->square[r];
            if (l->largest[r] > l->max_error)
                l->max_error = l->largest[r];
        }
    }
    return PHI_OK;
}

struct run {
    const struct phi_source *source;
    const struct phi_output_job *jobs;
    size_t n;
    const struct phi_pipeline_options *options;
    uint64_t done; /* bytes of the source */
    uint64_t total;
};

/* All rows of step i, chunk by chunk. */
static enum phi_status run_tensor(struct run *run, size_t i,
                                  struct phi_err *err)
{
    const size_t from = run->jobs[0].plan->steps[i].source;
    const struct phi_tensor *t = &run->source->tensors[from];
    const uint64_t nrows = phi_tensor_rows(t);
    const uint64_t cols = phi_tensor_cols(t);
    const size_t room = run->options->chunk_nbytes > 0
                            ? run->options->chunk_nbytes
                            : DEFAULT_CHUNK;
    uint64_t step = cols > 0 ? room / sizeof(float) / cols : 1;
    struct chunk c = {0};
    enum phi_status st = PHI_OK;

    if (nrows == 0 || cols == 0)
        return PHI_OK;
    step = step == 0 ? 1 : step > nrows ? nrows : step;
    st = chunk_init(&c, (size_t)step, i, t, run->jobs, run->n,
                    run->options->nthreads, err);
    for (uint64_t first = 0; st == PHI_OK && first < nrows; first += step) {
        const size_t count =
            (size_t)(nrows - first < step ? nrows - first : step);
        const size_t nbytes = count * c.row_nbytes;

        st = phi_source_read(run->source, from, first * c.row_nbytes,
                             (void *)c.raw, nbytes, err);
        if (st != PHI_OK)
            break;
        phi_par_for(run->options->nthreads, count, GRAIN, do_rows, &c);
        if ((st = check_rows(&c, count, first, t, err)) != PHI_OK ||
            (st = write_rows(&c, count, i, run->jobs, err)) != PHI_OK)
            break;
        run->done += nbytes;
        st = phi_monitor_tick(run->options->monitor, run->done, run->total,
                              NULL, err);
    }
    for (size_t k = 0; st == PHI_OK && k < run->n; k++) {
        struct phi_rounding *out = run->jobs[k].rounding;

        if (out != NULL)
            out[i] = (struct phi_rounding){
                sqrt(c.lanes[k].sum / (double)nrows / (double)cols),
                c.lanes[k].max_error};
    }
    chunk_release(&c);
    return st;
}

enum phi_status phi_pipeline_run(const struct phi_source *s,
                                 const struct phi_output_job *jobs, size_t n,
                                 const struct phi_pipeline_options *options,
                                 struct phi_err *err)
{
    struct run run = {s, jobs, n, options, 0, 0};
    enum phi_status st;

    for (size_t k = 0; k < s->ntensors; k++)
        run.total += s->tensors[k].nbytes;
    for (size_t i = 0; n > 0 && i < jobs[0].plan->n; i++) {
        if ((st = run_tensor(&run, i, err)) != PHI_OK)
            return st;
    }
    return phi_source_unchanged(s, err);
}
