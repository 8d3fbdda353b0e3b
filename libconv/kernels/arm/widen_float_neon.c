/* SPDX-License-Identifier: MIT */
/* F16 and BF16 to f32 with Advanced SIMD. */
#include "libconv/kernels/lanes_neon.h"

#define WIDEN_FLOAT_TABLE phi_widen_float_neon

#include "libconv/kernels/widen_float_body.h"
