/* SPDX-License-Identifier: MIT */
/*
 * Buffers of one size that are used again: memory touched for the first time
 * is slow. Calls are made one at a time, under the lock of whoever has it.
 */
#ifndef PHI_FORMATS_PACK_SPARES_H
#define PHI_FORMATS_PACK_SPARES_H

#include <stddef.h>

struct phi_pack_spares {
    void **v; /* (n) from phi_alloc_*() */
    size_t n;
    size_t cap;
};

/* One of them, or NULL. */
void *phi_pack_spares_take(struct phi_pack_spares *s);

/* Keeps a buffer, or frees it if there is no memory to keep it in. */
void phi_pack_spares_give(struct phi_pack_spares *s, void *buffer);

void phi_pack_spares_release(struct phi_pack_spares *s);

#endif
