/* SPDX-License-Identifier: MIT */
/* Writing JSON: strings, and single values of a text that stays as it is. */
#ifndef PHI_FORMATS_JSON_WRITE_H
#define PHI_FORMATS_JSON_WRITE_H

#include <stddef.h>

#include "libconv/base/buf.h"
#include "libconv/base/err.h"

/*
 * Appends text, valid UTF-8, as a JSON string: escaped is what the grammar
 * asks for and nothing else.
 */
void phi_json_put_string(struct phi_buf *b, const char *text);

/*
 * Gives member `key` of the object that *text holds the value `value`, a JSON
 * text; all other bytes stay as they are. A member that is not there yet comes
 * last. *text must have been accepted by phi_json_parse(), and be an object;
 * `key` is ASCII.
 */
enum phi_status phi_json_set(struct phi_buf *text, const char *key,
                             const char *value, struct phi_err *err);

#endif
