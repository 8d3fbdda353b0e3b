/* SPDX-License-Identifier: MIT */
/*
 * Types of blocks with importance and without, every level of instructions
 * that this machine runs: against the independent reference on hostile values,
 * and against known bytes.
 */
#include "libconv/base/sha256.h"
#include "libconv/cpu/cpu.h"
#include "libconv/kernels/quant_kernels.h"
#include "reference/ref_quant.h"
#include "tests/kernels/here.h"
#include "tests/kernels/hostile.h"
#include "tests/unit/unit.h"

static const struct {
    enum phi_dtype dtype;
    enum ref_type ref;
} types[] = {
    {PHI_Q4_0, REF_Q4_0},   {PHI_Q4_1, REF_Q4_1},     {PHI_Q5_0, REF_Q5_0},
    {PHI_Q5_1, REF_Q5_1},   {PHI_IQ4_NL, REF_IQ4_NL}, {PHI_IQ4_XS, REF_IQ4_XS},
    {PHI_Q8_0, REF_Q8_0},   {PHI_Q2_K, REF_Q2_K},     {PHI_Q3_K, REF_Q3_K},
    {PHI_Q4_K, REF_Q4_K},   {PHI_Q5_K, REF_Q5_K},     {PHI_Q6_K, REF_Q6_K},
    {PHI_TQ1_0, REF_TQ1_0}, {PHI_TQ2_0, REF_TQ2_0},
};

/* Of the first ones the kernels sum several rows or blocks side by side. */
enum { NTYPES = sizeof(types) / sizeof(types[0]), NSUMMED = 6 };

/* Three super-blocks a row: an odd one is left where two are done at once. */
enum { NROWS = 2, NCOLS = 768 };

/* More rows than lanes: what is summed over rows is, in lanes and without. */
enum { MANY_ROWS = 19, MANY_COLS = 256, MOST = MANY_ROWS * MANY_COLS };

/* ---- against the reference ---------------------------------------------- */

/* `what`, `weights` and `round` name the values x (nrows, ncols). */
struct rows {
    const float *x;
    size_t nrows;
    size_t ncols;
    const char *what;
    const char *weights;
    int round;
};

static void check_rows(size_t k, const struct rows *r, const float *importance)
{
    const struct phi_dtype_info *const info = phi_dtype_info(types[k].dtype);
    const size_t nblk = r->nrows * r->ncols / info->block;
    const size_t nbytes = ref_block_bytes(types[k].ref);
    static uint8_t want[MOST * 2];
    static uint8_t got[MOST * 2 + 16];
    phi_quantize_fn last = NULL;
    const char *level;
    uint32_t features;

    ck_assert_int_eq(ref_quantize_weighted(types[k].ref, r->x, r->nrows,
                                           r->ncols, importance, want),
                     0);
    for (size_t i = 0; level_next(&i, &level, &features); i++) {
        if (phi_quantize_kernel(features, types[k].dtype) == last)
            continue;
        last = phi_quantize_kernel(features, types[k].dtype);
        memset(got, 0xa5, sizeof(got));
        last(got + 8, r->x, r->nrows, r->ncols, importance);
        for (size_t b = 0; b < nblk; b++) {
            if (memcmp(got + 8 + b * nbytes, want + b * nbytes, nbytes) != 0)
                ck_abort_msg("%s, level %s, %s, %s, round %d: block %zu",
                             info->name, level, r->what, r->weights, r->round,
                             b);
        }
        for (size_t j = 0; j < 8; j++) /* nothing beside the blocks */
            ck_assert(got[j] == 0xa5 && got[8 + nblk * nbytes + j] == 0xa5);
    }
}

/* With every kind of importance, `rounds` times; the first ntypes types. */
static void check_hostile(int fill, size_t nrows, size_t ncols, int rounds,
                          size_t ntypes)
{
    static float x[MOST];
    static float w[NCOLS];
    uint64_t seed = 4711 + (uint64_t)fill;

    for (int round = 0; round < rounds * HOSTILE_WEIGHTS; round++) {
        const enum hostile_weights kind =
            (enum hostile_weights)(round % HOSTILE_WEIGHTS);
        const struct rows r = {
            x,    nrows, ncols, hostile[fill].name, hostile_weight_names[kind],
            round};

        hostile_fill(x, nrows * ncols, fill, &seed);
        hostile_weigh(w, ncols, kind, &seed);
        for (size_t k = 0; k < ntypes; k++)
            check_rows(k, &r, kind == HOSTILE_NONE ? NULL : w);
    }
}

START_TEST(bytes_are_those_of_the_reference)
{
    check_hostile(_i, NROWS, NCOLS, 4, NTYPES);
}
END_TEST

START_TEST(many_rows_are_those_of_the_reference)
{
    check_hostile(_i, MANY_ROWS, MANY_COLS, 1, NSUMMED);
}
END_TEST

/*
 * One column of every second sub-block counts, between others that span more
 * levels; the rest are ramps of steps about as large as the scale that the
 * one column gets, or much smaller.
 */
static void fill_lone(float *x, float *w, uint64_t *seed)
{
    for (int at = 0; at < NCOLS; at += 32) {
        const bool lone = hostile_below(seed, 3) == 0;
        const float step = ldexpf(1.0f, -hostile_between(seed, 0, 12));

        for (int i = at; i < at + 32; i++) {
            w[i] = lone ? 0 : 1;
            for (int r = 0; r < NROWS; r++)
                x[r * NCOLS + i] = lone ? 0 : step * (float)(i - at - 8);
        }
        for (int r = 0; lone && r < NROWS; r++) {
            float *const xr = x + r * NCOLS + at;

            xr[0] = (float)-hostile_between(seed, 1, 30);
            xr[1] = (float)hostile_between(seed, 0, 30);
            xr[2] = (float)hostile_between(seed, (int)xr[0], 0) +
                    0.5f * (float)hostile_below(seed, 2);
        }
        if (lone)
            w[at + 2] = 1;
    }
}

START_TEST(lone_columns_are_those_of_the_reference)
{
    static float x[NROWS * NCOLS];
    static float w[NCOLS];
    uint64_t seed = 42;

    for (int round = 0; round < 200; round++) {
        const struct rows r = {x, NROWS, NCOLS, "lone columns", "ones", round};

        fill_lone(x, w, &seed);
        for (size_t k = 0; k < NTYPES; k++)
            check_rows(k, &r, w);
    }
}
END_TEST

/* ---- against known bytes ------------------------------------------------ */

/* What each level makes of x (1, 256) hashes to `want`. */
static void check_hash(enum phi_dtype t, const float *x,
                       const float *importance, const char *want)
{
    const char *level;
    uint32_t features;

    for (size_t i = 0; level_next(&i, &level, &features); i++) {
        char hex[PHI_SHA256_HEX];
        struct phi_sha256 *sha = NULL;
        uint8_t block[210];
        uint64_t n = 0;

        phi_quantize_kernel(features, t)(block, x, 1, 256, importance);
        ck_ok(phi_sha256_new(&sha, &err));
        ck_assert(phi_dtype_nbytes(t, 256, &n));
        ck_ok(phi_sha256_add(sha, block, n, &err));
        ck_ok(phi_sha256_hex(sha, hex, &err));
        phi_sha256_free(sha);
        ck_assert_msg(strcmp(hex, want) == 0, "%s, level %s: %s",
                      phi_dtype_info(t)->name, level, hex);
    }
}

/*
 * One column of a sub-block counts, and the line through it falls: the level
 * of this scale wraps past 63. Hashes are of ggml_quantize_chunk()'s bytes.
 */
static void fill_falling(float *x, float *w, float step, float top, float odd)
{
    for (int i = 0; i < 256; i++) {
        x[i] = i / 32 == 1 ? 0 : (float)(i % 32 - 8) * step;
        w[i] = i / 32 == 1 ? 0 : 1;
    }
    x[32] = -8;
    x[33] = top;
    x[34] = odd;
    w[34] = 1;
}

START_TEST(a_falling_line_wraps)
{
    float x[256];
    float w[256];

    fill_falling(x, w, 1.0f / 32, 3, -2.5f);
    check_hash(
        PHI_Q4_K, x, w,
        "56550835adc73f780cfacddab5f1df13d75b6d9871840d0fad4ae512c5e1d274");
    fill_falling(x, w, 1.0f / 256, 8, -1.5f);
    check_hash(
        PHI_Q5_K, x, w,
        "8391683293882df084304ed51f99fe0233d647d57ae1e12728a7f28d48ef4da5");
}
END_TEST

/*
 * Q3_K's descent without importance, in sixteen equal sub-blocks: one that
 * would go on after five rounds, and one where (x b) / a is not x (b / a).
 */
START_TEST(descents_end_and_round_as_ggmls)
{
    static const struct {
        float unit;
        float values[16];
        const char *hash;
    } rows[] = {
        {1.0f,
         {12, 33, 15, -27, -26, -1, -12, 32, -17, 15, -23, -5, 28, -15, -34,
          22},
         "4e9da97c68934a7f2295047d58413b22476a8d6282505cc2f7248d6de7ddf087"},
        {1.1f,
         {0, 2, -2, -2, 5, -6, -3, -5, -7, 1, 0, 1, -1, -3, -5, 4},
         "ed39c4c70cca71efe5b3a1b3e8ccbd78b6d2737829d64149dbebfaf34666475f"},
    };
    float x[256];

    for (int i = 0; i < 256; i++)
        x[i] = rows[_i].unit * rows[_i].values[i % 16];
    check_hash(PHI_Q3_K, x, NULL, rows[_i].hash);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("quant weighted");
    TCase *t = tcase_create("quant weighted");

    tcase_add_loop_test(t, bytes_are_those_of_the_reference, 0, HOSTILE_COUNT);
    tcase_add_loop_test(t, many_rows_are_those_of_the_reference, 0,
                        HOSTILE_COUNT);
    tcase_add_test(t, lone_columns_are_those_of_the_reference);
    tcase_add_test(t, a_falling_line_wraps);
    tcase_add_loop_test(t, descents_end_and_round_as_ggmls, 0, 2);
    tcase_set_timeout(t, 300);
    suite_add_tcase(s, t);
    return unit_main(s);
}
