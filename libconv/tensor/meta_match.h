/* SPDX-License-Identifier: MIT */
/* Which keys of one list of metadata are in another, of many at once. */
#ifndef PHI_TENSOR_META_MATCH_H
#define PHI_TENSOR_META_MATCH_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/tensor/meta.h"

#define PHI_META_NONE SIZE_MAX

/*
 * For each key of a, in *out (a->n), its place in b, or PHI_META_NONE. Takes
 * time in proportion to both lists, where phi_meta_find() for each key takes
 * that of their product. The caller frees *out. PHI_E_NOMEM.
 */
enum phi_status phi_meta_match(size_t **out, const struct phi_meta *a,
                               const struct phi_meta *b, struct phi_err *err);

#endif
