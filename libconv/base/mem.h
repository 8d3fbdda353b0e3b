/* SPDX-License-Identifier: MIT */
/* Heap memory with checked sizes and errors as values. */
#ifndef PHI_BASE_MEM_H
#define PHI_BASE_MEM_H

#include <stddef.h>

#include "libconv/base/err.h"

/*
 * n * size bytes of zeros, to be released with free(). Returns NULL and fills
 * err with PHI_E_NOMEM when there are none (or the product overflows). For
 * n * size = 0 the result is a valid pointer to nothing.
 */
void *phi_alloc(size_t n, size_t size, struct phi_err *err);

/* As phi_alloc(), uninitialised and aligned to 64 bytes. */
void *phi_alloc_aligned(size_t n, size_t size, struct phi_err *err);

/*
 * n bytes, uninitialised, that begin on a page, of huge pages where there are
 * any: for buffers of megabytes that are filled again and again.
 */
void *phi_alloc_pages(size_t n, struct phi_err *err);

/*
 * Resizes *p (an array of `size`-byte items) so that it holds at least `want`
 * items; *cap is its capacity, grown by halves. New items are zero.
 */
enum phi_status phi_grow(void **p, size_t *cap, size_t want, size_t size,
                         struct phi_err *err);

/* A NUL-terminated copy of n bytes, to be released with free(). */
char *phi_strndup(const char *text, size_t n, struct phi_err *err);
char *phi_strdup(const char *text, struct phi_err *err);

/* printf into fresh memory, to be released with free(). */
char *phi_sprintf(struct phi_err *err, const char *fmt, ...) PHI_PRINTF(2, 3);

#endif
