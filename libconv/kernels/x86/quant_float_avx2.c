/* SPDX-License-Identifier: MIT */
/* f32 to F16 and BF16 with AVX2 and F16C. */
#include "libconv/kernels/lanes_avx2.h"

#define QUANT_FLOAT_TABLE phi_quant_float_avx2

#include "libconv/kernels/quant_float_body.h"
