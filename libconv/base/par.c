/* SPDX-License-Identifier: MIT */
#include "libconv/base/par.h"

#ifdef _OPENMP
#include <omp.h>
#endif

static void do_piece(size_t piece, size_t n, size_t grain, phi_par_fn fn,
                     void *ctx, size_t worker)
{
    const size_t first = piece * grain;
    const size_t left = n - first;

    fn(ctx, first, left < grain ? left : grain, worker);
}

void phi_par_for(size_t nthreads, size_t n, size_t grain, phi_par_fn fn,
                 void *ctx)
{
    const size_t npieces = n / grain + (n % grain != 0);

#ifdef _OPENMP
    if (nthreads > 1 && npieces > 1) {
        const int team = (int)(nthreads < npieces ? nthreads : npieces);

#pragma omp parallel for schedule(dynamic, 1) num_threads(team)
        for (size_t i = 0; i < npieces; i++)
            do_piece(i, n, grain, fn, ctx, (size_t)omp_get_thread_num());
        return;
    }
#else
    (void)nthreads;
#endif
    for (size_t i = 0; i < npieces; i++)
        do_piece(i, n, grain, fn, ctx, 0);
}

size_t phi_par_default(void)
{
#ifdef _OPENMP
    const int n = omp_get_num_procs(); /* heeds the affinity mask */
#else
    const long n = 1;
#endif
    return n > 1 ? (size_t)n : 1;
}
