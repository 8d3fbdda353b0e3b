/* SPDX-License-Identifier: MIT */
#include "libconv/base/map.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/base/siphash.h"

static uint32_t hash_key(const struct phi_map *m, const char *key, size_t n)
{
    const uint64_t hash = phi_siphash(m->secret, key, n);

    return (uint32_t)(hash ^ hash >> 32);
}

/* The slot that holds the key, or the free one where it belongs. */
static size_t probe(const struct phi_map_slot *slots, size_t nslots,
                    const char *key, size_t n, uint32_t hash)
{
    size_t i = hash & (nslots - 1);

    while (slots[i].key != NULL &&
           !(slots[i].hash == hash && slots[i].len == n &&
             memcmp(slots[i].key, key, n) == 0))
        i = (i + 1) & (nslots - 1);
    return i;
}

static enum phi_status enlarge(struct phi_map *m, struct phi_err *err)
{
    const size_t nslots = m->nslots > 0 ? m->nslots * 2 : 16;
    struct phi_map_slot *slots = phi_alloc(nslots, sizeof(*slots), err);

    if (slots == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < m->nslots; i++) {
        const struct phi_map_slot *s = &m->slots[i];

        if (s->key != NULL)
            slots[probe(slots, nslots, s->key, s->len, s->hash)] = *s;
    }
    free(m->slots);
    m->slots = slots;
    if (m->nslots == 0)
        phi_siphash_secret(m->secret, slots, m);
    m->nslots = nslots;
    return PHI_OK;
}

enum phi_status phi_map_add(struct phi_map *m, const char *key, size_t n,
                            uint32_t value, bool *added, struct phi_err *err)
{
    struct phi_map_slot *s;
    uint32_t hash;

    if (n > UINT32_MAX)
        return phi_fail(err, PHI_E_ARG, "a key of %zu bytes is too long", n);
    if (m->n + 1 > m->nslots / 4 * 3) {
        const enum phi_status st = enlarge(m, err);

        if (st != PHI_OK)
            return st;
    }
    hash = hash_key(m, key, n);
    s = &m->slots[probe(m->slots, m->nslots, key, n, hash)];
    if (added != NULL)
        *added = s->key == NULL;
    if (s->key != NULL)
        return PHI_OK;
    *s = (struct phi_map_slot){key, (uint32_t)n, hash, value};
    m->n++;
    return PHI_OK;
}

const uint32_t *phi_map_find(const struct phi_map *m, const char *key, size_t n)
{
    const struct phi_map_slot *s;

    if (m->n == 0)
        return NULL;
    s = &m->slots[probe(m->slots, m->nslots, key, n, hash_key(m, key, n))];
    return s->key != NULL ? &s->value : NULL;
}

void phi_map_release(struct phi_map *m)
{
    free(m->slots);
    *m = (struct phi_map){0};
}
