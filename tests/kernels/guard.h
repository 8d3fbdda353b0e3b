/* SPDX-License-Identifier: MIT */
/*
 * Memory that faults one byte past its end or before its beginning, and fills
 * for it. For kernels: they must touch nothing that is not theirs.
 */
#ifndef PHI_TESTS_GUARD_H
#define PHI_TESTS_GUARD_H

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define GUARD_POISON 0xa5

struct guard {
    uint8_t *map;
    size_t size; /* between the two unreadable pages */
    size_t page;
};

static inline struct guard guard_new(size_t nbytes)
{
    struct guard g = {.page = (size_t)sysconf(_SC_PAGESIZE)};

    g.size = (nbytes + g.page - 1) / g.page * g.page;
    g.map = mmap(NULL, g.size + 2 * g.page, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(g.map, MAP_FAILED);
    ck_assert_int_eq(mprotect(g.map, g.page, PROT_NONE), 0);
    ck_assert_int_eq(mprotect(g.map + g.page + g.size, g.page, PROT_NONE), 0);
    return g;
}

static inline void guard_free(struct guard *g)
{
    munmap(g->map, g->size + 2 * g->page);
}

/* nbytes that end at the guard, or begin at one; poisoned. */
static inline void *guard_take(const struct guard *g, size_t nbytes, bool end)
{
    uint8_t *p = g->map + g->page;

    ck_assert_uint_le(nbytes, g->size);
    memset(p, GUARD_POISON, g->size);
    return end ? p + g->size - nbytes : p;
}

/* The first of n bytes that was written since, or NULL. */
static inline const uint8_t *guard_first(const uint8_t *p, size_t n)
{
    /* All are as the first one, if each is as the next: memcmp() is fast where
     * a loop over megabytes under an emulator is not. */
    if (n == 0 || (*p == GUARD_POISON && memcmp(p, p + 1, n - 1) == 0))
        return NULL;
    while (*p == GUARD_POISON)
        p++;
    return p;
}

/* The first byte beside out (nbytes) that was written since, or NULL. */
static inline const uint8_t *guard_touched(const struct guard *g,
                                           const void *out, size_t nbytes)
{
    const uint8_t *const begin = g->map + g->page;
    const uint8_t *const end = (const uint8_t *)out + nbytes;
    const uint8_t *const before =
        guard_first(begin, (size_t)((const uint8_t *)out - begin));

    return before != NULL ? before
                          : guard_first(end, (size_t)(begin + g->size - end));
}

/* Uniform in [-1, 1), from splitmix64. */
static inline float guard_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (float)(int32_t)((z ^ z >> 31) >> 32) * 0x1p-31f;
}

enum fill {
    FILL_RANDOM,
    FILL_WIDE,    /* random with exponents from -20 to 20 */
    FILL_SPECIAL, /* with zeros, subnormals, infinities and NaN */
    NFILLS
};

static inline void guard_fill(float *p, size_t n, enum fill fill,
                              uint64_t *state)
{
    static const float special[] = {0.0f,  -0.0f,  1e-40f,   -1e-45f,
                                    3e38f, -3e38f, INFINITY, -INFINITY,
                                    NAN,   1.0f,   -1.0f,    0x1p-126f};

    for (size_t i = 0; i < n; i++) {
        const float v = guard_random(state);
        const unsigned pick = (unsigned)(guard_random(state) * 64 + 64);

        p[i] = v;
        if (fill == FILL_WIDE)
            p[i] = ldexpf(v, (int)(pick % 41) - 20);
        else if (fill == FILL_SPECIAL && pick < 12)
            p[i] = special[pick];
    }
}

/* Same bits, or both NaN (whose payload is nobody's promise). */
static inline bool same_f32(float a, float b)
{
    return memcmp(&a, &b, sizeof(a)) == 0 || (isnan(a) && isnan(b));
}

static inline bool same_f64(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0 || (isnan(a) && isnan(b));
}

#endif
