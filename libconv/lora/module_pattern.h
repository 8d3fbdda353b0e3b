/* SPDX-License-Identifier: MIT */
/*
 * Patterns over the paths of a model's modules, as adapter_config.json has
 * them and PEFT 0.21 applies them: Python's regular expressions. What PCRE2
 * would read differently is refused, so that no pattern takes other modules
 * here than it took in training.
 */
#ifndef PHI_LORA_MODULE_PATTERN_H
#define PHI_LORA_MODULE_PATTERN_H

#include <stdint.h>

#include "libconv/base/err.h"

#define PHI_MODULE_PATTERN_MAX 4096 /* bytes of a pattern */

/* Steps of all searches for what one file says: about a second. */
#define PHI_MODULE_MAX_WORK 100000000

struct phi_module_pattern;

/* How PEFT applies a pattern P to a path. */
enum phi_module_match {
    PHI_MODULE_WHOLE,  /* re.fullmatch(P): target_modules, exclude_modules */
    PHI_MODULE_TAIL,   /* re.match("(.*\.)?(P)$"): rank_pattern, ... */
    PHI_MODULE_WITHIN, /* re.match("(^|.*\.)P($|\..*)"): modules_to_save */
    /* re.match("(?:^|.*?\.)P\.(?P<idx>\d+)\."): layers_pattern; P may be
     * NULL: re.match(".*?\.[^.]*\.(?P<idx>\d+)\.") */
    PHI_MODULE_LAYER,
    PHI_MODULE_ANYWHERE /* re.search(P); PEFT has no such use */
};

/*
 * Compiles a pattern. PHI_E_FORMAT if it is none, PHI_E_UNSUPPORTED if it is
 * one that is refused; the message says where and does not repeat it. On
 * success the caller owns *out.
 */
enum phi_status phi_module_pattern_new(struct phi_module_pattern **out,
                                       const char *pattern,
                                       enum phi_module_match how,
                                       struct phi_err *err);
void phi_module_pattern_free(struct phi_module_pattern *p); /* accepts NULL */

/* Whether it is a name, which takes no steps. */
bool phi_module_pattern_is_plain(const struct phi_module_pattern *p);

/*
 * Whether the pattern matches, and for PHI_MODULE_LAYER the index, which is
 * UINT64_MAX where it has more digits than fit; layer may be NULL otherwise.
 * Several threads may ask at once. PHI_E_FORMAT if it takes too many steps, or
 * matches without an index.
 * work: those that all searches have taken together, which are bounded by
 * PHI_MODULE_MAX_WORK, or NULL; it is counted on here, by twice as many steps
 * as were taken at most and, of long patterns, more.
 */
enum phi_status phi_module_pattern_match(const struct phi_module_pattern *p,
                                         const char *path, bool *found,
                                         uint64_t *layer, uint64_t *work,
                                         struct phi_err *err);

#endif
