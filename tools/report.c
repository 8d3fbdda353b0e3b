/* SPDX-License-Identifier: MIT */
#include "tools/report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/decimal.h"
#include "libconv/base/mem.h"
#include "libconv/base/utf8.h"
#include "tools/colour.h"
#include "tools/options.h"
#include "tools/signals.h"

int report_error(const struct phi_err *err)
{
    if (err->status == PHI_E_CANCELLED)
        return signals_exit_code();
    fprintf(stderr, "%sphiconv:%s %s\n", colour(stderr, COLOUR_RED),
            colour(stderr, COLOUR_OFF), err->msg);
    if (err->hint[0] != '\0')
        fprintf(stderr, "%shint:%s %s\n", colour(stderr, COLOUR_CYAN),
                colour(stderr, COLOUR_OFF), err->hint);
    switch (err->status) {
    case PHI_E_NOMEM:
        return EXIT_CODE_MEMORY;
    case PHI_E_IO:
        return EXIT_CODE_SYSTEM;
    case PHI_E_ARG:
        return EXIT_CODE_USAGE;
    default:
        return EXIT_CODE_INPUT;
    }
}

void report_note(const char *fmt, ...)
{
    char raw[PHI_ERR_MAX];
    char text[PHI_ERR_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(raw, sizeof(raw), fmt, args);
    va_end(args);
    fprintf(stderr, "phiconv: note: %s\n",
            phi_printable(text, sizeof(text), raw));
}

void table_cell(struct table *t, const char *fmt, ...)
{
    char raw[PHI_ERR_MAX];
    char text[PHI_ERR_MAX];
    va_list args;
    void *p = t->cells;

    va_start(args, fmt);
    vsnprintf(raw, sizeof(raw), fmt, args);
    va_end(args);
    phi_printable(text, sizeof(text), raw);
    if (t->failed ||
        phi_grow(&p, &t->cap, t->n + 1, sizeof(*t->cells), NULL) != PHI_OK) {
        t->failed = true;
        return;
    }
    t->cells = p;
    t->cells[t->n] = phi_strdup(text, NULL);
    if (t->cells[t->n] == NULL)
        t->failed = true;
    else
        t->n++;
}

size_t text_columns(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* Whether nothing but empty cells follows cell i in its row. */
static bool rest_is_empty(const struct table *t, size_t i)
{
    while (++i % t->ncols != 0 && i < t->n) {
        if (t->cells[i][0] != '\0')
            return false;
    }
    return true;
}

static void print_cell(const struct table *t, size_t i, size_t width, FILE *to)
{
    const int pad = (int)(width - text_columns(t->cells[i]));
    const bool last = rest_is_empty(t, i);

    if (t->right[i % t->ncols] && t->cells[i][0] != '\0')
        fprintf(to, "%*s%s", pad, "", t->cells[i]);
    else
        fprintf(to, "%s%*s", t->cells[i], last ? 0 : pad, "");
    if ((i + 1) % t->ncols == 0)
        fputs("\n", to);
    else if (!last)
        fputs("  ", to);
}

static void find_widths(const struct table *t, size_t width[16])
{
    for (size_t i = 0; i < t->n; i++) {
        const size_t w = text_columns(t->cells[i]);

        if (w > width[i % t->ncols])
            width[i % t->ncols] = w;
    }
}

static bool is_too_wide(const struct table *t, size_t room)
{
    size_t width[16] = {0};
    size_t all = 2 * (t->ncols - 1); /* between them */

    find_widths(t, width);
    for (size_t k = 0; k < t->ncols; k++)
        all += width[k];
    return all > room;
}

static void remove_column(struct table *t, size_t column)
{
    size_t at = 0; /* column of a cell */
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++) {
        if (at == column)
            free(t->cells[i]);
        else
            t->cells[n++] = t->cells[i];
        at = at + 1 < t->ncols ? at + 1 : 0;
    }
    t->n = n;
    t->ncols--;
    memmove(&t->right[column], &t->right[column + 1],
            (15 - column) * sizeof(t->right[0]));
}

void table_fit(struct table *t, FILE *to, const size_t *spare, size_t n)
{
    const size_t room = terminal_columns(to);
    size_t i = 0;

    for (; room > 0 && !t->failed && i < n && is_too_wide(t, room); i++)
        remove_column(t, spare[i]);
    t->cut = t->cut || i > 0;
}

enum phi_status table_print(const struct table *t, FILE *to,
                            struct phi_err *err)
{
    size_t width[16] = {0};

    if (t->failed)
        return phi_fail(err, PHI_E_NOMEM, "out of memory: a table");
    find_widths(t, width);
    if (!t->headless)
        fputs(colour(to, COLOUR_BOLD), to);
    for (size_t i = 0; i < t->n; i++) {
        if (i > 0 && i == t->ncols && !t->headless)
            fputs(colour(to, COLOUR_OFF), to);
        print_cell(t, i, width[i % t->ncols], to);
    }
    if (t->n <= t->ncols && !t->headless)
        fputs(colour(to, COLOUR_OFF), to);
    if (t->cut)
        report_note("the terminal is too narrow for all columns");
    return PHI_OK;
}

void table_release(struct table *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->cells[i]);
    free(t->cells);
    *t = (struct table){0};
}

char *human_bytes(char out[32], uint64_t n)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double v = (double)n / 1024;
    size_t u = 0;

    if (n < 1024) {
        snprintf(out, 32, "%u B", (unsigned)n);
        return out;
    }
    for (; v >= 1024 && u < 3; u++)
        v /= 1024;
    snprintf(out, 32, "%.1f %s", v, units[u]);
    return out;
}

char *human_shape(char out[192], const uint64_t *dim, uint32_t rank)
{
    size_t at = 0;

    if (rank == 0)
        snprintf(out, 192, "scalar");
    for (uint32_t i = 0; i < rank; i++)
        at += (size_t)snprintf(out + at, 192 - at, "%s%llu", i > 0 ? " x " : "",
                               (unsigned long long)dim[i]);
    return out;
}

static void json_text(struct json_out *j, const char *text, size_t left)
{
    const uint8_t *p = (const uint8_t *)text;

    phi_buf_u8(&j->buf, '"');
    while (left > 0) {
        uint32_t c;
        size_t len = phi_utf8_decode(p, left, &c);

        if (len == 0) {
            phi_buf_text(&j->buf, "\\ufffd");
            len = 1;
        } else if (c == '"' || c == '\\') {
            phi_buf_printf(&j->buf, "\\%c", (char)c);
        } else if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) {
            /* whoever reads it in a terminal is safe from C1 controls, too */
            phi_buf_printf(&j->buf, "\\u%04x", (unsigned)c);
        } else {
            phi_buf_put(&j->buf, p, len);
        }
        p += len;
        left -= len;
    }
    phi_buf_u8(&j->buf, '"');
}

static void json_begin(struct json_out *j, const char *key)
{
    if (j->comma)
        phi_buf_u8(&j->buf, ',');
    if (key != NULL) {
        json_text(j, key, strlen(key));
        phi_buf_u8(&j->buf, ':');
    }
    j->comma = true;
}

void json_open(struct json_out *j, const char *key, char bracket)
{
    json_begin(j, key);
    phi_buf_u8(&j->buf, (uint8_t)bracket);
    j->comma = false;
}

void json_close(struct json_out *j, char bracket)
{
    phi_buf_u8(&j->buf, (uint8_t)bracket);
    j->comma = true;
}

void json_str(struct json_out *j, const char *key, const char *text)
{
    json_str_n(j, key, text, strlen(text));
}

void json_str_n(struct json_out *j, const char *key, const char *text, size_t n)
{
    json_begin(j, key);
    json_text(j, text, n);
}

void json_uint(struct json_out *j, const char *key, uint64_t v)
{
    json_begin(j, key);
    phi_buf_printf(&j->buf, "%llu", (unsigned long long)v);
}

void json_int(struct json_out *j, const char *key, int64_t v)
{
    json_begin(j, key);
    phi_buf_printf(&j->buf, "%lld", (long long)v);
}

void json_num(struct json_out *j, const char *key, double v)
{
    char text[PHI_DECIMAL_MAX];

    json_begin(j, key);
    if (!(v - v == 0)) { /* NaN or infinite */
        phi_buf_text(&j->buf, "null");
        return;
    }
    phi_buf_text(&j->buf, phi_decimal(text, v));
}

void json_bool(struct json_out *j, const char *key, bool v)
{
    json_begin(j, key);
    phi_buf_text(&j->buf, v ? "true" : "false");
}

void json_null(struct json_out *j, const char *key)
{
    json_begin(j, key);
    phi_buf_text(&j->buf, "null");
}

enum phi_status json_finish(struct json_out *j, struct phi_err *err)
{
    const enum phi_status st = phi_buf_status(&j->buf, err);

    if (st == PHI_OK) {
        fwrite(j->buf.p, 1, j->buf.n, stdout);
        fputc('\n', stdout);
    }
    phi_buf_release(&j->buf);
    return st;
}
