/* SPDX-License-Identifier: MIT */
#include "libconv/text/added_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"

enum phi_status phi_added_tokens_put(struct phi_added_tokens *a,
                                     const uint8_t *text, size_t n, uint32_t id,
                                     struct phi_err *err)
{
    void *p = a->token;
    enum phi_status st;

    if (n == 0)
        return PHI_OK;
    st = phi_grow(&p, &a->cap, a->n + 1, sizeof(*a->token), err);
    a->token = p;
    if (st == PHI_OK)
        a->token[a->n++] = (struct phi_added_token){text, n, id};
    return st;
}

/* By bytes, a prefix before what it begins. No two texts are equal. */
static int compare(const void *x, const void *y)
{
    const struct phi_added_token *a = x;
    const struct phi_added_token *b = y;
    const int c = memcmp(a->text, b->text, a->n < b->n ? a->n : b->n);

    return c != 0 ? c : (a->n > b->n) - (a->n < b->n);
}

void phi_added_tokens_sort(struct phi_added_tokens *a)
{
    size_t i = 0;

    if (a->n > 0)
        qsort(a->token, a->n, sizeof(*a->token), compare);
    for (uint32_t b = 0; b < 256; b++) {
        a->first[b] = (uint32_t)i;
        while (i < a->n && a->token[i].text[0] == b)
            i++;
    }
    a->first[256] = (uint32_t)i;
}

/*
 * The first token of [lo, hi) whose byte `at` is `byte` or more. All of them
 * share the bytes before it, and one that ends there sorts first.
 */
static size_t lower(const struct phi_added_token *t, size_t lo, size_t hi,
                    size_t at, uint32_t byte)
{
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;

        if (t[mid].n <= at || t[mid].text[at] < byte)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/*
 * The longest token at the start of text, or NULL: narrows byte by byte. Adds
 * to *steps how many.
 */
static const struct phi_added_token *longest(const struct phi_added_tokens *a,
                                             const uint8_t *text, size_t n,
                                             size_t *steps)
{
    const struct phi_added_token *t = a->token;
    const struct phi_added_token *best = NULL;
    size_t lo = a->first[text[0]];
    size_t hi = a->first[text[0] + 1];

    size_t at = 1;

    for (; lo < hi; at++) {
        if (t[lo].n == at)
            best = &t[lo++];
        if (at == n)
            break;
        lo = lower(t, lo, hi, at, text[at]);
        hi = lower(t, lo, hi, at, text[at] + 1u);
    }
    *steps += at - 1;
    return best;
}

size_t phi_added_tokens_find(const struct phi_added_tokens *a,
                             const uint8_t *text, size_t n, size_t from,
                             size_t *steps,
                             const struct phi_added_token **found)
{
    const size_t most = *steps;
    size_t deeper = 0; /* steps behind the first byte of each place */
    size_t i = from;

    *found = NULL;
    if (a->n == 0)
        i = n;
    for (; i < n && i - from + deeper <= most; i++) {
        if (a->first[text[i]] == a->first[text[i] + 1])
            continue;
        *found = longest(a, text + i, n - i, &deeper);
        if (*found != NULL)
            break;
    }
    *steps = i - from + deeper;
    return i;
}

void phi_added_tokens_release(struct phi_added_tokens *a)
{
    free(a->token);
    *a = (struct phi_added_tokens){0};
}
