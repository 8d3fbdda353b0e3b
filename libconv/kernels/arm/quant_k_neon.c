/* SPDX-License-Identifier: MIT */
/* The K types with NEON. */
#include "libconv/kernels/lanes_neon.h"

#define QUANT_K_TABLE phi_quant_k_neon

#include "libconv/kernels/quant_k_body.h"
