/* SPDX-License-Identifier: MIT */
/*
 * A reader for the part of YAML 1.1 that cards use, by recursive descent over
 * the text of one field. Columns decide what belongs to what:
 *
 *   datasets:            parent column 0: items may stand in column 0
 *   - name: a            "- " in column 0, its map in column 2
 *     url: b             same map
 *   description: >       block scalar: everything further right than 0
 *     text
 */
#include "formats/yaml_value.h"

#include <stdlib.h>
#include <string.h>

#include "formats/yaml_reader.h"
#include "libconv/base/mem.h"

#define MAX_DEPTH 16

static enum phi_status too_deep(struct phi_yaml_reader *r)
{
    return phi_fail(r->err, PHI_E_FORMAT, "values are nested more than %d deep",
                    MAX_DEPTH);
}

static enum phi_status value(struct phi_yaml_reader *r, long parent,
                             bool in_map, int depth,
                             struct phi_card_value **out);
static enum phi_status flow(struct phi_yaml_reader *r, int depth,
                            struct phi_card_value **out);

void phi_yaml_free(struct phi_card_value *v)
{
    while (v != NULL) {
        struct phi_card_value *next = v->next;

        phi_yaml_free(v->child); /* MAX_DEPTH deep at most */
        free(v->key);
        free(v->text);
        free(v);
        v = next;
    }
}

size_t phi_yaml_span(const char *p, size_t n)
{
    size_t depth = 0;
    char quote = '\0';

    for (size_t i = 0; i < n; i++) {
        const char c = p[i];

        if (quote == '"' && c == '\\') {
            i++;
        } else if (quote != '\0') {
            if (c != quote)
                continue;
            if (quote == '\'' && i + 1 < n && p[i + 1] == '\'') {
                i++;
                continue;
            }
            quote = '\0';
        } else if ((c == '"' || c == '\'') &&
                   (i == 0 || strchr(" \t\n,[{:", p[i - 1]) != NULL)) {
            quote = c;
        } else if (c == '[' || c == '{') {
            depth++;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        } else if (c == '#' && i > 0 && phi_yaml_is_space(p[i - 1])) {
            while (i + 1 < n && p[i + 1] != '\n')
                i++;
        }
        if (quote == '\0' && depth == 0)
            return i + 1;
    }
    return 0;
}

size_t phi_yaml_key_span(const char *p, size_t n)
{
    size_t i = 0;

    if (n == 0 || phi_yaml_is_space(p[0]))
        return 0;
    if (p[0] == '"' || p[0] == '\'') {
        const char *end = memchr(p, '\n', n);
        const size_t len = end != NULL ? (size_t)(end - p) : n;

        i = phi_yaml_span(p, len);
        return i >= 2 && i < len && p[i] == ':' &&
                       (i + 1 == len || phi_yaml_is_space(p[i + 1]))
                   ? i
                   : 0;
    }
    if (strchr("#[]{},&*!|>%@`", p[0]) != NULL ||
        (strchr("-?:", p[0]) != NULL && (n == 1 || phi_yaml_is_space(p[1]))))
        return 0;
    for (; i < n && p[i] != '\n'; i++) {
        if (p[i] == ':' && (i + 1 == n || phi_yaml_is_space(p[i + 1])))
            break;
        if (p[i] == '#' && phi_yaml_is_blank(p[i - 1]))
            return 0;
    }
    if (i == n || p[i] == '\n')
        return 0;
    while (phi_yaml_is_blank(p[i - 1]))
        i--;
    return i;
}

/* One item, or the key of a map: no collection then. */
static enum phi_status flow_item(struct phi_yaml_reader *r, int depth,
                                 struct phi_card_value **out)
{
    const char c = phi_yaml_peek(r, 0);

    if (c == '"' || c == '\'')
        return phi_yaml_quoted(r, out);
    if (c == '[' || c == '{')
        return flow(r, depth + 1, out);
    return phi_yaml_flow_plain(r, out);
}

/* As flow_item() behind a key, where there may be nothing. */
static enum phi_status flow_value(struct phi_yaml_reader *r, int depth,
                                  struct phi_card_value **out)
{
    if (phi_yaml_peek(r, 0) != ',' && phi_yaml_peek(r, 0) != '}')
        return flow_item(r, depth, out);
    *out = phi_yaml_new_value(r, PHI_CARD_NULL);
    return *out != NULL ? PHI_OK : PHI_E_NOMEM;
}

/* Makes the text of `from` the key of a member and frees the rest. */
static enum phi_status as_key(struct phi_yaml_reader *r,
                              struct phi_card_value *from, char **key)
{
    enum phi_status st = PHI_OK;

    if (from->kind == PHI_CARD_TEXT) {
        *key = from->text;
        from->text = NULL;
    } else {
        st = phi_yaml_unsupported(r, "keys that are no text");
    }
    phi_yaml_free(from);
    return st;
}

static enum phi_status flow_member(struct phi_yaml_reader *r, int depth,
                                   bool map, struct phi_card_value **out)
{
    struct phi_card_value *v = NULL;
    char *key = NULL;
    enum phi_status st = flow_item(r, depth, &v);

    phi_yaml_skip_flow_space(r);
    if (st == PHI_OK && map) {
        st = as_key(r, v, &key);
        v = NULL;
        if (st == PHI_OK && phi_yaml_peek(r, 0) != ':')
            st = phi_yaml_broken(r, "a key in {} has no \":\"");
        if (st == PHI_OK) {
            r->at++;
            phi_yaml_skip_flow_space(r);
            st = flow_value(r, depth, &v);
            phi_yaml_skip_flow_space(r);
        }
    } else if (st == PHI_OK && phi_yaml_peek(r, 0) == ':') {
        st = phi_yaml_unsupported(r, "pairs in []");
    }
    if (st == PHI_OK) {
        v->key = key;
        *out = v;
        return PHI_OK;
    }
    free(key);
    phi_yaml_free(v);
    return st;
}

/* [a, b] or {a: b}, over any number of lines. */
static enum phi_status flow(struct phi_yaml_reader *r, int depth,
                            struct phi_card_value **out)
{
    const bool map = phi_yaml_peek(r, 0) == '{';
    const char close = map ? '}' : ']';
    struct phi_card_value *v;
    struct phi_card_value **tail;
    enum phi_status st = PHI_OK;

    if (depth > MAX_DEPTH)
        return too_deep(r);
    v = phi_yaml_new_value(r, map ? PHI_CARD_MAP : PHI_CARD_LIST);
    if (v == NULL)
        return PHI_E_NOMEM;
    tail = &v->child;
    r->at++;
    phi_yaml_skip_flow_space(r);
    while (st == PHI_OK && phi_yaml_peek(r, 0) != close) {
        if (phi_yaml_at_end(r)) {
            st = phi_yaml_broken(r, "a bracket is not closed");
            break;
        }
        st = flow_member(r, depth, map, tail);
        if (st != PHI_OK)
            break;
        tail = &(*tail)->next;
        if (phi_yaml_peek(r, 0) == ',') {
            r->at++;
            phi_yaml_skip_flow_space(r);
        } else if (phi_yaml_peek(r, 0) != close && !phi_yaml_at_end(r)) {
            st = phi_yaml_broken(r, "expected \",\" or a closing bracket");
        }
    }
    if (st != PHI_OK) {
        phi_yaml_free(v);
        return st;
    }
    r->at++;
    *out = v;
    return PHI_OK;
}

static bool at_dash(const struct phi_yaml_reader *r)
{
    return phi_yaml_peek(r, 0) == '-' && phi_yaml_is_space(phi_yaml_peek(r, 1));
}

/* "- " in column col, line after line. */
static enum phi_status block_list(struct phi_yaml_reader *r, long col,
                                  int depth, struct phi_card_value *list)
{
    struct phi_card_value **tail = &list->child;

    while (!phi_yaml_at_end(r) && phi_yaml_column(r) == col && at_dash(r)) {
        enum phi_status st;

        r->at++;
        st = value(r, col, false, depth + 1, tail);
        if (st != PHI_OK)
            return st;
        tail = &(*tail)->next;
        phi_yaml_skip_empty_lines(r);
    }
    return PHI_OK;
}

/* "key: value" in column col, line after line. */
static enum phi_status block_map(struct phi_yaml_reader *r, long col, int depth,
                                 struct phi_card_value *map)
{
    struct phi_card_value **tail = &map->child;

    while (!phi_yaml_at_end(r) && phi_yaml_column(r) == col) {
        size_t nkey = phi_yaml_key_span(r->text + r->at, r->n - r->at);
        struct phi_card_value *key = NULL;
        struct phi_yaml_reader inside = *r;
        char *name = NULL;
        enum phi_status st;

        if (nkey == 0)
            break;
        inside.n = r->at + nkey;
        st = phi_yaml_peek(r, 0) == '"' || phi_yaml_peek(r, 0) == '\''
                 ? phi_yaml_quoted(&inside, &key)
                 : phi_yaml_plain(&inside, col, &key);
        if (st == PHI_OK)
            st = as_key(r, key, &name);
        if (st != PHI_OK)
            return st;
        r->at += nkey;
        phi_yaml_skip_blanks(r);
        r->at++; /* the colon */
        st = value(r, col, true, depth + 1, tail);
        if (st != PHI_OK) {
            free(name);
            return st;
        }
        (*tail)->key = name;
        tail = &(*tail)->next;
        phi_yaml_skip_empty_lines(r);
    }
    return PHI_OK;
}

static enum phi_status block(struct phi_yaml_reader *r, int depth,
                             struct phi_card_value **out)
{
    const long col = phi_yaml_column(r);
    const bool list = at_dash(r);
    struct phi_card_value *v =
        phi_yaml_new_value(r, list ? PHI_CARD_LIST : PHI_CARD_MAP);
    enum phi_status st;

    if (v == NULL)
        return PHI_E_NOMEM;
    st = list ? block_list(r, col, depth, v) : block_map(r, col, depth, v);
    if (st == PHI_OK)
        *out = v;
    else
        phi_yaml_free(v);
    return st;
}

/* A scalar or flow collection, and nothing else in its line. */
static enum phi_status single(struct phi_yaml_reader *r, long parent, int depth,
                              struct phi_card_value **out)
{
    const char c = phi_yaml_peek(r, 0);
    enum phi_status st = phi_yaml_refuse_indicator(r);

    if (st != PHI_OK)
        return st;
    if (c == '|' || c == '>')
        return phi_yaml_block_scalar(r, parent, out);
    if (c == '"' || c == '\'')
        st = phi_yaml_quoted(r, out);
    else if (c == '[' || c == '{')
        st = flow(r, depth, out);
    else
        st = phi_yaml_plain(r, parent, out);
    if (st == PHI_OK && !phi_yaml_skip_line_rest(r)) {
        phi_yaml_free(*out);
        *out = NULL;
        st = phi_yaml_broken(r, "text behind the value");
    }
    return st;
}

/*
 * What follows "key:" (in_map) or "-" in column `parent`. A list may stand in
 * the column of its key.
 */
static enum phi_status value(struct phi_yaml_reader *r, long parent,
                             bool in_map, int depth,
                             struct phi_card_value **out)
{
    struct phi_yaml_reader ahead = *r;

    if (depth > MAX_DEPTH)
        return too_deep(r);
    if (!phi_yaml_skip_line_rest(&ahead)) {
        phi_yaml_skip_blanks(r);
        if (!in_map && (at_dash(r) ||
                        phi_yaml_key_span(r->text + r->at, r->n - r->at) > 0))
            return block(r, depth, out);
        return single(r, parent, depth, out);
    }
    phi_yaml_skip_empty_lines(&ahead);
    if (phi_yaml_at_end(&ahead) ||
        phi_yaml_column(&ahead) + (in_map && at_dash(&ahead)) <= parent) {
        *r = ahead;
        *out = phi_yaml_new_value(r, PHI_CARD_NULL);
        return *out != NULL ? PHI_OK : PHI_E_NOMEM;
    }
    *r = ahead;
    if (at_dash(r) || phi_yaml_key_span(r->text + r->at, r->n - r->at) > 0)
        return block(r, depth, out);
    return single(r, parent, depth, out);
}

enum phi_status phi_yaml_parse(struct phi_card_value **out, const char *text,
                               size_t n, size_t *line, struct phi_err *err)
{
    struct phi_yaml_reader r = {.text = text, .n = n, .err = err};
    struct phi_card_value *v = NULL;
    enum phi_status st = value(&r, 0, true, 0, &v);

    if (st == PHI_OK) {
        phi_yaml_skip_empty_lines(&r);
        if (!phi_yaml_at_end(&r))
            st = phi_yaml_broken(&r, "is not understood from here on");
    }
    if (st == PHI_OK) {
        *out = v;
        return PHI_OK;
    }
    phi_yaml_free(v);
    *line = 0;
    for (size_t i = 0; i < r.at && i < n; i++)
        *line += text[i] == '\n';
    return st;
}
