/* SPDX-License-Identifier: MIT */
/*
 * How long-running work tells its caller how far it is, and learns that it
 * should stop. The library prints nothing and catches no signal: the program
 * passes a monitor whose tick() draws a bar and answers false after Ctrl-C.
 */
#ifndef PHI_BASE_MONITOR_H
#define PHI_BASE_MONITOR_H

#include <stdint.h>

#include "libconv/base/err.h"

struct phi_monitor {
    /*
     * `done` of `total` units (bytes, tokens) are finished; note is a short
     * text such as a running value, or NULL. Returns false to stop the work.
     * Called by one thread at a time.
     */
    bool (*tick)(void *ctx, uint64_t done, uint64_t total, const char *note);
    void *ctx;
};

/* Ticks m (which may be NULL); PHI_E_CANCELLED if it says stop. */
static inline enum phi_status phi_monitor_tick(const struct phi_monitor *m,
                                               uint64_t done, uint64_t total,
                                               const char *note,
                                               struct phi_err *err)
{
    if (m == NULL || m->tick == NULL || m->tick(m->ctx, done, total, note))
        return PHI_OK;
    return phi_fail(err, PHI_E_CANCELLED, "interrupted");
}

#endif
