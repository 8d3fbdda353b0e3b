/* SPDX-License-Identifier: MIT */
#include "libconv/base/cursor.h"

#include "libconv/base/bytes.h"

enum phi_status phi_cursor_take(struct phi_cursor *c, size_t n,
                                const uint8_t **out, const char *what,
                                struct phi_err *err)
{
    const size_t left = phi_cursor_left(c);

    if (n > left)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s at byte %llu needs %zu bytes but only %zu are left",
                        what, (unsigned long long)(c->base + c->at), n, left);
    *out = c->p + c->at;
    c->at += n;
    return PHI_OK;
}

enum phi_status phi_cursor_u8(struct phi_cursor *c, uint8_t *out,
                              const char *what, struct phi_err *err)
{
    const uint8_t *p = NULL;
    const enum phi_status st = phi_cursor_take(c, 1, &p, what, err);

    if (st == PHI_OK)
        *out = *p;
    return st;
}

enum phi_status phi_cursor_u16(struct phi_cursor *c, uint16_t *out,
                               const char *what, struct phi_err *err)
{
    const uint8_t *p = NULL;
    const enum phi_status st = phi_cursor_take(c, 2, &p, what, err);

    if (st == PHI_OK)
        *out = phi_load_u16(p);
    return st;
}

enum phi_status phi_cursor_u32(struct phi_cursor *c, uint32_t *out,
                               const char *what, struct phi_err *err)
{
    const uint8_t *p = NULL;
    const enum phi_status st = phi_cursor_take(c, 4, &p, what, err);

    if (st == PHI_OK)
        *out = phi_load_u32(p);
    return st;
}

enum phi_status phi_cursor_u64(struct phi_cursor *c, uint64_t *out,
                               const char *what, struct phi_err *err)
{
    const uint8_t *p = NULL;
    const enum phi_status st = phi_cursor_take(c, 8, &p, what, err);

    if (st == PHI_OK)
        *out = phi_load_u64(p);
    return st;
}
