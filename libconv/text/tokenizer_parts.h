/* SPDX-License-Identifier: MIT */
/* Between tokenizer_new.c, which fills a tokenizer, and tokenizer.c. */
#ifndef PHI_TEXT_TOKENIZER_PARTS_H
#define PHI_TEXT_TOKENIZER_PARTS_H

#include "libconv/text/added_tokens.h"
#include "libconv/text/bpe.h"
#include "libconv/text/pre_split.h"
#include "libconv/text/tokenizer.h"

/* Added tokens are cut out set by set, each from what the last one left. */
enum { ADDED_CONTROL, ADDED_USER, ADDED_SETS };

struct phi_tokenizer {
    size_t n;       /* tokens in the vocabulary */
    uint8_t *bytes; /* what each token stands for, one after the other */
    size_t *at;     /* (n + 1), token i is bytes [at[i], at[i + 1]) */
    struct phi_added_tokens added[ADDED_SETS]; /* texts borrowed from bytes */
    struct phi_pre_split *split;
    struct phi_bpe bpe;
    bool add_bos;
    uint32_t bos;
};

#endif
