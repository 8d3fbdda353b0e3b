/* SPDX-License-Identifier: MIT */
/* Blocks of 32 with AVX-512. */
#include "libconv/kernels/quants_avx512.h"

#define QUANT_32_TABLE phi_quant_32_avx512

#include "libconv/kernels/quant_32_body.h"
