/* SPDX-License-Identifier: MIT */
/* The K types with AVX2. */
#include "libconv/kernels/lanes_avx2.h"

#define QUANT_K_TABLE phi_quant_k_avx2

#include "libconv/kernels/quant_k_body.h"
