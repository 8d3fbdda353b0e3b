/* SPDX-License-Identifier: MIT */
#include "libconv/kernels/crc32_kernels.h"

#include "libconv/cpu/cpu.h"

phi_crc32_fn phi_crc32_kernel(uint32_t features)
{
#if defined(__x86_64__)
    if ((features & PHI_CPU_AVX2) != 0)
        return phi_crc32_avx2;
#endif
    (void)features;
    return phi_crc32;
}
