/* SPDX-License-Identifier: MIT */
/* CRC-32 (base/crc32.h) at the speed of memory, for files of gigabytes. */
#ifndef PHI_KERNELS_CRC32_KERNELS_H
#define PHI_KERNELS_CRC32_KERNELS_H

#include <stdint.h>

#include "libconv/base/crc32.h"

/* The fastest that needs no more than `features` (cpu/cpu.h). Class exact. */
phi_crc32_fn phi_crc32_kernel(uint32_t features);

#if defined(__x86_64__)
extern const phi_crc32_fn phi_crc32_avx2;
#endif

#endif
