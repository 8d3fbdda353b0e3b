/* SPDX-License-Identifier: MIT */
/*
 * The contract of the block quantizers and of widening. Class "exact": every
 * variant gives the bytes of the scalar one, which are those of ggml's
 * ggml_quantize_chunk() on x86-64 without an importance matrix.
 *
 * All take whole blocks, at any alignment, nblk >= 0. Sources of quantizers
 * must be finite. A block whose scale is so small that its reciprocal
 * overflows gets the quants that x86 computes there (0x80000000's low byte).
 * Blocks are defined in ggml's ggml-common.h; each is drawn where it is made.
 */
#ifndef PHI_KERNELS_QUANT_KERNELS_H
#define PHI_KERNELS_QUANT_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/tensor/dtype.h"

/* nblk * block values of f32 to nblk blocks. */
typedef void (*phi_quantize_fn)(uint8_t *out, const float *x, size_t nblk);

/* nblk blocks to nblk * block values of f32. */
typedef void (*phi_widen_fn)(float *out, const uint8_t *blocks, size_t nblk);

/* One entry a type, NULL where there is no kernel. */
extern const phi_quantize_fn phi_quantize_scalar[PHI_NDTYPES];
extern const phi_widen_fn phi_widen_scalar[PHI_NDTYPES];

#endif
