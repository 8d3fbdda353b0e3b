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
#include "libconv/lora/plain_pattern.h"

/* A path has a few dozen bytes; a search takes a few hundred steps. */
#define MAX_STEPS 1000000

/* The first try of a search that is counted; most end in as many. */
#define TRY_STEPS 64

/* Between two steps that PCRE2 counts it may go through all of a pattern: of
 * one that is longer than most, compiled, each step counts as several. */
#define USUAL_BYTES  256
#define BYTES_A_STEP 32

struct phi_module_pattern {
    struct phi_plain_pattern plain; /* or */
    pcre2_code *code;
    enum phi_module_match how;
    uint64_t weight; /* of a step */
    int layer;       /* the group that holds its index, or 0 */
    char *text;      /* for messages; NULL where it had none */
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
    size_t size = 0;
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
    pcre2_pattern_info(out->code, PCRE2_INFO_SIZE, &size);
    out->weight =
        1 + (size > USUAL_BYTES ? (size - USUAL_BYTES) / BYTES_A_STEP : 0);
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
    p->how = how;
    if (pattern != NULL && (p->text = phi_strdup(pattern, err)) == NULL)
        st = PHI_E_NOMEM;
    if (st == PHI_OK && pattern != NULL && how != PHI_MODULE_ANYWHERE)
        st = phi_plain_pattern_read(&p->plain, pattern, err);
    if (st == PHI_OK && p->plain.text == NULL)
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
    free(p->plain.text);
    free(p->text);
    free(p);
}

bool phi_module_pattern_is_plain(const struct phi_module_pattern *p)
{
    return p->plain.text != NULL;
}

static const char *text_of(const struct phi_module_pattern *p)
{
    return p->text != NULL ? p->text : ANY_LAYER;
}

/* A pattern with a "|" of its own may match without a number; PEFT ends with an
 * exception then. */
static enum phi_status read_layer(const struct phi_module_pattern *p,
                                  pcre2_match_data *data, const char *path,
                                  uint64_t *layer, struct phi_err *err)
{
    const PCRE2_SIZE *range =
        pcre2_get_ovector_pointer(data) + 2 * (size_t)p->layer;

    if (range[0] == PCRE2_UNSET)
        return phi_fail(err, PHI_E_FORMAT,
                        "pattern \"%.*s\": is in \"%.*s\" without the number "
                        "of a layer",
                        PHI_ERR_NAME, text_of(p), PHI_ERR_NAME, path);
    *layer = phi_module_layer(path + range[0], path + range[1]);
    return PHI_OK;
}

/*
 * Takes a search of so many steps at most from what is left, and says how many
 * that are: less than `steps` where less is left, 0 where nothing is.
 */
static uint32_t take(uint64_t *work, uint64_t weight, uint32_t steps)
{
    const uint64_t left = (PHI_MODULE_MAX_WORK - *work) / weight;

    if (left < steps)
        steps = (uint32_t)left;
    *work += steps * weight;
    return steps;
}

/* PCRE2's answer. It does not say how many steps it took: each search is tried
 * with few, then with twice as many, and every try counts. */
static int search(const struct phi_module_pattern *p, const char *path,
                  pcre2_match_data *data, pcre2_match_context *limits,
                  uint64_t *work)
{
    uint32_t want = work != NULL ? TRY_STEPS : MAX_STEPS;
    uint32_t steps;
    int code;

    do {
        steps = work != NULL ? take(work, p->weight, want) : want;
        pcre2_set_match_limit(limits, steps);
        code = pcre2_match(p->code, (PCRE2_SPTR)path, strlen(path), 0, 0, data,
                           limits);
        if (code != PCRE2_ERROR_MATCHLIMIT || steps < want)
            return code;
        want = want < MAX_STEPS / 2 ? 2 * want : MAX_STEPS;
    } while (steps < MAX_STEPS);
    return code;
}

static enum phi_status too_slow(const struct phi_module_pattern *p,
                                const char *path, const uint64_t *work,
                                struct phi_err *err)
{
    const char *text = text_of(p);

    if (work != NULL && PHI_MODULE_MAX_WORK - *work < p->weight)
        return phi_fail(err, PHI_E_FORMAT,
                        "pattern \"%.*s\": all patterns together take more "
                        "than %d steps, this one on \"%.*s\"",
                        PHI_ERR_NAME, text, PHI_MODULE_MAX_WORK, PHI_ERR_NAME,
                        path);
    return phi_fail(err, PHI_E_FORMAT,
                    "pattern \"%.*s\": takes more than %d steps on \"%.*s\"",
                    PHI_ERR_NAME, text, MAX_STEPS, PHI_ERR_NAME, path);
}

enum phi_status phi_module_pattern_match(const struct phi_module_pattern *p,
                                         const char *path, bool *found,
                                         uint64_t *layer, uint64_t *work,
                                         struct phi_err *err)
{
    pcre2_match_context *limits;
    pcre2_match_data *data;
    enum phi_status st = PHI_OK;
    int code;

    if (phi_module_pattern_is_plain(p)) {
        *found = phi_plain_pattern_match(&p->plain, p->how, path, layer);
        return PHI_OK;
    }
    limits = pcre2_match_context_create(NULL);
    data = pcre2_match_data_create_from_pattern(p->code, NULL);
    if (limits == NULL || data == NULL) {
        st = phi_fail(err, PHI_E_NOMEM, "out of memory");
        goto out;
    }
    code = search(p, path, data, limits, work);
    *found = code >= 0;
    if (*found && p->layer > 0 && layer != NULL)
        st = read_layer(p, data, path, layer, err);
    if (code == PCRE2_ERROR_NOMEMORY)
        st = phi_fail(err, PHI_E_NOMEM, "out of memory");
    else if (code < 0 && code != PCRE2_ERROR_NOMATCH)
        st = too_slow(p, path, work, err);
out:
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
    return st;
}
