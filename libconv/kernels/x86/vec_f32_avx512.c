/* SPDX-License-Identifier: MIT */
/* Vectors, AVX-512: Skylake-X (2017) and Zen 4 (2022) on. */
#include "libconv/kernels/tables.h"

#define PHI_VEC_NAME(op) op##_avx512
#include "libconv/kernels/vec_f32_body.h"

const struct phi_vec_kernels phi_vec_f32_avx512 = {
    .norm = norm_avx512,
    .finish = finish_avx512,
    .scale = scale_avx512,
    .gelu_new = gelu_new_avx512,
    .softmax = softmax_avx512,
    .lse = lse_avx512,
    .kld = kld_avx512,
};
