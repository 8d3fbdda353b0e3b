/* SPDX-License-Identifier: MIT */
/*
 * A lock, and waiting for what another holder of it will change. For the
 * few places where the items of phi_par_for() share something.
 */
#ifndef PHI_BASE_LOCK_H
#define PHI_BASE_LOCK_H

#include "libconv/base/err.h"

struct phi_lock;

/* On success the caller owns *out. */
enum phi_status phi_lock_new(struct phi_lock **out, struct phi_err *err);
void phi_lock_free(struct phi_lock *l); /* accepts NULL; nobody holds it */

void phi_lock_take(struct phi_lock *l);
void phi_lock_give(struct phi_lock *l);

/*
 * The holder gives the lock up until somebody calls phi_lock_wake(), and has
 * it again afterwards. It may return early: call it in a loop that looks at
 * what was waited for.
 */
void phi_lock_wait(struct phi_lock *l);

/* Everybody who waits looks again. */
void phi_lock_wake(struct phi_lock *l);

#endif
