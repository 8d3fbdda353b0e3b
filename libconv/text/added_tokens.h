/* SPDX-License-Identifier: MIT */
/*
 * Tokens that are cut out of the text as they stand, before it is split into
 * words: control tokens, and the runs of blanks that Phi adds to GPT-2's
 * vocabulary. At each place the longest one wins, places go from left to
 * right, nothing overlaps: leftmost-longest, as the tokenizers library does.
 */
#ifndef PHI_TEXT_ADDED_TOKENS_H
#define PHI_TEXT_ADDED_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"

struct phi_added_token {
    const uint8_t *text; /* n bytes, borrowed */
    size_t n;            /* at least 1 */
    uint32_t id;
};

/* Zero-initialised is empty. */
struct phi_added_tokens {
    struct phi_added_token *token; /* (n), sorted by their bytes */
    size_t n;
    size_t cap;
    /* Tokens that begin with byte b: [first[b], first[b + 1]). */
    uint32_t first[257];
};

/* text must outlive the set; an empty one is left out, as it has no place. */
enum phi_status phi_added_tokens_put(struct phi_added_tokens *a,
                                     const uint8_t *text, size_t n, uint32_t id,
                                     struct phi_err *err);

/* To be called once after the last put and before the first find. */
void phi_added_tokens_sort(struct phi_added_tokens *a);

/*
 * The first place in [from, n) where a token begins that ends in the n bytes
 * of text: its offset, and the longest token there in *found. If there is
 * none: NULL, and n, or the place where to go on, as more than *steps bytes
 * were looked at: at each place as many as the longest token has may be.
 * *steps: how many were, in the end.
 */
size_t phi_added_tokens_find(const struct phi_added_tokens *a,
                             const uint8_t *text, size_t n, size_t from,
                             size_t *steps,
                             const struct phi_added_token **found);

/* Frees the set (not the texts); it is empty again. */
void phi_added_tokens_release(struct phi_added_tokens *a);

#endif
