/* SPDX-License-Identifier: MIT */
#include "formats/pack_rooms.h"

#include <stdlib.h>
#include <string.h>

#include "formats/pack.h"
#include "libconv/base/mem.h"

/* A chunk, and where its bytes are in planes two more. */
#define ROOM (3 * PHI_PACK_CHUNK)

enum phi_status phi_pack_rooms_init(struct phi_pack_rooms *r,
                                    struct phi_err *err)
{
    *r = (struct phi_pack_rooms){0};
    return phi_lock_new(&r->lock, err);
}

void phi_pack_rooms_release(struct phi_pack_rooms *r)
{
    for (size_t i = 0; i < PHI_PACK_HELD; i++)
        free(r->held[i].room);
    phi_pack_spares_release(&r->spares);
    phi_lock_free(r->lock);
    *r = (struct phi_pack_rooms){0};
}

/* As many as there are threads are kept. What is not used takes no memory. */
uint8_t *phi_pack_rooms_take(struct phi_pack_rooms *r, struct phi_err *err)
{
    void *room;

    phi_lock_take(r->lock);
    room = phi_pack_spares_take(&r->spares);
    phi_lock_give(r->lock);
    return room != NULL ? room : phi_alloc_aligned(ROOM, 1, err);
}

void phi_pack_rooms_give(struct phi_pack_rooms *r, uint8_t *room)
{
    if (room == NULL)
        return;
    phi_lock_take(r->lock);
    phi_pack_spares_give(&r->spares, room);
    phi_lock_give(r->lock);
}

static struct phi_pack_held *find(struct phi_pack_rooms *r, uint64_t chunk)
{
    for (size_t i = 0; i < PHI_PACK_HELD; i++) {
        if (r->held[i].taken && r->held[i].chunk == chunk)
            return &r->held[i];
    }
    return NULL;
}

/* The next place that nobody uses, for a chunk that is to be read; *old is
 * the room that was there. */
static struct phi_pack_held *promise_one(struct phi_pack_rooms *r,
                                         uint64_t chunk, uint8_t **old)
{
    for (size_t i = 0; i < PHI_PACK_HELD; i++) {
        struct phi_pack_held *h = &r->held[r->turn];

        r->turn = (r->turn + 1) % PHI_PACK_HELD;
        if (h->users > 0)
            continue;
        *old = h->room;
        *h = (struct phi_pack_held){true, chunk, NULL, NULL, 1};
        return h;
    }
    return NULL;
}

bool phi_pack_rooms_copy(struct phi_pack_rooms *r, uint64_t chunk, size_t lo,
                         size_t hi, uint8_t *to, struct phi_pack_held **promise)
{
    struct phi_pack_held *h;
    uint8_t *old = NULL;

    phi_lock_take(r->lock);
    while ((h = find(r, chunk)) != NULL && h->plain == NULL)
        phi_lock_wait(r->lock);
    if (h != NULL)
        h->users++;
    else if (promise != NULL)
        *promise = promise_one(r, chunk, &old);
    phi_lock_give(r->lock);
    phi_pack_rooms_give(r, old);
    if (h == NULL)
        return false;
    memcpy(to, h->plain + lo, hi - lo);
    phi_lock_take(r->lock);
    h->users--;
    phi_lock_give(r->lock);
    return true;
}

struct phi_pack_held *phi_pack_rooms_promise(struct phi_pack_rooms *r,
                                             uint64_t chunk)
{
    struct phi_pack_held *h = NULL;
    uint8_t *old = NULL;

    phi_lock_take(r->lock);
    if (find(r, chunk) == NULL)
        h = promise_one(r, chunk, &old);
    phi_lock_give(r->lock);
    phi_pack_rooms_give(r, old);
    return h;
}

void phi_pack_rooms_keep(struct phi_pack_rooms *r,
                         struct phi_pack_held *promise, uint8_t *room,
                         const uint8_t *plain)
{
    if (promise == NULL) {
        phi_pack_rooms_give(r, room);
        return;
    }
    phi_lock_take(r->lock);
    *promise =
        (struct phi_pack_held){plain != NULL, promise->chunk, room, plain, 0};
    phi_lock_wake(r->lock);
    phi_lock_give(r->lock);
}
