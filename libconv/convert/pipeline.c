/* SPDX-License-Identifier: MIT */
#include "libconv/convert/pipeline.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "libconv/base/lock.h"
#include "libconv/base/mem.h"
#include "libconv/base/par.h"
#include "libconv/convert/chunks.h"
#include "libconv/convert/worker.h"

#define DEFAULT_CHUNK ((size_t)4 << 20)

/* Workers beyond the threads: one reads while another writes. */
#define EXTRA_WORKERS 2

/* One output's errors in one tensor, rows added in order. */
struct rounding_sums {
    double square;
    double largest;
};

/* The hash of one file, fed in the order of its bytes. */
struct file_hash {
    struct phi_sha256 *sha256;
    uint64_t at; /* bytes that are in; under the lock */
    double seconds;
};

struct run {
    const struct phi_pipeline_work *work;
    const struct phi_source *source; /* the work's */
    const struct phi_plan *plan;     /* of the first output: the order */
    const struct phi_pipeline_options *options;
    struct phi_chunks chunks;
    struct phi_worker *workers; /* (nworkers) */
    size_t nworkers;
    atomic_size_t next;  /* the first chunk that nobody has taken */
    atomic_size_t limit; /* chunks from here on are given up */
    atomic_ullong done;  /* bytes of the source */
    struct phi_lock *lock;
    struct file_hash *hashes; /* (source->nfiles), or NULL: not wanted */
    /* under the lock */
    struct phi_err err;            /* why there is a limit */
    uint64_t *rows_tallied;        /* (plan.n) */
    struct rounding_sums *tallies; /* (njobs, plan.n) */
};

/*
 * Chunk i failed. Chunks are taken in order and those below i are finished
 * all the same, so the lowest that fails decides, whoever is first.
 */
static void give_up(struct run *run, size_t i, const struct phi_err *err)
{
    phi_lock_take(run->lock);
    if (i < atomic_load(&run->limit)) {
        atomic_store(&run->limit, i);
        run->err = *err;
    }
    phi_lock_wake(run->lock);
    phi_lock_give(run->lock);
}

static bool given_up(const struct run *run, size_t i)
{
    return i >= atomic_load(&run->limit);
}

/* Feeds a chunk to its file's hash: only the one worker whose turn it is. */
static enum phi_status hash_chunk(struct phi_worker *w, struct file_hash *h,
                                  uint64_t nbytes)
{
    struct phi_time *time = &w->times[PHI_TIME_HASH];
    const double before = time->wall;
    const size_t account = phi_stopwatch_switch(&w->watch, PHI_TIME_HASH);
    const enum phi_status st =
        phi_sha256_add(h->sha256, w->raw, (size_t)nbytes, &w->err);

    phi_stopwatch_switch(&w->watch, account);
    h->seconds += time->wall - before;
    return st;
}

/*
 * Hashes chunk i if all bytes before it are hashed; `wait` waits for that.
 * True when it is done or there is nothing to do. Whoever holds the lowest
 * chunk of a file has its turn, so waiting ends.
 */
static bool hash(struct run *run, struct phi_worker *w, size_t i, bool wait)
{
    const struct phi_chunk *c = &run->chunks.v[i];
    struct file_hash *h;
    size_t account;
    bool turn;

    if (run->hashes == NULL || c->again)
        return true;
    h = &run->hashes[c->file];
    account = phi_stopwatch_switch(&w->watch, PHI_TIME_WAIT);
    phi_lock_take(run->lock);
    while (wait && h->at != c->offset && !given_up(run, i))
        phi_lock_wait(run->lock);
    turn = h->at == c->offset;
    phi_lock_give(run->lock);
    phi_stopwatch_switch(&w->watch, account);
    if (!turn)
        return given_up(run, i);
    /* Nobody else touches the hash until `at` says that it is their turn. */
    if (hash_chunk(w, h, c->nbytes) != PHI_OK) {
        give_up(run, i, &w->err);
        return true;
    }
    phi_lock_take(run->lock);
    h->at += c->nbytes;
    phi_lock_wake(run->lock);
    phi_lock_give(run->lock);
    return true;
}

/* Rows through the processor, a piece at a time. */
static enum phi_status quantize(struct run *run, struct phi_worker *w, size_t i,
                                bool ticks, bool *hashed)
{
    const struct phi_chunk *c = &run->chunks.v[i];
    enum phi_status st = PHI_OK;

    for (size_t row = 0; row < c->nrows && !given_up(run, i);) {
        const size_t left = (size_t)c->nrows - row;
        const size_t n = left < w->piece ? left : w->piece;

        st = phi_worker_piece(w, row, n, &w->err);
        if (st != PHI_OK)
            return st;
        row += n;
        *hashed = *hashed || hash(run, w, i, false);
        atomic_fetch_add(&run->done, (row <= w->stored ? n : 0) * w->raw_row);
        if (ticks)
            st =
                phi_monitor_tick(run->options->monitor, atomic_load(&run->done),
                                 run->chunks.nbytes, NULL, &w->err);
        if (st != PHI_OK) {
            give_up(run, 0, &w->err); /* nobody needs to finish anything */
            return st;
        }
    }
    return PHI_OK;
}

static enum phi_status write_rows(struct run *run, struct phi_worker *w,
                                  size_t i)
{
    const struct phi_chunk *c = &run->chunks.v[i];
    enum phi_status st = PHI_OK;

    for (size_t k = 0; st == PHI_OK && k < run->work->n && !given_up(run, i);
         k++) {
        const struct phi_lane *l = &w->lanes[k];

        st = phi_sink_write(run->work->outputs[k].sink, c->step,
                            c->row * l->row_nbytes, l->bytes,
                            (size_t)c->nrows * l->row_nbytes, &w->err);
    }
    return st;
}

static void add_rows(struct rounding_sums *t, const struct phi_lane *l,
                     uint64_t nrows)
{
    for (uint64_t r = 0; l->widen != NULL && r < nrows; r++) {
        t->square += l->square[r];
        if (l->largest[r] > t->largest)
            t->largest = l->largest[r];
    }
}

/* Adds what rows had of errors and changes when all before them were added. */
static void tally(struct run *run, const struct phi_worker *w, size_t i)
{
    const struct phi_chunk *c = &run->chunks.v[i];
    const size_t n = run->plan->n;

    if (w->back == NULL && w->merged == NULL)
        return;
    phi_lock_take(run->lock);
    while (run->rows_tallied[c->step] != c->row && !given_up(run, i))
        phi_lock_wait(run->lock);
    if (run->rows_tallied[c->step] == c->row) { /* else it was given up */
        for (size_t k = 0; k < run->work->n; k++)
            add_rows(&run->tallies[k * n + c->step], &w->lanes[k], c->nrows);
        phi_worker_tally(w, run->work->merge);
        run->rows_tallied[c->step] += c->nrows;
        phi_lock_wake(run->lock);
    }
    phi_lock_give(run->lock);
}

static enum phi_status do_chunk(struct run *run, struct phi_worker *w, size_t i,
                                bool ticks)
{
    const struct phi_chunk *c = &run->chunks.v[i];
    enum phi_status st;
    bool hashed;

    phi_stopwatch_switch(&w->watch, PHI_TIME_READ);
    st = phi_source_read_file(run->source, c->file, c->offset, w->raw,
                              (size_t)c->nbytes, &w->err);
    if (st != PHI_OK)
        return st;
    phi_stopwatch_switch(&w->watch, PHI_TIME_QUANTIZE);
    /* A worker that need not wait does not; some bytes have no other use. */
    hashed = hash(run, w, i, c->nrows == 0);
    if (c->nrows == 0)
        return PHI_OK;
    if ((st = phi_worker_begin(w, c, &w->err)) != PHI_OK ||
        (st = quantize(run, w, i, ticks, &hashed)) != PHI_OK)
        return st;
    phi_stopwatch_switch(&w->watch, PHI_TIME_WRITE);
    if ((st = write_rows(run, w, i)) != PHI_OK)
        return st;
    phi_stopwatch_switch(&w->watch, PHI_TIME_WAIT);
    if (!hashed)
        hash(run, w, i, true);
    tally(run, w, i);
    return PHI_OK;
}

/*
 * An item of phi_par_for() is a worker, not a chunk: here chunks are handed
 * out in increasing order for certain, whatever runs the threads.
 */
static void take_chunks(void *ctx, size_t first, size_t count, size_t worker)
{
    struct run *run = ctx;
    struct phi_worker *w = &run->workers[worker];
    size_t i;

    (void)first;
    (void)count;
    phi_stopwatch_start(&w->watch, w->times, PHI_TIME_WAIT);
    while ((i = atomic_fetch_add(&run->next, 1)) < run->chunks.n &&
           !given_up(run, i)) {
        /* The caller's thread is worker 0. */
        if (do_chunk(run, w, i, worker == 0) != PHI_OK)
            give_up(run, i, &w->err);
    }
    phi_stopwatch_switch(&w->watch, PHI_TIME_WAIT);
}

enum phi_status phi_pipeline_least(uint64_t *out,
                                   const struct phi_pipeline_work *work,
                                   struct phi_err *err)
{
    size_t nbytes = 0;
    const enum phi_status st = phi_worker_nbytes(&nbytes, work, 1, err);

    *out = nbytes;
    return st;
}

/*
 * How many workers, and how large chunks, the memory allows. Order decides
 * which of two faults is found, and depends on the size of chunks, so these
 * shrink last.
 */
static enum phi_status fit_memory(struct run *run, size_t *chunk_nbytes,
                                  struct phi_err *err)
{
    const struct phi_pipeline_options *o = run->options;
    const uint64_t max = o->max_memory > 0 ? o->max_memory : UINT64_MAX;
    size_t each;
    enum phi_status st;

    *chunk_nbytes = o->chunk_nbytes > 0 ? o->chunk_nbytes : DEFAULT_CHUNK;
    run->nworkers = o->nthreads + EXTRA_WORKERS;
    for (;;) {
        st = phi_worker_nbytes(&each, run->work, *chunk_nbytes, err);
        if (st != PHI_OK)
            return st;
        while (run->nworkers > 1 && each > max / run->nworkers)
            run->nworkers--;
        if (each <= max)
            return PHI_OK;
        if (*chunk_nbytes == 1)
            return phi_fail(err, PHI_E_ARG,
                            "the buffers need %zu bytes of memory at least, "
                            "%llu are allowed",
                            each, (unsigned long long)max);
        *chunk_nbytes /= 2;
    }
}

static enum phi_status make_workers(struct run *run, size_t chunk_nbytes,
                                    struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    if (run->nworkers > run->chunks.n)
        run->nworkers = run->chunks.n;
    if (run->nworkers == 0)
        return PHI_OK;
    run->workers = phi_alloc(run->nworkers, sizeof(*run->workers), err);
    if (run->workers == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; st == PHI_OK && i < run->nworkers; i++)
        st = phi_worker_init(&run->workers[i], run->work, chunk_nbytes,
                             run->options->features, err);
    return st;
}

static enum phi_status make_hashes(struct run *run, struct phi_err *err)
{
    const size_t n = run->source->nfiles;
    enum phi_status st = PHI_OK;

    if (run->options->sha256 == NULL)
        return PHI_OK;
    run->hashes = phi_alloc(n, sizeof(*run->hashes), err);
    if (run->hashes == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; st == PHI_OK && i < n; i++)
        st = phi_sha256_new(&run->hashes[i].sha256, err);
    return st;
}

static enum phi_status run_init(struct run *run, struct phi_err *err)
{
    const struct phi_plan *plan = run->plan;
    size_t chunk_nbytes;
    enum phi_status st;

    if ((st = phi_lock_new(&run->lock, err)) != PHI_OK ||
        (st = fit_memory(run, &chunk_nbytes, err)) != PHI_OK ||
        (st = phi_chunks_make(&run->chunks, run->source, plan, chunk_nbytes,
                              run->options->sha256 != NULL, err)) != PHI_OK ||
        (st = make_hashes(run, err)) != PHI_OK)
        return st;
    run->rows_tallied = phi_alloc(plan->n, sizeof(*run->rows_tallied), err);
    run->tallies =
        phi_alloc(plan->n, run->work->n * sizeof(*run->tallies), err);
    if (run->rows_tallied == NULL || run->tallies == NULL)
        return PHI_E_NOMEM;
    atomic_store(&run->limit, run->chunks.n);
    return make_workers(run, chunk_nbytes, err);
}

static void run_release(struct run *run)
{
    for (size_t i = 0; run->workers != NULL && i < run->nworkers; i++)
        phi_worker_release(&run->workers[i]);
    free(run->workers);
    for (size_t i = 0; run->hashes != NULL && i < run->source->nfiles; i++)
        phi_sha256_free(run->hashes[i].sha256);
    free(run->hashes);
    free(run->rows_tallied);
    free(run->tallies);
    phi_chunks_release(&run->chunks);
    phi_lock_free(run->lock);
}

static void report_rounding(const struct run *run)
{
    const size_t n = run->plan->n;

    for (size_t k = 0; k < run->work->n; k++) {
        const struct phi_output_job *job = &run->work->outputs[k];

        for (size_t i = 0; job->rounding != NULL && i < n; i++) {
            const double weights =
                (double)phi_sink_tensor_rows(&job->plan->tensors[i]) *
                (double)phi_sink_tensor_cols(&job->plan->tensors[i]);
            const struct rounding_sums *sum = &run->tallies[k * n + i];

            job->rounding[i] = (struct phi_rounding){
                weights > 0 ? sqrt(sum->square / weights) : 0, sum->largest};
        }
    }
}

static enum phi_status report_hashes(const struct run *run, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0;
         run->hashes != NULL && st == PHI_OK && i < run->source->nfiles; i++) {
        const struct phi_source_file *f = &run->source->files[i];

        if (run->hashes[i].at != f->nbytes)
            return phi_fail(err, PHI_E_ARG,
                            "%s: %llu bytes of %llu were hashed", f->name,
                            (unsigned long long)run->hashes[i].at,
                            (unsigned long long)f->nbytes);
        st =
            phi_sha256_hex(run->hashes[i].sha256, run->options->sha256[i], err);
    }
    return st;
}

static void report_times(const struct run *run, double began)
{
    struct phi_pipeline_times *out = run->options->times;
    const struct phi_plan *plan = run->plan;

    if (out == NULL)
        return;
    *out = (struct phi_pipeline_times){.nworkers = run->nworkers,
                                       .nbytes = run->chunks.nbytes};
    for (size_t i = 0; i < run->nworkers; i++) {
        for (size_t k = 0; k < PHI_NTIMES; k++) {
            out->accounts[k].wall += run->workers[i].times[k].wall;
            out->accounts[k].busy += run->workers[i].times[k].busy;
        }
    }
    for (size_t i = 0; run->hashes != NULL && i < run->source->nfiles; i++) {
        if (run->hashes[i].seconds > out->longest_hash)
            out->longest_hash = run->hashes[i].seconds;
    }
    for (size_t i = 0; i < plan->n; i++) {
        const struct phi_tensor *t =
            &run->source->tensors[plan->steps[i].source];

        out->weights += phi_tensor_count(t);
    }
    out->seconds = phi_clock_now() - began;
}

/* Nothing that was read changed meanwhile. */
static enum phi_status unchanged(const struct phi_pipeline_work *work,
                                 struct phi_err *err)
{
    const enum phi_status st = phi_source_unchanged(work->source, err);

    if (st != PHI_OK || work->merge == NULL)
        return st;
    return phi_merge_unchanged(work->merge, err);
}

enum phi_status phi_pipeline_run(const struct phi_pipeline_work *work,
                                 const struct phi_pipeline_options *options,
                                 struct phi_err *err)
{
    struct run run = {.work = work,
                      .source = work->source,
                      .plan = work->outputs[0].plan,
                      .options = options};
    const double began = phi_clock_now();
    enum phi_status st = run_init(&run, err);

    if (st == PHI_OK) {
        phi_par_for(run.nworkers, run.nworkers, 1, take_chunks, &run);
        if (atomic_load(&run.limit) < run.chunks.n) {
            st = run.err.status;
            if (err != NULL)
                *err = run.err;
        }
    }
    if (st == PHI_OK)
        st = phi_monitor_tick(options->monitor, run.chunks.nbytes,
                              run.chunks.nbytes, NULL, err);
    if (st == PHI_OK)
        st = unchanged(work, err);
    if (st == PHI_OK)
        st = report_hashes(&run, err);
    if (st == PHI_OK)
        report_rounding(&run);
    if (st == PHI_OK && work->merge != NULL)
        phi_merge_sum_up(work->merge);
    if (st == PHI_OK)
        report_times(&run, began);
    run_release(&run);
    return st;
}
