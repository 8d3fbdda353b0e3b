/* SPDX-License-Identifier: MIT */
/* Metadata values for people, for diff and for programs. */
#ifndef PHICONV_TOOLS_INSPECT_VALUE_H
#define PHICONV_TOOLS_INSPECT_VALUE_H

#include "libconv/base/buf.h"
#include "libconv/tensor/meta.h"
#include "tools/report.h"

/* "string", "array of uint32", ... in out. Returns out. */
char *value_type(char out[48], const struct phi_kv *kv);

/*
 * Appends the value on one line, without control characters: strings in
 * quotes if they are elements. `room`: at most about so many bytes, and of
 * arrays some elements and the number of all; 0: all of it.
 */
void value_text(struct phi_buf *b, const struct phi_kv *kv, size_t room);

/* n bytes with control characters and stray bytes as \xNN, '\' as "\\". */
void value_escape(struct phi_buf *b, const char *p, size_t n);

/* The value as JSON's. */
void value_json(struct json_out *j, const char *key, const struct phi_kv *kv);

#endif
