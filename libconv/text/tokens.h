/* SPDX-License-Identifier: MIT */
/* A growing list of token ids. Zero-initialised is empty. */
#ifndef PHI_TEXT_TOKENS_H
#define PHI_TEXT_TOKENS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/err.h"
#include "libconv/base/mem.h"

struct phi_tokens {
    uint32_t *id; /* (n) */
    size_t n;
    size_t cap;
};

static inline enum phi_status phi_tokens_put(struct phi_tokens *t,
                                             const uint32_t *id, size_t n,
                                             struct phi_err *err)
{
    if (t->cap - t->n < n) {
        void *p = t->id;
        const enum phi_status st =
            phi_grow(&p, &t->cap, t->n + n, sizeof(*t->id), err);

        t->id = p;
        if (st != PHI_OK)
            return st;
    }
    if (n > 0)
        memcpy(t->id + t->n, id, n * sizeof(*id));
    t->n += n;
    return PHI_OK;
}

static inline void phi_tokens_release(struct phi_tokens *t)
{
    free(t->id);
    *t = (struct phi_tokens){0};
}

#endif
