/* SPDX-License-Identifier: MIT */
/* Rows of a bench: the list of them, and how long a call takes. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "libconv/base/clock.h"
#include "libconv/base/mem.h"
#include "libconv/base/par.h"
#include "tools/bench.h"

/* Runs that a measurement is made of, as far as the time allows. */
#define RUNS        15
#define FEWEST_RUNS 3

struct bench *bench_add(struct bench_list *l, const struct bench *row,
                        struct phi_err *err, const char *name, ...)
{
    void *p = l->v;
    const enum phi_status st =
        phi_grow(&p, &l->cap, l->n + 1, sizeof(*l->v), err);
    struct bench *b;
    va_list args;

    l->v = p;
    if (st != PHI_OK)
        return NULL;
    b = &l->v[l->n++];
    *b = *row;
    va_start(args, name);
    vsnprintf(b->name, sizeof(b->name), name, args);
    va_end(args);
    return b;
}

void bench_list_release(struct bench_list *l)
{
    free(l->v);
    *l = (struct bench_list){0};
}

const char *bench_type_name(char out[16], enum phi_dtype t)
{
    const char *name = phi_dtype_info(t)->name;
    size_t i = 0;

    for (; i < 15 && name[i] != '\0'; i++)
        out[i] = (char)tolower((unsigned char)name[i]);
    out[i] = '\0';
    return out;
}

void bench_floats(float *to, size_t n)
{
    uint32_t state = 1;

    for (size_t i = 0; i < n; i++) {
        state = state * 1664525 + 1013904223; /* Numerical Recipes' */
        to[i] = (float)(state >> 8) / (1 << 23) - 1;
    }
}

/* ---- rates --------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* A quantile of sorted values, between the two nearest. */
static double quantile(const double *v, size_t n, double q)
{
    const double at = q * (double)(n - 1);
    const size_t i = (size_t)at;

    return i + 1 < n ? v[i] + (at - (double)i) * (v[i + 1] - v[i]) : v[i];
}

struct bench_rate bench_rate_of(double *rates, size_t n)
{
    qsort(rates, n, sizeof(*rates), by_size);
    return (struct bench_rate){.runs = n,
                               .median = quantile(rates, n, 0.5),
                               .low = quantile(rates, n, 0.25),
                               .high = quantile(rates, n, 0.75),
                               .best = rates[n - 1]};
}

/* ---- time ---------------------------------------------------------------- */

struct crew {
    const struct bench *b;
    uint8_t **rooms; /* one a thread */
    double *busy;    /* seconds that each was on a processor */
    size_t ncalls;
};

static void prepare(void *ctx, size_t first, size_t count, size_t worker)
{
    const struct crew *c = ctx;

    (void)worker;
    for (size_t i = first; i < first + count; i++)
        c->b->prepare(c->b, c->rooms[i]);
}

static void call(void *ctx, size_t first, size_t count, size_t worker)
{
    const struct crew *c = ctx;

    (void)worker;
    for (size_t i = first; i < first + count; i++) {
        struct phi_time time = {0};
        struct phi_stopwatch watch;

        phi_stopwatch_start(&watch, &time, 0);
        for (size_t k = 0; k < c->ncalls; k++)
            c->b->call(c->b, c->rooms[i]);
        phi_stopwatch_switch(&watch, 0);
        c->busy[i] = time.busy;
    }
}

/*
 * Makes ncalls calls on each of n threads; returns the rate of all of them by
 * their time on a processor, which others that run there do not take. *took
 * is by the clock on the wall.
 */
static double run(struct crew *c, size_t n, size_t ncalls, double *took)
{
    const double begin = phi_clock_now();
    double busy = 0;

    c->ncalls = ncalls;
    phi_par_for(n, n, 1, call, c);
    *took = phi_clock_now() - begin;
    for (size_t i = 0; i < n; i++)
        busy += c->busy[i] / (double)n;
    return c->b->amount * (double)ncalls * (double)n /
           (busy > 1e-9 ? busy : 1e-9);
}

static struct bench_rate measure(struct crew *c, size_t n, double seconds)
{
    double rates[RUNS] = {0};
    double left = seconds;
    double took;
    size_t ncalls = 1;
    size_t i = 0;

    (void)run(c, n, 1, &took); /* warms up, too */
    while (took < seconds / RUNS && ncalls < SIZE_MAX / 16) {
        const double more = took > 1e-9 ? seconds / RUNS / took * 1.1 : 10;

        ncalls = (size_t)((double)ncalls * (more < 10 ? more : 10)) + 1;
        (void)run(c, n, ncalls, &took);
        left -= took;
    }
    while (i < RUNS && (i < FEWEST_RUNS || left > 0)) {
        rates[i++] = run(c, n, ncalls, &took);
        left -= took;
    }
    return bench_rate_of(rates, i);
}

enum phi_status bench_time(const struct bench *b, size_t nthreads,
                           double seconds, struct bench_result *out,
                           struct phi_err *err)
{
    struct crew c = {.b = b};
    enum phi_status st = PHI_OK;

    *out = (struct bench_result){0};
    c.rooms = phi_alloc(nthreads, sizeof(*c.rooms), err);
    c.busy = phi_alloc(nthreads, sizeof(*c.busy), err);
    if (c.rooms == NULL || c.busy == NULL)
        st = PHI_E_NOMEM;
    for (size_t i = 0; st == PHI_OK && i < nthreads; i++) {
        c.rooms[i] = phi_alloc_pages(b->room, err);
        if (c.rooms[i] == NULL)
            st = PHI_E_NOMEM;
    }
    if (st == PHI_OK) {
        phi_par_for(nthreads, nthreads, 1, prepare, &c);
        out->one = measure(&c, 1, seconds);
        if (nthreads > 1)
            out->all = measure(&c, nthreads, seconds);
    }
    for (size_t i = 0; c.rooms != NULL && i < nthreads; i++)
        free(c.rooms[i]);
    free(c.rooms);
    free(c.busy);
    return st;
}
