/* SPDX-License-Identifier: MIT */
/*
 * The head of a safetensors file, built in memory, and where the data of its
 * tensors goes. In the reference's order, the same tensors give the bytes that
 * the Python library writes: types in descending order of its enumeration,
 * then names; data without gaps; the header padded with blanks to eight bytes.
 */
#ifndef PHI_FORMATS_SAFETENSORS_LAYOUT_H
#define PHI_FORMATS_SAFETENSORS_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "formats/safetensors.h"
#include "libconv/base/buf.h"
#include "libconv/base/err.h"

struct phi_st_layout {
    struct phi_buf header; /* all before the data, with its length */
    uint64_t *at;          /* (n + 1) begin of each tensor in the file; its end
                              is the begin of the next */
    size_t n;
};

/* Brings entries, borrowed, into the reference's order. */
void phi_st_sort(const struct phi_st_entry **entries, size_t n);

/*
 * Lays n tensors out in the order given. metadata: keys and values by turns,
 * a NULL at the end; or NULL. PHI_E_ARG for a type or shape that cannot be
 * written, a name that is there twice, a header that is too long. To be ended
 * with phi_st_layout_release(), after a failure too.
 */
enum phi_status phi_st_layout_init(struct phi_st_layout *out,
                                   const struct phi_st_entry *const *entries,
                                   size_t n, const char *const *metadata,
                                   struct phi_err *err);
void phi_st_layout_release(struct phi_st_layout *l);

#endif
