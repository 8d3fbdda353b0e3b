/* SPDX-License-Identifier: MIT */
/*
 * Where the time of a thread goes. Times are for reports: nothing that is
 * written to an output depends on them.
 */
#ifndef PHI_BASE_CLOCK_H
#define PHI_BASE_CLOCK_H

#include <stddef.h>

/* Seconds since some fixed moment. */
double phi_clock_now(void);

/* Seconds of one thread, and how many of these it was on a processor. */
struct phi_time {
    double wall;
    double busy;
};

/*
 * Adds the time of the calling thread to one of several accounts. Only one
 * thread may use it at a time.
 */
struct phi_stopwatch {
    struct phi_time *accounts;
    struct phi_time since;
    size_t account; /* that runs */
};

/* Starts with `account` of accounts, which the caller keeps. */
void phi_stopwatch_start(struct phi_stopwatch *w, struct phi_time *accounts,
                         size_t account);

/* From now on time goes to `account`; returns the one it went to until now. */
size_t phi_stopwatch_switch(struct phi_stopwatch *w, size_t account);

#endif
