/* SPDX-License-Identifier: MIT */
/*
 * Python's grammar (the documentation of its module re) and PCRE2's have most
 * texts in common. Accepted are those that mean the same in both: what a scan
 * of the pattern finds outside of that is refused before PCRE2 sees it.
 */
#include "libconv/lora/module_pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "libconv/base/ascii.h"
#include "libconv/base/mem.h"

/* A path has a few dozen bytes; a search takes a few hundred steps. */
#define MAX_STEPS 1000000

struct phi_module_pattern {
    pcre2_code *code;
    int layer; /* the group that holds its index, or 0 */
};

static enum phi_status refuse(size_t at, const char *what, struct phi_err *err)
{
    return phi_fail(err, PHI_E_UNSUPPORTED,
                    "the pattern has %s at byte %zu, which is not supported",
                    what, at);
}

/* p[at] is the backslash. */
static enum phi_status check_escape(const char *p, size_t at, bool in_class,
                                    struct phi_err *err)
{
    const char c = p[at + 1];

    if (c == '\0')
        return phi_fail(err, PHI_E_FORMAT, "the pattern ends in a \\");
    if ((unsigned char)c >= 0x80 || (c >= '0' && c <= '9'))
        return refuse(at, "an escape by number", err);
    if (phi_is_letter(c) &&
        strchr(in_class ? "dDwWsStnrf" : "dDwWsSbBAtnrf", c) == NULL)
        return refuse(at, "an escape", err);
    return PHI_OK;
}

/* p[at] is the parenthesis. */
static enum phi_status check_group(const char *p, size_t at,
                                   struct phi_err *err)
{
    static const char *const known[] = {"?:", "?=", "?!", "?<=", "?<!", "?P<"};

    if (p[at + 1] == '*')
        return refuse(at, "a group", err);
    if (p[at + 1] != '?')
        return PHI_OK;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strncmp(p + at + 1, known[i], strlen(known[i])) == 0)
            return PHI_OK;
    }
    return refuse(at, "a group", err);
}

/* What PCRE2 would accept, or read, otherwise than Python does. */
static enum phi_status check_syntax(const char *p, struct phi_err *err)
{
    bool in_class = false;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && p[i] != '\0'; i++) {
        if (p[i] == '\\') {
            st = check_escape(p, i, in_class, err);
            i++;
        } else if (in_class) {
            in_class = p[i] != ']';
            /* In Python these are a warning today, a set some day. */
            if (p[i] == '[')
                st = refuse(i, "a [ in a class", err);
        } else if (p[i] == '[') {
            in_class = true;
            i += p[i + 1] == '^';
            i += p[i + 1] == ']'; /* there it is a plain character */
        } else if (p[i] == '(') {
            st = check_group(p, i, err);
        } else if (p[i] == '{' && p[i + 1] == ',') {
            st = refuse(i, "a repeat without its least", err);
        } else if (p[i] == '+' && i > 0 && strchr("*+?}", p[i - 1]) != NULL) {
            st = refuse(i, "a repeat of a repeat", err);
        }
    }
    return st;
}

/* What PEFT writes around a pattern. */
static const struct {
    const char *before;
    const char *after;
    uint32_t options;
} frames[] = {
    [PHI_MODULE_WHOLE] = {"", "", PCRE2_ANCHORED | PCRE2_ENDANCHORED},
    [PHI_MODULE_TAIL] = {"(.*\\.)?(", ")$", PCRE2_ANCHORED},
    [PHI_MODULE_WITHIN] = {"(^|.*\\.)", "($|\\..*)", PCRE2_ANCHORED},
    [PHI_MODULE_LAYER] = {"(?:^|.*?\\.)", "\\.(?P<idx>\\d+)\\.",
                          PCRE2_ANCHORED},
    [PHI_MODULE_ANYWHERE] = {"", "", 0},
};

#define ANY_LAYER ".*?\\.[^.]*\\.(?P<idx>\\d+)\\."

static enum phi_status compile(struct phi_module_pattern *out,
                               const char *pattern, enum phi_module_match how,
                               struct phi_err *err)
{
    char text[PHI_MODULE_PATTERN_MAX + 64];
    char reason[128] = "";
    PCRE2_SIZE at = 0;
    int code = 0;

    snprintf(text, sizeof(text), "%s%s%s", pattern ? frames[how].before : "",
             pattern ? pattern : ANY_LAYER, pattern ? frames[how].after : "");
    out->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                              PCRE2_DOLLAR_ENDONLY | frames[how].options, &code,
                              &at, NULL);
    if (out->code == NULL && code == PCRE2_ERROR_HEAP_FAILED)
        return phi_fail(err, PHI_E_NOMEM, "out of memory");
    if (out->code == NULL) {
        pcre2_get_error_message(code, (PCRE2_UCHAR *)reason, sizeof(reason));
        return phi_fail(err, PHI_E_FORMAT, "no pattern: %s", reason);
    }
    if (how == PHI_MODULE_LAYER)
        out->layer =
            pcre2_substring_number_from_name(out->code, (PCRE2_SPTR) "idx");
    return PHI_OK;
}

enum phi_status phi_module_pattern_new(struct phi_module_pattern **out,
                                       const char *pattern,
                                       enum phi_module_match how,
                                       struct phi_err *err)
{
    struct phi_module_pattern *p;
    enum phi_status st = PHI_OK;

    if (pattern != NULL && strlen(pattern) > PHI_MODULE_PATTERN_MAX)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "the pattern has %zu bytes, the limit is %d",
                        strlen(pattern), PHI_MODULE_PATTERN_MAX);
    if (pattern != NULL && (st = check_syntax(pattern, err)) != PHI_OK)
        return st;
    p = phi_alloc(1, sizeof(*p), err);
    if (p == NULL)
        return PHI_E_NOMEM;
    st = compile(p, pattern, how, err);
    if (st != PHI_OK) {
        phi_module_pattern_free(p);
        return st;
    }
    *out = p;
    return PHI_OK;
}

void phi_module_pattern_free(struct phi_module_pattern *p)
{
    if (p == NULL)
        return;
    pcre2_code_free(p->code);
    free(p);
}

static uint64_t read_layer(const struct phi_module_pattern *p,
                           pcre2_match_data *data, const char *path)
{
    const PCRE2_SIZE *range = pcre2_get_ovector_pointer(data);
    uint64_t v = 0;

    for (PCRE2_SIZE i = range[2 * p->layer]; i < range[2 * p->layer + 1]; i++) {
        if (v > (UINT64_MAX - 9) / 10)
            return UINT64_MAX;
        v = v * 10 + (uint64_t)(path[i] - '0');
    }
    return v;
}

enum phi_status phi_module_pattern_match(const struct phi_module_pattern *p,
                                         const char *path, bool *found,
                                         uint64_t *layer, struct phi_err *err)
{
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_match_data *data =
        pcre2_match_data_create_from_pattern(p->code, NULL);
    enum phi_status st = PHI_OK;
    int code;

    if (limits == NULL || data == NULL) {
        st = phi_fail(err, PHI_E_NOMEM, "out of memory");
        goto out;
    }
    pcre2_set_match_limit(limits, MAX_STEPS);
    code = pcre2_match(p->code, (PCRE2_SPTR)path, strlen(path), 0, 0, data,
                       limits);
    *found = code >= 0;
    if (*found && p->layer > 0 && layer != NULL)
        *layer = read_layer(p, data, path);
    if (code == PCRE2_ERROR_NOMEMORY)
        st = phi_fail(err, PHI_E_NOMEM, "out of memory");
    else if (code < 0 && code != PCRE2_ERROR_NOMATCH)
        st = phi_fail(err, PHI_E_FORMAT,
                      "the pattern takes more than %d steps on \"%.*s\"",
                      MAX_STEPS, PHI_ERR_NAME, path);
out:
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
    return st;
}
