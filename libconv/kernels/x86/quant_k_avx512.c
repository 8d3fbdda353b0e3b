/* SPDX-License-Identifier: MIT */
/* The K types with AVX-512. */
#include "libconv/kernels/lanes_avx512.h"

#define QUANT_K_TABLE phi_quant_k_avx512

#include "libconv/kernels/quant_k_body.h"
