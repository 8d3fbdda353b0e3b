/* SPDX-License-Identifier: MIT */
#include "libconv/kernels/peak.h"

#include "libconv/cpu/cpu.h"
#include "libconv/kernels/peak_tables.h"

/* Best first; the last row needs nothing. */
static const struct {
    uint32_t needs;
    const struct phi_peak_kernels *kernels;
} rows[] = {
#if defined(__x86_64__)
    {PHI_CPU_AVX512VNNI, &phi_peak_avx512vnni},
    {PHI_CPU_AVX512, &phi_peak_avx512},
    {PHI_CPU_AVXVNNI, &phi_peak_avxvnni},
    {PHI_CPU_AVX2, &phi_peak_avx2},
#elif defined(__aarch64__)
    {PHI_CPU_I8MM, &phi_peak_i8mm},
    {PHI_CPU_DOTPROD, &phi_peak_dotprod},
    {PHI_CPU_NEON, &phi_peak_neon},
#endif
    {0, &phi_peak_scalar},
};

struct phi_peak_kernels phi_peak_select(uint32_t features)
{
    struct phi_peak_kernels best = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct phi_peak_kernels *k = rows[i].kernels;

        if ((rows[i].needs & ~features) != 0)
            continue;
        if (best.i8 == NULL) {
            best.i8 = k->i8;
            best.i8_operations = k->i8_operations;
        }
        if (best.apart == NULL) {
            best.apart = k->apart;
            best.apart_operations = k->apart_operations;
        }
        if (best.fused == NULL) {
            best.fused = k->fused;
            best.fused_operations = k->fused_operations;
        }
        if (best.read == NULL)
            best.read = k->read;
    }
    return best;
}
