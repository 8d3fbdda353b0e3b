/* SPDX-License-Identifier: MIT */
/* The delta of an adapter with AVX-512. */
#include "libconv/kernels/lanes_avx512.h"

#include "libconv/kernels/lora_body.h"

const phi_lora_fn phi_lora_avx512 = lora;
