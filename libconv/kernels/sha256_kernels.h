/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 of two runs of bytes at a time (base/sha256.h). The instructions
 * for it wait for one another: libcrypto, which hashes one run, keeps them
 * busy half of the time at most.
 */
#ifndef PHI_KERNELS_SHA256_KERNELS_H
#define PHI_KERNELS_SHA256_KERNELS_H

#include <stdint.h>

#include "libconv/base/sha256.h"

/* What needs no more than `features` (cpu/cpu.h), or NULL: one by one. Class
 * exact. */
phi_sha256_pair_fn phi_sha256_kernel(uint32_t features);

#if defined(__x86_64__)
extern const phi_sha256_pair_fn phi_sha256_shani;
#endif

#endif
