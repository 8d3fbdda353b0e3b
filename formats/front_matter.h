/* SPDX-License-Identifier: MIT */
/*
 * The front matter of a model card: a YAML mapping between two lines "---" at
 * the top of README.md. Cards are written by hand and hold what nobody here
 * needs (widgets, evaluation results), so the mapping is only cut into its
 * top-level fields, and a field is parsed when it is asked for. One that is
 * not asked for may hold any YAML; one that is asked for and is not understood
 * is an error with its line, never a guess.
 *
 * Understood are block and flow sequences and mappings, plain, quoted and
 * block scalars over any number of lines, and comments. Refused are anchors,
 * aliases, tags and complex keys. Scalars keep their text ("1.10" stays
 * "1.10", "no" is a language); only null, ~ and nothing are no value.
 */
#ifndef PHI_FORMATS_FRONT_MATTER_H
#define PHI_FORMATS_FRONT_MATTER_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"

/* The closing line must come within so many bytes. */
#define PHI_FRONT_MATTER_MAX ((size_t)1 << 20)

enum phi_card_kind {
    PHI_CARD_NULL,
    PHI_CARD_TEXT,
    PHI_CARD_LIST,
    PHI_CARD_MAP
};

struct phi_card_value {
    enum phi_card_kind kind;
    char *key;                    /* of a member of a map, else NULL */
    char *text;                   /* of a TEXT: UTF-8, NUL-terminated */
    struct phi_card_value *child; /* first item of a LIST or MAP */
    struct phi_card_value *next;  /* item after this one */
};

struct phi_front_matter;

/*
 * Reads the card at path. A file that does not exist, has no front matter or
 * one that is no mapping gives an empty one. On success the caller owns *out.
 */
enum phi_status phi_front_matter_load(struct phi_front_matter **out,
                                      const char *path, struct phi_err *err);
void phi_front_matter_free(struct phi_front_matter *fm); /* accepts NULL */

/*
 * *out is the field's value, borrowed from fm; NULL if the field is missing
 * or null. PHI_E_FORMAT or PHI_E_UNSUPPORTED with file, line and field.
 */
enum phi_status phi_front_matter_get(struct phi_front_matter *fm,
                                     const char *field,
                                     const struct phi_card_value **out,
                                     struct phi_err *err);

/* The field of the last _get(), refused: `FILE: line N: "FIELD": ...`. */
enum phi_status phi_front_matter_refuse(const struct phi_front_matter *fm,
                                        const char *field, struct phi_err *err,
                                        const char *fmt, ...) PHI_PRINTF(4, 5);

#endif
