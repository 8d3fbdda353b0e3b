/* SPDX-License-Identifier: MIT */
#include "libconv/quant/overflow.h"

#include <float.h>
#include <stdint.h>

#include "libconv/base/bytes.h"
#include "libconv/base/half.h"

#define NONE UINT16_MAX

/* Exponents that are all ones: infinity or NaN. */
#define F16_ONES  0x7c00u
#define BF16_ONES 0x7f80u
#define F64_ONES  0x7ff0u

/* Where a block keeps its scale and its minimum (ggml-common.h). */
struct fields {
    uint16_t ones; /* of the exponent; 0: no such type */
    uint16_t scale;
    uint16_t min; /* or NONE */
};

static const struct fields fields[PHI_NDTYPES] = {
    [PHI_F16] = {F16_ONES, 0, NONE},    [PHI_BF16] = {BF16_ONES, 0, NONE},
    [PHI_F32] = {BF16_ONES, 2, NONE}, /* the upper half of an f32 */
    [PHI_F64] = {F64_ONES, 6, NONE},  /* the upper quarter of an f64 */
    [PHI_Q4_0] = {F16_ONES, 0, NONE},   [PHI_Q4_1] = {F16_ONES, 0, 2},
    [PHI_Q5_0] = {F16_ONES, 0, NONE},   [PHI_Q5_1] = {F16_ONES, 0, 2},
    [PHI_Q8_0] = {F16_ONES, 0, NONE},   [PHI_Q2_K] = {F16_ONES, 80, 82},
    [PHI_Q3_K] = {F16_ONES, 108, NONE}, [PHI_Q4_K] = {F16_ONES, 0, 2},
    [PHI_Q5_K] = {F16_ONES, 0, 2},      [PHI_Q6_K] = {F16_ONES, 208, NONE},
    [PHI_IQ4_NL] = {F16_ONES, 0, NONE}, [PHI_IQ4_XS] = {F16_ONES, 0, NONE},
    [PHI_TQ1_0] = {F16_ONES, 52, NONE}, [PHI_TQ2_0] = {F16_ONES, 64, NONE},
};

bool phi_overflow_known(enum phi_dtype t)
{
    return fields[t].ones != 0;
}

static bool is_bad(const struct fields *f, const uint8_t *block)
{
    return (phi_load_u16(block + f->scale) & f->ones) == f->ones ||
           (f->min != NONE &&
            (phi_load_u16(block + f->min) & f->ones) == f->ones);
}

/* Halves side by side: no branch an element, so that gcc makes vectors. */
static bool any_bad(const uint8_t *p, size_t n, unsigned ones)
{
    unsigned bad = 0;

    for (size_t i = 0; i < n; i++)
        bad |= (phi_load_u16(p + 2 * i) & ones) == ones;
    return bad != 0;
}

size_t phi_overflow_find(enum phi_dtype t, const void *blocks, size_t nblk)
{
    const struct fields *f = &fields[t];
    const size_t size = phi_dtype_info(t)->bits / 8;
    const uint8_t *p = blocks;

    if (size == 2 && !any_bad(p, nblk, f->ones))
        return nblk;
    for (size_t i = 0; i < nblk; i++) {
        if (is_bad(f, p + i * size))
            return i;
    }
    return nblk;
}

size_t phi_overflow_value(const float *x, size_t n, float limit)
{
    /* As integers, magnitudes of floats are ordered, NaN above all. */
    const uint32_t most = phi_f32_bits(limit < FLT_MAX ? limit : FLT_MAX);
    unsigned bad = 0;

    for (size_t i = 0; i < n; i++)
        bad |= (phi_f32_bits(x[i]) & 0x7fffffff) > most;
    for (size_t i = 0; bad != 0 && i < n; i++) {
        if ((phi_f32_bits(x[i]) & 0x7fffffff) > most)
            return i;
    }
    return n;
}
