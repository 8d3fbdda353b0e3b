/* SPDX-License-Identifier: MIT */
/* What commands print: errors, tables and JSON. */
#ifndef PHICONV_TOOLS_REPORT_H
#define PHICONV_TOOLS_REPORT_H

#include <stdio.h>

#include "libconv/base/buf.h"
#include "libconv/base/err.h"

/*
 * Prints "phiconv: MESSAGE" and, where there is one, "hint: ..." to stderr.
 * Returns the exit code that belongs to the status.
 */
int report_error(const struct phi_err *err);

/* A remark on stderr, "phiconv: note: ...", control characters escaped. */
void report_note(const char *fmt, ...) PHI_PRINTF(1, 2);

/* Columns that a text takes, one for each character of its UTF-8. */
size_t text_columns(const char *text);

/*
 * Text tables: cells are kept until the end, columns get the width of their
 * widest cell (in characters, not bytes). Zero-initialise, set ncols.
 */
struct table {
    size_t ncols;
    bool right[16]; /* columns aligned to the right */
    bool headless;  /* the first row is no header: it is not shown bold */
    bool cut;       /* columns were left out */
    char **cells;   /* row after row */
    size_t n;
    size_t cap;
    bool failed;
};

/* Appends the next cell, row by row. */
void table_cell(struct table *t, const char *fmt, ...) PHI_PRINTF(2, 3);

/*
 * Leaves columns out while the table is wider than the terminal that it goes
 * to, in the order of `spare` (n), counted in what is left by then; a note
 * below it says so. To a file it goes whole.
 */
void table_fit(struct table *t, FILE *to, const size_t *spare, size_t n);

/* Prints all rows; PHI_E_NOMEM if a cell could not be kept. */
enum phi_status table_print(const struct table *t, FILE *to,
                            struct phi_err *err);
void table_release(struct table *t);

/* "1.2 GiB", "334.0 KiB", "17 B" into out, for people. Returns out. */
char *human_bytes(char out[32], uint64_t n);

/* "2048 x 256" into out, "scalar" without dimensions. Returns out. */
char *human_shape(char out[192], const uint64_t *dim, uint32_t rank);

/*
 * JSON into a buffer. The writer puts the commas; strings are escaped and
 * bytes that are not UTF-8 replaced by U+FFFD; a number is written with the
 * fewest digits that read back exactly, NaN and infinities as null. key is
 * NULL for elements of arrays and for the outermost value.
 */
struct json_out {
    struct phi_buf buf;
    bool comma;
};

void json_open(struct json_out *j, const char *key, char bracket); /* { or [ */
void json_close(struct json_out *j, char bracket);                 /* } or ] */
void json_str(struct json_out *j, const char *key, const char *text);
/* n bytes, NUL among them or not. */
void json_str_n(struct json_out *j, const char *key, const char *text,
                size_t n);
void json_uint(struct json_out *j, const char *key, uint64_t v);
void json_int(struct json_out *j, const char *key, int64_t v);
void json_num(struct json_out *j, const char *key, double v);
void json_bool(struct json_out *j, const char *key, bool v);
void json_null(struct json_out *j, const char *key);

/* Prints the text and a newline to stdout and frees it. */
enum phi_status json_finish(struct json_out *j, struct phi_err *err);

#endif
