/* SPDX-License-Identifier: MIT */
/* f32 to F16 and BF16 with Advanced SIMD. */
#include "libconv/kernels/lanes_neon.h"

#define QUANT_FLOAT_TABLE phi_quant_float_neon

#include "libconv/kernels/quant_float_body.h"
