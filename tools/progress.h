/* SPDX-License-Identifier: MIT */
/*
 * Progress on standard error: a bar with rate and ETA on a terminal, lines
 * or JSON objects where asked for, nothing otherwise. Its monitor also tells
 * the work about a signal.
 */
#ifndef PHICONV_TOOLS_PROGRESS_H
#define PHICONV_TOOLS_PROGRESS_H

#include "libconv/base/monitor.h"
#include "tools/options.h"

struct progress {
    enum progress_mode mode;
    const char *label; /* "quantize" */
    const char *unit;  /* "B" is scaled to KiB...; other units are counted */
    bool bar;
    bool drawn;
    uint64_t done; /* as last told */
    uint64_t total;
    uint64_t run;    /* of the piece of work that ticks now */
    uint64_t before; /* of those before it */
    double began;    /* seconds */
    double last;
};

void progress_begin(struct progress *p, enum progress_mode mode,
                    const char *label, const char *unit);

/* The monitor to pass down; valid as long as p. */
struct phi_monitor progress_monitor(struct progress *p);

/* The work that the monitor is passed to next is counted with what it was
 * passed to before. */
void progress_more(struct progress *p);

/* Removes the bar; of work that is finished, a line says how long it took. Call
 * before anything else is printed. */
void progress_end(struct progress *p);

/* Seconds since progress_begin(). */
double progress_seconds(const struct progress *p);

#endif
