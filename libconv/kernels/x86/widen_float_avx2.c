/* SPDX-License-Identifier: MIT */
/* F16 and BF16 to f32 with AVX2 and F16C. */
#include "libconv/kernels/lanes_avx2.h"

#define WIDEN_FLOAT_TABLE phi_widen_float_avx2

#include "libconv/kernels/widen_float_body.h"
