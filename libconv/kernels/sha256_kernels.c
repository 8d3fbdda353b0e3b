/* SPDX-License-Identifier: MIT */
#include "libconv/kernels/sha256_kernels.h"

#include "libconv/cpu/cpu.h"

phi_sha256_pair_fn phi_sha256_kernel(uint32_t features)
{
#if defined(__x86_64__)
    if ((features & PHI_CPU_SHA) != 0)
        return phi_sha256_shani;
#endif
    (void)features;
    return NULL;
}
