/* SPDX-License-Identifier: MIT */
/*
 * llama-quantize lowers the pattern and gives it to C++'s std::regex, whose
 * grammar is ECMAScript's of 1999. PCRE2 has that grammar as a subset, but
 * for a few texts that it reads in its own way: escapes, groups and repeats
 * beyond the subset. Those are refused before PCRE2 sees the pattern.
 */
#include "libconv/quant/name_pattern.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "libconv/base/ascii.h"
#include "libconv/base/mem.h"

/* Names have at most 1024 bytes; a search takes a few hundred steps. */
#define MAX_STEPS 1000000

struct phi_name_pattern {
    pcre2_code *code;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum phi_status refuse(size_t at, const char *what, struct phi_err *err)
{
    return phi_fail(err, PHI_E_ARG, "no pattern, at byte %zu: %s", at, what);
}

/* p[*i] is the backslash; *i moves to the last byte of the escape. */
static enum phi_status check_escape(const char *p, size_t *i, bool in_class,
                                    struct phi_err *err)
{
    const size_t at = *i;
    const char c = p[at + 1];

    if (c == '\0')
        return refuse(at, "a \\ at the end", err);
    if (strchr("BDSW", c) != NULL)
        return refuse(at,
                      "patterns are in lower case for llama-quantize, which "
                      "would read this class as its opposite",
                      err);
    if (phi_is_letter(c) &&
        strchr(in_class ? "dswtnrfv" : "dswbtnrfv", c) == NULL)
        return refuse(at, "an escape that ECMAScript lacks", err);
    if (is_digit(c))
        return refuse(at, "an escape by number", err);
    *i = at + 1;
    return PHI_OK;
}

/* p[*i] is the brace; *i moves to its partner: {N}, {N,} or {N,M}. */
static enum phi_status check_braces(const char *p, size_t *i,
                                    struct phi_err *err)
{
    const size_t at = *i;
    size_t k = at + 1;

    while (is_digit(p[k]))
        k++;
    if (k > at + 1 && p[k] == ',')
        for (k++; is_digit(p[k]);)
            k++;
    if (k == at + 1 || p[k] != '}')
        return refuse(at, "a { that begins no {N}, {N,} or {N,M}", err);
    *i = k;
    return PHI_OK;
}

/* p[*i] is the bracket of [:name:], where *i moves to the last one. */
static enum phi_status check_named(const char *p, size_t *i,
                                   struct phi_err *err)
{
    const size_t at = *i;
    const char *end = strstr(p + at, ":]");

    if (p[at + 1] != ':' || p[at + 2] == '^' || end == NULL)
        return refuse(at, "a class of characters that ECMAScript lacks", err);
    *i = (size_t)(end - p) + 1;
    return PHI_OK;
}

/* Where a scan of a pattern stands. */
struct scan {
    bool in_class;
    bool repeated;  /* the last thing was *, +, ? or {} */
    bool looked;    /* it was the end of a look-ahead */
    size_t depth;   /* of groups */
    bool look[256]; /* which of them are look-aheads; PCRE2 nests 250 */
    size_t ahead;   /* depth of the outermost look-ahead, or 0 */
};

/* p[*i] is the parenthesis; *i moves to the last byte of its mark. */
static enum phi_status check_group(struct scan *s, const char *p, size_t *i,
                                   struct phi_err *err)
{
    const size_t at = *i;

    s->depth++;
    if (s->depth < sizeof(s->look))
        s->look[s->depth] = p[at + 1] == '?' && p[at + 2] != ':';
    if (p[at + 1] == '*')
        return refuse(at, "a * that repeats nothing", err);
    if (p[at + 1] != '?')
        return PHI_OK;
    if (p[at + 2] == '\0' || strchr(":=!", p[at + 2]) == NULL)
        return refuse(at, "a group that ECMAScript lacks", err);
    if (p[at + 2] != ':' && s->ahead == 0)
        s->ahead = s->depth;
    *i = at + 2;
    return PHI_OK;
}

/* p[*i] stands outside of classes and is no backslash. */
static enum phi_status check_plain(struct scan *s, const char *p, size_t *i,
                                   struct phi_err *err)
{
    const bool after_repeat = s->repeated;
    const bool after_look = s->looked;
    const char c = p[*i];

    s->repeated = s->looked = false;
    switch (c) {
    case '[':
        s->in_class = true;
        *i += p[*i + 1] == '^';
        return p[*i + 1] == ']' ? refuse(*i, "a class of no characters", err)
                                : PHI_OK;
    case '(':
        return check_group(s, p, i, err);
    case ')':
        s->looked =
            s->depth > 0 && s->depth < sizeof(s->look) && s->look[s->depth];
        if (s->depth == s->ahead)
            s->ahead = 0;
        s->depth -= s->depth > 0;
        return PHI_OK;
    case '^':
        /* std::regex takes the place of a look-ahead for the beginning. */
        return s->ahead > 0 ? refuse(*i, "a ^ in a look-ahead", err) : PHI_OK;
    case '?': /* after a repeat it makes that lazy: the same names match */
        s->repeated = !after_repeat;
        return after_look ? refuse(*i, "a repeat of a look-ahead", err)
                          : PHI_OK;
    case '*':
    case '+':
    case '{':
        s->repeated = true;
        if (after_look)
            return refuse(*i, "a repeat of a look-ahead", err);
        if (after_repeat)
            return refuse(*i, "a repeat of a repeat", err);
        return c == '{' ? check_braces(p, i, err) : PHI_OK;
    default:
        return PHI_OK;
    }
}

/* What PCRE2 would accept, or read, otherwise than ECMAScript does. */
static enum phi_status check_syntax(const char *p, struct phi_err *err)
{
    struct scan s = {0};
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && p[i] != '\0'; i++) {
        if (p[i] == '\\') {
            s.repeated = s.looked = false;
            if (s.ahead > 0 && p[i + 1] == 'b')
                return refuse(i, "a \\b in a look-ahead", err);
            st = check_escape(p, &i, s.in_class, err);
        } else if (!s.in_class) {
            st = check_plain(&s, p, &i, err);
        } else if (p[i] == ']') {
            s.in_class = false;
        } else if (p[i] == '[' && p[i + 1] != '\0' &&
                   strchr(":.=", p[i + 1]) != NULL) {
            st = check_named(p, &i, err);
        }
    }
    return st;
}

static void lower(char *text)
{
    for (; *text != '\0'; text++)
        *text = phi_lower(*text);
}

static enum phi_status compile(struct phi_name_pattern *p, const char *pattern,
                               struct phi_err *err)
{
    char *text = phi_strdup(pattern, err);
    char reason[128] = "";
    PCRE2_SIZE at = 0;
    int code = 0;

    if (text == NULL)
        return PHI_E_NOMEM;
    lower(text);
    p->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                            PCRE2_DOLLAR_ENDONLY, &code, &at, NULL);
    free(text);
    if (p->code != NULL)
        return PHI_OK;
    if (code == PCRE2_ERROR_HEAP_FAILED)
        return phi_fail(err, PHI_E_NOMEM, "out of memory");
    pcre2_get_error_message(code, (PCRE2_UCHAR *)reason, sizeof(reason));
    return refuse((size_t)at, reason, err);
}

enum phi_status phi_name_pattern_new(struct phi_name_pattern **out,
                                     const char *pattern, struct phi_err *err)
{
    struct phi_name_pattern *p;
    enum phi_status st = check_syntax(pattern, err);

    if (st != PHI_OK)
        return st;
    p = phi_alloc(1, sizeof(*p), err);
    if (p == NULL)
        return PHI_E_NOMEM;
    st = compile(p, pattern, err);
    if (st != PHI_OK) {
        phi_name_pattern_free(p);
        return st;
    }
    *out = p;
    return PHI_OK;
}

void phi_name_pattern_free(struct phi_name_pattern *p)
{
    if (p == NULL)
        return;
    pcre2_code_free(p->code);
    free(p);
}

enum phi_status phi_name_pattern_find(const struct phi_name_pattern *p,
                                      const char *name, bool *found,
                                      struct phi_err *err)
{
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    enum phi_status st = PHI_OK;
    int code;

    if (limits == NULL || data == NULL) {
        st = phi_fail(err, PHI_E_NOMEM, "out of memory");
        goto out;
    }
    pcre2_set_match_limit(limits, MAX_STEPS);
    code = pcre2_match(p->code, (PCRE2_SPTR)name, strlen(name), 0, 0, data,
                       limits);
    *found = code >= 0;
    if (code == PCRE2_ERROR_NOMEMORY)
        st = phi_fail(err, PHI_E_NOMEM, "out of memory");
    else if (code < 0 && code != PCRE2_ERROR_NOMATCH)
        st = phi_fail(err, PHI_E_ARG,
                      "the pattern takes more than %d steps on \"%.*s\"",
                      MAX_STEPS, PHI_ERR_NAME, name);
out:
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
    return st;
}
