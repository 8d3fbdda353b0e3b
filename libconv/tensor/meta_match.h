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
 * (a->n): for each key of a its place in b, or PHI_META_NONE, to be released
 * with free(). Takes time in proportion to both lists, where phi_meta_find()
 * for each key takes that of their product. NULL: PHI_E_NOMEM.
 */
size_t *phi_meta_match(const struct phi_meta *a, const struct phi_meta *b,
                       struct phi_err *err);

#endif
