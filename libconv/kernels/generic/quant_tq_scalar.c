/* SPDX-License-Identifier: MIT */
/*
 * f32 to the ternary types and back, scalar: equal to ggml's
 * quantize_row_tq1_0_ref and quantize_row_tq2_0_ref. Super-blocks of 256 with
 * one scale, the largest magnitude; a quant t in 0..2 means (t - 1) * d.
 *
 *   TQ1_0   qs: 48 bytes, five quants each | qh: 4 bytes, four | d: f16
 *   TQ2_0   qs: 64 bytes, four quants of two bits each | d: f16
 */
#include <string.h>

#include "libconv/base/bytes.h"
#include "libconv/base/half.h"
#include "libconv/kernels/quant_search.h"
#include "libconv/kernels/quant_tables.h"

#define QKK 256

/*
 * TQ1_0's bytes are cut into three runs. Byte i of a run holds the quants of
 * elements i, i + nbytes, i + 2 nbytes ... of the run's elements, the first
 * as the highest digit to base 3.
 */
static const struct {
    int first;  /* element */
    int offset; /* byte */
    int nbytes;
    int ndigits;
} runs[] = {{0, 0, 32, 5}, {160, 32, 16, 5}, {240, 48, 4, 4}};

enum { NRUNS = sizeof(runs) / sizeof(runs[0]) };

/* Stores d, and 1 + round(x / d). Where 1 / d overflows ggml has 1. */
static void ternary(uint8_t q[QKK], uint8_t *out, const float *x)
{
    const float d = search_magnitude(search_signed_max(x, QKK));
    const float id = d != 0 ? 1.0f / d : 0.0f;

    phi_store_u16(out, phi_f32_to_f16(d));
    for (int j = 0; j < QKK; j++)
        q[j] = (uint8_t)(1u + (uint32_t)phi_round_away_i32(x[j] * id));
}

/* Five digits as a fraction of 256, rounded up: digit k is 3^k times it. */
static uint8_t fraction(unsigned digits)
{
    return (uint8_t)((digits * 256 + 242) / 243);
}

static void quantize_tq1_0(uint8_t *out, const float *x, size_t nrows,
                           size_t ncols, const float *importance)
{
    size_t nblk = nrows * (ncols / QKK);

    (void)importance;
    for (; nblk > 0; nblk--, x += QKK, out += 54) {
        uint8_t q[QKK];

        ternary(q, out + 52, x);
        for (int r = 0; r < NRUNS; r++) {
            for (int i = 0; i < runs[r].nbytes; i++) {
                const uint8_t *const t = q + runs[r].first + i;
                unsigned digits = 0;

                for (int k = 0; k < runs[r].ndigits; k++)
                    digits = digits * 3 + t[k * runs[r].nbytes];
                if (runs[r].ndigits == 4)
                    digits *= 3;
                out[runs[r].offset + i] = fraction(digits);
            }
        }
    }
}

/* Of each 128 elements byte i (0..31) holds i, i + 32, i + 64, i + 96. */
static void quantize_tq2_0(uint8_t *out, const float *x, size_t nrows,
                           size_t ncols, const float *importance)
{
    size_t nblk = nrows * (ncols / QKK);

    (void)importance;
    for (; nblk > 0; nblk--, x += QKK, out += 66) {
        uint8_t q[QKK];

        ternary(q, out + 64, x);
        for (int i = 0; i < 64; i++) {
            const uint8_t *const t = q + i / 32 * 128 + i % 32;

            out[i] = (uint8_t)(t[0] | t[32] << 2 | t[64] << 4 | t[96] << 6);
        }
    }
}

static void widen_tq1_0(float *out, const uint8_t *p, size_t nblk)
{
    for (; nblk > 0; nblk--, p += 54, out += QKK) {
        const float d = phi_f16_to_f32(phi_load_u16(p + 52));

        for (int r = 0; r < NRUNS; r++) {
            for (int i = 0; i < runs[r].nbytes; i++) {
                float *const y = out + runs[r].first + i;
                uint8_t rest = p[runs[r].offset + i];

                for (int k = 0; k < runs[r].ndigits; k++) {
                    const int digit = rest * 3 >> 8;

                    y[k * runs[r].nbytes] = (float)(digit - 1) * d;
                    rest = (uint8_t)(rest * 3);
                }
            }
        }
    }
}

static void widen_tq2_0(float *out, const uint8_t *p, size_t nblk)
{
    for (; nblk > 0; nblk--, p += 66, out += QKK) {
        const float d = phi_f16_to_f32(phi_load_u16(p + 64));

        for (int e = 0; e < QKK; e++) {
            const uint8_t byte = p[e / 128 * 32 + e % 32];

            out[e] = (float)((byte >> e % 128 / 32 * 2 & 3) - 1) * d;
        }
    }
}

const phi_quantize_fn phi_quant_tq_scalar[PHI_NDTYPES] = {
    [PHI_TQ1_0] = quantize_tq1_0,
    [PHI_TQ2_0] = quantize_tq2_0,
};

const phi_widen_fn phi_widen_tq_scalar[PHI_NDTYPES] = {
    [PHI_TQ1_0] = widen_tq1_0,
    [PHI_TQ2_0] = widen_tq2_0,
};
