/* SPDX-License-Identifier: MIT */
/*
 * What the items of a phi_par_for() report while they run: how much is done,
 * to a monitor, and the first error. After an error, or where the monitor
 * says stop, phi_tally_add() fails for everybody and the work runs out.
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
    size_t item; /* the item of the error */
    struct phi_err err;
};

/* To be ended with phi_tally_release(). */
enum phi_status phi_tally_init(struct phi_tally *t,
                               const struct phi_monitor *monitor,
                               uint64_t total, struct phi_err *err);
void phi_tally_release(struct phi_tally *t);

/* n more are done; anything but PHI_OK: stop. Thread-safe. */
enum phi_status phi_tally_add(struct phi_tally *t, uint64_t n);

/* Whether to go on: nothing more is done. The error, if not, as below. */
enum phi_status phi_tally_ask(struct phi_tally *t, struct phi_err *err);

/* Item `item` failed with err. Of several, that of the lowest item stays. */
void phi_tally_fail(struct phi_tally *t, size_t item,
                    const struct phi_err *err);

/* The error, if there was one. Thread-safe. */
enum phi_status phi_tally_status(const struct phi_tally *t,
                                 struct phi_err *err);

#endif
