/* SPDX-License-Identifier: MIT */
#include "libconv/lora/plain_pattern.h"

#include <string.h>

#include "libconv/base/mem.h"

#define ANY '\n' /* the one byte that a . of a pattern does not match */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
           c == '_' || c == '-';
}

enum phi_status phi_plain_pattern_read(struct phi_plain_pattern *out,
                                       const char *pattern, struct phi_err *err)
{
    const bool start = pattern[0] == '^';
    const char *p = pattern + start;
    size_t n = 0;

    *out = (struct phi_plain_pattern){0};
    for (; *p != '\0'; p++, n++) {
        if (*p == '\\' && p[1] == '.')
            p++;
        else if (*p != '.' && !is_name(*p))
            return PHI_OK;
    }
    if (n == 0)
        return PHI_OK;
    out->text = phi_alloc(n, 1, err);
    if (out->text == NULL)
        return PHI_E_NOMEM;
    for (p = pattern + start; *p != '\0'; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '.') {
            out->text[out->n++] = ANY;
            continue;
        }
        out->text[out->n++] = *p;
    }
    out->start = start;
    return PHI_OK;
}

/* Whether the name is at the beginning of n bytes. */
static bool is_here(const struct phi_plain_pattern *p, const char *at, size_t n)
{
    if (n < p->n)
        return false;
    for (size_t i = p->n; i-- > 0;) {
        if (p->text[i] == ANY ? at[i] == '\n' : at[i] != p->text[i])
            return false;
    }
    return true;
}

uint64_t phi_module_layer(const char *from, const char *end)
{
    uint64_t v = 0;

    for (; from < end; from++) {
        if (v > (UINT64_MAX - 9) / 10)
            return UINT64_MAX;
        v = v * 10 + (uint64_t)(*from - '0');
    }
    return v;
}

/* ".12." */
static bool is_layer(const char *at, uint64_t *layer)
{
    const char *end = at + 1;

    if (*at != '.')
        return false;
    while (is_digit(*end))
        end++;
    if (end == at + 1 || *end != '.')
        return false;
    if (layer != NULL)
        *layer = phi_module_layer(at + 1, end);
    return true;
}

bool phi_plain_pattern_match(const struct phi_plain_pattern *p,
                             enum phi_module_match how, const char *path,
                             uint64_t *layer)
{
    const size_t n = strlen(path);

    if (n < p->n)
        return false;
    if (how == PHI_MODULE_WHOLE)
        return n == p->n && is_here(p, path, n);
    /* The end is looked at first: that of most paths is another. */
    if (how == PHI_MODULE_TAIL)
        return is_here(p, path + n - p->n, p->n) &&
               (n == p->n || (!p->start && path[n - p->n - 1] == '.' &&
                              memchr(path, '\n', n - p->n) == NULL));
    for (size_t i = 0; i <= n - p->n; i++) {
        const char *end = path + i + p->n;

        if (i > 0 && (p->start || path[i - 1] == '\n'))
            return false;
        if ((i > 0 && path[i - 1] != '.') || !is_here(p, path + i, n - i))
            continue;
        if (how == PHI_MODULE_LAYER ? is_layer(end, layer)
                                    : *end == '\0' || *end == '.')
            return true;
    }
    return false;
}
