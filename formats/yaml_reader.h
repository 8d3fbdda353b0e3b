/* SPDX-License-Identifier: MIT */
/*
 * A cursor over the text of one field of a card, and what reads scalars with
 * it. Private to yaml_*.c; see yaml_value.h for what the YAML is.
 */
#ifndef PHI_FORMATS_YAML_READER_H
#define PHI_FORMATS_YAML_READER_H

#include <stddef.h>

#include "formats/front_matter.h"

struct phi_yaml_reader {
    const char *text; /* (n), borrowed; no NUL inside */
    size_t n;
    size_t at; /* next character, at most n */
    struct phi_err *err;
};

/* The character `ahead` of the reader, NUL behind the end. */
static inline char phi_yaml_peek(const struct phi_yaml_reader *r, size_t ahead)
{
    return r->at + ahead < r->n ? r->text[r->at + ahead] : '\0';
}

static inline bool phi_yaml_at_end(const struct phi_yaml_reader *r)
{
    return r->at >= r->n;
}

static inline bool phi_yaml_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* A character that ends a token: blank, end of line, end of text. */
static inline bool phi_yaml_is_space(char c)
{
    return phi_yaml_is_blank(c) || c == '\n' || c == '\0';
}

/* Column of the reader in its line; a tab counts as two, as in gguf-py. */
long phi_yaml_column(const struct phi_yaml_reader *r);

void phi_yaml_skip_blanks(struct phi_yaml_reader *r);

/* Blanks and a comment to the end of the line; false if more is there. */
bool phi_yaml_skip_line_rest(struct phi_yaml_reader *r);

/* To the first character of the next line with content. */
void phi_yaml_skip_empty_lines(struct phi_yaml_reader *r);

/* Blanks, line ends and comments between the tokens of a flow collection. */
void phi_yaml_skip_flow_space(struct phi_yaml_reader *r);

/* Fail with "YAML <what> are not read here", or with the text `what`. */
enum phi_status phi_yaml_unsupported(struct phi_yaml_reader *r,
                                     const char *what);
enum phi_status phi_yaml_broken(struct phi_yaml_reader *r, const char *what);

/* NULL without memory. */
struct phi_card_value *phi_yaml_new_value(struct phi_yaml_reader *r,
                                          enum phi_card_kind kind);

/* Fails if unquoted text may not begin with what is here. */
enum phi_status phi_yaml_refuse_indicator(struct phi_yaml_reader *r);

/*
 * Scalars; the caller owns *out. A plain one and a block scalar (| or >) go
 * on over lines further right than column `parent`, a plain one in brackets
 * up to the next indicator.
 */
enum phi_status phi_yaml_quoted(struct phi_yaml_reader *r,
                                struct phi_card_value **out);
enum phi_status phi_yaml_plain(struct phi_yaml_reader *r, long parent,
                               struct phi_card_value **out);
enum phi_status phi_yaml_flow_plain(struct phi_yaml_reader *r,
                                    struct phi_card_value **out);
enum phi_status phi_yaml_block_scalar(struct phi_yaml_reader *r, long parent,
                                      struct phi_card_value **out);

#endif
