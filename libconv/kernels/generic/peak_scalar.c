/* SPDX-License-Identifier: MIT */
/* Peaks, for every machine: what the compiler makes of plain loops. */
#include <string.h>

#include "libconv/kernels/peak_tables.h"

#define LANES 64

/* Two products a sum, as the compiler's instructions have it at best. */
static uint32_t i8(size_t rounds, const uint8_t *a, const uint8_t *b)
{
    uint32_t sums[LANES] = {0};
    uint32_t all = 0;

    for (size_t r = 0; r < rounds; r++) {
        const size_t at = r * LANES % PHI_PEAK_BYTES;

        for (size_t i = 0; i < LANES; i++)
            sums[i] += (uint32_t)((int16_t)a[at + i] * (int16_t)b[at + i]);
    }
    for (size_t i = 0; i < LANES; i++)
        all += sums[i];
    return all;
}

static float apart(size_t rounds, float factor, float add)
{
    float product[LANES / 2];
    float sum[LANES / 2] = {0};
    float all = 0;

    for (size_t i = 0; i < LANES / 2; i++)
        product[i] = 1;
    for (size_t r = 0; r < rounds; r++) {
        for (size_t i = 0; i < LANES / 2; i++) {
            product[i] *= factor;
            sum[i] += add;
        }
    }
    for (size_t i = 0; i < LANES / 2; i++)
        all += product[i] + sum[i];
    return all;
}

static uint64_t read_all(const uint8_t *p, size_t n)
{
    uint64_t bits[8] = {0};
    uint64_t all = 0;

    for (size_t at = 0; at < n; at += sizeof(bits)) {
        uint64_t v[8];

        memcpy(v, p + at, sizeof(v));
        for (size_t i = 0; i < 8; i++)
            bits[i] ^= v[i];
    }
    for (size_t i = 0; i < 8; i++)
        all ^= bits[i];
    return all;
}

const struct phi_peak_kernels phi_peak_scalar = {
    .i8 = i8,
    .i8_operations = 2 * LANES,
    .apart = apart,
    .apart_operations = LANES,
    .read = read_all,
};
