/* SPDX-License-Identifier: MIT */
/* Rows of f32 as the panels that the f32 kernels read: kernels/kernels.h. */
#ifndef PHI_ENGINE_PANEL_H
#define PHI_ENGINE_PANEL_H

#include <stddef.h>

#include "libconv/kernels/kernels.h"

/* Panels that n rows or columns make. */
static inline size_t phi_panel_count(size_t n)
{
    return (n + PHI_PANEL - 1) / PHI_PANEL;
}

/* panel[k][c] = rows[c][k] for n of 16 rows of `depth`; the others are zero. */
static inline void phi_panel_fill(float *panel, const float *rows, size_t ld,
                                  size_t n, size_t depth)
{
    for (size_t k = 0; k < depth; k++) {
        for (size_t c = 0; c < n; c++)
            panel[k * PHI_PANEL + c] = rows[c * ld + k];
        for (size_t c = n; c < PHI_PANEL; c++)
            panel[k * PHI_PANEL + c] = 0;
    }
}

#endif
