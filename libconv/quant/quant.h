/* SPDX-License-Identifier: MIT */
/*
 * Between f32 rows and stored elements: every float type both ways, blocks
 * to f32 exactly as ggml widens them, and f32 to blocks bit for bit as
 * ggml_quantize_chunk() does without an importance matrix.
 */
#ifndef PHI_QUANT_QUANT_H
#define PHI_QUANT_QUANT_H

#include <stddef.h>

#include "libconv/tensor/dtype.h"

/* Whether phi_quant_to_f32() and phi_quant_from_f32() know the type. */
bool phi_quant_readable(enum phi_dtype t);
bool phi_quant_writable(enum phi_dtype t);

/*
 * Widens n elements (a multiple of the block) from src, at any alignment.
 * t must be readable. F64 is rounded to the nearest f32; the rest is exact,
 * or for blocks one fixed order of f32 operations.
 */
void phi_quant_to_f32(enum phi_dtype t, const void *src, size_t n, float *dst);

/*
 * Stores n elements (a multiple of the block) to dst; t must be writable. What
 * is too large shows as an infinity or NaN when it is read back, except
 * magnitudes past phi_quant_limit().
 */
void phi_quant_from_f32(enum phi_dtype t, const float *src, size_t n,
                        void *dst);

/*
 * The largest magnitude that t takes. Past it the search for Q6_K's scales
 * overflows f32, and ggml's bytes say 0 where a large weight was.
 */
float phi_quant_limit(enum phi_dtype t);

#endif
