/* SPDX-License-Identifier: MIT */
/* Scalars of YAML: quoted, plain, and the blocks behind | and >. */
#include <stdlib.h>
#include <string.h>

#include "formats/yaml_reader.h"
#include "libconv/base/buf.h"
#include "libconv/base/utf8.h"

/* Moves the text in b, if there was memory for it, to *out. */
static enum phi_status finish(struct phi_yaml_reader *r, struct phi_buf *b,
                              struct phi_card_value **out)
{
    struct phi_card_value *v = NULL;
    enum phi_status st;

    phi_buf_put(b, "", 1);
    st = phi_buf_status(b, r->err);
    if (st == PHI_OK) {
        v = phi_yaml_new_value(r, PHI_CARD_TEXT);
        if (v == NULL)
            st = PHI_E_NOMEM;
    }
    if (st == PHI_OK) {
        v->text = (char *)b->p;
        b->p = NULL;
        *out = v;
    }
    phi_buf_release(b);
    return st;
}

/*
 * Line ends inside a quoted or plain scalar: one is a blank, each further one
 * a line end. The blanks around them go, but for the first `keep` bytes of b.
 */
static void fold(struct phi_yaml_reader *r, struct phi_buf *b, size_t keep)
{
    size_t ends = 0;

    while (b->n > keep && phi_yaml_is_blank((char)b->p[b->n - 1]))
        b->n--;
    while (phi_yaml_is_space(phi_yaml_peek(r, 0)) && !phi_yaml_at_end(r)) {
        ends += phi_yaml_peek(r, 0) == '\n';
        r->at++;
    }
    if (ends == 1)
        phi_buf_put(b, " ", 1);
    for (; ends > 1; ends--)
        phi_buf_put(b, "\n", 1);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The code of \x41, \u0041 or \U00000041; the reader is at the first digit. */
static enum phi_status escaped_code(struct phi_yaml_reader *r, size_t ndigits,
                                    struct phi_buf *b)
{
    uint8_t utf8[4];
    uint32_t c = 0;

    for (size_t i = 0; i < ndigits; i++) {
        const int d = hex_digit(phi_yaml_peek(r, 0));

        if (d < 0 || c > 0xfffffff)
            return phi_yaml_broken(r, "a \\ escape has too few digits");
        c = c << 4 | (uint32_t)d;
        r->at++;
    }
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return phi_yaml_broken(r, "a \\ escape is no character");
    phi_buf_put(b, utf8, phi_utf8_encode(c, utf8));
    return PHI_OK;
}

/* The reader is behind a backslash in double quotes. */
static enum phi_status escape(struct phi_yaml_reader *r, struct phi_buf *b)
{
    static const struct {
        char c;
        const char *text;
    } rows[] = {
        {'a', "\a"},           {'b', "\b"},
        {'t', "\t"},           {'\t', "\t"},
        {'n', "\n"},           {'v', "\v"},
        {'f', "\f"},           {'r', "\r"},
        {'e', "\x1b"},         {' ', " "},
        {'"', "\""},           {'/', "/"},
        {'\\', "\\"},          {'N', "\xc2\x85"},
        {'_', "\xc2\xa0"},     {'L', "\xe2\x80\xa8"},
        {'P', "\xe2\x80\xa9"},
    };
    const char c = phi_yaml_peek(r, 0);

    r->at++;
    if (c == 'x' || c == 'u' || c == 'U')
        return escaped_code(r, c == 'x' ? 2 : c == 'u' ? 4 : 8, b);
    if (c == '\n') { /* the lines are one, less the empty ones after it */
        phi_yaml_skip_blanks(r);
        for (; phi_yaml_peek(r, 0) == '\n'; phi_yaml_skip_blanks(r)) {
            phi_buf_put(b, "\n", 1);
            r->at++;
        }
        return PHI_OK;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].c == c) {
            phi_buf_text(b, rows[i].text);
            return PHI_OK;
        }
    }
    return phi_yaml_broken(r, "has an unknown \\ escape");
}

enum phi_status phi_yaml_quoted(struct phi_yaml_reader *r,
                                struct phi_card_value **out)
{
    const char quote = phi_yaml_peek(r, 0);
    struct phi_buf b = {0};
    size_t keep = 0;
    enum phi_status st = PHI_OK;

    r->at++;
    while (st == PHI_OK) {
        const char c = phi_yaml_peek(r, 0);

        if (phi_yaml_at_end(r)) {
            st = phi_yaml_broken(r, "a quote is not closed");
        } else if (c == '\n') {
            fold(r, &b, keep);
        } else if (c == quote) {
            r->at++;
            if (quote == '"' || phi_yaml_peek(r, 0) != '\'')
                return finish(r, &b, out);
            phi_buf_put(&b, "'", 1);
            r->at++;
        } else if (c == '\\' && quote == '"') {
            r->at++;
            st = escape(r, &b);
            keep = b.n; /* an escaped blank is no blank to fold away */
        } else {
            phi_buf_put(&b, &c, 1);
            r->at++;
        }
    }
    phi_buf_release(&b);
    return st;
}

static bool is_null(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text, words[i]) == 0)
            return true;
    }
    return false;
}

/* A plain scalar that says nothing is null. */
static enum phi_status finish_plain(struct phi_yaml_reader *r,
                                    struct phi_buf *b,
                                    struct phi_card_value **out)
{
    enum phi_status st = finish(r, b, out);

    if (st == PHI_OK && is_null((*out)->text)) {
        free((*out)->text);
        (*out)->text = NULL;
        (*out)->kind = PHI_CARD_NULL;
    }
    return st;
}

/* Characters of a plain scalar up to where line, comment or token ends. */
static enum phi_status plain_line(struct phi_yaml_reader *r, bool in_flow,
                                  struct phi_buf *b)
{
    for (; !phi_yaml_at_end(r) && phi_yaml_peek(r, 0) != '\n'; r->at++) {
        const char c = phi_yaml_peek(r, 0);

        if (c == '#' && r->at > 0 && phi_yaml_is_space(r->text[r->at - 1]))
            break;
        if (in_flow && strchr(",[]{}", c) != NULL)
            break;
        if (c == ':' &&
            (phi_yaml_is_space(phi_yaml_peek(r, 1)) ||
             (in_flow && strchr(",[]{}", phi_yaml_peek(r, 1)) != NULL))) {
            if (in_flow)
                break;
            return phi_yaml_broken(r, "\": \" inside of unquoted text");
        }
        phi_buf_put(b, &c, 1);
    }
    while (b->n > 0 && phi_yaml_is_blank((char)b->p[b->n - 1]))
        b->n--;
    return PHI_OK;
}

/* Goes on over lines further right than column `parent`. */
enum phi_status phi_yaml_plain(struct phi_yaml_reader *r, long parent,
                               struct phi_card_value **out)
{
    struct phi_buf b = {0};
    enum phi_status st = plain_line(r, false, &b);

    while (st == PHI_OK && phi_yaml_peek(r, 0) == '\n') {
        const size_t end = r->at;
        struct phi_yaml_reader next = *r;

        while (phi_yaml_is_space(phi_yaml_peek(&next, 0)) &&
               !phi_yaml_at_end(&next))
            next.at++;
        if (phi_yaml_at_end(&next) || phi_yaml_column(&next) <= parent ||
            phi_yaml_peek(&next, 0) == '#') {
            r->at = end;
            break;
        }
        fold(r, &b, 0);
        st = plain_line(r, false, &b);
    }
    if (st == PHI_OK)
        return finish_plain(r, &b, out);
    phi_buf_release(&b);
    return st;
}

/* Indicators of a block scalar: style, what of the end stays, column. */
struct block {
    bool folded;
    char chomp; /* '-', '+' or '\0' */
    long indent;
    long blanks; /* the longest line of blanks before that is known */
};

static enum phi_status block_header(struct phi_yaml_reader *r, long parent,
                                    struct block *b)
{
    *b = (struct block){.folded = phi_yaml_peek(r, 0) == '>', .indent = -1};
    for (r->at++; strchr("+-123456789", phi_yaml_peek(r, 0)) != NULL &&
                  !phi_yaml_at_end(r);
         r->at++) {
        const char c = phi_yaml_peek(r, 0);

        if (c == '+' || c == '-')
            b->chomp = c;
        else
            b->indent = (parent > 0 ? parent : 0) + (c - '0');
    }
    if (!phi_yaml_skip_line_rest(r))
        return phi_yaml_broken(r, "text behind | or >");
    return PHI_OK;
}

/*
 * Skips lines of blanks only, and no more of them than the indentation once
 * that is known; returns how many. The reader is at a line.
 */
static size_t block_breaks(struct phi_yaml_reader *r, struct block *b)
{
    size_t breaks = 0;

    while (!phi_yaml_at_end(r)) {
        struct phi_yaml_reader end = *r;

        phi_yaml_skip_blanks(&end);
        if (phi_yaml_peek(&end, 0) != '\n' ||
            (b->indent >= 0 && phi_yaml_column(&end) > b->indent))
            break;
        if (b->indent < 0 && phi_yaml_column(&end) > b->blanks)
            b->blanks = phi_yaml_column(&end);
        r->at = end.at + 1;
        breaks++;
    }
    return breaks;
}

/* Skips the indentation of a line of the block; false if it is not one. */
static bool block_line(struct phi_yaml_reader *r, long parent, struct block *b)
{
    struct phi_yaml_reader first = *r;
    long col = 0;

    phi_yaml_skip_blanks(&first);
    if (phi_yaml_at_end(&first))
        return false;
    if (b->indent < 0)
        b->indent = phi_yaml_column(&first);
    if (b->indent <= parent || phi_yaml_column(&first) < b->indent)
        return false;
    for (; col < b->indent; r->at++)
        col += phi_yaml_peek(r, 0) == '\t' ? 2 : 1;
    return true;
}

enum phi_status phi_yaml_block_scalar(struct phi_yaml_reader *r, long parent,
                                      struct phi_card_value **out)
{
    struct phi_buf text = {0};
    struct block b;
    enum phi_status st = block_header(r, parent, &b);
    size_t breaks;
    bool more;

    if (st != PHI_OK)
        return st;
    breaks = block_breaks(r, &b);
    more = block_line(r, parent, &b);
    if (more && b.blanks > b.indent)
        return phi_yaml_broken(r, "a line of blanks before a text that is "
                                  "indented less");
    while (more) {
        const bool words = !phi_yaml_is_blank(phi_yaml_peek(r, 0));

        for (; breaks > 0; breaks--)
            phi_buf_put(&text, "\n", 1);
        for (; !phi_yaml_at_end(r) && phi_yaml_peek(r, 0) != '\n'; r->at++)
            phi_buf_put(&text, &r->text[r->at], 1);
        if (phi_yaml_at_end(r))
            break;
        r->at++;
        breaks = block_breaks(r, &b);
        more = block_line(r, parent, &b);
        if (more && b.folded && words &&
            !phi_yaml_is_blank(phi_yaml_peek(r, 0)))
            phi_buf_text(&text, breaks == 0 ? " " : "");
        else if (more || b.chomp != '-')
            phi_buf_put(&text, "\n", 1);
    }
    for (; breaks > 0 && b.chomp == '+'; breaks--)
        phi_buf_put(&text, "\n", 1);
    return finish(r, &text, out);
}

enum phi_status phi_yaml_flow_plain(struct phi_yaml_reader *r,
                                    struct phi_card_value **out)
{
    struct phi_buf b = {0};
    enum phi_status st = phi_yaml_refuse_indicator(r);

    if (st == PHI_OK)
        st = plain_line(r, true, &b);
    while (st == PHI_OK && phi_yaml_peek(r, 0) == '\n') {
        const size_t end = r->at;

        phi_yaml_skip_flow_space(r);
        if (phi_yaml_at_end(r) || strchr(",[]{}:", phi_yaml_peek(r, 0)) != NULL)
            break;
        r->at = end;
        fold(r, &b, 0);
        if (phi_yaml_peek(r, 0) == '#')
            break;
        st = plain_line(r, true, &b);
    }
    if (st == PHI_OK)
        return finish_plain(r, &b, out);
    phi_buf_release(&b);
    return st;
}
