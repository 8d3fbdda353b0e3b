/* SPDX-License-Identifier: MIT */
/*
 * The loop, on POSIX threads that live as long as it does, on OpenMP, or on
 * nothing. Starting threads costs microseconds, and who gets none goes on.
 */
#define _GNU_SOURCE /* sched_getaffinity() */
#include "libconv/base/par.h"

#if defined(_OPENMP)
#include <omp.h>
#elif defined(PHI_PTHREADS)
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#endif

struct loop {
    size_t n;
    size_t grain;
    phi_par_fn fn;
    void *ctx;
};

static void do_piece(const struct loop *l, size_t piece, size_t worker)
{
    const size_t first = piece * l->grain;
    const size_t left = l->n - first;

    l->fn(l->ctx, first, left < l->grain ? left : l->grain, worker);
}

#if defined(_OPENMP)

static void do_all(const struct loop *l, size_t npieces, size_t nthreads)
{
    const int team = (int)(nthreads < npieces ? nthreads : npieces);

#pragma omp parallel for schedule(dynamic, 1) num_threads(team)
    for (size_t i = 0; i < npieces; i++)
        do_piece(l, i, (size_t)omp_get_thread_num());
}

#elif defined(PHI_PTHREADS)

#define MAX_TEAM 1024

struct shift {
    const struct loop *loop;
    atomic_size_t next; /* piece that nobody has taken */
    size_t npieces;
};

struct member {
    struct shift *shift;
    size_t worker;
    pthread_t thread;
};

static void *work(void *arg)
{
    const struct member *m = arg;
    size_t i;

    while ((i = atomic_fetch_add(&m->shift->next, 1)) < m->shift->npieces)
        do_piece(m->shift->loop, i, m->worker);
    return NULL;
}

static void do_all(const struct loop *l, size_t npieces, size_t nthreads)
{
    struct shift shift = {.loop = l, .npieces = npieces};
    struct member team[MAX_TEAM];
    size_t n = nthreads < npieces ? nthreads : npieces;
    size_t started = 1;

    n = n < MAX_TEAM ? n : MAX_TEAM;
    for (size_t k = 0; k < n; k++)
        team[k] = (struct member){.shift = &shift, .worker = k};
    /* With fewer threads than wished the others do more. */
    while (started < n && pthread_create(&team[started].thread, NULL, work,
                                         &team[started]) == 0)
        started++;
    work(&team[0]);
    while (started-- > 1)
        pthread_join(team[started].thread, NULL);
}

#else

static void do_all(const struct loop *l, size_t npieces, size_t nthreads)
{
    (void)nthreads;
    for (size_t i = 0; i < npieces; i++)
        do_piece(l, i, 0);
}

#endif

void phi_par_for(size_t nthreads, size_t n, size_t grain, phi_par_fn fn,
                 void *ctx)
{
    const struct loop loop = {n, grain, fn, ctx};
    const size_t npieces = n / grain + (n % grain != 0);

    if (nthreads > 1 && npieces > 1) {
        do_all(&loop, npieces, nthreads);
        return;
    }
    for (size_t i = 0; i < npieces; i++)
        do_piece(&loop, i, 0);
}

size_t phi_par_default(void)
{
    int n = 1;
#if defined(_OPENMP)
    n = omp_get_num_procs(); /* heeds the affinity mask, as below */
#elif defined(PHI_PTHREADS)
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
        n = CPU_COUNT(&cpus);
#endif
    return n > 1 ? (size_t)n : 1;
}
