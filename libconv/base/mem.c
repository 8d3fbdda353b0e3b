/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* madvise() */
#include "libconv/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "libconv/base/size.h"

static void *no_memory(struct phi_err *err, size_t n, size_t size)
{
    phi_fail(err, PHI_E_NOMEM, "out of memory: %zu times %zu bytes", n, size);
    return NULL;
}

void *phi_alloc(size_t n, size_t size, struct phi_err *err)
{
    void *p = calloc(n > 0 ? n : 1, size > 0 ? size : 1);

    return p != NULL ? p : no_memory(err, n, size);
}

void *phi_alloc_aligned(size_t n, size_t size, struct phi_err *err)
{
    size_t nbytes;
    void *p = NULL;

    if (!phi_mul_size(n, size, &nbytes) || nbytes > SIZE_MAX - 64)
        return no_memory(err, n, size);
    nbytes = (nbytes + 63) & ~(size_t)63;
    p = aligned_alloc(64, nbytes > 0 ? nbytes : 64);
    return p != NULL ? p : no_memory(err, n, size);
}

#define PAGE      ((size_t)4096)
#define HUGE_PAGE ((size_t)2 << 20)

void *phi_alloc_pages(size_t n, struct phi_err *err)
{
    const size_t unit = n < HUGE_PAGE ? PAGE : HUGE_PAGE;
    size_t nbytes;
    void *p;

    if (!phi_add_size(n, unit - 1, &nbytes))
        return no_memory(err, n, 1);
    nbytes = nbytes / unit * unit;
    p = aligned_alloc(unit, nbytes > 0 ? nbytes : unit);
    if (p == NULL)
        return no_memory(err, n, 1);
#ifdef MADV_HUGEPAGE
    /* Advice: without it all works, with more page faults. */
    if (unit == HUGE_PAGE)
        (void)madvise(p, nbytes, MADV_HUGEPAGE);
#endif
    return p;
}

/*
 * The system has zeros that cost nothing before they are looked at: they take
 * the place of a list that is not the larger part of what it grows to.
 */
static void *grown(void *old, size_t n, size_t cap, size_t size)
{
    void *p = calloc(cap, size);

    if (p != NULL && n > 0)
        memcpy(p, old, n * size);
    if (p != NULL)
        free(old);
    return p;
}

enum phi_status phi_grow(void **p, size_t *cap, size_t want, size_t size,
                         struct phi_err *err)
{
    size_t room = *cap;
    size_t nbytes;
    void *q;

    if (want <= room)
        return PHI_OK;
    room = room < 8 ? 8 : room + room / 2;
    if (room < want)
        room = want;
    if (!phi_mul_size(room, size, &nbytes))
        q = NULL;
    else if (room / 2 >= *cap)
        q = grown(*p, *cap, room, size);
    else if ((q = realloc(*p, nbytes)) != NULL)
        memset((char *)q + *cap * size, 0, nbytes - *cap * size);
    if (q == NULL)
        return phi_fail(err, PHI_E_NOMEM, "out of memory: %zu times %zu bytes",
                        room, size);
    *p = q;
    *cap = room;
    return PHI_OK;
}

char *phi_strndup(const char *text, size_t n, struct phi_err *err)
{
    size_t room;
    char *p;

    if (!phi_add_size(n, 1, &room))
        return no_memory(err, n, 1);
    p = phi_alloc(room, 1, err);
    if (p != NULL && n > 0)
        memcpy(p, text, n);
    return p;
}

char *phi_strdup(const char *text, struct phi_err *err)
{
    return phi_strndup(text, strlen(text), err);
}

char *phi_sprintf(struct phi_err *err, const char *fmt, ...)
{
    va_list args;
    char *p = NULL;
    int n;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0)
        return no_memory(err, 1, 1);
    p = phi_alloc((size_t)n + 1, 1, err);
    if (p == NULL)
        return NULL;
    va_start(args, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, args);
    va_end(args);
    return p;
}
