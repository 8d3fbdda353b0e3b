/* SPDX-License-Identifier: MIT */
/*
 * F16 and BF16 to f32. Included after lanes_<isa>.h by the files that name
 * the table, WIDEN_FLOAT_TABLE; see quant_float_body.h.
 */
#ifndef PHI_KERNELS_WIDEN_FLOAT_BODY_H
#define PHI_KERNELS_WIDEN_FLOAT_BODY_H

#include "libconv/base/bytes.h"
#include "libconv/base/half.h"
#include "libconv/kernels/quant_tables.h"

static inline void f16_each(float *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = phi_f16_to_f32(phi_load_u16(p + 2 * i));
}

static void widen_f16(float *out, const uint8_t *p, size_t n)
{
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        const lanes v = lanes_load_f16(p + 2 * i);

        lanes_store(out + i, v);
        /* Processors make signalling NaN quiet, which changes bits. */
        if (lanes_any(lanes_not(lanes_eq(v, v))))
            f16_each(out + i, p + 2 * i, LANES);
    }
    f16_each(out + i, p + 2 * i, n - i);
}

static void widen_bf16(float *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = phi_bf16_to_f32(phi_load_u16(p + 2 * i));
}

const phi_widen_fn WIDEN_FLOAT_TABLE[PHI_NDTYPES] = {
    [PHI_F16] = widen_f16,
    [PHI_BF16] = widen_bf16,
};

#endif
