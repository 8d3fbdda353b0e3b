/* SPDX-License-Identifier: MIT */
/*
 * Errors as values. Every function that can fail returns an enum phi_status
 * and fills the struct phi_err that the caller passes as its last argument.
 * Nothing here prints, and there is no "last error" global.
 *
 * A message is one line and reads
 *   FILE: tensor "NAME": what was found, what was expected
 * Low levels say what; callers put the file or the tensor in front with
 * phi_err_prefix(). Text that came from a file may hold anything, so every
 * message is made safe for a terminal before it is stored: control characters,
 * noncharacters and bytes that are not UTF-8 appear as \xNN.
 */
#ifndef PHI_BASE_ERR_H
#define PHI_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum phi_status {
    PHI_OK = 0,
    PHI_E_NOMEM,
    PHI_E_IO,          /* the system refused; err->sys is errno, or 0 */
    PHI_E_FORMAT,      /* the file breaks its own format */
    PHI_E_UNSUPPORTED, /* well-formed, but not handled here */
    PHI_E_ARG,         /* the caller asked for something impossible */
    PHI_E_CANCELLED,   /* phi_monitor said stop */
};

/* Longest stored message, with its terminating NUL. */
#define PHI_ERR_MAX 512

/*
 * Names from files are cut at this many bytes in messages: write
 * "%.*s", PHI_ERR_NAME, name.
 */
#define PHI_ERR_NAME 128

struct phi_err {
    enum phi_status status;
    int sys;                /* errno of a failed call, with PHI_E_IO; or 0 */
    char msg[PHI_ERR_MAX];  /* one line, no control characters */
    char hint[PHI_ERR_MAX]; /* how to fix it, or empty */
};

#if defined(__GNUC__)
#define PHI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define PHI_PRINTF(fmt, args)
#endif

/*
 * Fills err (which may be NULL) with status and the formatted message, clears
 * its hint, and returns status, so that `return phi_fail(...)` is one line.
 */
enum phi_status phi_fail(struct phi_err *err, enum phi_status status,
                         const char *fmt, ...) PHI_PRINTF(3, 4);

/* As phi_fail() with PHI_E_IO; appends ": " and the text of errno `sys`. */
enum phi_status phi_fail_sys(struct phi_err *err, int sys, const char *fmt, ...)
    PHI_PRINTF(3, 4);

/* Puts the formatted text and ": " in front of the message. Returns status. */
enum phi_status phi_err_prefix(struct phi_err *err, const char *fmt, ...)
    PHI_PRINTF(2, 3);

/* Sets the second line, without the word "hint". Returns err's status. */
enum phi_status phi_hint(struct phi_err *err, const char *fmt, ...)
    PHI_PRINTF(2, 3);

/*
 * Copies text into out (n bytes, n > 0), control characters, noncharacters
 * and stray bytes as \xNN, cut to fit at a whole character. For anything from
 * a file that reaches a terminal, or a file of XML, HTML or YAML. Returns
 * out.
 */
char *phi_printable(char *out, size_t n, const char *text);

#endif
