/* SPDX-License-Identifier: MIT */
/* f32 to F16 and BF16 with AVX-512. */
#include "libconv/kernels/lanes_avx512.h"

#define QUANT_FLOAT_TABLE phi_quant_float_avx512

#include "libconv/kernels/quant_float_body.h"
