/* SPDX-License-Identifier: MIT */
#include "formats/pack_panels.h"

#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/*
 * n pieces of `size` bytes. Copies of a size that is known when this is
 * compiled are one or two instructions.
 */
static void copy(uint8_t *to, size_t to_step, const uint8_t *from,
                 size_t from_step, size_t n, size_t size)
{
#define COPY(bytes)                                                            \
    case bytes:                                                                \
        for (size_t i = 0; i < n; i++)                                         \
            memcpy(to + i * to_step, from + i * from_step, bytes);             \
        break

    switch (size) {
        COPY(2);
        COPY(4);
        COPY(18);
        COPY(20);
        COPY(22);
        COPY(24);
        COPY(34);
        COPY(84);
        COPY(110);
        COPY(136);
        COPY(144);
        COPY(176);
        COPY(210);
    default:
        for (size_t i = 0; i < n; i++)
            memcpy(to + i * to_step, from + i * from_step, size);
    }
#undef COPY
}

void phi_panels_to_rows(uint8_t *rows, size_t stride, const uint8_t *panel,
                        const struct phi_panels *a,
                        const struct phi_panel_part *part)
{
    const size_t s = a->block_nbytes;

    for (size_t b = part->from / s; b * s < part->to; b++) {
        const size_t lo = most(part->from, b * s);
        const size_t hi = least(part->to, (b + 1) * s);
        const uint8_t *blocks = panel + (b * part->n + part->first) * s;

        copy(rows + (lo - part->from), stride, blocks + (lo - b * s), s,
             part->count, hi - lo);
    }
}

size_t phi_panels_from_rows(uint8_t *window, size_t at, size_t room,
                            const uint8_t *rows, size_t stride,
                            const struct phi_panels *a,
                            const struct phi_panel_part *part)
{
    const size_t s = a->block_nbytes;
    const size_t column = part->n * s;
    /* Block columns that the window has something of. */
    const size_t b0 = most(part->from / s, at / column);
    size_t done = 0;

    for (size_t b = b0; b * s < part->to && b * column < at + room; b++) {
        const size_t lo = most(part->from, b * s);
        const size_t hi = least(part->to, (b + 1) * s);
        const uint8_t *from = rows + (lo - part->from);
        const size_t to = b * column + part->first * s + (lo - b * s);
        const size_t end = to + (part->count - 1) * s + (hi - lo);

        if (to >= at && end <= at + room) {
            copy(window + (to - at), s, from, stride, part->count, hi - lo);
            done += part->count * (hi - lo);
            continue;
        }
        for (size_t i = 0; i < part->count; i++) { /* at the window's edge */
            const size_t x = most(to + i * s, at);
            const size_t y = least(to + i * s + (hi - lo), at + room);

            if (x >= y)
                continue;
            memcpy(window + (x - at), from + i * stride + (x - to - i * s),
                   y - x);
            done += y - x;
        }
    }
    return done;
}

bool phi_panels_touch(size_t at, size_t room, const struct phi_panels *a,
                      const struct phi_panel_part *part)
{
    const size_t s = a->block_nbytes;
    const size_t column = part->n * s;
    const size_t b0 = most(part->from / s, at / column);

    for (size_t b = b0; b * s < part->to && b * column < at + room; b++) {
        const size_t lo = most(part->from, b * s);
        const size_t hi = least(part->to, (b + 1) * s);

        for (size_t i = 0; i < part->count; i++) {
            const size_t to = b * column + (part->first + i) * s + (lo - b * s);

            if (to < at + room && to + (hi - lo) > at)
                return true;
        }
    }
    return false;
}
