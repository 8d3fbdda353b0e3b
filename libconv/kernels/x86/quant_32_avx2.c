/* SPDX-License-Identifier: MIT */
/* Blocks of 32 with AVX2 and F16C. */
#include "libconv/kernels/quants_avx2.h"

#define QUANT_32_TABLE phi_quant_32_avx2

#include "libconv/kernels/quant_32_body.h"
