/* SPDX-License-Identifier: MIT */
#include "tools/markup.h"

#include "libconv/base/err.h"

void markup_text(struct phi_buf *b, const char *text)
{
    char clean[PHI_ERR_MAX];

    phi_printable(clean, sizeof(clean), text);
    for (const char *p = clean; *p != '\0'; p++) {
        switch (*p) {
        case '&':
            phi_buf_text(b, "&amp;");
            break;
        case '<':
            phi_buf_text(b, "&lt;");
            break;
        case '>':
            phi_buf_text(b, "&gt;");
            break;
        case '"':
            phi_buf_text(b, "&quot;");
            break;
        default:
            phi_buf_put(b, p, 1);
        }
    }
}

void markup_attribute(struct phi_buf *b, const char *name, const char *text)
{
    phi_buf_printf(b, " %s=\"", name);
    markup_text(b, text);
    phi_buf_text(b, "\"");
}
