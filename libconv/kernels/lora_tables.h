/* SPDX-License-Identifier: MIT */
/* The variants of the kernel of lora_kernels.h, for those who choose. */
#ifndef PHI_KERNELS_LORA_TABLES_H
#define PHI_KERNELS_LORA_TABLES_H

#include "libconv/kernels/lora_kernels.h"

extern const phi_lora_fn phi_lora_scalar;
extern const phi_lora_fn phi_lora_avx2;
extern const phi_lora_fn phi_lora_avx512;
extern const phi_lora_fn phi_lora_neon;

#endif
