/* SPDX-License-Identifier: MIT */
#include "formats/yaml_reader.h"

#include <string.h>

#include "libconv/base/mem.h"

struct phi_card_value *phi_yaml_new_value(struct phi_yaml_reader *r,
                                          enum phi_card_kind kind)
{
    struct phi_card_value *v = phi_alloc(1, sizeof(*v), r->err);

    if (v != NULL)
        v->kind = kind;
    return v;
}

enum phi_status phi_yaml_unsupported(struct phi_yaml_reader *r,
                                     const char *what)
{
    return phi_fail(r->err, PHI_E_UNSUPPORTED, "YAML %s are not read here",
                    what);
}

enum phi_status phi_yaml_broken(struct phi_yaml_reader *r, const char *what)
{
    return phi_fail(r->err, PHI_E_FORMAT, "%s", what);
}

void phi_yaml_skip_blanks(struct phi_yaml_reader *r)
{
    while (phi_yaml_is_blank(phi_yaml_peek(r, 0)))
        r->at++;
}

/* Column of the reader in its line; a tab counts as two, as in gguf-py. */
long phi_yaml_column(const struct phi_yaml_reader *r)
{
    size_t first = r->at;
    long col = 0;

    while (first > 0 && r->text[first - 1] != '\n')
        first--;
    for (; first < r->at; first++)
        col += r->text[first] == '\t' ? 2 : 1;
    return col;
}

/* Blanks and a comment to the end of the line; false if more is there. */
bool phi_yaml_skip_line_rest(struct phi_yaml_reader *r)
{
    phi_yaml_skip_blanks(r);
    if (phi_yaml_peek(r, 0) == '#' &&
        (r->at == 0 || phi_yaml_is_space(r->text[r->at - 1]))) {
        while (!phi_yaml_at_end(r) && phi_yaml_peek(r, 0) != '\n')
            r->at++;
    }
    if (phi_yaml_at_end(r))
        return true;
    if (phi_yaml_peek(r, 0) != '\n')
        return false;
    r->at++;
    return true;
}

/* To the first character of the next line with content. */
void phi_yaml_skip_empty_lines(struct phi_yaml_reader *r)
{
    while (!phi_yaml_at_end(r)) {
        const size_t line = r->at;

        if (!phi_yaml_skip_line_rest(r)) {
            r->at = line;
            phi_yaml_skip_blanks(r);
            return;
        }
    }
}

/* Blanks, line ends and comments between the tokens of a flow collection. */
void phi_yaml_skip_flow_space(struct phi_yaml_reader *r)
{
    while (!phi_yaml_at_end(r)) {
        const char c = phi_yaml_peek(r, 0);

        if (c == '#' && r->at > 0 && phi_yaml_is_space(r->text[r->at - 1])) {
            while (!phi_yaml_at_end(r) && phi_yaml_peek(r, 0) != '\n')
                r->at++;
        } else if (phi_yaml_is_space(c)) {
            r->at++;
        } else {
            break;
        }
    }
}

enum phi_status phi_yaml_refuse_indicator(struct phi_yaml_reader *r)
{
    const char c = phi_yaml_peek(r, 0);

    if (c == '&' || c == '*')
        return phi_yaml_unsupported(r, "anchors and aliases");
    if (c == '!')
        return phi_yaml_unsupported(r, "tags");
    if (c == '?' && phi_yaml_is_space(phi_yaml_peek(r, 1)))
        return phi_yaml_unsupported(r, "complex keys");
    if (c == '-' && phi_yaml_is_space(phi_yaml_peek(r, 1)))
        return phi_yaml_broken(r, "a list begins in the line of its key");
    if (c == '@' || c == '`' || c == '%' || c == ',' || c == ']' || c == '}')
        return phi_yaml_broken(
            r, "unquoted text begins with a reserved character");
    return PHI_OK;
}
