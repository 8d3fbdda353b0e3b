/* SPDX-License-Identifier: MIT */
#include "libconv/text/bpe.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/base/siphash.h"

/* A run of the word's bytes that is one token so far. */
struct phi_bpe_symbol {
    uint32_t token; /* PHI_NO_TOKEN: swallowed by the symbol to its left */
    uint32_t prev;  /* indices; NO_SYMBOL at the ends */
    uint32_t next;
};

#define NO_SYMBOL UINT32_MAX

/*
 * Words repeat: each is remembered in the one slot that its hash names, if
 * it is short, until another takes the slot. 64 bytes, a cache line.
 */
#define MEMO_BYTES  22
#define MEMO_TOKENS 9
#define MEMO_SLOTS  32768u

struct phi_bpe_memo {
    uint32_t hash;
    uint8_t nbytes; /* 0: free */
    uint8_t ntokens;
    uint8_t word[MEMO_BYTES];
    uint32_t token[MEMO_TOKENS];
};

/* Steps in a long word between two questions whether to go on. */
#define ASK_STEPS 8192u

/*
 * A file chooses the pairs, but not the secret. Whatever two pairs it takes,
 * they have one slot with a chance of one to the number of slots (multilinear
 * hashing, Lemire and Kaser 2014: 32 bits of 64 are left). So on average a
 * pair, be it there or not, meets half another one in its chain: more than
 * that is not asked of a table of chains, and SipHash would take longer.
 */
static size_t slot_of(const struct phi_bpe *b, uint32_t left, uint32_t right)
{
    const uint64_t h =
        b->secret[0] + b->secret[1] * left + b->secret[2] * right;

    return (size_t)(h >> (64 - b->slot_bits));
}

/* The rank of a pair, or PHI_NO_TOKEN. */
static uint32_t find(const struct phi_bpe *b, uint32_t left, uint32_t right)
{
    uint32_t rank = b->first[slot_of(b, left, right)];

    while (rank != PHI_NO_TOKEN &&
           (b->merge[rank].left != left || b->merge[rank].right != right))
        rank = b->next[rank];
    return rank;
}

static void choose_secret(struct phi_bpe *b)
{
    uint64_t key[2];

    phi_siphash_secret(key, b->first, b);
    for (uint8_t i = 0; i < 3; i++)
        b->secret[i] = phi_siphash(key, &i, 1);
}

enum phi_status phi_bpe_init(struct phi_bpe *b, size_t nmerges,
                             struct phi_err *err)
{
    size_t nslots = 16;

    if (nmerges > (size_t)1 << 31)
        return phi_fail(err, PHI_E_FORMAT, "%zu merges, expected at most 2^31",
                        nmerges);
    b->slot_bits = 4;
    for (; nslots / 2 < nmerges; nslots *= 2)
        b->slot_bits++;
    b->merge = phi_alloc(nmerges, sizeof(*b->merge), err);
    b->next = phi_alloc(nmerges, sizeof(*b->next), err);
    b->first = phi_alloc(nslots, sizeof(*b->first), err);
    if (b->merge == NULL || b->next == NULL || b->first == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < nslots; i++)
        b->first[i] = PHI_NO_TOKEN;
    choose_secret(b);
    return PHI_OK;
}

enum phi_status phi_bpe_add(struct phi_bpe *b, struct phi_bpe_merge merge,
                            struct phi_err *err)
{
    const uint32_t there = find(b, merge.left, merge.right);
    uint32_t *first = &b->first[slot_of(b, merge.left, merge.right)];

    if (there != PHI_NO_TOKEN)
        return phi_fail(err, PHI_E_FORMAT, "the same pair is merge %lu already",
                        (unsigned long)there);
    b->merge[b->nmerges] = merge;
    b->next[b->nmerges] = *first;
    *first = (uint32_t)b->nmerges++;
    return PHI_OK;
}

void phi_bpe_release(struct phi_bpe *b)
{
    free(b->merge);
    free(b->first);
    free(b->next);
    *b = (struct phi_bpe){0};
}

size_t phi_bpe_known(const struct phi_bpe *b, const uint8_t *word, size_t n)
{
    size_t i = 0;

    while (i < n && b->byte_token[word[i]] != PHI_NO_TOKEN)
        i++;
    return i;
}

enum phi_status phi_bpe_scratch_init(struct phi_bpe_scratch *s,
                                     struct phi_err *err)
{
    s->memo = phi_alloc(MEMO_SLOTS, sizeof(*s->memo), err);
    return s->memo != NULL ? PHI_OK : PHI_E_NOMEM;
}

void phi_bpe_scratch_release(struct phi_bpe_scratch *s)
{
    free(s->symbol);
    free(s->heap);
    free(s->memo);
    *s = (struct phi_bpe_scratch){0};
}

/* Step i of a loop over a word is done: whether to go on, now and then. */
static enum phi_status ask(const struct phi_bpe_scratch *s, size_t i,
                           struct phi_err *err)
{
    return i % ASK_STEPS == ASK_STEPS - 1 ? phi_tally_ask(s->tally, err)
                                          : PHI_OK;
}

/*
 * The heap: smallest first, an entry is rank << 32 | index of the left
 * symbol, so that order is rank, then place. Entries are not removed when
 * their symbols change; they are recognised as stale when they come up.
 */
static void sift_down(uint64_t *heap, size_t n, size_t i)
{
    const uint64_t v = heap[i];

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= n)
            break;
        if (child + 1 < n && heap[child + 1] < heap[child])
            child++;
        if (v <= heap[child])
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = v;
}

static void sift_up(uint64_t *heap, size_t i)
{
    const uint64_t v = heap[i];

    while (i > 0 && v < heap[(i - 1) / 2]) {
        heap[i] = heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap[i] = v;
}

/* Appends the pair that begins at `left`, if it is in the list of merges. */
static bool put_pair(const struct phi_bpe *b, struct phi_bpe_scratch *s,
                     uint32_t left)
{
    const uint32_t right = s->symbol[left].next;
    uint32_t rank;

    if (right == NO_SYMBOL)
        return false;
    rank = find(b, s->symbol[left].token, s->symbol[right].token);
    if (rank == PHI_NO_TOKEN)
        return false;
    s->heap[s->nheap++] = (uint64_t)rank << 32 | left;
    return true;
}

/*
 * One symbol a byte, and all pairs of neighbours in the heap. Each join takes
 * an entry out and puts at most two in, hence room for 2 n entries.
 */
static enum phi_status begin(const struct phi_bpe *b, struct phi_bpe_scratch *s,
                             const uint8_t *word, size_t n, struct phi_err *err)
{
    void *p = s->symbol;
    enum phi_status st =
        phi_grow(&p, &s->symbol_cap, n, sizeof(*s->symbol), err);

    s->symbol = p;
    if (st != PHI_OK)
        return st;
    p = s->heap;
    st = phi_grow(&p, &s->heap_cap, 2 * n, sizeof(*s->heap), err);
    s->heap = p;
    if (st != PHI_OK)
        return st;
    for (uint32_t i = 0; st == PHI_OK && i < n; i++) {
        const uint32_t token = b->byte_token[word[i]];

        if (token == PHI_NO_TOKEN)
            return phi_fail(err, PHI_E_FORMAT,
                            "the vocabulary has no token for byte 0x%02X",
                            word[i]);
        s->symbol[i] = (struct phi_bpe_symbol){token, i - 1, i + 1};
        st = ask(s, i, err);
    }
    if (st != PHI_OK)
        return st;
    s->symbol[0].prev = NO_SYMBOL;
    s->symbol[n - 1].next = NO_SYMBOL;
    s->nheap = 0;
    for (uint32_t i = 0; st == PHI_OK && i < n; i++) {
        (void)put_pair(b, s, i);
        st = ask(s, i, err);
    }
    for (size_t i = s->nheap / 2; st == PHI_OK && i-- > 0;) {
        sift_down(s->heap, s->nheap, i);
        st = ask(s, i, err);
    }
    return st;
}

static void push_pair(const struct phi_bpe *b, struct phi_bpe_scratch *s,
                      uint32_t left)
{
    if (put_pair(b, s, left))
        sift_up(s->heap, s->nheap - 1);
}

/* Takes the first entry and joins its pair, unless the entry is stale. */
static void join_first(const struct phi_bpe *b, struct phi_bpe_scratch *s)
{
    const struct phi_bpe_merge *m = &b->merge[s->heap[0] >> 32];
    const uint32_t at = (uint32_t)s->heap[0];
    struct phi_bpe_symbol *left = &s->symbol[at];
    struct phi_bpe_symbol *right;

    s->heap[0] = s->heap[--s->nheap];
    if (s->nheap > 0)
        sift_down(s->heap, s->nheap, 0);
    if (left->token != m->left || left->next == NO_SYMBOL)
        return;
    right = &s->symbol[left->next];
    if (right->token != m->right)
        return;
    left->token = m->result;
    left->next = right->next;
    right->token = PHI_NO_TOKEN;
    if (left->next != NO_SYMBOL)
        s->symbol[left->next].prev = at;
    push_pair(b, s, at);
    if (left->prev != NO_SYMBOL)
        push_pair(b, s, left->prev);
}

static enum phi_status merge_word(const struct phi_bpe *b,
                                  struct phi_bpe_scratch *s,
                                  const uint8_t *word, size_t n,
                                  struct phi_tokens *out, struct phi_err *err)
{
    enum phi_status st = begin(b, s, word, n, err);

    for (size_t i = 0; st == PHI_OK && s->nheap > 0; i++) {
        join_first(b, s);
        st = ask(s, i, err);
    }
    for (uint32_t i = 0; st == PHI_OK && i != NO_SYMBOL;
         i = s->symbol[i].next) {
        st = phi_tokens_put(out, &s->symbol[i].token, 1, err);
        if (st == PHI_OK)
            st = ask(s, out->n, err);
    }
    return st;
}

/*
 * FNV-1a, mixed so that any bits of it will do. It has no secret: words that
 * a text chose to fall on one slot only drive each other out of it.
 */
static uint32_t hash_word(const uint8_t *word, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ word[i]) * 0x100000001b3u;
    h *= 0x9e3779b97f4a7c15u;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    return (uint32_t)(h ^ h >> 32);
}

enum phi_status phi_bpe_encode(const struct phi_bpe *b,
                               struct phi_bpe_scratch *s, const uint8_t *word,
                               size_t n, struct phi_tokens *out,
                               struct phi_err *err)
{
    const size_t before = out->n;
    struct phi_bpe_memo *memo;
    enum phi_status st;
    uint32_t hash;

    if (n >= UINT32_MAX)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "a word of %zu bytes, expected less than 4 GiB", n);
    if (n > MEMO_BYTES)
        return merge_word(b, s, word, n, out, err);
    hash = hash_word(word, n);
    memo = &s->memo[hash & (MEMO_SLOTS - 1)];
    if (memo->nbytes == n && memo->hash == hash &&
        memcmp(memo->word, word, n) == 0)
        return phi_tokens_put(out, memo->token, memo->ntokens, err);
    st = merge_word(b, s, word, n, out, err);
    if (st == PHI_OK && out->n - before <= MEMO_TOKENS) {
        memo->hash = hash;
        memo->nbytes = (uint8_t)n;
        memo->ntokens = (uint8_t)(out->n - before);
        memcpy(memo->word, word, n);
        memcpy(memo->token, out->id + before,
               memo->ntokens * sizeof(*memo->token));
    }
    return st;
}
