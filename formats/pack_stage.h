/* SPDX-License-Identifier: MIT */
/*
 * Chunks of a packed file that are being filled, by any threads in any order.
 * Only those that somebody has begun and nobody has finished take memory.
 */
#ifndef PHI_FORMATS_PACK_STAGE_H
#define PHI_FORMATS_PACK_STAGE_H

#include <stddef.h>
#include <stdint.h>

#include "formats/pack_spares.h"
#include "libconv/base/err.h"
#include "libconv/base/lock.h"

struct phi_pack_stage {
    struct phi_lock *lock;
    struct {
        uint8_t *bytes; /* NULL: not begun, or finished */
        size_t left;    /* bytes that are missing */
    } * chunks;         /* (n) */
    uint64_t n;
    struct phi_pack_spares spares;
};

/* To be ended with phi_pack_stage_release(), after a failure too. The caller
 * then sets `left` of all chunks. */
enum phi_status phi_pack_stage_init(struct phi_pack_stage *s, uint64_t n,
                                    struct phi_err *err);
void phi_pack_stage_release(struct phi_pack_stage *s);

/* The bytes of chunk c, which is not finished, to write one's part into. */
enum phi_status phi_pack_stage_get(struct phi_pack_stage *s, uint64_t c,
                                   uint8_t **out, struct phi_err *err);

/*
 * n bytes of chunk c were written. If it is whole now, *whole is its bytes,
 * for the caller to give back with phi_pack_stage_done(); else NULL.
 */
enum phi_status phi_pack_stage_add(struct phi_pack_stage *s, uint64_t c,
                                   size_t n, uint8_t **whole,
                                   struct phi_err *err);
void phi_pack_stage_done(struct phi_pack_stage *s, uint8_t *bytes);

/* The first chunk that is not whole, or n. */
uint64_t phi_pack_stage_missing(const struct phi_pack_stage *s);

#endif
