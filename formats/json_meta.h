/* SPDX-License-Identifier: MIT */
/* A JSON document as metadata, for those that only show it. */
#ifndef PHI_FORMATS_JSON_META_H
#define PHI_FORMATS_JSON_META_H

#include "formats/json.h"
#include "libconv/base/err.h"
#include "libconv/tensor/meta.h"

/*
 * Appends every value of an object under its path, "PREFIX.key.inner": numbers
 * written as integers as uint64 or int64, others as float64. Arrays of strings
 * and of integers that are not negative are arrays; other ones have a number
 * in the path, "PREFIX.key.0". null, {} and [] say nothing and are left out.
 * prefix may be "". PHI_E_UNSUPPORTED for what is too much to be shown, or has
 * the path of another value.
 */
enum phi_status phi_json_meta(struct phi_meta *meta, const char *prefix,
                              const struct phi_json *object,
                              struct phi_err *err);

#endif
