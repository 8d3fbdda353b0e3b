/* SPDX-License-Identifier: MIT */
/*
 * What the items of a phi_par_for() report while they run: how much is done,
 * to a monitor, and the error of the lowest item that has one. phi_tally_add()
 * then fails for the items above it, and the work runs out; those below it are
 * finished all the same, or threads would decide which error it is. Where the
 * monitor says stop, it fails for everybody.
 */
#ifndef PHI_BASE_TALLY_H
#define PHI_BASE_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/base/lock.h"
#include "libconv/base/monitor.h"

struct phi_tally {
    struct phi_lock *lock;
    const struct phi_monitor *monitor; /* or NULL */
    uint64_t done;
    uint64_t total;
    size_t item; /* the item of the error; 0 if it is the monitor's */
    struct phi_err err;
};

/* To be ended with phi_tally_release(). */
enum phi_status phi_tally_init(struct phi_tally *t,
                               const struct phi_monitor *monitor,
                               uint64_t total, struct phi_err *err);
void phi_tally_release(struct phi_tally *t);

/* n more are done, by `item`; anything but PHI_OK: it is to stop, and need not
 * say so. Thread-safe. */
enum phi_status phi_tally_add(struct phi_tally *t, size_t item, uint64_t n);

/* Whether the monitor says to go on: nothing more is done, and errors are no
 * reason to stop: theirs may not be the first. PHI_E_CANCELLED; never if t is
 * NULL. */
enum phi_status phi_tally_ask(struct phi_tally *t, struct phi_err *err);

/* Item `item` failed with err. Of several, that of the lowest item stays. */
void phi_tally_fail(struct phi_tally *t, size_t item,
                    const struct phi_err *err);

/* The error, if there was one. Thread-safe. */
enum phi_status phi_tally_status(const struct phi_tally *t,
                                 struct phi_err *err);

#endif
