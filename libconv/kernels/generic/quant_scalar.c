/* SPDX-License-Identifier: MIT */
/*
 * f32 to stored elements, scalar: the variant that all others must equal, and
 * itself equal to ggml's quantize_row_*_ref, and with importance to its
 * quantize_row_*_impl. Sums run in index order, no operation is fused,
 * products associate from the left.
 */
#include <string.h>

#include "libconv/kernels/quant_32_pack.h"
#include "libconv/kernels/quant_tables.h"

static float inverse(float d)
{
    return d != 0 ? 1.0f / d : 0.0f;
}

/* What x86 makes of a conversion to int8: the low byte of the int. */
static int low_byte(float v)
{
    return (int8_t)((uint32_t)phi_trunc_i32(v) & 0xff);
}

static void quantize_f32(uint8_t *out, const float *x, size_t nrows,
                         size_t ncols, const float *importance)
{
    const size_t n = nrows * ncols;

    (void)importance;
    memcpy(out, x, n * sizeof(*x));
}

static void quantize_f16(uint8_t *out, const float *x, size_t nrows,
                         size_t ncols, const float *importance)
{
    const size_t n = nrows * ncols;

    (void)importance;
    for (size_t i = 0; i < n; i++)
        phi_store_u16(out + 2 * i, phi_f32_to_f16(x[i]));
}

static void quantize_bf16(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    const size_t n = nrows * ncols;

    (void)importance;
    for (size_t i = 0; i < n; i++)
        phi_store_u16(out + 2 * i, phi_f32_to_bf16(x[i]));
}

static void quantize_q8_0(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    size_t nblk = nrows * (ncols / QK);

    (void)importance;
    for (; nblk > 0; nblk--, x += QK, out += 34) {
        const float d = search_magnitude(search_signed_max(x, QK)) / 127;
        const float id = inverse(d);

        b32_store_f16(out, d);
        for (int j = 0; j < QK; j++)
            out[2 + j] = (uint8_t)phi_round_away_i32(x[j] * id);
    }
}

/*
 * The types of four and five bits find one or two f16 and 32 quants for each
 * block, with weights or, where w is NULL, without; then they differ in size.
 */
typedef void (*block_fn)(uint8_t *out, uint8_t q[QK], const float *x,
                         const float *w);

struct block_type {
    block_fn find;
    size_t nbytes; /* of a block */
    size_t fields; /* bytes of f16 before the quants */
};

static void quantize(const struct block_type *t, uint8_t *out, const float *x,
                     size_t nrows, size_t ncols, const float *importance)
{
    const bool five = t->nbytes - t->fields == 20;

    for (; nrows > 0; nrows--) {
        const float sigma2 =
            importance != NULL ? b32_mean_square(x, ncols) : 0.0f;

        for (size_t i = 0; i < ncols; i += QK, x += QK, out += t->nbytes) {
            uint8_t q[QK];
            float w[QK];

            if (importance != NULL)
                b32_weigh(w, x, importance + i, sigma2);
            t->find(out, q, x, importance != NULL ? w : NULL);
            b32_store_quants(out + t->fields, q, five);
        }
    }
}

/* Symmetric: q = trunc(x / d + half + 0.5), at most 2 * half - 1. */
static void symmetric(uint8_t *out, uint8_t q[QK], const float *x,
                      const float *w, int half)
{
    float d, id;

    if (w != NULL) {
        b32_store_f16(out, search_scale(q, x, w, QK, half));
        return;
    }
    d = search_signed_max(x, QK) / (float)-half;
    id = inverse(d);
    b32_store_f16(out, d);
    for (int j = 0; j < QK; j++) {
        const int v = low_byte(x[j] * id + ((float)half + 0.5f));

        q[j] = (uint8_t)(v < 2 * half - 1 ? v : 2 * half - 1);
    }
}

/* With weights: the line of least squares. Its minimum is at most 0. */
static void line(uint8_t *out, uint8_t q[QK], const float *x, const float *w,
                 const struct search_grid *grid)
{
    float lowest;
    const float d = search_line(q, &lowest, x, w, QK, grid);

    b32_store_f16(out, d);
    b32_store_f16(out + 2, -lowest);
}

/*
 * Asymmetric: q = trunc((x - min) / d + 0.5), at most cap. Stores d and min.
 * ggml caps Q4_1 and not Q5_1, where rounding could reach one level more.
 */
static void asymmetric(uint8_t *out, uint8_t q[QK], const float *x, int levels,
                       int cap)
{
    float min = x[0];
    float max = x[0];
    float d;
    float id;

    for (int j = 1; j < QK; j++) {
        if (x[j] < min)
            min = x[j];
        if (x[j] > max)
            max = x[j];
    }
    d = (max - min) / (float)levels;
    id = inverse(d);
    b32_store_f16(out, d);
    b32_store_f16(out + 2, min);
    for (int j = 0; j < QK; j++) {
        const int v = low_byte((x[j] - min) * id + 0.5f);

        q[j] = (uint8_t)(v < cap ? v : cap);
    }
}

static void find_q4_0(uint8_t *out, uint8_t q[QK], const float *x,
                      const float *w)
{
    symmetric(out, q, x, w, 8);
}

static void find_q5_0(uint8_t *out, uint8_t q[QK], const float *x,
                      const float *w)
{
    symmetric(out, q, x, w, 16);
}

static void find_q4_1(uint8_t *out, uint8_t q[QK], const float *x,
                      const float *w)
{
    if (w != NULL)
        line(out, q, x, w, &b32_grid_q4_1);
    else
        asymmetric(out, q, x, 15, 15);
}

static void find_q5_1(uint8_t *out, uint8_t q[QK], const float *x,
                      const float *w)
{
    if (w != NULL)
        line(out, q, x, w, &b32_grid_q5_1);
    else
        asymmetric(out, q, x, 31, 255);
}

static void quantize_q4_0(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    static const struct block_type type = {find_q4_0, 18, 2};

    quantize(&type, out, x, nrows, ncols, importance);
}

static void quantize_q5_0(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    static const struct block_type type = {find_q5_0, 22, 2};

    quantize(&type, out, x, nrows, ncols, importance);
}

static void quantize_q4_1(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    static const struct block_type type = {find_q4_1, 20, 4};

    quantize(&type, out, x, nrows, ncols, importance);
}

static void quantize_q5_1(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    static const struct block_type type = {find_q5_1, 24, 4};

    quantize(&type, out, x, nrows, ncols, importance);
}

const phi_quantize_fn phi_quant_scalar[PHI_NDTYPES] = {
    [PHI_F32] = quantize_f32,   [PHI_F16] = quantize_f16,
    [PHI_BF16] = quantize_bf16, [PHI_Q4_0] = quantize_q4_0,
    [PHI_Q4_1] = quantize_q4_1, [PHI_Q5_0] = quantize_q5_0,
    [PHI_Q5_1] = quantize_q5_1, [PHI_Q8_0] = quantize_q8_0,
};
