/* SPDX-License-Identifier: MIT */
/* Which panels a type has, and which kernels a processor gets. */
#include "libconv/kernels/gemm_i8.h"

#include "libconv/cpu/cpu.h"
#include "libconv/kernels/gemm_i8_tables.h"

#define BYTES(fields) (PHI_I8_QUANT + (fields)*PHI_I8_FIELD)

static const struct phi_panel_layout layouts[PHI_PANEL_FORMS] = {
    [PHI_PANEL_Z4] = {PHI_PANEL_Z4, 8, 1, 0, BYTES(1)},
    [PHI_PANEL_Z5] = {PHI_PANEL_Z5, 16, 1, 0, BYTES(1)},
    [PHI_PANEL_Z8] = {PHI_PANEL_Z8, 128, 1, 0, BYTES(1)},
    [PHI_PANEL_M4] = {PHI_PANEL_M4, 0, 1, 1, BYTES(2)},
    [PHI_PANEL_M5] = {PHI_PANEL_M5, 0, 1, 1, BYTES(2)},
    [PHI_PANEL_MM6] = {PHI_PANEL_MM6, 0, 1, 2, BYTES(3)},
    [PHI_PANEL_S6] = {PHI_PANEL_S6, 32, 2, 0, BYTES(2)},
};

static const struct phi_panel_layout *const layout_of[PHI_NDTYPES] = {
    [PHI_Q4_0] = &layouts[PHI_PANEL_Z4],  [PHI_Q4_1] = &layouts[PHI_PANEL_M4],
    [PHI_Q5_0] = &layouts[PHI_PANEL_Z5],  [PHI_Q5_1] = &layouts[PHI_PANEL_M5],
    [PHI_Q8_0] = &layouts[PHI_PANEL_Z8],  [PHI_IQ4_NL] = &layouts[PHI_PANEL_Z8],
    [PHI_Q2_K] = &layouts[PHI_PANEL_MM6], [PHI_Q3_K] = &layouts[PHI_PANEL_Z8],
    [PHI_Q4_K] = &layouts[PHI_PANEL_M4],  [PHI_Q5_K] = &layouts[PHI_PANEL_M5],
    [PHI_Q6_K] = &layouts[PHI_PANEL_S6],  [PHI_IQ4_XS] = &layouts[PHI_PANEL_Z8],
};

/* Best first; the last row of each needs nothing. */
static const struct {
    uint32_t needs;
    const phi_gemm_i8_fn (*table)[PHI_ACT_MODES]; /* (PHI_PANEL_FORMS) */
} gemms[] = {
#if defined(__x86_64__)
    {PHI_CPU_AVX512VNNI, phi_gemm_i8_avx512vnni},
    {PHI_CPU_AVXVNNI, phi_gemm_i8_avxvnni},
    {PHI_CPU_AVX2, phi_gemm_i8_avx2},
#elif defined(__aarch64__)
    {PHI_CPU_I8MM, phi_gemm_i8_i8mm},
    {PHI_CPU_DOTPROD, phi_gemm_i8_dotprod},
    {PHI_CPU_NEON, phi_gemm_i8_neon},
#endif
    {0, phi_gemm_i8_scalar},
};

static const struct {
    uint32_t needs;
    const phi_unpack_fn *table; /* (PHI_NDTYPES) */
} unpackers[] = {
#if defined(__x86_64__)
    {PHI_CPU_AVX2, phi_unpack_panel_avx2},
#endif
    {0, phi_unpack_panel_scalar},
};

static const struct {
    uint32_t needs;
    const phi_act_fn *table; /* (PHI_ACT_MODES) */
} quantizers[] = {
#if defined(__x86_64__)
    {PHI_CPU_AVX2, phi_act_i8_avx2},
#endif
    {0, phi_act_i8_scalar},
};

const struct phi_panel_layout *phi_panel_layout(enum phi_dtype t)
{
    return layout_of[t];
}

phi_unpack_fn phi_unpack_kernel(uint32_t features, enum phi_dtype t)
{
    size_t i = 0;

    while ((unpackers[i].needs & ~features) != 0)
        i++;
    return unpackers[i].table[t];
}

phi_act_fn phi_act_kernel(uint32_t features, enum phi_act_mode mode)
{
    size_t i = 0;

    while ((quantizers[i].needs & ~features) != 0)
        i++;
    return quantizers[i].table[mode];
}

phi_gemm_i8_fn phi_gemm_i8_kernel(uint32_t features, enum phi_dtype t,
                                  enum phi_act_mode mode)
{
    size_t i = 0;

    if (layout_of[t] == NULL)
        return NULL;
    while ((gemms[i].needs & ~features) != 0)
        i++;
    return gemms[i].table[layout_of[t]->form][mode];
}
