/* SPDX-License-Identifier: MIT */
/*
 * The integer product for every machine, and its definition. Loops run over
 * the 32 rows of a panel, where compilers find vectors. Form and mode are
 * constants in each instance.
 */
#include <string.h>

#include "libconv/kernels/fused.h"
#include "libconv/kernels/gemm_i8_tables.h"

#define ROWS PHI_I8_ROWS

struct form {
    int zero;
    int nscales;
    int nmins;
};

/* i[r] += sum over 4 * nstep k of q * a */
PHI_BODY void add_products(int32_t i[ROWS], const uint8_t *q, const int8_t *a,
                           int nstep)
{
    for (int s = 0; s < nstep; s++) {
        for (int r = 0; r < ROWS; r++) {
            const uint8_t *w = q + (s * ROWS + r) * 4;

            i[r] += w[0] * a[4 * s] + w[1] * a[4 * s + 1] +
                    w[2] * a[4 * s + 2] + w[3] * a[4 * s + 3];
        }
    }
}

PHI_BODY void sum_products(int32_t i[ROWS], const uint8_t *q, const int8_t *a,
                           int nstep, int32_t start, enum phi_act_mode mode)
{
    for (int r = 0; r < ROWS; r++)
        i[r] = 0;
    add_products(i, q, a, nstep);
    if (mode == PHI_ACT_EXACT) {
        for (int r = 0; r < ROWS; r++)
            i[r] *= 256;
        add_products(i, q, a + PHI_I8_BLOCK, nstep);
    }
    for (int r = 0; r < ROWS; r++)
        i[r] += start;
}

static float get_f32(const uint8_t *p)
{
    float v;

    memcpy(&v, p, sizeof(v));
    return v;
}

/* acc += one block of one token. */
PHI_BODY void add_block(float acc[ROWS], const uint8_t *w, const uint8_t *a,
                        struct form form, enum phi_act_mode mode)
{
    const int8_t *const q = (const int8_t *)a;
    const uint8_t *const tail = a + phi_act_nbytes(mode) - 16;
    const float *const scale = (const float *)(w + PHI_I8_QUANT);
    const float *const min = scale + form.nscales * ROWS;
    const float factor = get_f32(tail);
    int32_t sum[2];
    int32_t i[2][ROWS];

    memcpy(sum, tail + 4, sizeof(sum));
    if (form.nscales == 1) {
        sum_products(i[0], w, q, 8, -form.zero * (sum[0] + sum[1]), mode);
    } else {
        sum_products(i[0], w, q, 4, -form.zero * sum[0], mode);
        sum_products(i[1], w + PHI_I8_QUANT / 2, q + 16, 4, -form.zero * sum[1],
                     mode);
    }
    for (int r = 0; r < ROWS; r++) {
        float s = (float)i[0][r] * scale[r];

        if (mode == PHI_ACT_FAST)
            s = phi_fused(PHI_I8_MAGIC + (float)i[0][r], scale[r],
                          scale[r] * -PHI_I8_MAGIC);
        if (form.nscales == 2)
            s = phi_fused((float)i[1][r], scale[ROWS + r], s);
        if (form.nmins == 1)
            s = phi_fused(-(float)(sum[0] + sum[1]), min[r], s);
        if (form.nmins == 2) {
            s = phi_fused(-(float)sum[0], min[r], s);
            s = phi_fused(-(float)sum[1], min[ROWS + r], s);
        }
        acc[r] = phi_fused(s, factor, acc[r]);
    }
}

PHI_BODY void gemm(float *acc, size_t ldacc, const uint8_t *panel,
                   const struct phi_act *act, size_t nblk, struct form form,
                   enum phi_act_mode mode)
{
    const size_t block =
        PHI_I8_QUANT + (size_t)(form.nscales + form.nmins) * PHI_I8_FIELD;

    for (size_t t = 0; t < act->ntokens; t++) {
        const uint8_t *a = act->blocks + t * act->stride;

        for (size_t b = 0; b < nblk; b++)
            add_block(acc + t * ldacc, panel + b * block,
                      a + b * phi_act_nbytes(mode), form, mode);
    }
}

#define KERNEL(name, zero, nscales, nmins)                                     \
    static void name##_fast(float *acc, size_t ldacc, const uint8_t *panel,    \
                            const struct phi_act *act, size_t nblk)            \
    {                                                                          \
        gemm(acc, ldacc, panel, act, nblk,                                     \
             (struct form){zero, nscales, nmins}, PHI_ACT_FAST);               \
    }                                                                          \
    static void name##_exact(float *acc, size_t ldacc, const uint8_t *panel,   \
                             const struct phi_act *act, size_t nblk)           \
    {                                                                          \
        gemm(acc, ldacc, panel, act, nblk,                                     \
             (struct form){zero, nscales, nmins}, PHI_ACT_EXACT);              \
    }

KERNEL(gemm_z4, 8, 1, 0)
KERNEL(gemm_z5, 16, 1, 0)
KERNEL(gemm_z8, 128, 1, 0)
KERNEL(gemm_m, 0, 1, 1)
KERNEL(gemm_mm, 0, 1, 2)
KERNEL(gemm_s6, 32, 2, 0)

phi_gemm_i8_table phi_gemm_i8_scalar = {
    [PHI_PANEL_Z4] = {gemm_z4_fast, gemm_z4_exact},
    [PHI_PANEL_Z5] = {gemm_z5_fast, gemm_z5_exact},
    [PHI_PANEL_Z8] = {gemm_z8_fast, gemm_z8_exact},
    [PHI_PANEL_M4] = {gemm_m_fast, gemm_m_exact},
    [PHI_PANEL_M5] = {gemm_m_fast, gemm_m_exact},
    [PHI_PANEL_MM6] = {gemm_mm_fast, gemm_mm_exact},
    [PHI_PANEL_S6] = {gemm_s6_fast, gemm_s6_exact},
};
