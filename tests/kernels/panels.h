/* SPDX-License-Identifier: MIT */
/* What tests of the integer product share: types, readers of bytes. */
#ifndef PHI_TESTS_PANELS_H
#define PHI_TESTS_PANELS_H

#include <math.h>

#include "libconv/base/bytes.h"
#include "libconv/base/half.h"
#include "libconv/cpu/cpu.h"
#include "libconv/kernels/gemm_i8.h"
#include "tests/kernels/guard.h"
#include "tests/kernels/here.h"
#include "tests/kernels/hostile.h"

/* The types that have panels. */
static const enum phi_dtype panel_types[] = {
    PHI_Q4_0, PHI_Q4_1, PHI_Q5_0, PHI_Q5_1, PHI_Q8_0, PHI_IQ4_NL,
    PHI_Q2_K, PHI_Q3_K, PHI_Q4_K, PHI_Q5_K, PHI_Q6_K, PHI_IQ4_XS};
#define NTYPES ((int)(sizeof(panel_types) / sizeof(panel_types[0])))

/* Where the f16 of a stored block stand; -1: no second. */
static inline void panel_halves(enum phi_dtype t, int at[2])
{
    at[0] = 0;
    at[1] = -1;
    if (t == PHI_Q4_1 || t == PHI_Q5_1 || t == PHI_Q4_K || t == PHI_Q5_K)
        at[1] = 2;
    else if (t == PHI_Q2_K)
        at[0] = 80, at[1] = 82;
    else if (t == PHI_Q3_K)
        at[0] = 108;
    else if (t == PHI_Q6_K)
        at[0] = 208;
}

/*
 * Blocks of any bytes, of which all finite values of f16 for their scales;
 * `kind` 1: every other byte 0xff, 2: all 0x00, 3: all 0xff, 4: scales are
 * zeros and subnormals.
 */
static inline void panel_fill_blocks(uint8_t *p, size_t nblk, enum phi_dtype t,
                                     int kind, uint64_t *seed)
{
    const size_t size = phi_dtype_info(t)->bits / 8;
    int at[2];

    panel_halves(t, at);
    for (size_t i = 0; i < nblk * size; i++) {
        const uint8_t any = (uint8_t)hostile_u64(seed);

        p[i] = any;
        if (kind == 2 || kind == 3)
            p[i] = kind == 2 ? 0 : 0xff;
        else if (kind == 1 && i % 2 == 0)
            p[i] = 0xff;
    }
    for (size_t b = 0; b < nblk; b++) {
        for (int h = 0; h < 2; h++) {
            uint16_t v = (uint16_t)(hostile_u64(seed) & 0xbfff);

            if (kind == 4)
                v &= 0x8003;
            else if (kind == 0) /* the size of a model's */
                v = (uint16_t)((v & 0x83ff) | 0x1c00);
            if ((v & 0x7c00) == 0x7c00)
                v &= 0x83ff;
            if (at[h] >= 0)
                phi_store_u16(p + b * size + at[h], v);
        }
    }
}
#define PANEL_FILLS 5

static inline float panel_f32(const uint8_t *p)
{
    return phi_bits_f32(phi_load_u32(p));
}

/* A weight as the drawing in gemm_i8.h says: row r, column k of a panel. */
struct panel_weight {
    double scale, min;
    int q; /* zero taken off */
};

static inline struct panel_weight panel_weight(const uint8_t *panel,
                                               const struct phi_panel_layout *l,
                                               size_t r, size_t k)
{
    const uint8_t *block = panel + k / 32 * l->block_nbytes;
    const uint8_t *fields = block + 1024 + 4 * r;
    const size_t half = k % 32 / 16;
    struct panel_weight w = {0};

    w.q = block[k % 32 / 4 * 128 + r * 4 + k % 4] - (int)l->zero;
    w.scale = (double)panel_f32(fields + 128 * (half % l->nscales));
    if (l->nmins > 0)
        w.min = (double)panel_f32(fields + 128 * l->nscales +
                                  128 * (half % l->nmins));
    return w;
}

/* Integer k of a token's activations, and its scale. */
static inline int panel_act(const uint8_t *blocks, enum phi_act_mode mode,
                            size_t k, double *scale)
{
    const uint8_t *b = blocks + k / 32 * (mode == PHI_ACT_FAST ? 48 : 80);
    const int8_t first = (int8_t)b[k % 32];

    *scale = (double)panel_f32(b + (mode == PHI_ACT_FAST ? 32 : 64));
    return mode == PHI_ACT_FAST ? first : 256 * first + (int8_t)b[32 + k % 32];
}

#endif
