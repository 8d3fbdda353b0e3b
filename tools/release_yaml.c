/* SPDX-License-Identifier: MIT */
#include "tools/release_yaml.h"

#include <stdbool.h>
#include <string.h>

#include "formats/json_write.h"
#include "formats/yaml_write.h"
#include "libconv/base/err.h"

/* JSON's strings are YAML's, in double quotes. */
static void put_scalar(struct phi_buf *b, const char *text)
{
    char clean[PHI_ERR_MAX];

    if (phi_yaml_is_plain(text))
        phi_buf_text(b, text);
    else
        phi_json_put_string(b, phi_printable(clean, sizeof(clean), text));
}

void yaml_put_text(struct phi_buf *b, const char *key, const char *text)
{
    if (text == NULL)
        return;
    phi_buf_printf(b, "%s: ", key);
    put_scalar(b, text);
    phi_buf_text(b, "\n");
}

void yaml_put_item(struct phi_buf *b, const char *text)
{
    phi_buf_text(b, "- ");
    put_scalar(b, text);
    phi_buf_text(b, "\n");
}

/*
 * What means something at the start of a block alone, of which the text may be
 * the first: + - = and : of lists, rules, headings and tables are their first
 * character; of "1. " and "1) " it is the mark behind the number. Where it
 * is in p, or NULL.
 */
static const char *block_mark(const char *p)
{
    const size_t digits = strspn(p, "0123456789");
    const char *end = p + digits;

    if (digits == 0)
        return *p != '\0' && strchr("+-=:", *p) != NULL ? p : NULL;
    if (*end != '\0' && strchr(".)", *end) != NULL &&
        (end[1] == ' ' || end[1] == '\0'))
        return end;
    return NULL;
}

/* "http://" and "www.", of which GitHub makes links. */
static bool is_address(const char *text, const char *p)
{
    if (*p == ':')
        return p[1] == '/';
    return *p == '.' && p - text >= 3 && (p[-1] | 0x20) == 'w' &&
           (p[-2] | 0x20) == 'w' && (p[-3] | 0x20) == 'w';
}

void markdown_put_text(struct phi_buf *b, const char *text)
{
    char clean[PHI_ERR_MAX];
    const char *mark;

    phi_printable(clean, sizeof(clean), text);
    mark = block_mark(clean);
    for (const char *p = clean; *p != '\0'; p++) {
        /* At the ends, blanks are indents and line breaks. */
        if (*p == ' ' && (p == clean || p[1] == '\0')) {
            phi_buf_text(b, "&#32;");
            continue;
        }
        if (p == mark || strchr("\\`*_[]<>|#&~$", *p) != NULL ||
            is_address(clean, p))
            phi_buf_text(b, "\\");
        phi_buf_put(b, p, 1);
    }
}
