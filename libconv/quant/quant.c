/* SPDX-License-Identifier: MIT */
#include "libconv/quant/quant.h"

#include <float.h>

#include "libconv/kernels/quant_kernels.h"

bool phi_quant_readable(enum phi_dtype t)
{
    return phi_widen_kernel(0, t) != NULL;
}

bool phi_quant_writable(enum phi_dtype t)
{
    return phi_quantize_kernel(0, t) != NULL;
}

void phi_quant_to_f32(enum phi_dtype t, const void *src, size_t n, float *dst)
{
    phi_widen_kernel(0, t)(dst, src, n / phi_dtype_info(t)->block);
}

void phi_quant_from_f32(enum phi_dtype t, const float *src, size_t n, void *dst)
{
    phi_quantize_kernel(0, t)(dst, src, 1, n, NULL);
}

float phi_quant_limit(enum phi_dtype t)
{
    /* The largest f16 times the largest scale and quant. */
    return t == PHI_Q6_K ? 65504.0f * 128 * 32 : FLT_MAX;
}
