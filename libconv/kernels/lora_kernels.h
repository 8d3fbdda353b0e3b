/* SPDX-License-Identifier: MIT */
/*
 * Adding a LoRA delta to rows of a weight: W + scale B A, and only where the
 * delta is not zero, so that an adapter of zeros leaves every bit, that of
 * -0 too.
 *
 *   x (nrows, ncols) += scale * b (nrows, rank) a (rank, ncols)
 *
 * Each element is summed in one order, d = 0; d = d + b[k] * a[k] for k
 * ascending; x = x + scale * d: rounded after every operation, the same bits
 * in all variants.
 */
#ifndef PHI_KERNELS_LORA_KERNELS_H
#define PHI_KERNELS_LORA_KERNELS_H

#include <stddef.h>
#include <stdint.h>

typedef void (*phi_lora_fn)(float *x, size_t nrows, size_t ncols,
                            const float *b, const float *a, size_t rank,
                            float scale);

/* The best of what the processor's features (cpu/cpu.h) allow; never NULL. */
phi_lora_fn phi_lora_kernel(uint32_t features);

#endif
