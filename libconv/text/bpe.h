/* SPDX-License-Identifier: MIT */
/*
 * Byte pair encoding of one word: the word's bytes become one symbol each;
 * then, again and again, the adjacent pair that stands earliest in the list
 * of merges is joined, the leftmost one on ties, until no pair is in the list
 * (Sennrich et al. 2016, arXiv:1508.07909, on bytes as in GPT-2).
 *
 * Pairs wait in a heap and symbols are a linked list, so a word of n bytes
 * costs n log n steps and about 30 n bytes, however long it is.
 */
#ifndef PHI_TEXT_BPE_H
#define PHI_TEXT_BPE_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/base/tally.h"
#include "libconv/text/tokens.h"

#define PHI_NO_TOKEN UINT32_MAX

struct phi_bpe_merge {
    uint32_t left; /* token ids */
    uint32_t right;
    uint32_t result;
};

/* Zero-initialised is empty; byte_token must then be filled. */
struct phi_bpe {
    uint32_t byte_token[256];    /* PHI_NO_TOKEN: the byte has none */
    struct phi_bpe_merge *merge; /* (nmerges), by rank */
    size_t nmerges;
    /* The merges of each slot, a chain of ranks that PHI_NO_TOKEN ends. */
    uint32_t *first; /* (2^slot_bits) */
    uint32_t *next;  /* (nmerges) */
    int slot_bits;   /* at most 32 */
    uint64_t secret[3];
};

/* Makes room for `nmerges` merges, at most 2^31. */
enum phi_status phi_bpe_init(struct phi_bpe *b, size_t nmerges,
                             struct phi_err *err);

/* Adds the merge of the next rank; PHI_E_FORMAT if its pair is there. */
enum phi_status phi_bpe_add(struct phi_bpe *b, struct phi_bpe_merge merge,
                            struct phi_err *err);
void phi_bpe_release(struct phi_bpe *b);

/* How many bytes of the word come before the first one without a token. */
size_t phi_bpe_known(const struct phi_bpe *b, const uint8_t *word, size_t n);

/* Working memory of one thread. Zero-initialised is empty. */
struct phi_bpe_scratch {
    struct phi_bpe_symbol *symbol;
    size_t symbol_cap;
    uint64_t *heap;
    size_t heap_cap;
    size_t nheap;
    struct phi_bpe_memo *memo; /* words seen lately; bounded */
    struct phi_tally *tally;   /* asked in long words; or NULL */
};

enum phi_status phi_bpe_scratch_init(struct phi_bpe_scratch *s,
                                     struct phi_err *err);
void phi_bpe_scratch_release(struct phi_bpe_scratch *s);

/*
 * Appends the tokens of a word of n >= 1 bytes to *out. PHI_E_FORMAT for a
 * byte without a token; PHI_E_UNSUPPORTED for a word of 4 GiB or more;
 * PHI_E_CANCELLED where s->tally says stop.
 */
enum phi_status phi_bpe_encode(const struct phi_bpe *b,
                               struct phi_bpe_scratch *s, const uint8_t *word,
                               size_t n, struct phi_tokens *out,
                               struct phi_err *err);

#endif
