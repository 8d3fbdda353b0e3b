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

/* nblk * block values of f32 to nblk blocks. */
typedef void (*phi_quantize_fn)(uint8_t *out, const float *x, size_t nblk);

/* nblk blocks to nblk * block values of f32. */
typedef void (*phi_widen_fn)(float *out, const uint8_t *blocks, size_t nblk);

struct phi_quant_kernels {
    phi_quantize_fn f16, bf16;
    phi_quantize_fn q4_0, q4_1, q5_0, q5_1, q8_0, q6_k;
};

struct phi_widen_kernels {
    phi_widen_fn f16, bf16, f64, f8_e4m3, f8_e5m2;
    phi_widen_fn q4_0, q4_1, q5_0, q5_1, q8_0, iq4_nl;
    phi_widen_fn q2_k, q3_k, q4_k, q5_k, q6_k, iq4_xs;
};

extern const struct phi_quant_kernels phi_quant_scalar;
extern const struct phi_widen_kernels phi_widen_scalar;

#endif
