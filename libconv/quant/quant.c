/* SPDX-License-Identifier: MIT */
/* One row a type; see quant.h. */
#include "libconv/quant/quant.h"

#include <float.h>
#include <string.h>

#include "libconv/kernels/quant_kernels.h"

static void copy_f32_out(uint8_t *out, const float *x, size_t n)
{
    memcpy(out, x, n * sizeof(*x));
}

static void copy_f32_in(float *out, const uint8_t *p, size_t n)
{
    memcpy(out, p, n * sizeof(*out));
}

/* The kernels of a type; NULL where there is none. */
static phi_widen_fn widen_of(enum phi_dtype t)
{
    const struct phi_widen_kernels *k = &phi_widen_scalar;

    switch (t) {
    case PHI_F32:
        return copy_f32_in;
    case PHI_F16:
        return k->f16;
    case PHI_BF16:
        return k->bf16;
    case PHI_F64:
        return k->f64;
    case PHI_F8_E4M3:
        return k->f8_e4m3;
    case PHI_F8_E5M2:
        return k->f8_e5m2;
    case PHI_Q4_0:
        return k->q4_0;
    case PHI_Q4_1:
        return k->q4_1;
    case PHI_Q5_0:
        return k->q5_0;
    case PHI_Q5_1:
        return k->q5_1;
    case PHI_Q8_0:
        return k->q8_0;
    case PHI_IQ4_NL:
        return k->iq4_nl;
    case PHI_Q2_K:
        return k->q2_k;
    case PHI_Q3_K:
        return k->q3_k;
    case PHI_Q4_K:
        return k->q4_k;
    case PHI_Q5_K:
        return k->q5_k;
    case PHI_Q6_K:
        return k->q6_k;
    case PHI_IQ4_XS:
        return k->iq4_xs;
    default:
        return NULL;
    }
}

static phi_quantize_fn quantize_of(enum phi_dtype t)
{
    const struct phi_quant_kernels *k = &phi_quant_scalar;

    switch (t) {
    case PHI_F32:
        return copy_f32_out;
    case PHI_F16:
        return k->f16;
    case PHI_BF16:
        return k->bf16;
    case PHI_Q4_0:
        return k->q4_0;
    case PHI_Q4_1:
        return k->q4_1;
    case PHI_Q5_0:
        return k->q5_0;
    case PHI_Q5_1:
        return k->q5_1;
    case PHI_Q8_0:
        return k->q8_0;
    case PHI_Q6_K:
        return k->q6_k;
    default:
        return NULL;
    }
}

bool phi_quant_readable(enum phi_dtype t)
{
    return widen_of(t) != NULL;
}

bool phi_quant_writable(enum phi_dtype t)
{
    return quantize_of(t) != NULL;
}

void phi_quant_to_f32(enum phi_dtype t, const void *src, size_t n, float *dst)
{
    widen_of(t)(dst, src, n / phi_dtype_info(t)->block);
}

void phi_quant_from_f32(enum phi_dtype t, const float *src, size_t n, void *dst)
{
    quantize_of(t)(dst, src, n / phi_dtype_info(t)->block);
}

float phi_quant_limit(enum phi_dtype t)
{
    /* The largest f16 times the largest scale and quant. */
    return t == PHI_Q6_K ? 65504.0f * 128 * 32 : FLT_MAX;
}
