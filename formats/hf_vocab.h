/* SPDX-License-Identifier: MIT */
/*
 * The tokens and merges of a Hugging Face BPE tokenizer, put together from
 * files that repeat each other, each of which must agree with the others:
 *
 *   tokenizer.json         model.vocab  model.merges  added_tokens
 *   vocab.json             = model.vocab
 *   merges.txt                          = model.merges
 *   added_tokens.json                                 = those not in vocab
 *   tokenizer_config.json                             = added_tokens_decoder
 *
 * Texts are borrowed from the JSON documents, which must outlive the struct.
 * A disagreement is PHI_E_FORMAT with both files, the token and both ids.
 */
#ifndef PHI_FORMATS_HF_VOCAB_H
#define PHI_FORMATS_HF_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/json.h"
#include "libconv/base/err.h"
#include "libconv/base/map.h"

#define PHI_HF_MAX_VOCAB ((uint64_t)1 << 24)
#define PHI_HF_MAX_TOKEN ((size_t)64 << 10) /* bytes */

/* Ids that no token has, where there are no weights with a row for each. */
#define PHI_HF_MAX_UNUSED 65536u

enum {
    PHI_HF_BASE = 1,    /* of the BPE model */
    PHI_HF_ADDED = 2,   /* cut out of the text before the pre-split */
    PHI_HF_SPECIAL = 4, /* added, and means something */
    PHI_HF_SEEN = 8,    /* used while two files are compared */
};

struct phi_hf_token {
    const char *text; /* byte characters if BASE, else as it is; or NULL */
    uint32_t n;
    uint32_t flags; /* PHI_HF_BASE and so on */
};

struct phi_hf_merge {
    uint32_t pair[2]; /* ids */
};

struct phi_hf_vocab {
    const char *from;           /* the file that the tokens came from */
    uint64_t rows;              /* of the model's embedding */
    uint64_t size;              /* all rows, or those up to the last token */
    uint64_t nbase;             /* BASE tokens */
    size_t nlisted;             /* tokens in the lists of files so far */
    struct phi_hf_token *token; /* (size), indexed by id */
    size_t cap;
    struct phi_map ids;         /* text to id */
    struct phi_hf_merge *merge; /* (nmerges), best first */
    size_t nmerges;
};

/*
 * For ids below `rows`, which is at most PHI_HF_MAX_VOCAB. `backed`: there are
 * weights with so many rows; otherwise there is memory for those ids alone
 * that tokens have, and PHI_HF_MAX_UNUSED between them. Release v even after a
 * failure.
 */
enum phi_status phi_hf_vocab_init(struct phi_hf_vocab *v, uint64_t rows,
                                  bool backed, struct phi_err *err);
void phi_hf_vocab_release(struct phi_hf_vocab *v);

/* The token of that text, or NULL. */
struct phi_hf_token *phi_hf_vocab_find(const struct phi_hf_vocab *v,
                                       const char *text);

/* Fills v with the object {"text": id, ...}: model.vocab or vocab.json. */
enum phi_status phi_hf_vocab_set_base(struct phi_hf_vocab *v,
                                      const struct phi_json *object,
                                      struct phi_err *err);

/* Compares v with another such object. */
enum phi_status phi_hf_vocab_same_base(struct phi_hf_vocab *v,
                                       const struct phi_json *object,
                                       struct phi_err *err);

/*
 * Fills in added tokens: an array of {"id": .., "content": ..} (tokenizer.json)
 * or an object {"id": {"content": ..}} (added_tokens_decoder), or an object
 * {"text": id} (added_tokens.json). Refuses what only Hugging Face's matcher
 * can do: lstrip, rstrip, single_word.
 */
enum phi_status phi_hf_vocab_set_added(struct phi_hf_vocab *v,
                                       const struct phi_json *tokens,
                                       struct phi_err *err);

/*
 * Compares v with another such collection. `all`: it must have every added
 * token, else only those that are not BASE.
 */
enum phi_status phi_hf_vocab_same_added(struct phi_hf_vocab *v,
                                        const struct phi_json *tokens, bool all,
                                        struct phi_err *err);

/*
 * Every byte that UTF-8 text can hold must be a token: where one is missing,
 * Hugging Face drops the byte without a word.
 */
enum phi_status phi_hf_vocab_check_bytes(const struct phi_hf_vocab *v,
                                         struct phi_err *err);

/* Fills v with model.merges: an array of "A B" or ["A", "B"]. */
enum phi_status phi_hf_merges_set(struct phi_hf_vocab *v,
                                  const struct phi_json *array,
                                  struct phi_err *err);

/*
 * Fills v with merges.txt, a line "A B" each under a line "#version...", or
 * if v has merges already compares the two; `other` is where they came from.
 */
enum phi_status phi_hf_merges_text(struct phi_hf_vocab *v, const char *path,
                                   const char *other, struct phi_err *err);

#endif
