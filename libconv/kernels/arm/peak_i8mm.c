/* SPDX-License-Identifier: MIT */
/* Peaks, USMMLA: Neoverse V1 and N2, Apple M2 on. */
#include <arm_neon.h>

#include "libconv/kernels/peak_tables.h"

#define SUMS 16 /* that do not wait for each other */

static uint32_t i8(size_t rounds, const uint8_t *a, const uint8_t *b)
{
    const uint8x16_t x = vld1q_u8(a);
    const int8x16_t y = vreinterpretq_s8_u8(vld1q_u8(b));
    int32x4_t sums[SUMS];
    uint32_t all = 0;

    for (int i = 0; i < SUMS; i++)
        sums[i] = vdupq_n_s32(0);
    for (size_t r = 0; r < rounds; r++) {
#pragma GCC unroll 16
        for (int i = 0; i < SUMS; i++)
            sums[i] = vusmmlaq_s32(sums[i], x, y);
    }
    for (int i = 0; i < SUMS; i++)
        all += vaddvq_u32(vreinterpretq_u32_s32(sums[i]));
    return all;
}

const struct phi_peak_kernels phi_peak_i8mm = {
    .i8 = i8,
    .i8_operations = 2 * 32 * SUMS,
};
