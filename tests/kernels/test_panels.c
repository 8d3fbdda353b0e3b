/* SPDX-License-Identifier: MIT */
/*
 * Panels of weights and blocks of activations: what they hold against
 * reference/, and the bytes of every level against the scalar one's.
 */
#define _DEFAULT_SOURCE
#include "reference/ref_act.h"
#include "reference/ref_quant.h"
#include "tests/kernels/panels.h"

#define MAX_COLS  768
#define MAX_ROWS  32
#define MAX_BYTES (MAX_COLS * 2)
#define MAX_PANEL (MAX_COLS / 32 * (1024 + 3 * 128))

static const size_t row_counts[] = {1, 2, 3, 7, 16, 31, 32};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct weights {
    struct guard gin, gout;
    uint8_t *blocks;
    size_t stride, nrows, ncols, nbytes;
    enum phi_dtype type;
};

/* Rows with strange bytes between them, at or before a guard. */
static void fill_weights(struct weights *w, int kind, bool end, uint64_t *seed)
{
    const struct phi_dtype_info *d = phi_dtype_info(w->type);
    const size_t row = w->ncols / d->block * (d->bits / 8);

    w->stride = row + 3;
    w->nbytes = w->ncols / 32 * (size_t)phi_panel_layout(w->type)->block_nbytes;
    w->blocks = guard_take(&w->gin, (w->nrows - 1) * w->stride + row, end);
    for (size_t r = 0; r < w->nrows; r++)
        panel_fill_blocks(w->blocks + r * w->stride, w->ncols / d->block,
                          w->type, kind, seed);
}

static const uint8_t *run_unpack(const struct weights *w, uint32_t features,
                                 bool end)
{
    uint8_t *panel = guard_take(&w->gout, w->nbytes, end);

    phi_unpack_kernel(features, w->type)(panel, w->blocks, w->stride, w->nrows,
                                         w->ncols);
    return panel;
}

/* Every weight is exactly what the block says; other rows are zero. */
static void check_panel(const struct weights *w, const uint8_t *panel)
{
    const struct phi_panel_layout *l = phi_panel_layout(w->type);
    static double want[MAX_COLS];

    for (size_t r = 0; r < 32; r++) {
        memset(want, 0, sizeof(want));
        if (r < w->nrows)
            ck_assert_int_eq(
                ref_dequantize((enum ref_type)phi_dtype_info(w->type)->ggml,
                               w->blocks + r * w->stride, w->ncols, want),
                0);
        for (size_t k = 0; k < w->ncols; k++) {
            const struct panel_weight got = panel_weight(panel, l, r, k);

            if (got.scale * got.q - got.min != want[k])
                ck_abort_msg("%s: row %zu, k %zu is %a * %d - %a, not %a",
                             phi_dtype_info(w->type)->name, r, k, got.scale,
                             got.q, got.min, want[k]);
            if (r >= w->nrows && (got.scale != 0 || got.min != 0))
                ck_abort_msg("row %zu is not zero", r);
        }
    }
}

START_TEST(panels_hold_the_weights)
{
    static uint8_t want[MAX_PANEL];
    const char *level;
    uint32_t features;
    uint64_t seed = (uint64_t)_i;
    struct weights w = {.type = panel_types[_i],
                        .gin = guard_new(MAX_ROWS * MAX_BYTES),
                        .gout = guard_new(MAX_PANEL)};

    for (size_t i = 0; i < COUNT(row_counts) * PANEL_FILLS * 2; i++) {
        const size_t block = phi_dtype_info(w.type)->block;

        w.nrows = row_counts[i / 2 / PANEL_FILLS];
        w.ncols = block * (1 + i % 3);
        fill_weights(&w, (int)(i / 2 % PANEL_FILLS), i % 2 == 0, &seed);
        memcpy(want, run_unpack(&w, 0, i % 2 == 0), w.nbytes);
        check_panel(&w, want);
        for (size_t l = 1; level_next(&l, &level, &features); l++) {
            if (memcmp(run_unpack(&w, features, i % 2 == 0), want, w.nbytes))
                ck_abort_msg("%s: level %s differs in shape %zu",
                             phi_dtype_info(w.type)->name, level, i);
        }
    }
    guard_free(&w.gin);
    guard_free(&w.gout);
}
END_TEST

/* The forms' constants: what the kernels take for granted. */
START_TEST(quants_stay_in_range)
{
    static const int top[PHI_PANEL_FORMS] = {
        [PHI_PANEL_Z4] = 15, [PHI_PANEL_Z5] = 31, [PHI_PANEL_Z8] = 255,
        [PHI_PANEL_M4] = 15, [PHI_PANEL_M5] = 31, [PHI_PANEL_MM6] = 45,
        [PHI_PANEL_S6] = 63};
    struct weights w = {.gin = guard_new(MAX_ROWS * MAX_BYTES),
                        .gout = guard_new(MAX_PANEL)};
    uint64_t seed = 5;

    for (int i = 0; i < NTYPES * PANEL_FILLS; i++) {
        const struct phi_panel_layout *l;
        const uint8_t *panel;

        w.type = panel_types[i / PANEL_FILLS];
        w.nrows = 32;
        w.ncols = MAX_COLS;
        l = phi_panel_layout(w.type);
        fill_weights(&w, i % PANEL_FILLS, true, &seed);
        panel = run_unpack(&w, 0, true);
        for (size_t k = 0; k < 32 * w.ncols; k++)
            if (panel_weight(panel, l, k % 32, k / 32).q + (int)l->zero >
                top[l->form])
                ck_abort_msg("a quant of %s", phi_dtype_info(w.type)->name);
        ck_assert_uint_eq(l->block_nbytes,
                          1024 + 128 * (l->nscales + l->nmins));
    }
    for (int t = 0; t < PHI_NDTYPES; t++) {
        const bool has = phi_panel_layout((enum phi_dtype)t) != NULL;

        ck_assert_int_eq(phi_unpack_kernel(0, (enum phi_dtype)t) != NULL, has);
        ck_assert_int_eq(
            phi_gemm_i8_kernel(0, (enum phi_dtype)t, PHI_ACT_FAST) != NULL,
            has);
    }
    guard_free(&w.gin);
    guard_free(&w.gout);
}
END_TEST

/* ---- activations -------------------------------------------------------- */

/* Fills of guard.h, then blocks of extremes. */
static void fill_values(float *x, size_t n, int kind, uint64_t *seed)
{
    static const float edges[] = {0x1p-100f, 0x1.fffffep-101f, 0x1p-126f,
                                  0x1p-149f, 3.4e38f,          0.0f};

    if (kind < NFILLS) {
        guard_fill(x, n, (enum fill)kind, seed);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const float sign = i % 3 == 0 ? -1.0f : 1.0f;

        /* All as large as each other; a largest one of many sizes; ties,
           halves of steps; what has 256 hi - 128. */
        if (kind == NFILLS)
            x[i] = sign * edges[i / 32 % COUNT(edges)];
        else if (kind == NFILLS + 1)
            x[i] = i % 32 == 7 ? edges[i / 32 % COUNT(edges)]
                               : guard_random(seed) * 0x1p-100f;
        else if (kind == NFILLS + 2)
            x[i] = i % 32 == 31 ? 127.0f : sign * ((float)(i % 127) + 0.5f);
        else
            x[i] = i % 32 == 31 ? -32639.0f
                                : (float)(256 * (int)(i % 127) - 128) * sign;
    }
}
#define VALUE_FILLS (NFILLS + 4)

static void check_act(const uint8_t *b, const float *x, enum phi_act_mode mode)
{
    const int top = mode == PHI_ACT_FAST ? 127 : 32639;
    const uint8_t *tail = b + (mode == PHI_ACT_FAST ? 32 : 64);
    int32_t sum[2] = {0, 0};
    int v[32];
    const float scale = ref_act_quantize(x, top, v);

    ck_assert_msg(same_f32(panel_f32(tail), scale), "scale %a, not %a",
                  panel_f32(tail), scale);
    for (size_t k = 0; k < 32; k++) {
        double unused;

        ck_assert_int_eq(panel_act(b, mode, k, &unused), v[k]);
        ck_assert_uint_ne(b[k], 0x80);
        ck_assert(mode == PHI_ACT_FAST || b[32 + k] != 0x80);
        sum[k / 16] += v[k];
        /* |x - scale v|: half a step, or one and a half, and roundings. */
        if (!isnan(scale) && scale > 0) {
            const double step = (double)scale;
            const bool moved = mode == PHI_ACT_EXACT && (v[k] + 127) % 256 == 0;

            ck_assert_double_le(
                fabs((double)x[k] - step * v[k]),
                step * ((moved ? 1.5 : 0.5) + (double)top * 0x1p-22));
        }
    }
    ck_assert_int_eq((int32_t)phi_load_u32(tail + 4), sum[0]);
    ck_assert_int_eq((int32_t)phi_load_u32(tail + 8), sum[1]);
    for (size_t h = 0; h < 2; h++)
        ck_assert_int_eq((int16_t)phi_load_u16(tail + 12 + 2 * h),
                         mode == PHI_ACT_FAST ? sum[h] : 0);
}

START_TEST(activations_are_rounded_once)
{
    const enum phi_act_mode mode = (enum phi_act_mode)(_i % PHI_ACT_MODES);
    const int kind = _i / PHI_ACT_MODES;
    struct guard gx = guard_new(MAX_COLS * sizeof(float));
    struct guard gout = guard_new(MAX_COLS / 32 * 80);
    static uint8_t want[MAX_COLS / 32 * 80];
    uint64_t seed = 11;

    for (size_t nblk = 0; nblk <= MAX_COLS / 32; nblk += 1 + nblk / 4) {
        const bool end = nblk % 2 == 0;
        const size_t nbytes = nblk * phi_act_nbytes(mode);
        float *x = guard_take(&gx, nblk * 32 * sizeof(float), end);
        uint8_t *out = guard_take(&gout, nbytes, end);
        const char *level;
        uint32_t features;

        fill_values(x, nblk * 32, kind, &seed);
        phi_act_kernel(0, mode)(out, x, nblk * 32);
        memcpy(want, out, nbytes);
        for (size_t b = 0; b < nblk; b++)
            check_act(out + b * phi_act_nbytes(mode), x + 32 * b, mode);
        for (size_t l = 1; level_next(&l, &level, &features); l++) {
            memset(out, 0xa5, nbytes);
            phi_act_kernel(features, mode)(out, x, nblk * 32);
            if (memcmp(out, want, nbytes) != 0)
                ck_abort_msg("level %s differs, fill %d, %zu blocks", level,
                             kind, nblk);
        }
    }
    guard_free(&gx);
    guard_free(&gout);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("panels");
    TCase *t = tcase_create("panels");

    tcase_set_timeout(t, 240);
    tcase_add_loop_test(t, panels_hold_the_weights, 0, NTYPES);
    tcase_add_test(t, quants_stay_in_range);
    tcase_add_loop_test(t, activations_are_rounded_once, 0,
                        VALUE_FILLS * PHI_ACT_MODES);
    suite_add_tcase(s, t);
    return unit_main(s);
}
