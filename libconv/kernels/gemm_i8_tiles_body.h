/* SPDX-License-Identifier: MIT */
/*
 * What the integer products on registers of 128 and 256 bits have in common:
 * tiles, some tokens by TILE_ROWS rows of a panel, and a kernel for each form
 * of quants and mode. The file that includes this gives TOKENS, TILE_ROWS and
 *
 *     run_tile()   adds to the tile's sums all nblk blocks of the rows whose
 *                  first quants are at w
 */
#ifndef PHI_KERNELS_GEMM_I8_TILES_BODY_H
#define PHI_KERNELS_GEMM_I8_TILES_BODY_H

#include <stdbool.h>
#include <string.h>

#include "libconv/kernels/gemm_i8_tables.h"

struct form {
    int bits;
    int zero_bits; /* zero = 1 << zero_bits; negative: none */
    int nscales;
    int nmins;
};

/* Tokens of a tile; those past the last are the last, for nobody's sums. */
struct tile {
    const uint8_t *a[TOKENS];
    float *acc[TOKENS];
};

static inline struct tile tile_at(float *acc, size_t ldacc,
                                  const struct phi_act *act, size_t t,
                                  float spare[TILE_ROWS])
{
    struct tile tile;

    for (size_t i = 0; i < TOKENS; i++) {
        const bool past = t + i >= act->ntokens;
        const size_t at = past ? act->ntokens - 1 : t + i;

        tile.a[i] = act->blocks + at * act->stride;
        tile.acc[i] = past ? spare : acc + at * ldacc;
    }
    return tile;
}

PHI_BODY void run_tile(const struct tile *tile, const uint8_t *w, size_t nblk,
                       struct form form, enum phi_act_mode mode);

#define KERNEL(name, mode, ...)                                                \
    static void name(float *acc, size_t ldacc, const uint8_t *panel,           \
                     const struct phi_act *act, size_t nblk)                   \
    {                                                                          \
        const struct form form = {__VA_ARGS__};                                \
        float spare[TILE_ROWS] = {0};                                          \
                                                                               \
        for (size_t r = 0; r < PHI_I8_ROWS; r += TILE_ROWS) {                  \
            for (size_t t = 0; t < act->ntokens; t += TOKENS) {                \
                const struct tile at = tile_at(acc + r, ldacc, act, t, spare); \
                                                                               \
                run_tile(&at, panel + 4 * r, nblk, form, mode);                \
            }                                                                  \
        }                                                                      \
    }

/* bits, zero's bits, scales, mins */
KERNEL(gemm_z4_fast, PHI_ACT_FAST, 4, 3, 1, 0)
KERNEL(gemm_z5_fast, PHI_ACT_FAST, 5, 4, 1, 0)
KERNEL(gemm_z8_fast, PHI_ACT_FAST, 8, 7, 1, 0)
KERNEL(gemm_m4_fast, PHI_ACT_FAST, 4, -1, 1, 1)
KERNEL(gemm_m5_fast, PHI_ACT_FAST, 5, -1, 1, 1)
KERNEL(gemm_mm6_fast, PHI_ACT_FAST, 6, -1, 1, 2)
KERNEL(gemm_s6_fast, PHI_ACT_FAST, 6, 5, 2, 0)
KERNEL(gemm_z4_exact, PHI_ACT_EXACT, 4, 3, 1, 0)
KERNEL(gemm_z5_exact, PHI_ACT_EXACT, 5, 4, 1, 0)
KERNEL(gemm_z8_exact, PHI_ACT_EXACT, 8, 7, 1, 0)
KERNEL(gemm_m4_exact, PHI_ACT_EXACT, 4, -1, 1, 1)
KERNEL(gemm_m5_exact, PHI_ACT_EXACT, 5, -1, 1, 1)
KERNEL(gemm_mm6_exact, PHI_ACT_EXACT, 6, -1, 1, 2)
KERNEL(gemm_s6_exact, PHI_ACT_EXACT, 6, 5, 2, 0)

#define GEMM_TABLE                                                             \
    {                                                                          \
        [PHI_PANEL_Z4] = {gemm_z4_fast, gemm_z4_exact},                        \
        [PHI_PANEL_Z5] = {gemm_z5_fast, gemm_z5_exact},                        \
        [PHI_PANEL_Z8] = {gemm_z8_fast, gemm_z8_exact},                        \
        [PHI_PANEL_M4] = {gemm_m4_fast, gemm_m4_exact},                        \
        [PHI_PANEL_M5] = {gemm_m5_fast, gemm_m5_exact},                        \
        [PHI_PANEL_MM6] = {gemm_mm6_fast, gemm_mm6_exact},                     \
        [PHI_PANEL_S6] = {gemm_s6_fast, gemm_s6_exact},                        \
    }

#endif
