/* SPDX-License-Identifier: MIT */
/* Vectors, for every machine. */
#include "libconv/kernels/tables.h"

#define PHI_VEC_NAME(op) op##_scalar
#include "libconv/kernels/vec_f32_body.h"

const struct phi_vec_kernels phi_vec_f32_scalar = {
    .norm = norm_scalar,
    .finish = finish_scalar,
    .scale = scale_scalar,
    .gelu_new = gelu_new_scalar,
    .softmax = softmax_scalar,
    .lse = lse_scalar,
    .kld = kld_scalar,
};
