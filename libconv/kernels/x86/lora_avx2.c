/* SPDX-License-Identifier: MIT */
/* The delta of an adapter with AVX2. */
#include "libconv/kernels/lanes_avx2.h"

#include "libconv/kernels/lora_body.h"

const phi_lora_fn phi_lora_avx2 = lora;
