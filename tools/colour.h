/* SPDX-License-Identifier: MIT */
/*
 * Colours, on terminals alone: never with NO_COLOR (https://no-color.org),
 * on a dumb terminal, or where the output goes to a file or a pipe. And how
 * wide a terminal is.
 */
#ifndef PHICONV_TOOLS_COLOUR_H
#define PHICONV_TOOLS_COLOUR_H

#include <stdio.h>

enum colour {
    COLOUR_OFF, /* back to the terminal's own */
    COLOUR_BOLD,
    COLOUR_RED,
    COLOUR_YELLOW,
    COLOUR_CYAN
};

/* What switches to the colour on that stream; "" where there is none. */
const char *colour(FILE *to, enum colour c);

/* The width of the terminal; 0 if there is none, or it does not say. */
size_t terminal_columns(FILE *to);

#endif
