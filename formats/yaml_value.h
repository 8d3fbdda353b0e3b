/* SPDX-License-Identifier: MIT */
/* YAML values. Private to front_matter.c. */
#ifndef PHI_FORMATS_YAML_VALUE_H
#define PHI_FORMATS_YAML_VALUE_H

#include "formats/front_matter.h"

/*
 * Parses what follows a top-level "key:": n bytes from behind the colon to
 * the next field, with LF line ends. *line goes to the offending line,
 * counted from 0. The caller owns *out.
 */
enum phi_status phi_yaml_parse(struct phi_card_value **out, const char *text,
                               size_t n, size_t *line, struct phi_err *err);
void phi_yaml_free(struct phi_card_value *v); /* accepts NULL */

/*
 * Length of the quoted or bracketed text that begins at p, over any number
 * of lines; 0 if it does not end within n bytes.
 */
size_t phi_yaml_span(const char *p, size_t n);

/*
 * Length of the key of a line "key: ..." at p, without colon; 0 if it is no
 * such line. Quoted keys include their quotes.
 */
size_t phi_yaml_key_span(const char *p, size_t n);

#endif
