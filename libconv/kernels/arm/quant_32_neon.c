/* SPDX-License-Identifier: MIT */
/* Blocks of 32 with Advanced SIMD. */
#include "libconv/kernels/quants_neon.h"

#define QUANT_32_TABLE phi_quant_32_neon

#include "libconv/kernels/quant_32_body.h"
