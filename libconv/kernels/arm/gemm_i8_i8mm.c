/* SPDX-License-Identifier: MIT */
/*
 * The integer product with USMMLA: Neoverse V1 and N2 2020, Apple M2. One
 * instruction multiplies two rows by two tokens over eight k,
 *
 *     row 0: k 0..7 | row 1: k 0..7    token 0: k 0..7 | token 1: k 0..7
 *     -> row 0 token 0 | row 0 token 1 | row 1 token 0 | row 1 token 1
 *
 * so two steps of a panel's quad are interleaved to make two pairs of rows,
 * and the sums are parted by token at the end.
 */
#define TOKENS   8
#define QUADS    2
#define SIGNED_8 0
#include "libconv/kernels/gemm_i8_128_body.h"

#define PAIRS (TOKENS / 2)

PHI_BODY void dots(int32x4_t i[TOKENS][QUADS], const uint8_t *w,
                   const uint8_t *const a[TOKENS], size_t at, int n, int bits)
{
    int32x4_t sum[PAIRS][QUADS][2];

    (void)bits;
    for (int p = 0; p < PAIRS; p++) {
        for (int q = 0; q < QUADS; q++)
            sum[p][q][0] = sum[p][q][1] = vdupq_n_s32(0);
    }
    for (int s = 0; s < n; s += 2) {
        uint8x16_t row[QUADS][2];

        for (int q = 0; q < QUADS; q++) {
            const uint8_t *const at_q = w + 128 * s + 16 * q;
            const uint32x4_t k0 = vreinterpretq_u32_u8(vld1q_u8(at_q));
            const uint32x4_t k4 = vreinterpretq_u32_u8(vld1q_u8(at_q + 128));

            row[q][0] = vreinterpretq_u8_u32(vzip1q_u32(k0, k4));
            row[q][1] = vreinterpretq_u8_u32(vzip2q_u32(k0, k4));
        }
        for (int p = 0; p < PAIRS; p++) {
            const size_t k = at + 4 * (size_t)s;
            const int8x16_t v =
                vcombine_s8(vld1_s8((const int8_t *)a[2 * p] + k),
                            vld1_s8((const int8_t *)a[2 * p + 1] + k));

            for (int q = 0; q < QUADS; q++) {
                sum[p][q][0] = vusmmlaq_s32(sum[p][q][0], row[q][0], v);
                sum[p][q][1] = vusmmlaq_s32(sum[p][q][1], row[q][1], v);
            }
        }
    }
    for (int p = 0; p < PAIRS; p++) {
        for (int q = 0; q < QUADS; q++) {
            const int32x4_t even = vuzp1q_s32(sum[p][q][0], sum[p][q][1]);
            const int32x4_t odd = vuzp2q_s32(sum[p][q][0], sum[p][q][1]);

            i[2 * p][q] = vaddq_s32(i[2 * p][q], even);
            i[2 * p + 1][q] = vaddq_s32(i[2 * p + 1][q], odd);
        }
    }
}

phi_gemm_i8_table phi_gemm_i8_i8mm = GEMM_TABLE;
