/* SPDX-License-Identifier: MIT */
/*
 * Room for chunks of a packed file that are read through. A chunk is checked
 * as a whole, and who reads it wants a part of it, then the next thread the
 * part behind: the last chunks stay, so that each is read once.
 */
#ifndef PHI_FORMATS_PACK_ROOMS_H
#define PHI_FORMATS_PACK_ROOMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/pack_spares.h"
#include "libconv/base/err.h"
#include "libconv/base/lock.h"

/* Chunks that stay: threads side by side in one tensor are in these many. */
#define PHI_PACK_HELD 4

struct phi_pack_held {
    bool taken;
    uint64_t chunk;
    uint8_t *room;        /* owned */
    const uint8_t *plain; /* in room; NULL: somebody promised to read it */
    size_t users;         /* who copy from it or promised it */
};

/* All functions are for any thread. */
struct phi_pack_rooms {
    struct phi_lock *lock; /* of all that follows */
    struct phi_pack_spares spares;
    struct phi_pack_held held[PHI_PACK_HELD];
    size_t turn; /* whose place the next chunk takes */
};

/* To be ended with phi_pack_rooms_release(), after a failure too. */
enum phi_status phi_pack_rooms_init(struct phi_pack_rooms *r,
                                    struct phi_err *err);
void phi_pack_rooms_release(struct phi_pack_rooms *r);

/* Three chunks of memory, or NULL; to be given back, here or to _keep(). */
uint8_t *phi_pack_rooms_take(struct phi_pack_rooms *r, struct phi_err *err);
void phi_pack_rooms_give(struct phi_pack_rooms *r, uint8_t *room);

/*
 * Copies plain bytes [lo, hi) of a chunk if it is held, once whoever promised
 * to read it has. False if nobody has it: the caller then has to read it and,
 * where `promise` is not NULL, to call phi_pack_rooms_keep() with *promise,
 * which is NULL where there is no place.
 */
bool phi_pack_rooms_copy(struct phi_pack_rooms *r, uint64_t chunk, size_t lo,
                         size_t hi, uint8_t *to,
                         struct phi_pack_held **promise);

/* A promise to read a chunk that nobody has and nobody promised, or NULL. */
struct phi_pack_held *phi_pack_rooms_promise(struct phi_pack_rooms *r,
                                             uint64_t chunk);

/* Keeps a promise with room, whose owner is r now; NULL, NULL breaks it. */
void phi_pack_rooms_keep(struct phi_pack_rooms *r,
                         struct phi_pack_held *promise, uint8_t *room,
                         const uint8_t *plain);

#endif
