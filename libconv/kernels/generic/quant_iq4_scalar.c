/* SPDX-License-Identifier: MIT */
/*
 * f32 to IQ4_NL and IQ4_XS, scalar: the variant that all others must equal,
 * and itself equal to ggml's quantize_iq4_nl and quantize_iq4_xs (not to
 * quantize_row_iq4_nl_ref, which tries one scale only).
 */
#include "libconv/kernels/quant_iq4_pack.h"
#include "libconv/kernels/quant_tables.h"

#define QKK 256

/* Sums of w q x and w q q over 32 values with one inverse scale. */
struct sums {
    float qx;
    float qq;
};

static struct sums add_up(const float *x, const float *w, float id)
{
    struct sums s = {0, 0};

    for (int j = 0; j < QK; j++) {
        const float q = iq4_levels[iq4_nearest(id * x[j])];

        s.qx += w[j] * q * x[j];
        s.qq += w[j] * q * q;
    }
    return s;
}

/* The scale that makes sum w (x - scale q)^2 small. */
static float search_levels(const float *x, const float *w)
{
    const float max = search_signed_max(x, QK);
    struct sums s;
    float scale;
    float best;

    if (search_magnitude(max) < SEARCH_ZERO)
        return 0;
    s = add_up(x, w, 1 / (-max / iq4_levels[0]));
    scale = s.qq > 0 ? s.qx / s.qq : 0;
    best = scale * s.qx;
    for (int step = -IQ4_STEPS; step <= IQ4_STEPS; step++) {
        s = add_up(x, w, ((float)step + iq4_levels[0]) / max);
        if (s.qq > 0 && s.qx * s.qx > best * s.qq) {
            scale = s.qx / s.qq;
            best = scale * s.qx;
        }
    }
    return scale;
}

/* As search_levels(), with ggml's weights; sigma2 only with importance. */
static float search_block(const float *x, const float *importance, float sigma2)
{
    float w[QK];

    if (importance != NULL) {
        b32_weigh(w, x, importance, sigma2);
    } else {
        for (int j = 0; j < QK; j++)
            w[j] = x[j] * x[j];
    }
    return search_levels(x, w);
}

static void nearest_levels(uint8_t *out, const float *x, float id)
{
    uint8_t q[QK];

    for (int j = 0; j < QK; j++)
        q[j] = (uint8_t)iq4_nearest(id * x[j]);
    b32_store_nibbles(out, q);
}

static void quantize_iq4_nl(uint8_t *out, const float *x, size_t nrows,
                            size_t ncols, const float *importance)
{
    for (; nrows > 0; nrows--) {
        for (size_t i = 0; i < ncols; i += QK, x += QK, out += 18) {
            const float scale =
                search_block(x, importance != NULL ? importance + i : NULL,
                             importance != NULL ? iq4_sigma2(x, QK) : 0);

            iq4_store_nl(out, x, scale, nearest_levels);
        }
    }
}

static void quantize_iq4_xs(uint8_t *out, const float *x, size_t nrows,
                            size_t ncols, const float *importance)
{
    for (; nrows > 0; nrows--) {
        for (size_t i = 0; i < ncols; i += QKK, x += QKK, out += 136) {
            const float sigma2 = importance != NULL ? iq4_sigma2(x, QKK) : 0;
            float scale[8];

            for (size_t k = 0; k < 8; k++)
                scale[k] = search_block(
                    x + QK * k,
                    importance != NULL ? importance + i + QK * k : NULL,
                    sigma2);
            iq4_store_xs(out, x, scale, nearest_levels);
        }
    }
}

const phi_quantize_fn phi_quant_iq4_scalar[PHI_NDTYPES] = {
    [PHI_IQ4_NL] = quantize_iq4_nl,
    [PHI_IQ4_XS] = quantize_iq4_xs,
};
