/* SPDX-License-Identifier: MIT */
#include "tools/json_layout.h"

#include <string.h>

/* Bytes of what stays on a line, before blanks are added. A hash is 64. */
#define SHORT 200

/* Behind the string, or the bracket's partner, that begins at `at`. */
static size_t behind(const struct phi_buf *t, size_t at)
{
    size_t depth = 0;
    bool text = false;

    for (; at < t->n; at++) {
        const uint8_t c = t->p[at];

        if (c == '\\' && text)
            at++;
        else if (c == '"')
            text = !text;
        else if (!text && (c == '{' || c == '['))
            depth++;
        else if (!text && (c == '}' || c == ']'))
            depth--;
        if (!text && depth == 0)
            return at + 1;
    }
    return t->n;
}

static void new_line(struct phi_buf *to, size_t depth)
{
    phi_buf_text(to, "\n");
    for (size_t i = 0; i < depth; i++)
        phi_buf_text(to, "  ");
}

void json_lay_out(struct phi_buf *to, const struct phi_buf *from)
{
    size_t depth = 0;
    size_t line = 0; /* up to here all stays on one */

    for (size_t at = 0; at < from->n;) {
        const uint8_t c = from->p[at];
        size_t end = at + 1;

        if (c == '"')
            end = behind(from, at);
        if ((c == '{' || c == '[') && at >= line &&
            behind(from, at) - at <= SHORT)
            line = behind(from, at);
        if ((c == '}' || c == ']') && at >= line)
            new_line(to, --depth);
        phi_buf_put(to, from->p + at, end - at);
        if (c == ':' || (c == ',' && at < line))
            phi_buf_text(to, " ");
        else if (c == ',')
            new_line(to, depth);
        else if ((c == '{' || c == '[') && at >= line)
            new_line(to, ++depth);
        at = end;
    }
    phi_buf_text(to, "\n");
}
