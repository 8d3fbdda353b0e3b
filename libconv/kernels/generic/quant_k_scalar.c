/* SPDX-License-Identifier: MIT */
/*
 * f32 to the K types, scalar: the variant that all others must equal. With
 * importance each type weighs as ggml's quantize_row_*_impl, without as its
 * quantize_row_*_ref.
 */
#include "libconv/kernels/quant_k_pack.h"
#include "libconv/kernels/quant_tables.h"

/* The sub-blocks of a super-block, searched. */
struct found {
    float scale[16];
    float min[16];
    float weight[16]; /* sums of weights; with importance only */
    uint8_t q[QK_K];
};

/* w = importance * sqrt(sigma2 + x^2); their sum. */
static float weigh(float *w, const float *x, const float *importance, int n,
                   float sigma2)
{
    float sum = 0;

    for (int j = 0; j < n; j++) {
        w[j] = importance[j] * search_sqrt(sigma2 + x[j] * x[j]);
        sum += w[j];
    }
    return sum;
}

/* Weights |x|, and for 32 values their root mean square besides. */
static void weigh_plain(float *w, const float *x, int n)
{
    float mean = 0;

    if (n == 32) {
        for (int j = 0; j < n; j++)
            mean += x[j] * x[j];
        mean = search_sqrt(mean / 32);
    }
    for (int j = 0; j < n; j++)
        w[j] = n == 32 ? mean + search_magnitude(x[j]) : search_magnitude(x[j]);
}

/* Lines through sub-blocks of n; sigma2 belongs to the importance. */
static void find_lines(struct found *f, const float *x, const float *importance,
                       float sigma2, int n, const struct search_grid *plain)
{
    const struct search_grid weighted = k_grid_weighted(plain->top);
    float w[32];

    for (int j = 0; j < QK_K / n; j++, x += n) {
        if (importance != NULL)
            f->weight[j] = weigh(w, x, importance + n * j, n, sigma2);
        else
            weigh_plain(w, x, n);
        f->scale[j] = search_line(f->q + n * j, &f->min[j], x, w, n,
                                  importance != NULL ? &weighted : plain);
    }
}

static void block_q2_k(uint8_t *out, const float *x, const float *importance)
{
    struct found f;
    struct k_scales s;

    find_lines(&f, x, importance, k_mean_square(x, 1), 16, &k_grid_q2_k);
    if (importance != NULL)
        k_share_line_weighted(&s, f.scale, f.min, f.weight, 16, 15);
    else
        k_share_q2_k(&s, f.scale, f.min);
    k_store_q2_k(out, x, &s, f.q, k_requantize);
}

static void share_q45(struct k_scales *s, const struct found *f, bool weighted,
                      int top)
{
    if (weighted)
        k_share_q45_weighted(s, f->scale, f->min, f->weight, top);
    else
        k_share_q45(s, f->scale, f->min);
}

static void block_q4_k(uint8_t *out, const float *x, const float *importance)
{
    struct found f;
    struct k_scales s;

    find_lines(&f, x, importance, k_mean_square(x, 2), 32, &k_grid_q4_k);
    share_q45(&s, &f, importance != NULL, 15);
    k_store_q4_k(out, x, &s, f.q, k_requantize);
}

static void block_q5_k(uint8_t *out, const float *x, const float *importance)
{
    struct found f;
    struct k_scales s;

    find_lines(&f, x, importance, k_mean_square(x, 2), 32, &k_grid_q5_k);
    share_q45(&s, &f, importance != NULL, 31);
    k_store_q5_k(out, x, &s, f.q, k_requantize);
}

static void block_q3_k(uint8_t *out, const float *x, const float *importance)
{
    const float sigma2 = k_mean_square(x, 2);
    struct found f;
    struct k_scales s;
    float w[16];

    for (int j = 0; j < 16; j++) {
        const float *const xj = x + 16 * j;
        uint8_t *const qj = f.q + 16 * j;

        if (importance == NULL) {
            f.scale[j] = search_descent(qj, xj, 16, 4);
            continue;
        }
        f.weight[j] = weigh(w, xj, importance + 16 * j, 16, sigma2);
        f.scale[j] = search_scale(qj, xj, w, 16, 4);
    }
    if (importance != NULL)
        k_share_q3_k_weighted(&s, f.scale, f.weight);
    else
        k_share_q3_k(&s, f.scale);
    k_store_q3_k(out, x, &s, f.q, k_requantize);
}

/* The importance itself is the weight here; without, x^2. */
static void block_q6_k(uint8_t *out, const float *x, const float *importance)
{
    struct found f;
    struct k_scales s;
    float w[16];

    for (int j = 0; j < 16; j++) {
        const float *const xj = x + 16 * j;

        for (int i = 0; i < 16; i++)
            w[i] = importance != NULL ? importance[16 * j + i] : xj[i] * xj[i];
        f.scale[j] = search_scale(f.q + 16 * j, xj, w, 16, 32);
    }
    if (k_share_q6_k(&s, f.scale))
        k_store_q6_k(out, x, &s, f.q, k_requantize);
    else
        memset(out, 0, 210);
}

typedef void (*block_fn)(uint8_t *out, const float *x, const float *importance);

static void quantize(uint8_t *out, const float *x, size_t nrows, size_t ncols,
                     const float *importance, size_t nbytes, block_fn block)
{
    for (size_t r = 0; r < nrows; r++) {
        for (size_t c = 0; c < ncols; c += QK_K, x += QK_K, out += nbytes)
            block(out, x, importance != NULL ? importance + c : NULL);
    }
}

static void quantize_q2_k(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    quantize(out, x, nrows, ncols, importance, 84, block_q2_k);
}

static void quantize_q3_k(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    quantize(out, x, nrows, ncols, importance, 110, block_q3_k);
}

static void quantize_q4_k(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    quantize(out, x, nrows, ncols, importance, 144, block_q4_k);
}

static void quantize_q5_k(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    quantize(out, x, nrows, ncols, importance, 176, block_q5_k);
}

static void quantize_q6_k(uint8_t *out, const float *x, size_t nrows,
                          size_t ncols, const float *importance)
{
    quantize(out, x, nrows, ncols, importance, 210, block_q6_k);
}

const phi_quantize_fn phi_quant_k_scalar[PHI_NDTYPES] = {
    [PHI_Q2_K] = quantize_q2_k, [PHI_Q3_K] = quantize_q3_k,
    [PHI_Q4_K] = quantize_q4_k, [PHI_Q5_K] = quantize_q5_k,
    [PHI_Q6_K] = quantize_q6_k,
};
