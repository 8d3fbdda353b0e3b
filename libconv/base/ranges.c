/* SPDX-License-Identifier: MIT */
#include "libconv/base/ranges.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/base/size.h"

/* The first range that ends after `at`; n if there is none. */
static size_t first_after(const struct phi_ranges *r, uint64_t at)
{
    size_t low = 0;
    size_t high = r->n;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;

        if (r->v[mid].end > at)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

enum phi_status phi_ranges_add(struct phi_ranges *r, uint64_t begin, uint64_t n,
                               struct phi_err *err)
{
    const size_t i = first_after(r, begin);
    uint64_t end;
    bool left;
    bool right;
    void *v = r->v;
    enum phi_status st;

    if (n == 0)
        return PHI_OK;
    if (!phi_add_u64(begin, n, &end) || end > INT64_MAX)
        return phi_fail(err, PHI_E_ARG, "%llu bytes at byte %llu are too many",
                        (unsigned long long)n, (unsigned long long)begin);
    if (i < r->n && r->v[i].begin < end)
        return phi_fail(
            err, PHI_E_ARG, "bytes %llu to %llu were written twice",
            (unsigned long long)(r->v[i].begin > begin ? r->v[i].begin : begin),
            (unsigned long long)(r->v[i].end < end ? r->v[i].end : end));
    left = i > 0 && r->v[i - 1].end == begin;
    right = i < r->n && r->v[i].begin == end;
    if (left && right) { /* the last gap between two closes */
        r->v[i - 1].end = r->v[i].end;
        memmove(&r->v[i], &r->v[i + 1], (r->n - i - 1) * sizeof(*r->v));
        r->n--;
    } else if (left) {
        r->v[i - 1].end = end;
    } else if (right) {
        r->v[i].begin = begin;
    } else {
        st = phi_grow(&v, &r->cap, r->n + 1, sizeof(*r->v), err);
        if (st != PHI_OK)
            return st;
        r->v = v;
        memmove(&r->v[i + 1], &r->v[i], (r->n - i) * sizeof(*r->v));
        r->v[i] = (struct phi_range){begin, end};
        r->n++;
    }
    return PHI_OK;
}

uint64_t phi_ranges_gap(const struct phi_ranges *r, uint64_t from)
{
    const size_t i = first_after(r, from);

    return i < r->n && r->v[i].begin <= from ? r->v[i].end : from;
}

uint64_t phi_ranges_count(const struct phi_ranges *r, uint64_t begin,
                          uint64_t end)
{
    uint64_t n = 0;

    for (size_t i = first_after(r, begin); i < r->n && r->v[i].begin < end;
         i++) {
        const struct phi_range *v = &r->v[i];

        n += (v->end < end ? v->end : end) -
             (v->begin > begin ? v->begin : begin);
    }
    return n;
}

void phi_ranges_release(struct phi_ranges *r)
{
    free(r->v);
    *r = (struct phi_ranges){0};
}
