/* SPDX-License-Identifier: MIT */
#include "libconv/base/ranges.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/base/size.h"

/* What is moved to make room for a range is a leaf's, or a list of leaves. */
#define LEAF 256u

struct phi_ranges_leaf {
    size_t n; /* at least 1 */
    struct phi_range v[LEAF];
};

struct place {
    size_t leaf;
    size_t i; /* in it */
};

/* The first range that ends after `at`; leaf r->nleaves if there is none. */
static struct place first_after(const struct phi_ranges *r, uint64_t at)
{
    struct place p = {0, 0};
    size_t high = r->nleaves;

    while (p.leaf < high) {
        const size_t mid = p.leaf + (high - p.leaf) / 2;
        const struct phi_ranges_leaf *leaf = r->leaves[mid];

        if (leaf->v[leaf->n - 1].end > at)
            high = mid;
        else
            p.leaf = mid + 1;
    }
    if (p.leaf == r->nleaves)
        return p;
    high = r->leaves[p.leaf]->n - 1;
    while (p.i < high) {
        const size_t mid = p.i + (high - p.i) / 2;

        if (r->leaves[p.leaf]->v[mid].end > at)
            high = mid;
        else
            p.i = mid + 1;
    }
    return p;
}

static struct phi_range *at_place(const struct phi_ranges *r, struct place p)
{
    return p.leaf < r->nleaves ? &r->leaves[p.leaf]->v[p.i] : NULL;
}

static struct phi_range *before(const struct phi_ranges *r, struct place p)
{
    if (p.i > 0)
        return &r->leaves[p.leaf]->v[p.i - 1];
    if (p.leaf == 0)
        return NULL;
    return &r->leaves[p.leaf - 1]->v[r->leaves[p.leaf - 1]->n - 1];
}

static struct place after(const struct phi_ranges *r, struct place p)
{
    return p.i + 1 < r->leaves[p.leaf]->n ? (struct place){p.leaf, p.i + 1}
                                          : (struct place){p.leaf + 1, 0};
}

static void remove_range(struct phi_ranges *r, struct place p)
{
    struct phi_ranges_leaf *leaf = r->leaves[p.leaf];

    leaf->n--;
    r->n--;
    memmove(&leaf->v[p.i], &leaf->v[p.i + 1],
            (leaf->n - p.i) * sizeof(*leaf->v));
    if (leaf->n > 0)
        return;
    free(leaf);
    r->nleaves--;
    memmove(&r->leaves[p.leaf], &r->leaves[p.leaf + 1],
            (r->nleaves - p.leaf) * sizeof(struct phi_ranges_leaf *));
}

/* A new leaf at `at`, which the caller fills. */
static enum phi_status add_leaf(struct phi_ranges *r, size_t at,
                                struct phi_err *err)
{
    struct phi_ranges_leaf *leaf = phi_alloc(1, sizeof(*leaf), err);
    void *list = r->leaves;
    enum phi_status st;

    if (leaf == NULL)
        return PHI_E_NOMEM;
    st = phi_grow(&list, &r->cap, r->nleaves + 1,
                  sizeof(struct phi_ranges_leaf *), err);
    if (st != PHI_OK) {
        free(leaf);
        return st;
    }
    r->leaves = list;
    memmove(&r->leaves[at + 1], &r->leaves[at],
            (r->nleaves - at) * sizeof(struct phi_ranges_leaf *));
    r->leaves[at] = leaf;
    r->nleaves++;
    return PHI_OK;
}

/* Room for one more before *p, which moves with its range. */
static enum phi_status make_room(struct phi_ranges *r, struct place *p,
                                 struct phi_err *err)
{
    struct phi_ranges_leaf *leaf, *upper;
    enum phi_status st;

    if (r->nleaves == 0)
        return add_leaf(r, 0, err);
    /* Behind all others is the end of the last leaf. */
    if (p->leaf == r->nleaves)
        *p = (struct place){r->nleaves - 1, r->leaves[r->nleaves - 1]->n};
    leaf = r->leaves[p->leaf];
    if (leaf->n < LEAF)
        return PHI_OK;
    st = add_leaf(r, p->leaf + 1, err);
    if (st != PHI_OK)
        return st;
    upper = r->leaves[p->leaf + 1];
    /* Half moves up; nothing does where they come in order. */
    upper->n = p->i == LEAF ? 0 : LEAF / 2;
    leaf->n -= upper->n;
    memcpy(upper->v, &leaf->v[leaf->n], upper->n * sizeof(*leaf->v));
    if (p->i >= leaf->n)
        *p = (struct place){p->leaf + 1, p->i - leaf->n};
    return PHI_OK;
}

static enum phi_status insert_range(struct phi_ranges *r, struct place p,
                                    struct phi_range range, struct phi_err *err)
{
    const enum phi_status st = make_room(r, &p, err);
    struct phi_ranges_leaf *leaf;

    if (st != PHI_OK)
        return st;
    leaf = r->leaves[p.leaf];
    memmove(&leaf->v[p.i + 1], &leaf->v[p.i],
            (leaf->n - p.i) * sizeof(*leaf->v));
    leaf->v[p.i] = range;
    leaf->n++;
    r->n++;
    return PHI_OK;
}

enum phi_status phi_ranges_add(struct phi_ranges *r, uint64_t begin, uint64_t n,
                               struct phi_err *err)
{
    const struct place p = first_after(r, begin);
    const bool has_left = p.i > 0 || p.leaf > 0;
    const bool has_right = p.leaf < r->nleaves;
    struct phi_range *left = before(r, p);
    struct phi_range *right = at_place(r, p);
    bool to_left, to_right;
    uint64_t end;

    if (n == 0)
        return PHI_OK;
    if (!phi_add_u64(begin, n, &end) || end > INT64_MAX)
        return phi_fail(err, PHI_E_ARG, "%llu bytes at byte %llu are too many",
                        (unsigned long long)n, (unsigned long long)begin);
    if (has_right && right->begin < end)
        return phi_fail(
            err, PHI_E_ARG, "bytes %llu to %llu were written twice",
            (unsigned long long)(right->begin > begin ? right->begin : begin),
            (unsigned long long)(right->end < end ? right->end : end));
    to_left = has_left && left->end == begin;
    to_right = has_right && right->begin == end;
    if (!to_left && !to_right)
        return insert_range(r, p, (struct phi_range){begin, end}, err);
    if (!to_right) {
        left->end = end;
        return PHI_OK;
    }
    right->begin = to_left ? left->begin : begin;
    /* The last gap between two closes. */
    if (to_left)
        remove_range(r, p.i > 0 ? (struct place){p.leaf, p.i - 1}
                                : (struct place){p.leaf - 1,
                                                 r->leaves[p.leaf - 1]->n - 1});
    return PHI_OK;
}

uint64_t phi_ranges_gap(const struct phi_ranges *r, uint64_t from)
{
    const struct phi_range *v = at_place(r, first_after(r, from));

    return v != NULL && v->begin <= from ? v->end : from;
}

uint64_t phi_ranges_count(const struct phi_ranges *r, uint64_t begin,
                          uint64_t end)
{
    struct place p = first_after(r, begin);
    const struct phi_range *v = at_place(r, p);
    uint64_t n = 0;

    while (v != NULL && v->begin < end) {
        n += (v->end < end ? v->end : end) -
             (v->begin > begin ? v->begin : begin);
        p = after(r, p);
        v = at_place(r, p);
    }
    return n;
}

void phi_ranges_release(struct phi_ranges *r)
{
    for (size_t i = 0; i < r->nleaves; i++)
        free(r->leaves[i]);
    free(r->leaves);
    *r = (struct phi_ranges){0};
}
