/* SPDX-License-Identifier: MIT */
/*
 * The arrangement of a tensor's bytes in panels (PACK.md, 7.2), and back. A
 * panel is some rows of the tensor; its bytes are its blocks, block column by
 * block column, the rows' blocks side by side:
 *
 *   rows      row 0: a0 a1 a2     row 1: b0 b1 b2
 *   panel     a0 b0  a1 b1  a2 b2
 */
#ifndef PHI_FORMATS_PACK_PANELS_H
#define PHI_FORMATS_PACK_PANELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libconv/tensor/dtype.h"

struct phi_panels {
    uint64_t nrows;
    size_t row_nbytes;
    size_t block_nbytes;
    uint32_t rows; /* of a panel; 0: rows follow each other */
};

/* Rows of panel p. */
static inline size_t phi_panels_rows(const struct phi_panels *a, uint64_t p)
{
    const uint64_t left = a->nrows - p * a->rows;

    return left < a->rows ? (size_t)left : a->rows;
}

/*
 * Part of a panel of n rows: bytes [from, to) of each of `count` rows, the
 * first being row `first` of the panel.
 */
struct phi_panel_part {
    size_t n;
    size_t first;
    size_t count;
    size_t from;
    size_t to;
};

/*
 * From a panel to rows: byte `from` of the part's row i goes to
 * rows + i * stride.
 */
void phi_panels_to_rows(uint8_t *rows, size_t stride, const uint8_t *panel,
                        const struct phi_panels *a,
                        const struct phi_panel_part *part);

/*
 * The other way: rows to bytes [at, at + room) of the panel, which are in
 * `window`; what of the part lies outside of it is left alone. Returns how
 * many bytes it wrote.
 */
size_t phi_panels_from_rows(uint8_t *window, size_t at, size_t room,
                            const uint8_t *rows, size_t stride,
                            const struct phi_panels *a,
                            const struct phi_panel_part *part);

/* Whether it would write any. */
bool phi_panels_touch(size_t at, size_t room, const struct phi_panels *a,
                      const struct phi_panel_part *part);

#endif
