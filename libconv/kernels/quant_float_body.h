/* SPDX-License-Identifier: MIT */
/*
 * f32 to F16 and BF16. Included after lanes_<isa>.h by the files that name
 * the table, QUANT_FLOAT_TABLE. BF16 is a loop over integers, which compilers
 * turn into whatever registers the including file's flags allow.
 */
#ifndef PHI_KERNELS_QUANT_FLOAT_BODY_H
#define PHI_KERNELS_QUANT_FLOAT_BODY_H

#include "libconv/base/bytes.h"
#include "libconv/base/half.h"
#include "libconv/kernels/quant_tables.h"

static inline void f16_each(uint8_t *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        phi_store_u16(out + 2 * i, phi_f32_to_f16(x[i]));
}

static void quantize_f16(uint8_t *out, const float *x, size_t nrows,
                         size_t ncols, const float *importance)
{
    const size_t n = nrows * ncols;
    size_t i = 0;

    (void)importance;
    for (; i + LANES <= n; i += LANES) {
        const lanes v = lanes_load(x + i);

        lanes_store_f16(out + 2 * i, v);
        /* Processors keep a NaN's payload; files have one NaN a sign. */
        if (lanes_any(lanes_not(lanes_eq(v, v))))
            f16_each(out + 2 * i, x + i, LANES);
    }
    f16_each(out + 2 * i, x + i, n - i);
}

static void quantize_bf16(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    const size_t n = nrows * ncols;

    (void)importance;
    for (size_t i = 0; i < n; i++)
        phi_store_u16(out + 2 * i, phi_f32_to_bf16(x[i]));
}

const phi_quantize_fn QUANT_FLOAT_TABLE[PHI_NDTYPES] = {
    [PHI_F16] = quantize_f16,
    [PHI_BF16] = quantize_bf16,
};

#endif
