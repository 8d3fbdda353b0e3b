/* SPDX-License-Identifier: MIT */
/* The tables of the integer product, for gemm_i8.c and the kernel files. */
#ifndef PHI_KERNELS_GEMM_I8_TABLES_H
#define PHI_KERNELS_GEMM_I8_TABLES_H

#include "libconv/kernels/body.h"
#include "libconv/kernels/gemm_i8.h"

/* A row a form, a column a mode. */
typedef const phi_gemm_i8_fn phi_gemm_i8_table[PHI_PANEL_FORMS][PHI_ACT_MODES];

extern phi_gemm_i8_table phi_gemm_i8_scalar;
extern phi_gemm_i8_table phi_gemm_i8_avx2;
extern phi_gemm_i8_table phi_gemm_i8_avxvnni;
extern phi_gemm_i8_table phi_gemm_i8_avx512vnni;
extern phi_gemm_i8_table phi_gemm_i8_neon;
extern phi_gemm_i8_table phi_gemm_i8_dotprod;
extern phi_gemm_i8_table phi_gemm_i8_i8mm;

extern const phi_unpack_fn phi_unpack_panel_scalar[PHI_NDTYPES];
extern const phi_unpack_fn phi_unpack_panel_avx2[PHI_NDTYPES];

extern const phi_act_fn phi_act_i8_scalar[PHI_ACT_MODES];
extern const phi_act_fn phi_act_i8_avx2[PHI_ACT_MODES];

#endif
