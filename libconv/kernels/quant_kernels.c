/* SPDX-License-Identifier: MIT */
#include "libconv/kernels/quant_kernels.h"

#include "libconv/cpu/cpu.h"
#include "libconv/kernels/quant_tables.h"

/* Best first: the first row with an entry for the type is taken. */
static const struct {
    uint32_t needs;
    const phi_quantize_fn *table; /* (PHI_NDTYPES) */
} quantizers[] = {
#if defined(__x86_64__)
    {PHI_CPU_AVX512, phi_quant_float_avx512},
    {PHI_CPU_AVX512, phi_quant_32_avx512},
    {PHI_CPU_AVX512, phi_quant_iq4_avx512},
    {PHI_CPU_AVX512, phi_quant_k_avx512},
    {PHI_CPU_AVX2, phi_quant_float_avx2},
    {PHI_CPU_AVX2, phi_quant_32_avx2},
    {PHI_CPU_AVX2, phi_quant_iq4_avx2},
    {PHI_CPU_AVX2, phi_quant_k_avx2},
#elif defined(__aarch64__)
    {PHI_CPU_NEON, phi_quant_float_neon},
    {PHI_CPU_NEON, phi_quant_32_neon},
    {PHI_CPU_NEON, phi_quant_iq4_neon},
    {PHI_CPU_NEON, phi_quant_k_neon},
#endif
    {0, phi_quant_scalar},
    {0, phi_quant_k_scalar},
    {0, phi_quant_iq4_scalar},
    {0, phi_quant_tq_scalar},
};

static const struct {
    uint32_t needs;
    const phi_widen_fn *table; /* (PHI_NDTYPES) */
} wideners[] = {
#if defined(__x86_64__)
    {PHI_CPU_AVX512, phi_widen_float_avx512},
    {PHI_CPU_AVX2, phi_widen_float_avx2},
#elif defined(__aarch64__)
    {PHI_CPU_NEON, phi_widen_float_neon},
#endif
    {0, phi_widen_scalar},
    {0, phi_widen_tq_scalar},
};

phi_quantize_fn phi_quantize_kernel(uint32_t features, enum phi_dtype t)
{
    for (size_t i = 0; i < sizeof(quantizers) / sizeof(quantizers[0]); i++) {
        if ((quantizers[i].needs & ~features) == 0 &&
            quantizers[i].table[t] != NULL)
            return quantizers[i].table[t];
    }
    return NULL;
}

phi_widen_fn phi_widen_kernel(uint32_t features, enum phi_dtype t)
{
    for (size_t i = 0; i < sizeof(wideners) / sizeof(wideners[0]); i++) {
        if ((wideners[i].needs & ~features) == 0 &&
            wideners[i].table[t] != NULL)
            return wideners[i].table[t];
    }
    return NULL;
}
