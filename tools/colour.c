/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* TIOCGWINSZ */
#define _POSIX_C_SOURCE 200809L
#include "tools/colour.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool wanted(FILE *to)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return (no == NULL || no[0] == '\0') && term != NULL &&
           strcmp(term, "dumb") != 0 && isatty(fileno(to));
}

const char *colour(FILE *to, enum colour c)
{
    static const char *const codes[] = {
        [COLOUR_OFF] = "\033[0m",    [COLOUR_BOLD] = "\033[1m",
        [COLOUR_RED] = "\033[1;31m", [COLOUR_YELLOW] = "\033[33m",
        [COLOUR_CYAN] = "\033[36m",
    };

    return wanted(to) ? codes[c] : "";
}

size_t terminal_columns(FILE *to)
{
    struct winsize w;

    return ioctl(fileno(to), TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}
