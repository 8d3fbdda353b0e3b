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

/* Under the lock. Nobody needs to finish anything after a stop. */
static void tick(struct phi_tally *t)
{
    struct phi_err err = {0};

    if (t->err.status != PHI_E_CANCELLED &&
        phi_monitor_tick(t->monitor, t->done, t->total, NULL, &err) != PHI_OK) {
        t->err = err;
        t->item = 0;
    }
}

enum phi_status phi_tally_add(struct phi_tally *t, size_t item, uint64_t n)
{
    enum phi_status st;

    phi_lock_take(t->lock);
    t->done += n;
    tick(t);
    st = t->item <= item ? t->err.status : PHI_OK;
    phi_lock_give(t->lock);
    return st;
}

enum phi_status phi_tally_ask(struct phi_tally *t, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    if (t == NULL)
        return st;
    phi_lock_take(t->lock);
    tick(t);
    if (t->err.status == PHI_E_CANCELLED) {
        st = t->err.status;
        if (err != NULL)
            *err = t->err;
    }
    phi_lock_give(t->lock);
    return st;
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
