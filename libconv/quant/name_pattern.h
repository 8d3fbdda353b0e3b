/* SPDX-License-Identifier: MIT */
/*
 * Patterns over tensor names, as llama-quantize's --tensor-type takes them:
 * regular expressions of ECMAScript, searched for anywhere in the name, the
 * pattern in lower case. What PCRE2 would read differently than llama-quantize
 * is refused, so that no pattern means one thing there and another here.
 */
#ifndef PHI_QUANT_NAME_PATTERN_H
#define PHI_QUANT_NAME_PATTERN_H

#include "libconv/base/err.h"

struct phi_name_pattern;

/*
 * Compiles a pattern. PHI_E_ARG if it is none or one that is refused; the
 * message says where and does not repeat the pattern. On success the caller
 * owns *out.
 */
enum phi_status phi_name_pattern_new(struct phi_name_pattern **out,
                                     const char *pattern, struct phi_err *err);
void phi_name_pattern_free(struct phi_name_pattern *p); /* accepts NULL */

/*
 * Whether the pattern is found in name. Several threads may ask at once.
 * PHI_E_ARG if the search needs too many steps.
 */
enum phi_status phi_name_pattern_find(const struct phi_name_pattern *p,
                                      const char *name, bool *found,
                                      struct phi_err *err);

#endif
