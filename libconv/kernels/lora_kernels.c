/* SPDX-License-Identifier: MIT */
#include "libconv/kernels/lora_kernels.h"

#include "libconv/cpu/cpu.h"
#include "libconv/kernels/lora_tables.h"

/* Best first. */
static const struct {
    uint32_t needs;
    const phi_lora_fn *fn;
} kernels[] = {
#if defined(__x86_64__)
    {PHI_CPU_AVX512, &phi_lora_avx512},
    {PHI_CPU_AVX2, &phi_lora_avx2},
#elif defined(__aarch64__)
    {PHI_CPU_NEON, &phi_lora_neon},
#endif
    {0, &phi_lora_scalar},
};

phi_lora_fn phi_lora_kernel(uint32_t features)
{
    size_t i = 0;

    while ((kernels[i].needs & ~features) != 0)
        i++;
    return *kernels[i].fn;
}
