/* SPDX-License-Identifier: MIT */
/*
 * An importance matrix as a source, for looking at it: a tensor an entry, F32,
 * with the values that quantizers use (mean squares), the same for both forms
 * of file. They are computed, so that a tensor's bytes are those of no place
 * in the file: its offset counts in the values, one tensor after the other.
 * Format "imatrix".
 */
#ifndef PHI_FORMATS_IMATRIX_SOURCE_H
#define PHI_FORMATS_IMATRIX_SOURCE_H

#include "libconv/base/err.h"
#include "libconv/tensor/source.h"

/* On success the caller owns *out. */
enum phi_status phi_imatrix_open(struct phi_source **out, const char *path,
                                 struct phi_err *err);

#endif
