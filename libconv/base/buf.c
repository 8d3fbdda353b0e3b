/* SPDX-License-Identifier: MIT */
#include "libconv/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/bytes.h"
#include "libconv/base/mem.h"
#include "libconv/base/size.h"

/* Room for n more bytes, or NULL. */
static uint8_t *room_for(struct phi_buf *b, size_t n)
{
    size_t want;
    void *p = b->p;

    if (b->failed || !phi_add_size(b->n, n, &want) ||
        phi_grow(&p, &b->cap, want, 1, NULL) != PHI_OK) {
        b->failed = true;
        return NULL;
    }
    b->p = p;
    return b->p + b->n;
}

void phi_buf_put(struct phi_buf *b, const void *bytes, size_t n)
{
    uint8_t *to = n > 0 ? room_for(b, n) : NULL;

    if (to == NULL)
        return;
    memcpy(to, bytes, n);
    b->n += n;
}

void phi_buf_zeros(struct phi_buf *b, size_t n)
{
    uint8_t *to = n > 0 ? room_for(b, n) : NULL;

    if (to == NULL)
        return;
    memset(to, 0, n);
    b->n += n;
}

void phi_buf_text(struct phi_buf *b, const char *text)
{
    phi_buf_put(b, text, strlen(text));
}

void phi_buf_printf(struct phi_buf *b, const char *fmt, ...)
{
    va_list args;
    uint8_t *to;
    int n;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0)
        b->failed = true;
    to = n < 0 ? NULL : room_for(b, (size_t)n + 1);
    if (to == NULL)
        return;
    va_start(args, fmt);
    vsnprintf((char *)to, (size_t)n + 1, fmt, args);
    va_end(args);
    b->n += (size_t)n;
}

void phi_buf_u8(struct phi_buf *b, uint8_t v)
{
    phi_buf_put(b, &v, 1);
}

void phi_buf_u16(struct phi_buf *b, uint16_t v)
{
    uint8_t p[2];

    phi_store_u16(p, v);
    phi_buf_put(b, p, sizeof(p));
}

void phi_buf_u32(struct phi_buf *b, uint32_t v)
{
    uint8_t p[4];

    phi_store_u32(p, v);
    phi_buf_put(b, p, sizeof(p));
}

void phi_buf_u64(struct phi_buf *b, uint64_t v)
{
    uint8_t p[8];

    phi_store_u64(p, v);
    phi_buf_put(b, p, sizeof(p));
}

void phi_buf_f32(struct phi_buf *b, float v)
{
    uint32_t u;

    memcpy(&u, &v, sizeof(u));
    phi_buf_u32(b, u);
}

void phi_buf_f64(struct phi_buf *b, double v)
{
    uint64_t u;

    memcpy(&u, &v, sizeof(u));
    phi_buf_u64(b, u);
}

enum phi_status phi_buf_status(const struct phi_buf *b, struct phi_err *err)
{
    if (b->failed)
        return phi_fail(err, PHI_E_NOMEM,
                        "out of memory: a buffer of more than %zu bytes",
                        b->cap);
    return PHI_OK;
}

void phi_buf_release(struct phi_buf *b)
{
    free(b->p);
    *b = (struct phi_buf){0};
}
