/* SPDX-License-Identifier: MIT */
#include "libconv/kernels/kernels.h"

#include "libconv/cpu/cpu.h"
#include "libconv/kernels/tables.h"

/* Best first. The last row needs nothing, so the search always ends. */
static const struct {
    uint32_t needs;
    struct phi_kernels kernels;
} rows[] = {
#if defined(__x86_64__)
    {PHI_CPU_AVX2 | PHI_CPU_AVX512,
     {"avx512", &phi_gemm_f32_avx512, &phi_vec_f32_avx512}},
    {PHI_CPU_AVX2, {"avx2", &phi_gemm_f32_avx2, &phi_vec_f32_avx2}},
#elif defined(__aarch64__)
    {PHI_CPU_NEON, {"neon", &phi_gemm_f32_neon, &phi_vec_f32_scalar}},
#endif
    {0, {"scalar", &phi_gemm_f32_scalar, &phi_vec_f32_scalar}},
};

const struct phi_kernels *phi_kernels_select(uint32_t features)
{
    size_t i = 0;

    while ((rows[i].needs & ~features) != 0)
        i++;
    return &rows[i].kernels;
}
