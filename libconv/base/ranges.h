/* SPDX-License-Identifier: MIT */
/*
 * Which bytes of a file have been dealt with, each of them once. Bytes that
 * arrive side by side are kept as one range, so the list stays as short as
 * the writing is orderly. Where it is not, as in a file of very many small
 * tensors, adding takes no longer: ranges lie in leaves of bounded size.
 */
#ifndef PHI_BASE_RANGES_H
#define PHI_BASE_RANGES_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"

struct phi_range {
    uint64_t begin;
    uint64_t end; /* > begin */
};

struct phi_ranges_leaf;

/* Zero-initialise; end with phi_ranges_release(). Not for several threads. */
struct phi_ranges {
    struct phi_ranges_leaf **leaves; /* (nleaves), ascending, none empty */
    size_t nleaves;
    size_t cap;
    size_t n; /* ranges, with a gap between any two */
};

/*
 * Adds [begin, begin + n). PHI_E_ARG if one of the bytes is in already or n
 * passes the end of a file. After a failure r is as it was.
 */
enum phi_status phi_ranges_add(struct phi_ranges *r, uint64_t begin, uint64_t n,
                               struct phi_err *err);

/* The first byte at or after `from` that was not added. */
uint64_t phi_ranges_gap(const struct phi_ranges *r, uint64_t from);

/* How many bytes of [begin, end) were added. */
uint64_t phi_ranges_count(const struct phi_ranges *r, uint64_t begin,
                          uint64_t end);

void phi_ranges_release(struct phi_ranges *r);

#endif
