/* SPDX-License-Identifier: MIT */
#include "libconv/base/tally.h"

enum phi_status phi_tally_init(struct phi_tally *t,
                               const struct phi_monitor *monitor,
                               uint64_t total, struct phi_err *err)
{
    *t = (struct phi_tally){.monitor = monitor, .total = total};
    return phi_lock_new(&t->lock, err);
}

void phi_tally_release(struct phi_tally *t)
{
    phi_lock_free(t->lock);
    t->lock = NULL;
}

enum phi_status phi_tally_add(struct phi_tally *t, uint64_t n)
{
    enum phi_status st;

    phi_lock_take(t->lock);
    t->done += n;
    if (t->err.status == PHI_OK &&
        phi_monitor_tick(t->monitor, t->done, t->total, NULL, &t->err) !=
            PHI_OK)
        t->item = SIZE_MAX;
    st = t->err.status;
    phi_lock_give(t->lock);
    return st;
}

enum phi_status phi_tally_ask(struct phi_tally *t, struct phi_err *err)
{
    return phi_tally_add(t, 0) == PHI_OK ? PHI_OK : phi_tally_status(t, err);
}

void phi_tally_fail(struct phi_tally *t, size_t item, const struct phi_err *err)
{
    phi_lock_take(t->lock);
    if (t->err.status == PHI_OK || item < t->item) {
        t->err = *err;
        t->item = item;
    }
    phi_lock_give(t->lock);
}

enum phi_status phi_tally_status(const struct phi_tally *t, struct phi_err *err)
{
    enum phi_status st;

    phi_lock_take(t->lock);
    st = t->err.status;
    if (st != PHI_OK && err != NULL)
        *err = t->err;
    phi_lock_give(t->lock);
    return st;
}
