/* SPDX-License-Identifier: MIT */
/*
 * What is known of the keys of a GGUF model (ggml's docs/gguf.md, llama.cpp's
 * list of names): their types, and which of them nobody may change, as what
 * they say is decided by something else in the file.
 */
#ifndef PHI_FORMATS_GGUF_RULES_H
#define PHI_FORMATS_GGUF_RULES_H

#include <stddef.h>

#include "libconv/tensor/meta.h"

enum phi_gguf_change {
    PHI_GGUF_FREE,     /* a text, or a number that no result depends on */
    PHI_GGUF_COMPUTES, /* changes what the model computes */
    PHI_GGUF_TOKEN,    /* the same, and is an index into the vocabulary */
    PHI_GGUF_FIXED     /* breaks the file if it is changed */
};

struct phi_gguf_rule {
    /* A key; "*." in front stands for the architecture's name; a dot at the
     * end for all keys that begin so. */
    const char *key;
    enum phi_kv_type type;
    enum phi_kv_type element; /* of arrays */
    enum phi_gguf_change change;
    const char *why; /* of what is fixed: "decides ..." */
};

/* Ends with a key of NULL. */
extern const struct phi_gguf_rule phi_gguf_rules[];

/* The rule for a key of a model of the architecture, or NULL. */
const struct phi_gguf_rule *phi_gguf_rule_find(const char *key,
                                               const char *architecture);

#endif
