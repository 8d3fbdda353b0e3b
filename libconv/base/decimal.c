/* SPDX-License-Identifier: MIT */
#include "libconv/base/decimal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the locale has between digits, no letter, becomes a point. */
static char *with_point(char *out)
{
    char *at = out + strspn(out, "-0123456789");

    if (*at != '\0' && !(*at >= 'a' && *at <= 'z')) {
        const char *rest = at + strcspn(at, "0123456789");

        *at = '.';
        memmove(at + 1, rest, strlen(rest) + 1);
    }
    return out;
}

/* Every text of 15 digits, or 6, is another double, or float; and 17, or 9,
 * tell all of them apart. */
char *phi_decimal(char out[PHI_DECIMAL_MAX], double v)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, PHI_DECIMAL_MAX, "%.*g", digits, v);
        if (strtod(out, NULL) == v)
            break;
    }
    return with_point(out);
}

char *phi_decimal_f32(char out[PHI_DECIMAL_MAX], float v)
{
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(out, PHI_DECIMAL_MAX, "%.*g", digits, (double)v);
        if (strtof(out, NULL) == v)
            break;
    }
    return with_point(out);
}
