/* SPDX-License-Identifier: MIT */
#include "formats/json_write.h"

#include <string.h>

void phi_json_put_string(struct phi_buf *b, const char *text)
{
    static const char plain[] = "\b\f\n\r\t\"\\";
    static const char letter[] = "bfnrt\"\\";

    phi_buf_text(b, "\"");
    for (; *text != '\0'; text++) {
        const char *at = strchr(plain, *text);

        if (at != NULL)
            phi_buf_printf(b, "\\%c", letter[at - plain]);
        else if ((uint8_t)*text < 0x20)
            phi_buf_printf(b, "\\u%04x", (unsigned)(uint8_t)*text);
        else
            phi_buf_put(b, text, 1);
    }
    phi_buf_text(b, "\"");
}

/* ---- changing a text ------------------------------------------------------
 * The text is known to be well-formed: only its shape is followed here. */

static size_t skip_space(const struct phi_buf *t, size_t at)
{
    while (at < t->n && t->p[at] != '\0' && strchr(" \t\r\n", t->p[at]) != NULL)
        at++;
    return at;
}

/* Behind the string that begins at `at`. */
static size_t skip_string(const struct phi_buf *t, size_t at)
{
    for (at++; at < t->n && t->p[at] != '"'; at++)
        at += t->p[at] == '\\';
    return at + 1;
}

/* Behind the value that begins at `at`. */
static size_t skip_value(const struct phi_buf *t, size_t at)
{
    size_t depth = 0;

    while (at < t->n) {
        const uint8_t c = t->p[at];

        if (c == '"') {
            at = skip_string(t, at);
        } else if (c == '{' || c == '[') {
            depth++;
            at++;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return at;
            depth--;
            at++;
        } else if (depth == 0 && (c == ',' || strchr(" \t\r\n", c) != NULL)) {
            return at;
        } else {
            at++;
            continue; /* within a number or a word */
        }
        if (depth == 0)
            return at;
    }
    return t->n;
}

/* Where a value is, or is to be put. */
struct span {
    size_t begin;
    size_t end;
    size_t last;  /* behind the last member's value; 0: there is none */
    size_t space; /* bytes of white space before the first key, from `open` */
    size_t open;  /* behind the object's brace */
};

/* The character of the escape that begins at *at, which moves behind it; 0
 * for what is not ASCII. */
static char unescape(const struct phi_buf *t, size_t *at)
{
    static const char letter[] = "bfnrt/\"\\";
    static const char plain[] = "\b\f\n\r\t/\"\\";
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = t->p + *at;
    unsigned code = 0;

    if (p[1] != 'u') {
        *at += 2;
        return plain[strchr(letter, p[1]) - letter];
    }
    for (size_t i = 2; i < 6; i++) {
        const char c = (char)(p[i] | 0x20); /* digits have that bit */

        code = code * 16 + (unsigned)(strchr(digits, c) - digits);
    }
    *at += 6;
    return code < 0x80 ? (char)code : '\0';
}

/* Whether the string that begins at `at` is key, which is ASCII, by whatever
 * spelling. */
static bool is_key(const struct phi_buf *t, size_t at, const char *key)
{
    for (at++; t->p[at] != '"'; key++) {
        const char c = t->p[at] == '\\' ? unescape(t, &at) : (char)t->p[at++];

        if (*key == '\0' || c != *key)
            return false;
    }
    return *key == '\0';
}

/* True if the object has the key; fills *s either way. */
static bool find(const struct phi_buf *t, const char *key, struct span *s)
{
    size_t at = skip_space(t, 0) + 1;

    *s = (struct span){.open = at};
    at = skip_space(t, at);
    s->space = at - s->open;
    while (at < t->n && t->p[at] == '"') {
        const size_t end = skip_string(t, at);
        const bool same = is_key(t, at, key);

        at = skip_space(t, end); /* the colon */
        s->begin = skip_space(t, at + 1);
        s->end = s->last = skip_value(t, s->begin);
        if (same)
            return true;
        at = skip_space(t, s->end);
        if (at < t->n && t->p[at] == ',')
            at = skip_space(t, at + 1);
    }
    return false;
}

enum phi_status phi_json_set(struct phi_buf *text, const char *key,
                             const char *value, struct phi_err *err)
{
    struct phi_buf b = {0};
    struct span s;
    enum phi_status st;

    if (find(text, key, &s)) {
        phi_buf_put(&b, text->p, s.begin);
        phi_buf_text(&b, value);
        phi_buf_put(&b, text->p + s.end, text->n - s.end);
    } else {
        const size_t at = s.last > 0 ? s.last : s.open;

        phi_buf_put(&b, text->p, at);
        phi_buf_text(&b, s.last > 0 ? "," : "");
        if (s.last > 0)
            phi_buf_put(&b, text->p + s.open, s.space);
        phi_json_put_string(&b, key);
        phi_buf_text(&b, ": ");
        phi_buf_text(&b, value);
        phi_buf_put(&b, text->p + at, text->n - at);
    }
    st = phi_buf_status(&b, err);
    if (st == PHI_OK) {
        phi_buf_release(text);
        *text = b;
    } else {
        phi_buf_release(&b);
    }
    return st;
}
