/* SPDX-License-Identifier: MIT */
/* The tables that quantizer files export; for quant_kernels.c and those. */
#ifndef PHI_KERNELS_QUANT_TABLES_H
#define PHI_KERNELS_QUANT_TABLES_H

#include "libconv/kernels/quant_kernels.h"

/* Floats and blocks of 32. */
extern const phi_quantize_fn phi_quant_scalar[PHI_NDTYPES];

/* F16 and BF16. */
extern const phi_quantize_fn phi_quant_float_avx2[PHI_NDTYPES];
extern const phi_quantize_fn phi_quant_float_avx512[PHI_NDTYPES];
extern const phi_quantize_fn phi_quant_float_neon[PHI_NDTYPES];

/* Blocks of 32. */
extern const phi_quantize_fn phi_quant_32_avx2[PHI_NDTYPES];
extern const phi_quantize_fn phi_quant_32_avx512[PHI_NDTYPES];
extern const phi_quantize_fn phi_quant_32_neon[PHI_NDTYPES];

/* Q2_K to Q6_K. */
extern const phi_quantize_fn phi_quant_k_scalar[PHI_NDTYPES];
extern const phi_quantize_fn phi_quant_k_avx2[PHI_NDTYPES];
extern const phi_quantize_fn phi_quant_k_avx512[PHI_NDTYPES];
extern const phi_quantize_fn phi_quant_k_neon[PHI_NDTYPES];

/* IQ4_NL and IQ4_XS. */
extern const phi_quantize_fn phi_quant_iq4_scalar[PHI_NDTYPES];
extern const phi_quantize_fn phi_quant_iq4_avx2[PHI_NDTYPES];
extern const phi_quantize_fn phi_quant_iq4_avx512[PHI_NDTYPES];
extern const phi_quantize_fn phi_quant_iq4_neon[PHI_NDTYPES];

/* TQ1_0 and TQ2_0. */
extern const phi_quantize_fn phi_quant_tq_scalar[PHI_NDTYPES];

extern const phi_widen_fn phi_widen_scalar[PHI_NDTYPES];
extern const phi_widen_fn phi_widen_float_avx2[PHI_NDTYPES];
extern const phi_widen_fn phi_widen_float_avx512[PHI_NDTYPES];
extern const phi_widen_fn phi_widen_float_neon[PHI_NDTYPES];
extern const phi_widen_fn phi_widen_tq_scalar[PHI_NDTYPES];

#endif
