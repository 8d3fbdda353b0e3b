/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "libconv/base/lock.h"

#include <pthread.h>
#include <stdlib.h>

#include "libconv/base/mem.h"

struct phi_lock {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

enum phi_status phi_lock_new(struct phi_lock **out, struct phi_err *err)
{
    struct phi_lock *l = phi_alloc(1, sizeof(*l), err);

    if (l == NULL)
        return PHI_E_NOMEM;
    if (pthread_mutex_init(&l->mutex, NULL) != 0)
        goto no_mutex;
    if (pthread_cond_init(&l->changed, NULL) != 0)
        goto no_cond;
    *out = l;
    return PHI_OK;
no_cond:
    pthread_mutex_destroy(&l->mutex);
no_mutex:
    free(l);
    return phi_fail(err, PHI_E_NOMEM, "out of memory: a lock");
}

void phi_lock_free(struct phi_lock *l)
{
    if (l == NULL)
        return;
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->mutex);
    free(l);
}

/* None of these fails on a lock that was made and is used as described. */

void phi_lock_take(struct phi_lock *l)
{
    pthread_mutex_lock(&l->mutex);
}

void phi_lock_give(struct phi_lock *l)
{
    pthread_mutex_unlock(&l->mutex);
}

void phi_lock_wait(struct phi_lock *l)
{
    pthread_cond_wait(&l->changed, &l->mutex);
}

void phi_lock_wake(struct phi_lock *l)
{
    pthread_cond_broadcast(&l->changed);
}
