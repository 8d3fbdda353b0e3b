/* SPDX-License-Identifier: MIT */
/* F16 and BF16 to f32 with AVX-512. */
#include "libconv/kernels/lanes_avx512.h"

#define WIDEN_FLOAT_TABLE phi_widen_float_avx512

#include "libconv/kernels/widen_float_body.h"
