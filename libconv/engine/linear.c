/* SPDX-License-Identifier: MIT */
#include "libconv/engine/linear.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "libconv/base/par.h"
#include "libconv/engine/panel.h"
#include "libconv/kernels/gemm_i8.h"
#include "libconv/quant/quant.h"

/*
 * Tokens that go through one piece of a panel before the next panel: their
 * activations (64 x 512 x 4 bytes) stay in the second-level cache. Integer
 * kernels take up to six tokens at a time, f32 ones up to sixteen: both
 * PHI_INTEGER_TOKENS and this come out even.
 */
#define TOKENS 64

_Static_assert(PHI_GROUP % PHI_I8_ROWS == 0, "a group is whole panels");
_Static_assert(PHI_GROUP % PHI_PANEL == 0, "of both kinds");

/* An input of the run, made ready for the kernels. */
struct input {
    const float *x; /* (ntokens, ncols) */
    size_t ncols;
    const uint8_t *blocks; /* (ntokens, stride) of activations, or NULL */
    uint8_t *room;         /* to make them here; NULL: they are made */
    size_t stride;
    float *panels; /* (ntokens/16, ncols, 16), or NULL */
};

struct run {
    struct phi_space *space;
    const struct phi_linear_run *args;
    struct input inputs[PHI_ACTS];
    size_t ninputs;
    atomic_bool stop; /* the monitor said so */
};

/* A group of rows of a job, and the thread that does it. */
struct group {
    const struct run *run;
    struct phi_space_worker *own;
    const struct phi_linear *job;
    size_t row0;
    size_t nrows;           /* PHI_GROUP at most */
    double bias[PHI_GROUP]; /* (nrows) of all terms */
};

static enum phi_act_mode mode_of(enum phi_engine_act act)
{
    return act == PHI_ENGINE_FAST ? PHI_ACT_FAST : PHI_ACT_EXACT;
}

bool phi_linear_is_integer(enum phi_engine_act act, const struct phi_matrix *w)
{
    return act != PHI_ENGINE_REF &&
           phi_panel_layout(phi_matrix_dtype(w)) != NULL;
}

phi_gemm_f32_fn phi_linear_gemm(const struct phi_kernels *kernels,
                                enum phi_engine_act act)
{
    return act == PHI_ENGINE_REF ? kernels->gemm->f64 : kernels->gemm->f32;
}

size_t phi_linear_stride(enum phi_engine_act act, size_t ncols)
{
    return ncols / PHI_I8_BLOCK * phi_act_nbytes(mode_of(act));
}

static bool is_integer(const struct phi_linear_run *args,
                       const struct phi_matrix *w)
{
    return phi_linear_is_integer(args->act, w);
}

static size_t groups_of(const struct phi_linear *job)
{
    return (job->term[0].w->nrows + PHI_GROUP - 1) / PHI_GROUP;
}

static const struct input *input_of(const struct run *r, const float *x)
{
    const struct input *in = r->inputs;

    while (in->x != x)
        in++;
    return in;
}

/* Where the panel of the group's rows from c on is, and the rows as stored. */
static float *panel_at(const struct group *g, size_t c)
{
    return (float *)g->own->panels.p + c * PHI_DEPTH;
}

static const uint8_t *raw_at(const struct group *g, const struct phi_matrix *w,
                             size_t c)
{
    return (const uint8_t *)g->own->raw.p + c * w->row_nbytes;
}

/* Widens columns [k0, k0 + depth) of stored rows into the panel of c. */
static void widen(const struct group *g, const struct phi_matrix *w, size_t c,
                  size_t k0, size_t depth)
{
    const enum phi_dtype dtype = phi_matrix_dtype(w);
    const size_t n = g->nrows - c < PHI_PANEL ? g->nrows - c : PHI_PANEL;
    const size_t row_nbytes = w->row_nbytes;
    const uint8_t *const raw = raw_at(g, w, c);
    float *const rows = g->own->rows.p;
    uint64_t at = 0;

    /* k0 is a multiple of every block, so this cannot fail. */
    (void)phi_dtype_nbytes(dtype, k0, &at);
    for (size_t i = 0; i < n; i++)
        phi_quant_to_f32(dtype, raw + i * row_nbytes + at, depth,
                         rows + i * PHI_DEPTH);
    phi_panel_fill(panel_at(g, c), rows, PHI_DEPTH, n, depth);
}

/* The same of a stored panel, whose rows lie like those of the other. */
static void widen_panel(const struct group *g, const struct phi_matrix *w,
                        size_t c, size_t k0, size_t depth)
{
    const enum phi_dtype dtype = phi_matrix_dtype(w);
    const size_t m = phi_matrix_panel_rows(w, g->row0 + c);
    float *const panel = panel_at(g, c);
    float *const rows = g->own->rows.p;
    float *const to = m == PHI_PANEL ? panel : rows;
    uint64_t at = 0;

    (void)phi_dtype_nbytes(dtype, k0 * m, &at); /* one element a block */
    phi_quant_to_f32(dtype, raw_at(g, w, c) + at, depth * m, to);
    for (size_t k = 0; m < PHI_PANEL && k < depth; k++) {
        for (size_t i = 0; i < PHI_PANEL; i++)
            panel[k * PHI_PANEL + i] = i < m ? rows[k * m + i] : 0;
    }
}

/* acc += x w^T for a group of stored rows, piece by piece of their length. */
static void multiply(const struct group *g, const struct phi_term *term)
{
    const struct phi_linear_run *args = g->run->args;
    const struct phi_matrix *w = term->w;
    const size_t nrows = g->nrows;
    const size_t ncols = w->ncols;
    const size_t ldx = ncols * PHI_PANEL;
    const bool stored = phi_matrix_in_panels(w, g->row0, PHI_PANEL);
    const float *const x = input_of(g->run, term->x)->panels;
    const phi_gemm_f32_fn gemm = phi_linear_gemm(args->kernels, args->act);
    double *const acc = g->own->acc.p;

    for (size_t k = 0; k < ncols; k += PHI_DEPTH) {
        const size_t depth = ncols - k < PHI_DEPTH ? ncols - k : PHI_DEPTH;

        for (size_t c = 0; c < nrows; c += PHI_PANEL) {
            if (stored)
                widen_panel(g, w, c, k, depth);
            else
                widen(g, w, c, k, depth);
        }
        for (size_t t = 0; t < args->ntokens; t += TOKENS) {
            const size_t left = args->ntokens - t;

            for (size_t c = 0; c < nrows; c += PHI_PANEL)
                gemm(acc + t * PHI_GROUP + c, PHI_GROUP,
                     x + t / PHI_PANEL * ldx + k * PHI_PANEL, ldx,
                     panel_at(g, c), left < TOKENS ? left : TOKENS, depth);
        }
    }
}

/* ---- integers ------------------------------------------------------------ */

/* A term's panels of a group, unpacked. */
struct unpacked {
    const struct input *x; /* NULL: the term is not of integers */
    const uint8_t *panels;
    size_t panel_nbytes;
    size_t block_nbytes;
    size_t nblk;
    phi_unpack_fn unpack;
    phi_gemm_i8_fn gemm;
};

/* nrows that a stored panel of m has, block column after block column. */
static void unpack_columns(const struct unpacked *u, uint8_t *to,
                           const struct phi_matrix *w, const uint8_t *raw,
                           size_t m, size_t nrows)
{
    const struct phi_dtype_info *d = phi_dtype_info(phi_matrix_dtype(w));
    const phi_unpack_fn unpack = u->unpack;
    const size_t step = d->block / PHI_I8_BLOCK * u->block_nbytes;
    const size_t stored = d->bits / 8;

    for (size_t b = 0; b < w->ncols / d->block; b++) {
        unpack(to, raw, stored, nrows, d->block);
        to += step;
        raw += m * stored;
    }
}

/* Unpacks a group of stored rows to `to`; returns where the next may be. */
static uint8_t *unpack_group(const struct group *g, const struct phi_term *term,
                             uint8_t *to, struct unpacked *out)
{
    const struct phi_linear_run *args = g->run->args;
    const struct phi_matrix *w = term->w;
    const enum phi_dtype dtype = phi_matrix_dtype(w);
    const bool stored = phi_matrix_in_panels(w, g->row0, PHI_I8_ROWS);

    out->x = input_of(g->run, term->x);
    out->panels = to;
    out->nblk = w->ncols / PHI_I8_BLOCK;
    out->block_nbytes = phi_panel_layout(dtype)->block_nbytes;
    out->panel_nbytes = out->nblk * out->block_nbytes;
    out->unpack = phi_unpack_kernel(args->features, dtype);
    out->gemm = phi_gemm_i8_kernel(args->features, dtype, mode_of(args->act));
    for (size_t c = 0; c < g->nrows; c += PHI_I8_ROWS) {
        const uint8_t *raw = raw_at(g, w, c);
        const size_t n =
            g->nrows - c < PHI_I8_ROWS ? g->nrows - c : PHI_I8_ROWS;

        if (stored)
            unpack_columns(out, to, w, raw,
                           phi_matrix_panel_rows(w, g->row0 + c), n);
        else
            out->unpack(to, raw, w->row_nbytes, n, w->ncols);
        to += out->panel_nbytes;
    }
    return to;
}

/* sums += x w^T for tokens [t, t + n), piece by piece of the rows' length. */
static void multiply_integers(const struct group *g, const struct unpacked *u,
                              float *sums, size_t t, size_t n)
{
    const size_t act_nbytes = phi_act_nbytes(mode_of(g->run->args->act));
    const size_t most = PHI_INTEGER_DEPTH / PHI_I8_BLOCK;
    const size_t nrows = g->nrows;

    for (size_t b = 0; b < u->nblk; b += most) {
        const struct phi_act act = {
            u->x->blocks + t * u->x->stride + b * act_nbytes, u->x->stride, n};
        const size_t nblk = u->nblk - b < most ? u->nblk - b : most;
        const uint8_t *panel = u->panels + b * u->block_nbytes;

        for (size_t c = 0; c < nrows; c += PHI_I8_ROWS) {
            u->gemm(sums + c, PHI_GROUP, panel, &act, nblk);
            panel += u->panel_nbytes;
        }
    }
}

/* ---- a group of rows ----------------------------------------------------- */

static void add_biases(struct group *g)
{
    for (size_t i = 0; i < g->job->nterms; i++) {
        const float *b = g->job->term[i].w->bias;

        for (size_t c = 0; b != NULL && c < g->nrows; c++)
            g->bias[c] += (double)b[g->row0 + c];
    }
}

/* What becomes of tokens [t, t + n): acc is token 0's, sums token t's. */
static void finish(const struct group *g, const double *acc, const float *sums,
                   size_t t, size_t n)
{
    const struct phi_linear_run *args = g->run->args;
    const struct phi_vec_kernels *vec = args->kernels->vec;
    const struct phi_linear *job = g->job;
    const struct phi_ready *ready = job->ready;
    const phi_act_fn quantize =
        phi_act_kernel(args->features, mode_of(args->act));
    const size_t at = phi_linear_stride(args->act, g->row0);
    const size_t row0 = g->row0;
    const size_t nrows = g->nrows;

    for (size_t i = 0; i < n; i++) {
        float row[PHI_GROUP];
        float *const y =
            ready != NULL ? row : job->y + (t + i) * job->ldy + row0;

        vec->finish(y, acc != NULL ? acc + (t + i) * PHI_GROUP : NULL,
                    sums != NULL ? sums + i * PHI_GROUP : NULL, g->bias, nrows,
                    job->epilogue == PHI_EPILOGUE_ADD);
        if (job->epilogue == PHI_EPILOGUE_GELU)
            vec->gelu_new(y, nrows);
        if (ready != NULL)
            quantize(ready->blocks + (t + i) * ready->stride + at, y, nrows);
    }
}

/* A group of rows to own->raw, in panels where they are used so. */
static enum phi_status read_group(const struct group *g,
                                  const struct phi_matrix *w)
{
    struct phi_space_worker *own = g->own;
    const size_t rows = is_integer(g->run->args, w) ? PHI_I8_ROWS : PHI_PANEL;

    if (phi_matrix_in_panels(w, g->row0, rows))
        return phi_matrix_read_panels(w, g->row0, g->nrows, own->raw.p,
                                      &own->err);
    return phi_matrix_read(w, g->row0, g->nrows, own->raw.p, &own->err);
}

static enum phi_status do_group(const struct run *r,
                                struct phi_space_worker *own,
                                const struct phi_linear *job, size_t row0)
{
    const size_t left = job->term[0].w->nrows - row0;
    const size_t ntokens = r->args->ntokens;
    struct group g = {.run = r,
                      .own = own,
                      .job = job,
                      .row0 = row0,
                      .nrows = left < PHI_GROUP ? left : PHI_GROUP};
    struct unpacked terms[2] = {{0}};
    uint8_t *room = own->bytes.p;
    double *acc = NULL;
    float *sums = NULL;

    for (size_t i = 0; i < job->nterms; i++) {
        const struct phi_term *term = &job->term[i];
        const enum phi_status st = read_group(&g, term->w);

        if (st != PHI_OK)
            return st;
        if (is_integer(r->args, term->w)) {
            sums = own->sums.p;
            room = unpack_group(&g, term, room, &terms[i]);
            continue;
        }
        if (acc == NULL)
            acc = memset(own->acc.p, 0, ntokens * PHI_GROUP * sizeof(*acc));
        multiply(&g, term);
    }
    add_biases(&g);
    for (size_t t = 0; t < ntokens; t += PHI_INTEGER_TOKENS) {
        const size_t more = ntokens - t;
        const size_t n = more < PHI_INTEGER_TOKENS ? more : PHI_INTEGER_TOKENS;

        if (sums != NULL)
            memset(sums, 0, n * PHI_GROUP * sizeof(*sums));
        for (size_t i = 0; i < job->nterms; i++) {
            if (terms[i].x != NULL)
                multiply_integers(&g, &terms[i], sums, t, n);
        }
        finish(&g, acc, sums, t, n);
    }
    return PHI_OK;
}

/* Worker 0 is the caller's thread: the monitor knows no other. */
static void ask(struct run *r, struct phi_space_worker *own)
{
    struct phi_err err = {0};
    const enum phi_status st = phi_monitor_tick(r->args->monitor, r->args->done,
                                                r->args->total, NULL, &err);

    if (st == PHI_OK)
        return;
    own->status = st;
    own->item = 0; /* nobody needs to finish anything */
    own->err = err;
    atomic_store(&r->stop, true);
}

static void do_groups(void *ctx, size_t first, size_t count, size_t worker)
{
    struct run *r = ctx;
    struct phi_space_worker *own = &r->space->workers[worker];

    if (worker == 0 && !atomic_load(&r->stop))
        ask(r, own);
    if (atomic_load(&r->stop))
        return;
    for (size_t i = first; i < first + count && phi_space_wants(own, i); i++) {
        const struct phi_linear *job = r->args->jobs;
        size_t group = i;
        enum phi_status st;

        while (group >= groups_of(job)) {
            group -= groups_of(job);
            job++;
        }
        st = do_group(r, own, job, group * PHI_GROUP);
        if (st != PHI_OK) {
            own->status = st;
            own->item = i;
        }
    }
}

/* ---- inputs -------------------------------------------------------------- */

/* Panels of sixteen tokens, first .. first + count. */
static void prepare_tokens(void *ctx, size_t first, size_t count, size_t worker)
{
    const struct run *r = ctx;
    const phi_act_fn quantize =
        phi_act_kernel(r->args->features, mode_of(r->args->act));
    const size_t begin = first * PHI_PANEL;
    const size_t end = (first + count) * PHI_PANEL < r->args->ntokens
                           ? (first + count) * PHI_PANEL
                           : r->args->ntokens;

    (void)worker;
    for (size_t i = 0; i < r->ninputs; i++) {
        const struct input *in = &r->inputs[i];

        for (size_t t = begin; in->room != NULL && t < end; t++)
            quantize(in->room + t * in->stride, in->x + t * in->ncols,
                     in->ncols);
        for (size_t t = begin; in->panels != NULL && t < end; t += PHI_PANEL)
            phi_panel_fill(in->panels + t * in->ncols, in->x + t * in->ncols,
                           in->ncols, end - t < PHI_PANEL ? end - t : PHI_PANEL,
                           in->ncols);
    }
}

/* Room for what a term wants of its input, unless another had it made. */
static enum phi_status want_input(struct run *r, const struct phi_term *term,
                                  struct phi_err *err)
{
    const size_t ntokens = r->args->ntokens;
    const size_t ncols = term->w->ncols;
    struct phi_block *room;
    struct input *in;
    enum phi_status st = PHI_OK;
    size_t at = 0;

    while (at < r->ninputs && r->inputs[at].x != term->x)
        at++;
    if (at == PHI_ACTS)
        return phi_fail(err, PHI_E_ARG, "a run has too many inputs");
    in = &r->inputs[at];
    if (at == r->ninputs) {
        const struct phi_ready *ready = r->args->ready;

        *in = (struct input){.x = term->x, .ncols = ncols};
        if (ready != NULL && ready->x == term->x) {
            in->blocks = ready->blocks;
            in->stride = ready->stride;
        }
        r->ninputs++;
    }
    if (is_integer(r->args, term->w) && in->blocks == NULL) {
        room = &r->space->act[at];
        in->stride = phi_linear_stride(r->args->act, ncols);
        st = phi_block_fit(room, ntokens, in->stride, err);
        in->blocks = in->room = room->p;
    }
    if (!is_integer(r->args, term->w) && in->panels == NULL) {
        room = &r->space->tiles[at];
        st = phi_block_fit(room, phi_panel_count(ntokens),
                           ncols * PHI_PANEL * sizeof(float), err);
        in->panels = room->p;
    }
    return st;
}

/* Each input is made ready once for all jobs. */
static enum phi_status prepare_inputs(struct run *r, struct phi_err *err)
{
    for (size_t i = 0; i < r->args->njobs; i++) {
        for (size_t k = 0; k < r->args->jobs[i].nterms; k++) {
            const enum phi_status st =
                want_input(r, &r->args->jobs[i].term[k], err);

            if (st != PHI_OK)
                return st;
        }
    }
    phi_par_for(r->args->nthreads, phi_panel_count(r->args->ntokens), 1,
                prepare_tokens, r);
    return PHI_OK;
}

enum phi_status phi_linear_run(struct phi_space *space,
                               const struct phi_linear_run *run,
                               struct phi_err *err)
{
    struct run r = {.space = space, .args = run};
    size_t ngroups = 0;
    const enum phi_status st = prepare_inputs(&r, err);

    if (st != PHI_OK)
        return st;
    atomic_init(&r.stop, false);
    for (size_t i = 0; i < run->njobs; i++)
        ngroups += groups_of(&run->jobs[i]);
    phi_par_for(run->nthreads, ngroups, 1, do_groups, &r);
    return phi_space_status(space, err);
}
