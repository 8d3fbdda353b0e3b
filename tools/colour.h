/* SPDX-License-Identifier: MIT */
/*
 * Colours, on terminals alone: never with NO_COLOR (https://no-color.org),
 * on a dumb terminal, or where the output goes to a file or a pipe.
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

#endif
