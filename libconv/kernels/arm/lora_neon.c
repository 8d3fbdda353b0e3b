/* SPDX-License-Identifier: MIT */
/* The delta of an adapter with NEON. */
#include "libconv/kernels/lanes_neon.h"

#include "libconv/kernels/lora_body.h"

const phi_lora_fn phi_lora_neon = lora;
