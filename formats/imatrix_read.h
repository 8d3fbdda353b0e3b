/* SPDX-License-Identifier: MIT */
/*
 * Importance matrices as llama-imatrix writes them, in both forms. All
 * numbers are little-endian.
 *
 *   GGUF:    keys general.type = "imatrix", imatrix.datasets (strings),
 *            imatrix.chunk_count, imatrix.chunk_size
 *            tensors F32 NAME.in_sum2 (experts, columns), NAME.counts (experts)
 *   legacy:  i32 entries
 *            i32 length, name, i32 calls, i32 values, f32[values]   an entry
 *            i32 chunks, i32 length, data set                       or nothing
 */
#ifndef PHI_FORMATS_IMATRIX_READ_H
#define PHI_FORMATS_IMATRIX_READ_H

#include "libconv/base/err.h"
#include "libconv/tensor/imatrix.h"

/* Of a file; Phi-2's have some 4 MB, larger models' tens. */
#define PHI_IMATRIX_MAX_BYTES (256u << 20)

/*
 * Reads and checks a whole file of either form, told apart by GGUF's magic.
 * The values are those that llama-quantize computes. Errors name the file;
 * *out is empty after one, and otherwise the caller's to release.
 */
enum phi_status phi_imatrix_read(struct phi_imatrix *out, const char *path,
                                 struct phi_err *err);

#endif
