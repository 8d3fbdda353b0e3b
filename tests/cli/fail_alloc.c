/* SPDX-License-Identifier: MIT */
/*
 * Preloaded by cases: the FAIL_ALLOC_AT-th call of calloc() or realloc(), with
 * which libconv/base/mem.c allocates, finds no memory. Needs glibc.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

/* glibc's own, under the names that nothing replaces. */
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static int is_turn(void)
{
    static atomic_long calls;
    const char *at = getenv("FAIL_ALLOC_AT");

    if (at == NULL || atomic_fetch_add(&calls, 1) + 1 != atol(at))
        return 0;
    errno = ENOMEM;
    return 1;
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
    return is_turn() ? NULL : __libc_calloc(n, size);
}

__attribute__((visibility("default"))) void *realloc(void *p, size_t size)
{
    return is_turn() ? NULL : __libc_realloc(p, size);
}
