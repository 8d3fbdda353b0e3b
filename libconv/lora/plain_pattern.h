/* SPDX-License-Identifier: MIT */
/*
 * Patterns over modules that are a name and nothing more, which are most of
 * them: "lm_head", "layers.3.mlp.fc1", "^model\.layers\.0\.mlp\.fc2". They are
 * compared, byte by byte, and no search is needed.
 */
#ifndef PHI_LORA_PLAIN_PATTERN_H
#define PHI_LORA_PLAIN_PATTERN_H

#include "libconv/lora/module_pattern.h"

struct phi_plain_pattern {
    char *text; /* (n) where any byte will do, a newline stands */
    size_t n;
    bool start; /* it began with ^ */
};

/*
 * Makes *out of a pattern, or leaves text NULL where it is more than a name.
 * The caller frees text.
 */
enum phi_status phi_plain_pattern_read(struct phi_plain_pattern *out,
                                       const char *pattern,
                                       struct phi_err *err);

/* As phi_module_pattern_match(); how is not PHI_MODULE_ANYWHERE. *layer is set
 * for PHI_MODULE_LAYER, unless NULL. */
bool phi_plain_pattern_match(const struct phi_plain_pattern *p,
                             enum phi_module_match how, const char *path,
                             uint64_t *layer);

/* The number that the digits at `from` are; UINT64_MAX if it has too many. */
uint64_t phi_module_layer(const char *from, const char *end);

#endif
