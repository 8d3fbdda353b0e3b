/* SPDX-License-Identifier: MIT */
/*
 * The integer product: every level, form and mode against the scalar kernel
 * by bits, and that against reference/ within the bound of gemm_i8.h.
 */
#define _DEFAULT_SOURCE
#include "reference/ref_math.h"
#include "reference/ref_quant.h"
#include "tests/kernels/panels.h"

#define MAX_NT    33
#define MAX_NBLK  24
#define MAX_PANEL (MAX_NBLK * (1024 + 3 * 128))
#define PAD       3

static const size_t token_counts[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,     9,
                                      10, 11, 12, 13, 14, 15, 16, 17, MAX_NT};
static const size_t depths[] = {0, 1, 2, 3, 8, MAX_NBLK};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What a panel and activations are filled with. */
enum extreme {
    ANY,
    ALL_TOP,      /* the largest quants and activations */
    ALL_BOTTOM,   /* quants 0, activations -127 */
    ALTERNATING,  /* between both */
    ZERO_SCALES,  /* of either */
    SUBNORMALS,   /* scales and activations' scales */
    LARGE_SCALES, /* products overflow */
    EXTREMES
};

struct fixture {
    struct guard gpanel, gact, gacc;
    uint8_t *panel;
    struct phi_act act;
    float *acc;
    float *start; /* acc before */
    float *want;
    size_t ldacc, nacc, nblk;
    enum phi_dtype type;
    enum phi_act_mode mode;
};

static void new_fixture(struct fixture *f)
{
    f->gpanel = guard_new(MAX_PANEL);
    f->gact = guard_new(MAX_NT * (MAX_NBLK * 80 + 4 * PAD));
    f->gacc = guard_new(MAX_NT * (32 + PAD) * sizeof(float));
    f->start = malloc(MAX_NT * (32 + PAD) * sizeof(float));
    f->want = malloc(MAX_NT * (32 + PAD) * sizeof(float));
    ck_assert(f->start != NULL && f->want != NULL);
}

static void free_fixture(struct fixture *f)
{
    guard_free(&f->gpanel);
    guard_free(&f->gact);
    guard_free(&f->gacc);
    free(f->start);
    free(f->want);
}

static void put_f32(uint8_t *p, float v)
{
    memcpy(p, &v, sizeof(v));
}

static float some_scale(enum extreme e, uint64_t *seed)
{
    const float v = guard_random(seed);

    if (e == ZERO_SCALES && v > 0)
        return v > 0.5f ? 0.0f : -0.0f;
    if (e == SUBNORMALS)
        return v * 0x1p-130f;
    if (e == LARGE_SCALES)
        return v * 0x1p80f;
    return v;
}

/* lo, hi or something between them. */
static int some_integer(int lo, int hi, enum extreme e, size_t i,
                        uint64_t *seed)
{
    if (e == ALL_TOP || (e == ALTERNATING && i / 2 % 2 == 0))
        return hi;
    if (e == ALL_BOTTOM || e == ALTERNATING)
        return lo;
    return hostile_between(seed, lo, hi);
}

static void fill_panel(struct fixture *f, enum extreme e, uint64_t *seed)
{
    static const int top[PHI_PANEL_FORMS] = {
        [PHI_PANEL_Z4] = 15, [PHI_PANEL_Z5] = 31, [PHI_PANEL_Z8] = 255,
        [PHI_PANEL_M4] = 15, [PHI_PANEL_M5] = 31, [PHI_PANEL_MM6] = 45,
        [PHI_PANEL_S6] = 63};
    const struct phi_panel_layout *l = phi_panel_layout(f->type);

    for (size_t b = 0; b < f->nblk; b++) {
        uint8_t *p = f->panel + b * l->block_nbytes;

        for (size_t i = 0; i < 1024; i++)
            p[i] = (uint8_t)some_integer(0, top[l->form], e, i, seed);
        for (size_t i = 1024; i < l->block_nbytes; i += 4)
            put_f32(p + i, some_scale(e, seed));
    }
}

/* The sums of single bytes once more, in 16 bits each. */
static void put_pair(uint8_t *to, enum phi_act_mode mode, const int32_t sum[2])
{
    const int16_t pair[2] = {(int16_t)sum[0], (int16_t)sum[1]};

    memset(to, 0, sizeof(pair));
    if (mode == PHI_ACT_FAST)
        memcpy(to, pair, sizeof(pair));
}

static void fill_act(struct fixture *f, enum extreme e, uint64_t *seed)
{
    const size_t n = f->mode == PHI_ACT_FAST ? 32 : 64;

    for (size_t i = 0; i < f->act.ntokens * f->nblk; i++) {
        uint8_t *p = (uint8_t *)f->act.blocks + i / f->nblk * f->act.stride +
                     i % f->nblk * (n + 16);
        int32_t sum[2] = {0, 0};

        for (size_t k = 0; k < n; k++) {
            const int v = some_integer(-127, 127, e, k, seed);

            p[k] = (uint8_t)v;
            sum[k / 16 % 2] += n == 64 && k < 32 ? 256 * v : v;
        }
        put_f32(p + n, fabsf(some_scale(e, seed)));
        memcpy(p + n + 4, sum, 8);
        put_pair(p + n + 12, f->mode, sum);
    }
}

static void place_fixture(struct fixture *f, size_t nt, bool end,
                          uint64_t *seed)
{
    const size_t row = f->nblk * phi_act_nbytes(f->mode);

    f->ldacc = 32 + PAD;
    f->nacc = nt == 0 ? 0 : (nt - 1) * f->ldacc + 32;
    f->act.ntokens = nt;
    f->act.stride = row + 4 * PAD;
    f->panel = guard_take(
        &f->gpanel, f->nblk * phi_panel_layout(f->type)->block_nbytes, end);
    f->act.blocks =
        guard_take(&f->gact, nt == 0 ? 0 : (nt - 1) * f->act.stride + row, end);
    f->acc = guard_take(&f->gacc, f->nacc * sizeof(float), end);
    for (size_t i = 0; i < f->nacc; i++)
        f->start[i] = guard_random(seed);
}

static void run_level(const struct fixture *f, uint32_t features)
{
    memcpy(f->acc, f->start, f->nacc * sizeof(float));
    phi_gemm_i8_kernel(features, f->type, f->mode)(f->acc, f->ldacc, f->panel,
                                                   &f->act, f->nblk);
}

static void compare_levels(const struct fixture *f, enum extreme e)
{
    phi_gemm_i8_fn last = phi_gemm_i8_kernel(0, f->type, f->mode);
    const char *level;
    uint32_t features;

    run_level(f, 0);
    memcpy(f->want, f->acc, f->nacc * sizeof(float));
    for (size_t l = 1; level_next(&l, &level, &features); l++) {
        if (phi_gemm_i8_kernel(features, f->type, f->mode) == last)
            continue;
        last = phi_gemm_i8_kernel(features, f->type, f->mode);
        run_level(f, features);
        for (size_t i = 0; i < f->nacc; i++)
            if (!same_f32(f->acc[i], f->want[i]))
                ck_abort_msg(
                    "%s, %s, mode %d, %zu tokens, %zu blocks, fill %d: "
                    "token %zu, row %zu is %a, not %a",
                    level, phi_dtype_info(f->type)->name, (int)f->mode,
                    f->act.ntokens, f->nblk, (int)e, i / f->ldacc, i % f->ldacc,
                    f->acc[i], f->want[i]);
    }
}

/* Every level gives the bits of the scalar one. */
START_TEST(levels_agree)
{
    struct fixture f = {.type = panel_types[_i / PHI_ACT_MODES],
                        .mode = (enum phi_act_mode)(_i % PHI_ACT_MODES)};
    uint64_t seed = (uint64_t)_i;

    new_fixture(&f);
    for (size_t a = 0; a < COUNT(token_counts) * COUNT(depths); a++) {
        for (int e = 0; e < EXTREMES; e++) {
            const size_t nt = token_counts[a / COUNT(depths)];

            /* Extremes where there is something to add up. */
            if (e != ANY && nt != 1 && nt != 7 && nt != 17)
                continue;
            f.nblk = depths[a % COUNT(depths)];
            place_fixture(&f, nt, (a + (size_t)e) % 2 == 0, &seed);
            fill_panel(&f, (enum extreme)e, &seed);
            fill_act(&f, (enum extreme)((e + (int)a) % EXTREMES), &seed);
            compare_levels(&f, (enum extreme)e);
        }
    }
    free_fixture(&f);
}
END_TEST

/* ---- against double ----------------------------------------------------- */

#define ROWS  32
#define NCOLS 512
#define NT    5

/* Stored blocks, unpacked; values, quantized; and both as doubles. */
static void make_product(struct fixture *f, int kind, double *w, double *x,
                         uint64_t *seed)
{
    static uint8_t blocks[ROWS * NCOLS * 2];
    static float values[NCOLS];
    const struct phi_dtype_info *d = phi_dtype_info(f->type);
    const size_t row = NCOLS / d->block * (d->bits / 8);

    panel_fill_blocks(blocks, ROWS * NCOLS / d->block, f->type, kind, seed);
    phi_unpack_kernel(0, f->type)(f->panel, blocks, row, ROWS, NCOLS);
    ck_assert_int_eq(
        ref_dequantize((enum ref_type)d->ggml, blocks, (size_t)ROWS * NCOLS, w),
        0);
    for (size_t t = 0; t < NT; t++) {
        uint8_t *b = (uint8_t *)f->act.blocks + t * f->act.stride;

        guard_fill(values, NCOLS, t % 2 == 0 ? FILL_RANDOM : FILL_WIDE, seed);
        phi_act_kernel(0, f->mode)(b, values, NCOLS);
        for (size_t k = 0; k < NCOLS; k++) {
            double scale;
            const int v = panel_act(b, f->mode, k, &scale);

            x[t * NCOLS + k] = scale * v;
        }
    }
}

/* The sum of the terms' absolute values; see gemm_i8.h. */
static double size_of(const struct fixture *f, const double *x, size_t r)
{
    const struct phi_panel_layout *l = phi_panel_layout(f->type);
    double size = 0;

    for (size_t k = 0; k < NCOLS; k++) {
        const struct panel_weight w = panel_weight(f->panel, l, r, k);

        size += fabs(x[k]) * (fabs(w.scale * w.q) + fabs(w.min));
    }
    return size;
}

/*
 * (n + 4) u of the terms, n blocks, to the first order; the double reference
 * adds NCOLS 2^-53, and a product that is subnormal up to 2^-149 a block.
 */
START_TEST(scalar_is_within_its_bound)
{
    static double w[ROWS * NCOLS], x[NT * NCOLS], y[NT * ROWS];
    struct fixture f = {.type = panel_types[_i / PHI_ACT_MODES],
                        .mode = (enum phi_act_mode)(_i % PHI_ACT_MODES),
                        .nblk = NCOLS / 32};
    const double u = (NCOLS / 32 + 4) * 0x1.01p-24 + NCOLS * 0x1p-53;
    uint64_t seed = 3;

    new_fixture(&f);
    for (int kind = 0; kind < PANEL_FILLS; kind++) {
        place_fixture(&f, NT, true, &seed);
        memset(f.start, 0, f.nacc * sizeof(float));
        make_product(&f, kind, w, x, &seed);
        ref_matmul(y, x, w, NT, ROWS, NCOLS);
        run_level(&f, 0);
        for (size_t i = 0; i < NT * ROWS; i++) {
            const double size = size_of(&f, x + i / ROWS * NCOLS, i % ROWS);
            const double got = (double)f.acc[i / ROWS * f.ldacc + i % ROWS];

            ck_assert_msg(fabs(got - y[i]) <= u * size + NCOLS / 32 * 0x1p-149,
                          "%s, mode %d, fill %d: %a, not %a, of %a",
                          phi_dtype_info(f.type)->name, (int)f.mode, kind, got,
                          y[i], size);
        }
    }
    free_fixture(&f);
}
END_TEST

/* A long k in pieces gives the same bits, on every level. */
START_TEST(pieces_are_the_whole)
{
    struct fixture f = {.type = panel_types[_i / PHI_ACT_MODES],
                        .mode = (enum phi_act_mode)(_i % PHI_ACT_MODES),
                        .nblk = MAX_NBLK};
    const char *level;
    uint32_t features;
    uint64_t seed = 4;

    new_fixture(&f);
    place_fixture(&f, 7, true, &seed);
    fill_panel(&f, ANY, &seed);
    fill_act(&f, ANY, &seed);
    run_level(&f, 0);
    memcpy(f.want, f.acc, f.nacc * sizeof(float));
    for (size_t l = 0; level_next(&l, &level, &features); l++) {
        const phi_gemm_i8_fn fn = phi_gemm_i8_kernel(features, f.type, f.mode);
        const size_t cut = 5;
        struct phi_act rest = f.act;

        rest.blocks += cut * phi_act_nbytes(f.mode);
        memcpy(f.acc, f.start, f.nacc * sizeof(float));
        fn(f.acc, f.ldacc, f.panel, &f.act, cut);
        fn(f.acc, f.ldacc,
           f.panel + cut * phi_panel_layout(f.type)->block_nbytes, &rest,
           MAX_NBLK - cut);
        if (memcmp(f.acc, f.want, f.nacc * sizeof(float)) != 0)
            ck_abort_msg("%s, %s, mode %d", level, phi_dtype_info(f.type)->name,
                         (int)f.mode);
    }
    free_fixture(&f);
}
END_TEST

/* What is not finite is not lost in integers. */
START_TEST(nan_comes_through)
{
    struct fixture f = {.type = panel_types[_i / PHI_ACT_MODES],
                        .mode = (enum phi_act_mode)(_i % PHI_ACT_MODES),
                        .nblk = 3};
    static float values[96];
    const char *level;
    uint32_t features;
    uint64_t seed = 6;

    new_fixture(&f);
    place_fixture(&f, 2, true, &seed);
    fill_panel(&f, ANY, &seed);
    fill_act(&f, ANY, &seed);
    guard_fill(values, 96, FILL_RANDOM, &seed);
    values[40] = _i % 3 == 0 ? NAN : _i % 3 == 1 ? INFINITY : -INFINITY;
    phi_act_kernel(0, f.mode)((uint8_t *)f.act.blocks, values, 96);
    for (size_t l = 0; level_next(&l, &level, &features); l++) {
        run_level(&f, features);
        for (size_t r = 0; r < 32; r++) {
            ck_assert_msg(isnan(f.acc[r]), "%s, row %zu", level, r);
            ck_assert_msg(!isnan(f.acc[f.ldacc + r]), "%s, row %zu", level, r);
        }
    }
    free_fixture(&f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gemm_i8");
    TCase *t = tcase_create("gemm_i8");
    const char *level;
    uint32_t features;

    for (size_t l = 0; phi_cpu_level_name(l) != NULL; l++) {
        if (!level_here(l, &level, &features))
            printf("skipped: level %s, this processor does not have it\n",
                   level);
    }
    tcase_set_timeout(t, 240);
    tcase_add_loop_test(t, levels_agree, 0, NTYPES * PHI_ACT_MODES);
    tcase_add_loop_test(t, scalar_is_within_its_bound, 0,
                        NTYPES * PHI_ACT_MODES);
    tcase_add_loop_test(t, pieces_are_the_whole, 0, NTYPES * PHI_ACT_MODES);
    tcase_add_loop_test(t, nan_comes_through, 0, NTYPES * PHI_ACT_MODES);
    suite_add_tcase(s, t);
    return unit_main(s);
}
