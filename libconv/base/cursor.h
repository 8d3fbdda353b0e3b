/* SPDX-License-Identifier: MIT */
/*
 * Reads a run of bytes that nobody vouches for. A read past the end fails
 * with the offset, what was wanted and what is left; the cursor then stays
 * where it was. All pointer arithmetic on file data happens here.
 */
#ifndef PHI_BASE_CURSOR_H
#define PHI_BASE_CURSOR_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"

struct phi_cursor {
    const uint8_t *p; /* borrowed; the whole run */
    size_t n;         /* its length */
    size_t at;        /* next byte to read, at most n */
    uint64_t base;    /* offset of p[0] in its file, for messages */
};

static inline size_t phi_cursor_left(const struct phi_cursor *c)
{
    return c->n - c->at;
}

/* *out borrows n bytes of the run; `what` names them in the message. */
enum phi_status phi_cursor_take(struct phi_cursor *c, size_t n,
                                const uint8_t **out, const char *what,
                                struct phi_err *err);

enum phi_status phi_cursor_u8(struct phi_cursor *c, uint8_t *out,
                              const char *what, struct phi_err *err);
enum phi_status phi_cursor_u16(struct phi_cursor *c, uint16_t *out,
                               const char *what, struct phi_err *err);
enum phi_status phi_cursor_u32(struct phi_cursor *c, uint32_t *out,
                               const char *what, struct phi_err *err);
enum phi_status phi_cursor_u64(struct phi_cursor *c, uint64_t *out,
                               const char *what, struct phi_err *err);

#endif
