/* SPDX-License-Identifier: MIT */
/*
 * The contract of the block quantizers and of widening. Class "exact": every
 * variant gives the bytes of the scalar one, which are those of ggml's
 * ggml_quantize_chunk() on x86-64. Blocks are defined in ggml's
 * ggml-common.h; each is drawn where it is made.
 *
 * A kernel file exports one const table, a row a type, NULL where it has no
 * kernel; quant_kernels.c lists the tables and what each needs.
 */
#ifndef PHI_KERNELS_QUANT_KERNELS_H
#define PHI_KERNELS_QUANT_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/tensor/dtype.h"

/*
 * Quantizes x (nrows, ncols), all finite, ncols a multiple of the block, to
 * rows of blocks without gaps. importance (ncols), finite and not negative,
 * weighs the squared error of each column; NULL: the type's own weights.
 * Types that do not search for a scale ignore it. Any alignment.
 *
 * A block whose scale is so small that its reciprocal overflows gets the
 * quants that x86 computes there (0x80000000's low byte); a scale past f16
 * is stored as infinity, for the caller to find.
 */
typedef void (*phi_quantize_fn)(uint8_t *out, const float *x, size_t nrows,
                                size_t ncols, const float *importance);

/* nblk blocks to nblk * block values of f32. Any alignment. */
typedef void (*phi_widen_fn)(float *out, const uint8_t *blocks, size_t nblk);

/*
 * The best kernel for a type that needs no more than `features`
 * (cpu/cpu.h; 0: the scalar one); NULL if there is none at all.
 */
phi_quantize_fn phi_quantize_kernel(uint32_t features, enum phi_dtype t);
phi_widen_fn phi_widen_kernel(uint32_t features, enum phi_dtype t);

#endif
