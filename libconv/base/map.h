/* SPDX-License-Identifier: MIT */
/*
 * A hash table from byte strings to 32-bit numbers: tensor names, JSON keys,
 * vocabularies. Open addressing with at least a quarter of the slots free.
 * Keys come from files: each table hashes with a random secret (SipHash-1-3),
 * so that no file can hold keys that all fall on one slot. Nothing depends on
 * where a key lies. Zero-initialised is empty.
 */
#ifndef PHI_BASE_MAP_H
#define PHI_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"

struct phi_map_slot {
    const char *key; /* NULL: free */
    uint32_t len;
    uint32_t hash;
    uint32_t value;
};

struct phi_map {
    struct phi_map_slot *slots;
    size_t nslots; /* 0 or a power of two */
    size_t n;      /* keys present */
    uint64_t secret[2];
};

/*
 * Adds key (n bytes, borrowed: it must outlive the map). *added is false and
 * nothing changes if the key is there already. added may be NULL.
 */
enum phi_status phi_map_add(struct phi_map *m, const char *key, size_t n,
                            uint32_t value, bool *added, struct phi_err *err);

/* The value of key, or NULL. Valid until the next phi_map_add(). */
const uint32_t *phi_map_find(const struct phi_map *m, const char *key,
                             size_t n);

/* Frees the table (not the keys); the map is empty again. */
void phi_map_release(struct phi_map *m);

#endif
