/* SPDX-License-Identifier: MIT */
/* The table that each kernel file exports; for kernels.c and those files. */
#ifndef PHI_KERNELS_TABLES_H
#define PHI_KERNELS_TABLES_H

#include "libconv/kernels/kernels.h"

extern const struct phi_gemm_kernels phi_gemm_f32_scalar;
extern const struct phi_gemm_kernels phi_gemm_f32_avx2;
extern const struct phi_gemm_kernels phi_gemm_f32_avx512;
extern const struct phi_gemm_kernels phi_gemm_f32_neon;

extern const struct phi_vec_kernels phi_vec_f32_scalar;
extern const struct phi_vec_kernels phi_vec_f32_avx2;
extern const struct phi_vec_kernels phi_vec_f32_avx512;

#endif
