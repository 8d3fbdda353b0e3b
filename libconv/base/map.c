/* SPDX-License-Identifier: MIT */
#include "libconv/base/map.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "libconv/base/bytes.h"
#include "libconv/base/mem.h"

static uint64_t rotate(uint64_t v, int by)
{
    return v << by | v >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein, 2012), of which 32 bits are kept. */
static uint32_t hash_bytes(const uint64_t secret[2], const char *key, size_t n)
{
    const uint8_t *p = (const uint8_t *)key;
    uint64_t v[4] = {
        secret[0] ^ 0x736f6d6570736575u, secret[1] ^ 0x646f72616e646f6du,
        secret[0] ^ 0x6c7967656e657261u, secret[1] ^ 0x7465646279746573u};
    uint64_t last = (uint64_t)n << 56;
    size_t i = 0;

    for (; n - i >= 8; i += 8) {
        const uint64_t m = phi_load_u64(p + i);

        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    for (size_t k = 0; i < n; i++, k += 8)
        last |= (uint64_t)p[i] << k;
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int k = 0; k < 3; k++)
        sip_round(v);
    last = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (uint32_t)(last ^ last >> 32);
}

/* Without the system's help an address that it chose has to do. */
static void choose_secret(struct phi_map *m)
{
    if (getrandom(m->secret, sizeof(m->secret), GRND_NONBLOCK) ==
        (ssize_t)sizeof(m->secret))
        return;
    m->secret[0] = (uint64_t)(uintptr_t)m->slots;
    m->secret[1] = (uint64_t)(uintptr_t)m;
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
        choose_secret(m);
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
    hash = hash_bytes(m->secret, key, n);
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
    s = &m->slots[probe(m->slots, m->nslots, key, n,
                        hash_bytes(m->secret, key, n))];
    return s->key != NULL ? &s->value : NULL;
}

void phi_map_release(struct phi_map *m)
{
    free(m->slots);
    *m = (struct phi_map){0};
}
