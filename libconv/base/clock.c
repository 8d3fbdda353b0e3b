/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "libconv/base/clock.h"

#include <time.h>

static double seconds(clockid_t clock)
{
    struct timespec t = {0};

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double phi_clock_now(void)
{
    return seconds(CLOCK_MONOTONIC);
}

static struct phi_time now(void)
{
    return (struct phi_time){seconds(CLOCK_MONOTONIC),
                             seconds(CLOCK_THREAD_CPUTIME_ID)};
}

void phi_stopwatch_start(struct phi_stopwatch *w, struct phi_time *accounts,
                         size_t account)
{
    *w = (struct phi_stopwatch){accounts, now(), account};
}

size_t phi_stopwatch_switch(struct phi_stopwatch *w, size_t account)
{
    const struct phi_time t = now();
    const size_t before = w->account;

    w->accounts[before].wall += t.wall - w->since.wall;
    w->accounts[before].busy += t.busy - w->since.busy;
    w->since = t;
    w->account = account;
    return before;
}
