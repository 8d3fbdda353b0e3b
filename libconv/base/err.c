/* SPDX-License-Identifier: MIT */
/* See err.h. Uses no heap, so that it works when memory is gone. */
#include "libconv/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libconv/base/utf8.h"

/* They are no characters, and XML and YAML refuse a file that has one. */
static bool is_noncharacter(uint32_t c)
{
    return (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef);
}

/* The C1 controls U+0080..U+009F move terminals as the C0 controls do. */
static bool is_safe(uint32_t c)
{
    return c >= 0x20 && !(c >= 0x7f && c <= 0x9f) && c != 0x2028 &&
           c != 0x2029 && !is_noncharacter(c);
}

char *phi_printable(char *out, size_t n, const char *text)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t left = strlen(text);
    size_t at = 0;

    while (left > 0) {
        uint32_t c;
        const size_t len = phi_utf8_decode(p, left, &c);

        if (len > 0 && is_safe(c)) {
            if (at + len >= n)
                break;
            memcpy(out + at, p, len);
            at += len;
            p += len;
            left -= len;
        } else {
            if (at + 4 >= n)
                break;
            snprintf(out + at, 5, "\\x%02x", *p);
            at += 4;
            p++;
            left--;
        }
    }
    out[at] = '\0';
    return out;
}

static void format(char out[PHI_ERR_MAX], const char *fmt, va_list args)
{
    char raw[PHI_ERR_MAX];

    vsnprintf(raw, sizeof(raw), fmt, args);
    phi_printable(out, PHI_ERR_MAX, raw);
}

enum phi_status phi_fail(struct phi_err *err, enum phi_status status,
                         const char *fmt, ...)
{
    va_list args;

    if (err == NULL)
        return status;
    va_start(args, fmt);
    format(err->msg, fmt, args);
    va_end(args);
    err->status = status;
    err->sys = 0;
    err->hint[0] = '\0';
    return status;
}

enum phi_status phi_fail_sys(struct phi_err *err, int sys, const char *fmt, ...)
{
    va_list args;
    size_t len;

    if (err == NULL)
        return PHI_E_IO;
    va_start(args, fmt);
    format(err->msg, fmt, args);
    va_end(args);
    len = strlen(err->msg);
    snprintf(err->msg + len, PHI_ERR_MAX - len, ": %s", strerror(sys));
    err->status = PHI_E_IO;
    err->sys = sys;
    err->hint[0] = '\0';
    return PHI_E_IO;
}

enum phi_status phi_err_prefix(struct phi_err *err, const char *fmt, ...)
{
    char front[PHI_ERR_MAX];
    char all[PHI_ERR_MAX * 2 + 2];
    va_list args;

    if (err == NULL)
        return PHI_E_ARG;
    va_start(args, fmt);
    format(front, fmt, args);
    va_end(args);
    snprintf(all, sizeof(all), "%s: %s", front, err->msg);
    phi_printable(err->msg, PHI_ERR_MAX, all);
    return err->status;
}

enum phi_status phi_hint(struct phi_err *err, const char *fmt, ...)
{
    va_list args;

    if (err == NULL)
        return PHI_E_ARG;
    va_start(args, fmt);
    format(err->hint, fmt, args);
    va_end(args);
    return err->status;
}
