/* SPDX-License-Identifier: MIT */
/*
 * The integer product with Advanced SIMD, every AArch64. Products of bytes
 * are 16 bits wide; two of them add up there, 2 * 128 * 127 at most, before
 * they are widened.
 */
#define TOKENS   2
#define QUADS    4
#define SIGNED_8 1
#include "libconv/kernels/gemm_i8_128_body.h"

PHI_BODY void dots(int32x4_t i[TOKENS][QUADS], const uint8_t *w,
                   const uint8_t *const a[TOKENS], size_t at, int n, int bits)
{
    const uint8x16_t flip = vdupq_n_u8(bits == 8 ? 0x80 : 0);

    for (int s = 0; s < n; s++) {
        int8x16_t v[TOKENS];

        for (int t = 0; t < TOKENS; t++) {
            int32_t four;

            memcpy(&four, a[t] + at + 4 * (size_t)s, sizeof(four));
            v[t] = vreinterpretq_s8_s32(vdupq_n_s32(four));
        }
        for (int q = 0; q < QUADS; q++) {
            const int8x16_t row = vreinterpretq_s8_u8(
                veorq_u8(vld1q_u8(w + 128 * s + 16 * q), flip));

            for (int t = 0; t < TOKENS; t++) {
                const int16x8_t lo =
                    vmull_s8(vget_low_s8(row), vget_low_s8(v[t]));
                const int16x8_t hi = vmull_high_s8(row, v[t]);

                i[t][q] = vpadalq_s16(i[t][q], vpaddq_s16(lo, hi));
            }
        }
    }
}

phi_gemm_i8_table phi_gemm_i8_neon = GEMM_TABLE;
