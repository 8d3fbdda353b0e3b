/* SPDX-License-Identifier: MIT */
#include "formats/json_scan.h"

#include <string.h>

#include "formats/json.h"
#include "libconv/base/utf8.h"

struct scan {
    const uint8_t *p;
    size_t n;
    size_t at;
    struct phi_buf *numbers;
    struct phi_err *err;
};

/* What may come next. */
enum expect { VALUE, VALUE_OR_END, KEY, KEY_OR_END, AFTER_VALUE };

/* The byte at s->at + ahead, or -1 past the end. */
static int peek(const struct scan *s, size_t ahead)
{
    return ahead < s->n - s->at ? s->p[s->at + ahead] : -1;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

/* Fails at byte `at`: what was found there, unless `found` says it. */
static enum phi_status fail_at(struct scan *s, size_t at, const char *expected)
{
    size_t line = 1;

    for (size_t i = 0; i < at; i++)
        line += s->p[i] == '\n';
    if (at >= s->n)
        return phi_fail(s->err, PHI_E_FORMAT,
                        "at byte %zu (line %zu): is not valid JSON: the text "
                        "ends, expected %s",
                        at, line, expected);
    if (s->p[at] > 0x20 && s->p[at] < 0x7f)
        return phi_fail(s->err, PHI_E_FORMAT,
                        "at byte %zu (line %zu): is not valid JSON: found "
                        "'%c', expected %s",
                        at, line, s->p[at], expected);
    return phi_fail(s->err, PHI_E_FORMAT,
                    "at byte %zu (line %zu): is not valid JSON: found byte "
                    "0x%02x, expected %s",
                    at, line, s->p[at], expected);
}

/* Four hex digits at s->at, stepped over. */
static enum phi_status scan_hex4(struct scan *s, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        const int c = peek(s, 0);
        uint32_t digit;

        if (is_digit(c))
            digit = (uint32_t)(c - '0');
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            digit = (uint32_t)((c | 0x20) - 'a') + 10;
        else
            return fail_at(s, s->at, "four hexadecimal digits after \\u");
        *out = *out << 4 | digit;
        s->at++;
    }
    return PHI_OK;
}

/* What follows a backslash and 'u'; s->at is behind the 'u'. */
static enum phi_status scan_unicode(struct scan *s)
{
    const size_t start = s->at - 2;
    uint32_t unit, low;
    enum phi_status st = scan_hex4(s, &unit);

    if (st != PHI_OK)
        return st;
    if (unit == 0)
        return fail_at(s, start, "a character other than \\u0000");
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return fail_at(s, start, "a high surrogate before a low one");
    if (unit < 0xd800 || unit > 0xdbff)
        return PHI_OK;
    if (peek(s, 0) != '\\' || peek(s, 1) != 'u')
        return fail_at(s, s->at, "a low surrogate after a high one");
    s->at += 2;
    st = scan_hex4(s, &low);
    if (st == PHI_OK && (low < 0xdc00 || low > 0xdfff))
        st = fail_at(s, s->at - 6, "a low surrogate after a high one");
    return st;
}

/* A string; s->at is at its opening quote. */
static enum phi_status scan_string(struct scan *s)
{
    s->at++;
    for (;;) {
        const int c = peek(s, 0);

        if (c < 0x20) /* the end of the text, too */
            return fail_at(s, s->at, "the rest of a string");
        s->at++;
        if (c == '"')
            return PHI_OK;
        if (c != '\\')
            continue;
        if (peek(s, 0) == 'u') {
            enum phi_status st;

            s->at++;
            st = scan_unicode(s);
            if (st != PHI_OK)
                return st;
        } else if (peek(s, 0) > 0 && strchr("\"\\/bfnrt", peek(s, 0)) != NULL) {
            s->at++;
        } else {
            return fail_at(s, s->at, "an escape: one of \" \\ / b f n r t u");
        }
    }
}

static enum phi_status scan_digits(struct scan *s)
{
    if (!is_digit(peek(s, 0)))
        return fail_at(s, s->at, "a digit");
    while (is_digit(peek(s, 0)))
        s->at++;
    return PHI_OK;
}

static enum phi_status scan_number(struct scan *s)
{
    const size_t start = s->at;
    bool integer = true;
    enum phi_status st;

    if (peek(s, 0) == '-') {
        s->at++;
        integer = peek(s, 0) != '0';
    }
    if (peek(s, 0) == '0' && is_digit(peek(s, 1)))
        return fail_at(s, s->at, "a number without leading zeros");
    st = scan_digits(s);
    if (st == PHI_OK && peek(s, 0) == '.') {
        integer = false;
        s->at++;
        st = scan_digits(s);
    }
    if (st == PHI_OK && (peek(s, 0) == 'e' || peek(s, 0) == 'E')) {
        integer = false;
        s->at++;
        if (peek(s, 0) == '+' || peek(s, 0) == '-')
            s->at++;
        st = scan_digits(s);
    }
    if (st != PHI_OK)
        return st;
    if (s->at - start > PHI_JSON_MAX_NUMBER)
        return phi_fail(s->err, PHI_E_FORMAT,
                        "at byte %zu: a number has %zu characters, the limit "
                        "is %d",
                        start, s->at - start, PHI_JSON_MAX_NUMBER);
    phi_buf_u32(s->numbers, (uint32_t)start | (integer ? PHI_JSON_INTEGER : 0));
    return PHI_OK;
}

/* Anything but an array or object. */
static enum phi_status scan_scalar(struct scan *s)
{
    static const char *const words[] = {"true", "false", "null"};
    const int c = peek(s, 0);

    if (c == '"')
        return scan_string(s);
    if (c == '-' || is_digit(c))
        return scan_number(s);
    for (size_t i = 0; i < 3; i++) {
        const size_t len = strlen(words[i]);

        if (s->n - s->at >= len && memcmp(s->p + s->at, words[i], len) == 0) {
            s->at += len;
            return PHI_OK;
        }
    }
    return fail_at(s, s->at, "a value");
}

static void skip_space(struct scan *s)
{
    while (s->at < s->n && s->p[s->at] != 0 &&
           strchr(" \t\r\n", s->p[s->at]) != NULL)
        s->at++;
}

/* A key and its colon. */
static enum phi_status scan_key(struct scan *s)
{
    enum phi_status st;

    if (peek(s, 0) != '"')
        return fail_at(s, s->at, "a key in quotes");
    st = scan_string(s);
    if (st != PHI_OK)
        return st;
    skip_space(s);
    if (peek(s, 0) != ':')
        return fail_at(s, s->at, "':' after a key");
    s->at++;
    return PHI_OK;
}

static enum phi_status scan_document(struct scan *s)
{
    char close[PHI_JSON_MAX_DEPTH]; /* what ends each open container */
    size_t depth = 0;
    size_t values = 0;
    enum expect next = VALUE;

    for (;;) {
        enum phi_status st = PHI_OK;
        int c;

        skip_space(s);
        c = peek(s, 0);
        if (next == AFTER_VALUE && depth == 0)
            return c < 0 ? PHI_OK : fail_at(s, s->at, "the end of the text");
        if (next != VALUE && next != KEY && c == close[depth - 1]) {
            s->at++;
            depth--;
            next = AFTER_VALUE;
        } else if (next == AFTER_VALUE) {
            if (c != ',')
                return fail_at(s, s->at,
                               close[depth - 1] == '}' ? "',' or '}'"
                                                       : "',' or ']'");
            s->at++;
            next = close[depth - 1] == '}' ? KEY : VALUE;
        } else if (next == KEY || next == KEY_OR_END) {
            st = scan_key(s);
            next = VALUE;
        } else if (++values > PHI_JSON_MAX_VALUES) {
            return phi_fail(s->err, PHI_E_FORMAT,
                            "at byte %zu: has more than %zu values", s->at,
                            PHI_JSON_MAX_VALUES);
        } else if (c == '{' || c == '[') {
            if (depth == PHI_JSON_MAX_DEPTH)
                return phi_fail(s->err, PHI_E_FORMAT,
                                "at byte %zu: is nested more than %d deep",
                                s->at, PHI_JSON_MAX_DEPTH);
            s->at++;
            close[depth++] = c == '{' ? '}' : ']';
            next = c == '{' ? KEY_OR_END : VALUE_OR_END;
        } else {
            st = scan_scalar(s);
            next = AFTER_VALUE;
        }
        if (st != PHI_OK)
            return st;
    }
}

enum phi_status phi_json_scan(const uint8_t *text, size_t n,
                              struct phi_buf *numbers, struct phi_err *err)
{
    struct scan s = {text, n, 0, numbers, err};
    const size_t valid = phi_utf8_valid(text, n);
    enum phi_status st;

    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "at byte 0: begins with a byte order mark, expected a "
                        "JSON value");
    if (valid < n)
        return phi_fail(err, PHI_E_FORMAT,
                        "at byte %zu: found byte 0x%02x, expected valid UTF-8",
                        valid, text[valid]);
    st = scan_document(&s);
    return st != PHI_OK ? st : phi_buf_status(numbers, err);
}
