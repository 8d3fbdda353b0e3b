/* SPDX-License-Identifier: MIT */
/*
 * Line plots as SVG, small and without a script: values over an axis, a line
 * a series in the page's colours (CSS classes s0 to s7), a legend below.
 */
#ifndef PHICONV_TOOLS_PLOT_H
#define PHICONV_TOOLS_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "libconv/base/buf.h"

struct plot_series {
    const char *name;
    const double *x; /* (n) */
    const double *y; /* (n); what is not finite is left out */
    size_t n;
};

struct plot {
    const char *title;
    const char *x_title;
    const char *y_title;
    bool log_x; /* values of 0 and less are left out */
    bool log_y;
    bool points; /* marks with their names beside them, without the words
                   that all begin with; no line */
    const struct plot_series *series; /* (n) */
    size_t n;
};

/* Appends the plot; nothing where there is no value to show. */
void plot_svg(struct phi_buf *b, const struct plot *p);

#endif
