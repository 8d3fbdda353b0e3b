/* SPDX-License-Identifier: MIT */
/* See front_matter.h: here the file and its fields, values elsewhere. */
#include "formats/front_matter.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/yaml_value.h"
#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "libconv/base/utf8.h"

struct field {
    const char *key;   /* (nkey), into text; without quotes */
    const char *value; /* (nvalue), behind the colon */
    size_t nkey;
    size_t nvalue;
    size_t line; /* in the file, from 1 */
    bool parsed;
    struct phi_card_value *tree;
};

struct phi_front_matter {
    char *path;
    char *text; /* (n) and a NUL: between the two marks, line ends are LF */
    size_t n;
    struct field *field; /* (nfields) */
    size_t nfields;
    size_t cap;
};

void phi_front_matter_free(struct phi_front_matter *fm)
{
    if (fm == NULL)
        return;
    for (size_t i = 0; i < fm->nfields; i++)
        phi_yaml_free(fm->field[i].tree);
    free(fm->field);
    free(fm->text);
    free(fm->path);
    free(fm);
}

/* Whether the line (without its end) is the mark. */
static bool is_mark(const char *line, size_t n)
{
    while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'))
        n--;
    return n == 3 && memcmp(line, "---", 3) == 0;
}

/* CRLF as LF, and the byte order mark away. Returns the new length. */
static size_t normalize(char *p, size_t n)
{
    size_t to = 0;
    size_t at = n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    for (; at < n; at++) {
        if (p[at] == '\r' && (at + 1 == n || p[at + 1] == '\n'))
            continue;
        p[to++] = p[at];
    }
    p[to] = '\0';
    return to;
}

static size_t line_length(const char *p, size_t n)
{
    const char *end = memchr(p, '\n', n);

    return end != NULL ? (size_t)(end - p) : n;
}

/* Cuts text down to what is between the marks; nothing if it has none. */
static bool cut(char *p, size_t *n)
{
    size_t first = line_length(p, *n);
    size_t at;

    if (!is_mark(p, first) || first == *n)
        return false;
    first++;
    for (at = first; at < *n;) {
        const size_t len = line_length(p + at, *n - at);

        if (is_mark(p + at, len)) {
            *n = at - first;
            memmove(p, p + first, *n);
            p[*n] = '\0';
            return true;
        }
        at += len + 1;
    }
    return false;
}

static enum phi_status check_text(const struct phi_front_matter *fm,
                                  struct phi_err *err)
{
    const size_t valid = phi_utf8_valid((const uint8_t *)fm->text, fm->n);
    const char *nul = memchr(fm->text, '\0', fm->n);
    size_t line = 2;
    size_t bad = valid;

    if (nul != NULL && (size_t)(nul - fm->text) < bad)
        bad = (size_t)(nul - fm->text);
    if (bad == fm->n)
        return PHI_OK;
    for (size_t i = 0; i < bad; i++)
        line += fm->text[i] == '\n';
    return phi_fail(err, PHI_E_FORMAT,
                    "%s: line %zu: front matter is not UTF-8 text", fm->path,
                    line);
}

static enum phi_status add_field(struct phi_front_matter *fm, size_t at,
                                 size_t nkey, size_t line, struct phi_err *err)
{
    void *p = fm->field;
    struct field *f;

    if (phi_grow(&p, &fm->cap, fm->nfields + 1, sizeof(*f), err) != PHI_OK)
        return PHI_E_NOMEM;
    fm->field = p;
    f = &fm->field[fm->nfields++];
    f->key = fm->text + at;
    f->nkey = nkey;
    f->line = line;
    if (*f->key == '"' || *f->key == '\'') {
        f->key++;
        f->nkey -= 2;
    }
    f->value = memchr(fm->text + at + nkey, ':', fm->n - at - nkey);
    f->value++;
    f->nvalue = (size_t)(fm->text + fm->n - f->value);
    return PHI_OK;
}

/*
 * A field begins with "key:" in column 0 and goes on to the next such line,
 * except inside of quotes and brackets that its value begins with.
 */
static enum phi_status find_fields(struct phi_front_matter *fm,
                                   struct phi_err *err)
{
    size_t line = 2;
    size_t at = 0;
    bool spans = true;

    while (at < fm->n) {
        const char *p = fm->text + at;
        const size_t nkey = phi_yaml_key_span(p, fm->n - at);
        size_t end = at + line_length(p, fm->n - at);

        if (nkey > 0) {
            size_t value;
            size_t span = 0;

            if (fm->nfields > 0) {
                struct field *last = &fm->field[fm->nfields - 1];

                last->nvalue = (size_t)(p - last->value);
            }
            if (add_field(fm, at, nkey, line, err) != PHI_OK)
                return PHI_E_NOMEM;
            value = (size_t)(fm->field[fm->nfields - 1].value - fm->text);
            value += strspn(fm->text + value, " \t");
            /* One that never ends is looked for once: the work stays linear. */
            if (spans && strchr("\"'[{", fm->text[value]) != NULL) {
                span = phi_yaml_span(fm->text + value, fm->n - value);
                spans = span > 0 || value == fm->n;
            }
            if (value + span > end)
                end =
                    value + span +
                    line_length(fm->text + value + span, fm->n - value - span);
        }
        for (; at <= end && at < fm->n; at++)
            line += fm->text[at] == '\n';
    }
    return PHI_OK;
}

static enum phi_status read_text(struct phi_front_matter *fm,
                                 struct phi_err *err)
{
    struct phi_file *file = NULL;
    enum phi_status st = phi_file_open(&file, fm->path, err);
    size_t n;

    if (st != PHI_OK)
        goto out;
    n = phi_file_size(file) < PHI_FRONT_MATTER_MAX ? (size_t)phi_file_size(file)
                                                   : PHI_FRONT_MATTER_MAX;
    fm->text = phi_alloc(n + 1, 1, err);
    if (fm->text == NULL) {
        st = PHI_E_NOMEM;
        goto out;
    }
    st = phi_file_read(file, 0, fm->text, n, err);
    if (st != PHI_OK)
        goto out;
    fm->n = normalize(fm->text, n);
    if (!cut(fm->text, &fm->n)) {
        if (is_mark(fm->text, line_length(fm->text, fm->n)) &&
            phi_file_size(file) > n)
            st = phi_fail(err, PHI_E_FORMAT,
                          "%s: front matter does not end within %zu bytes",
                          fm->path, PHI_FRONT_MATTER_MAX);
        fm->n = 0;
    }
out:
    phi_file_close(file);
    return st;
}

enum phi_status phi_front_matter_load(struct phi_front_matter **out,
                                      const char *path, struct phi_err *err)
{
    struct phi_front_matter *fm = phi_alloc(1, sizeof(*fm), err);
    enum phi_status st = PHI_E_NOMEM;

    if (fm == NULL)
        return st;
    fm->path = phi_strdup(path, err);
    if (fm->path == NULL)
        goto out;
    st = PHI_OK;
    if (phi_path_kind(path) != PHI_PATH_NONE) {
        st = read_text(fm, err);
        if (st == PHI_OK && fm->n > 0)
            st = check_text(fm, err);
        if (st == PHI_OK)
            st = find_fields(fm, err);
    }
    if (st == PHI_OK) {
        *out = fm;
        fm = NULL;
    }
out:
    phi_front_matter_free(fm);
    return st;
}

static struct field *find(const struct phi_front_matter *fm, const char *key,
                          struct field *after)
{
    const size_t n = strlen(key);
    size_t i = after != NULL ? (size_t)(after - fm->field) + 1 : 0;

    for (; i < fm->nfields; i++) {
        if (fm->field[i].nkey == n && memcmp(fm->field[i].key, key, n) == 0)
            return &fm->field[i];
    }
    return NULL;
}

enum phi_status phi_front_matter_get(struct phi_front_matter *fm,
                                     const char *field,
                                     const struct phi_card_value **out,
                                     struct phi_err *err)
{
    struct field *f = find(fm, field, NULL);
    const struct field *again = f != NULL ? find(fm, field, f) : NULL;
    size_t line = 0;

    *out = NULL;
    if (f == NULL)
        return PHI_OK;
    if (again != NULL)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: line %zu: \"%s\": is given on line %zu already",
                        fm->path, again->line, field, f->line);
    if (!f->parsed) {
        const enum phi_status st =
            phi_yaml_parse(&f->tree, f->value, f->nvalue, &line, err);

        if (st != PHI_OK) {
            phi_err_prefix(err, "%s: line %zu: \"%s\"", fm->path,
                           f->line + line, field);
            phi_hint(err, "the card can be corrected or the field removed");
            return st;
        }
        f->parsed = true;
    }
    if (f->tree->kind != PHI_CARD_NULL)
        *out = f->tree;
    return PHI_OK;
}

enum phi_status phi_front_matter_refuse(const struct phi_front_matter *fm,
                                        const char *field, struct phi_err *err,
                                        const char *fmt, ...)
{
    const struct field *f = find(fm, field, NULL);
    char what[PHI_ERR_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    return phi_fail(err, PHI_E_FORMAT, "%s: line %zu: \"%s\": %s", fm->path,
                    f != NULL ? f->line : 0, field, what);
}
