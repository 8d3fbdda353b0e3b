/* SPDX-License-Identifier: MIT */
/* Vectors, AVX2: Haswell (2013) and Zen (2017) on. */
#include "libconv/kernels/tables.h"

#define PHI_VEC_NAME(op) op##_avx2
#include "libconv/kernels/vec_f32_body.h"

const struct phi_vec_kernels phi_vec_f32_avx2 = {
    .norm = norm_avx2,
    .finish = finish_avx2,
    .scale = scale_avx2,
    .gelu_new = gelu_new_avx2,
    .softmax = softmax_avx2,
    .lse = lse_avx2,
    .kld = kld_avx2,
};
