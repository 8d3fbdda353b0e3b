/* SPDX-License-Identifier: MIT */
/*
 * Checked arithmetic on sizes. Every sum or product of numbers of which one
 * came from a file goes through these; the result is valid only if true.
 */
#ifndef PHI_BASE_SIZE_H
#define PHI_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool phi_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    *out = a * b;
    return b == 0 || a <= UINT64_MAX / b;
}

static inline bool phi_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    *out = a + b;
    return a <= UINT64_MAX - b;
}

static inline bool phi_mul_size(size_t a, size_t b, size_t *out)
{
    *out = a * b;
    return b == 0 || a <= SIZE_MAX / b;
}

static inline bool phi_add_size(size_t a, size_t b, size_t *out)
{
    *out = a + b;
    return a <= SIZE_MAX - b;
}

/* Rounds a up to a multiple of align, a power of two. */
static inline bool phi_align_u64(uint64_t a, uint64_t align, uint64_t *out)
{
    *out = (a + (align - 1)) & ~(align - 1);
    return a <= UINT64_MAX - (align - 1);
}

#endif
