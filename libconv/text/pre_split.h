/* SPDX-License-Identifier: MIT */
/*
 * Cuts text into words before byte pair encoding: no token ever spans two
 * words. Which pattern does it is named by tokenizer.ggml.pre.
 */
#ifndef PHI_TEXT_PRE_SPLIT_H
#define PHI_TEXT_PRE_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"

/* A compiled pattern; any number of threads may use it at once. */
struct phi_pre_split;

/* PHI_E_UNSUPPORTED for a name whose pattern is not known here. */
enum phi_status phi_pre_split_new(struct phi_pre_split **out, const char *name,
                                  struct phi_err *err);
void phi_pre_split_free(struct phi_pre_split *s); /* accepts NULL */

/*
 * A place in text (n bytes) at or after `from`, at most n, where the text
 * may be cut in two that are split on their own with the same result.
 */
size_t phi_pre_split_cut(const uint8_t *text, size_t n, size_t from);

/* The matcher of one thread. Zero-initialised is empty. */
struct phi_words {
    const struct phi_pre_split *split;
    void *match;
};

/* Borrows s. */
enum phi_status phi_words_init(struct phi_words *w,
                               const struct phi_pre_split *s,
                               struct phi_err *err);
void phi_words_release(struct phi_words *w);

/*
 * Stores in *end where the word that begins at `at` < n ends. text is valid
 * UTF-8 (not checked again) and `at` the beginning or an earlier *end.
 */
enum phi_status phi_words_next(const struct phi_words *w, const uint8_t *text,
                               size_t n, size_t at, size_t *end,
                               struct phi_err *err);

#endif
