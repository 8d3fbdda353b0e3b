/* SPDX-License-Identifier: MIT */
/*
 * The integer product with SDOT: Cortex-A76 2018, Neoverse N1. Sixteen
 * integer sums, four tokens' of sixteen rows.
 */
#define TOKENS   4
#define QUADS    4
#define SIGNED_8 1
#include "libconv/kernels/gemm_i8_128_body.h"

PHI_BODY void dots(int32x4_t i[TOKENS][QUADS], const uint8_t *w,
                   const uint8_t *const a[TOKENS], size_t at, int n, int bits)
{
    const uint8x16_t flip = vdupq_n_u8(bits == 8 ? 0x80 : 0);

    for (int s = 0; s < n; s++) {
        int8x16_t row[QUADS];

        for (int q = 0; q < QUADS; q++)
            row[q] = vreinterpretq_s8_u8(
                veorq_u8(vld1q_u8(w + 128 * s + 16 * q), flip));
        for (int t = 0; t < TOKENS; t++) {
            int32_t four;
            int8x16_t v;

            memcpy(&four, a[t] + at + 4 * (size_t)s, sizeof(four));
            v = vreinterpretq_s8_s32(vdupq_n_s32(four));
            for (int q = 0; q < QUADS; q++)
                i[t][q] = vdotq_s32(i[t][q], row[q], v);
        }
    }
}

phi_gemm_i8_table phi_gemm_i8_dotprod = GEMM_TABLE;
