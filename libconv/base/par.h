/* SPDX-License-Identifier: MIT */
/*
 * Threads, in one place. Work is cut into items; which thread takes which
 * item is not fixed, so a result must never depend on it: an item writes
 * only what is its own, and sums over items are made afterwards, in order.
 */
#ifndef PHI_BASE_PAR_H
#define PHI_BASE_PAR_H

#include <stddef.h>

/*
 * Does items [first, first + count) of the work described by ctx. `worker`
 * is the index of the calling thread, 0 to nthreads - 1, for scratch memory;
 * 0 is the thread that called phi_par_for().
 */
typedef void (*phi_par_fn)(void *ctx, size_t first, size_t count,
                           size_t worker);

/*
 * Calls fn for all of [0, n) in pieces of at most `grain` (>= 1) items, on
 * at most nthreads (>= 1) threads, the caller's among them, and returns when
 * all is done. Where the system gives fewer threads, those do more.
 */
void phi_par_for(size_t nthreads, size_t n, size_t grain, phi_par_fn fn,
                 void *ctx);

/* Threads that this machine runs at once, at least 1. */
size_t phi_par_default(void);

#endif
