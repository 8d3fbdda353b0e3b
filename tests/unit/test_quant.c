/* SPDX-License-Identifier: MIT */
/*
 * Quantizers and widening, block by block against the independent reference,
 * on distributions where quantizers go wrong.
 */
#include <math.h>

#include "libconv/base/half.h"
#include "libconv/quant/quant.h"
#include "reference/ref_quant.h"
#include "tests/unit/unit.h"

enum { N = 256, ROUNDS = 200 };

static const struct {
    enum phi_dtype dtype;
    enum ref_type ref;
} types[] = {
    {PHI_Q4_0, REF_Q4_0},   {PHI_Q4_1, REF_Q4_1},     {PHI_Q5_0, REF_Q5_0},
    {PHI_Q5_1, REF_Q5_1},   {PHI_Q8_0, REF_Q8_0},     {PHI_Q6_K, REF_Q6_K},
    {PHI_Q2_K, REF_Q2_K},   {PHI_Q3_K, REF_Q3_K},     {PHI_Q4_K, REF_Q4_K},
    {PHI_Q5_K, REF_Q5_K},   {PHI_IQ4_NL, REF_IQ4_NL}, {PHI_IQ4_XS, REF_IQ4_XS},
    {PHI_TQ1_0, REF_TQ1_0}, {PHI_TQ2_0, REF_TQ2_0},
};

enum { NTYPES = sizeof(types) / sizeof(types[0]) };

/* xorshift64*: the same numbers on every machine. */
static uint64_t state = 0x9e3779b97f4a7c15u;

static uint32_t random_u32(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)(state * 0x2545f4914f6cdd1du >> 32);
}

/* About normal, deviation 1: twelve uniform numbers. */
static float random_normal(void)
{
    float sum = 0;

    for (int i = 0; i < 12; i++)
        sum += (float)(random_u32() >> 8) * 0x1p-24f;
    return sum - 6;
}

typedef float (*fill_fn)(int i, int round);

static float fill_normal(int i, int round)
{
    (void)i;
    return random_normal() * (float)(round + 1) * 0.01f;
}

static float fill_zero(int i, int round)
{
    return (i + round) % 2 == 0 ? 0.0f : -0.0f;
}

static float fill_outlier(int i, int round)
{
    return i == round % N ? 60000.0f : random_normal() * 1e-3f;
}

static float fill_subnormal(int i, int round)
{
    (void)i;
    (void)round;
    return phi_bits_f32(random_u32() & 0x807fffff);
}

static float fill_tiny(int i, int round)
{
    (void)i;
    return random_normal() * ldexpf(1.0f, -126 - round % 23);
}

/* Halves of a level: every quant of a 4-bit block is a tie. */
static float fill_ties(int i, int round)
{
    return i % 32 == 0 ? -8.0f : (float)((i + round) % 16 - 8) + 0.5f;
}

static float fill_equal(int i, int round)
{
    (void)i;
    return (float)(round - 100) * 0.37f;
}

static float fill_extremes(int i, int round)
{
    const float big = round % 2 == 0 ? 65504.0f : 3.4e38f;

    return i % 2 == 0 ? big : -big;
}

static float fill_positive(int i, int round)
{
    (void)i;
    (void)round;
    return fabsf(random_normal()) + 3;
}

/* Sub-blocks of zeros among others; exponents all over the place. */
static float fill_wild(int i, int round)
{
    if ((i / 16 + round) % 3 == 0)
        return 0;
    return random_normal() * ldexpf(1.0f, (int)(random_u32() % 40) - 20);
}

static const struct {
    const char *name;
    fill_fn fn;
} fills[] = {
    {"normal", fill_normal},     {"zero", fill_zero},
    {"outlier", fill_outlier},   {"subnormal", fill_subnormal},
    {"tiny", fill_tiny},         {"ties", fill_ties},
    {"equal", fill_equal},       {"extremes", fill_extremes},
    {"positive", fill_positive}, {"wild", fill_wild},
};

enum { NFILLS = sizeof(fills) / sizeof(fills[0]) };

START_TEST(bytes_are_those_of_the_reference)
{
    const size_t f = (size_t)_i;
    float x[N];

    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < N; i++)
            x[i] = fills[f].fn(i, round);
        for (size_t k = 0; k < NTYPES; k++) {
            uint8_t got[N * 4 + 16];
            uint8_t want[N * 4];
            uint64_t n = 0;

            ck_assert(phi_quant_writable(types[k].dtype));
            ck_assert_int_eq(ref_quantize(types[k].ref, x, N, want), 0);
            ck_assert(phi_dtype_nbytes(types[k].dtype, N, &n));
            memset(got, 0xa5, sizeof(got));
            phi_quant_from_f32(types[k].dtype, x, N, got + 8);
            ck_assert_msg(
                memcmp(got + 8, want, n) == 0, "%s, fill %s, round %d",
                phi_dtype_info(types[k].dtype)->name, fills[f].name, round);
            for (size_t i = 0; i < 8; i++) /* nothing beside the blocks */
                ck_assert(got[i] == 0xa5 && got[8 + n + i] == 0xa5);
        }
    }
}
END_TEST

START_TEST(any_bytes_widen_as_in_the_reference)
{
    const size_t k = (size_t)_i;
    uint8_t blocks[N * 4];
    double want[N];
    float got[N];
    uint64_t n = 0;

    ck_assert(phi_quant_readable(types[k].dtype));
    ck_assert(phi_dtype_nbytes(types[k].dtype, N, &n));
    for (int round = 0; round < ROUNDS * 20; round++) {
        for (size_t i = 0; i < n; i++)
            blocks[i] = (uint8_t)random_u32();
        phi_quant_to_f32(types[k].dtype, blocks, N, got);
        ck_assert_int_eq(ref_dequantize(types[k].ref, blocks, N, want), 0);
        for (int i = 0; i < N; i++) {
            const float w = (float)want[i];

            /* Checks report to another process: only failures are worth it. */
            if (got[i] == w || (isnan(got[i]) && isnan(w)))
                continue;
            ck_abort_msg("%s, round %d, value %d: %a, expected %a",
                         phi_dtype_info(types[k].dtype)->name, round, i, got[i],
                         w);
        }
    }
}
END_TEST

START_TEST(floats_pass_through)
{
    static const float x[4] = {1.0f, -0.0f, 65504.0f, 0x1p-24f};
    static const uint8_t f64[8] = {0x9a, 0x99, 0x99, 0x99,
                                   0x99, 0x99, 0xb9, 0x3f};
    uint8_t bytes[16];
    float back[4];

    phi_quant_from_f32(PHI_F32, x, 4, bytes);
    ck_assert_mem_eq(bytes, x, 16);
    phi_quant_from_f32(PHI_F16, x, 4, bytes);
    ck_assert_mem_eq(bytes, "\x00\x3c\x00\x80\xff\x7b\x01\x00", 8);
    phi_quant_to_f32(PHI_F16, bytes, 4, back);
    ck_assert_mem_eq(back, x, 16);
    phi_quant_from_f32(PHI_BF16, x, 4, bytes);
    ck_assert_mem_eq(bytes, "\x80\x3f\x00\x80\x80\x47\x80\x33", 8);
    phi_quant_to_f32(PHI_F64, f64, 1, back);
    ck_assert_float_eq(back[0], 0.1f);
    phi_quant_to_f32(PHI_F8_E4M3, "\x38\xb8", 2, back);
    ck_assert_float_eq(back[1], -1.0f);
    phi_quant_to_f32(PHI_F8_E5M2, "\x3c", 1, back);
    ck_assert_float_eq(back[0], 1.0f);
    ck_assert(!phi_quant_writable(PHI_F64));
    /* The table of types says what there are kernels for. */
    for (int i = 0; i < PHI_NDTYPES; i++) {
        const enum phi_dtype t = (enum phi_dtype)i;
        const enum phi_dtype_class c = phi_dtype_info(t)->cls;

        ck_assert_int_eq(phi_quant_readable(t),
                         c == PHI_CLASS_FLOAT || c == PHI_CLASS_BLOCK);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("quant");
    TCase *t = tcase_create("quant");

    tcase_add_loop_test(t, bytes_are_those_of_the_reference, 0, NFILLS);
    tcase_add_loop_test(t, any_bytes_widen_as_in_the_reference, 0, NTYPES);
    tcase_add_test(t, floats_pass_through);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    return unit_main(s);
}
