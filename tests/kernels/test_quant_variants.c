/* SPDX-License-Identifier: MIT */
/*
 * Quantizers and wideners of every level that this machine runs against the
 * scalar ones: the same bytes, block by block, on hostile values, with every
 * kind of importance, beside unreadable pages and at odd addresses.
 *
 *   test_quant_variants [--seed N] [--rounds N] [--every N]
 *
 * --every takes one of N pairs of a shape and a kind of importance, other ones
 * for each kind of values.
 */
#define _DEFAULT_SOURCE
#include <signal.h>

#include "libconv/cpu/cpu.h"
#include "libconv/kernels/quant_kernels.h"
#include "tests/kernels/guard.h"
#include "tests/kernels/here.h"
#include "tests/kernels/hostile.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Rows and blocks a row: every remainder of 4, 8 and 16 lanes of blocks. */
struct shape {
    size_t nrows;
    size_t nblk;
};
static const struct shape shapes_32[] = {
    {1, 1},  {1, 2},  {3, 3},  {1, 4},  {2, 5},  {1, 7},  {1, 8},  {2, 9},
    {1, 11}, {1, 13}, {3, 15}, {1, 16}, {2, 17}, {1, 31}, {1, 32}, {1, 33},
};
static const struct shape shapes_256[] = {
    {1, 1}, {2, 1}, {1, 2}, {3, 3}, {1, 4}, {2, 5}, {1, 9},
};
#define MAX_VALUES 2560 /* of a shape: 10 blocks of 256 */
#define MAX_BYTES  (4 * MAX_VALUES)

/* Where inputs and outputs lie. */
enum place {
    PLACE_END,   /* they end where a page cannot be touched */
    PLACE_BEGIN, /* they begin there */
    PLACE_ODD,   /* at odd addresses, between others' bytes */
    PLACES
};

static uint64_t seed = 1;
static int rounds = 1;
static size_t every = 1;

/* For the signal handler. */
static const char *volatile running_type = "";
static const char *volatile running_level = "";

static void say(const char *text)
{
    const ssize_t n = write(STDERR_FILENO, text, strlen(text));

    (void)n;
}

static void on_signal(int number)
{
    say("killed in the kernel of ");
    say(running_type);
    say(", level ");
    say(running_level);
    say("\n");
    signal(number, SIG_DFL);
    raise(number);
}

static void watch_signals(void)
{
    signal(SIGSEGV, on_signal);
    signal(SIGBUS, on_signal);
    signal(SIGILL, on_signal);
    signal(SIGFPE, on_signal);
}

/* One input, and what the scalar kernel makes of it. */
struct sample {
    struct guard gx, gw, gout;
    const float *x;
    const float *importance; /* NULL: none */
    uint8_t *want;
    enum phi_dtype type;
    size_t nrows, ncols, nbytes;
    enum place place;
    enum hostile_weights weights;
    int kind;
    int round;
};

static void new_sample(struct sample *s)
{
    s->gx = guard_new((MAX_VALUES + 64) * sizeof(float));
    s->gw = guard_new((MAX_VALUES + 64) * sizeof(float));
    s->gout = guard_new(MAX_BYTES + 128);
    s->want = malloc(MAX_BYTES);
    ck_assert_ptr_nonnull(s->want);
}

static void free_sample(struct sample *s)
{
    guard_free(&s->gx);
    guard_free(&s->gw);
    guard_free(&s->gout);
    free(s->want);
}

/* Room for n elements; what is around it is poisoned. */
static void *take(const struct guard *g, size_t n, size_t size,
                  enum place place, size_t odd)
{
    if (place != PLACE_ODD)
        return guard_take(g, n * size, place == PLACE_END);
    return (uint8_t *)guard_take(g, n * size, false) + odd * size;
}

/* The first block that differs, or -1. */
static long first_difference(const uint8_t *got, const uint8_t *want, size_t n,
                             size_t block)
{
    for (size_t at = 0; at < n; at += block) {
        if (memcmp(got + at, want + at, block) != 0)
            return (long)(at / block);
    }
    return -1;
}

static void check_block(const struct sample *s, const uint8_t *got,
                        const char *level)
{
    const struct phi_dtype_info *d = phi_dtype_info(s->type);
    const size_t block = d->bits / 8;
    const size_t per_row = s->ncols / d->block;
    const long b = first_difference(got, s->want, s->nbytes, block);
    const size_t from = b < 0 ? 0 : (size_t)b * block;
    size_t at = from;

    if (b < 0)
        return;
    while (got[at] == s->want[at])
        at++;
    ck_abort_msg("%s, level %s: %s, %s, %zu x %zu, place %d: row %zu, block "
                 "%zu, byte %zu is %02x, not %02x (round %d of --seed %llu)",
                 d->name, level, hostile[s->kind].name,
                 hostile_weight_names[s->weights], s->nrows, s->ncols,
                 (int)s->place, (size_t)b / per_row, (size_t)b % per_row,
                 at - from, got[at], s->want[at], s->round,
                 (unsigned long long)seed);
}

/* Nothing but the output was written. */
static void check_around(const struct sample *s, const uint8_t *got,
                         const char *level)
{
    const uint8_t *const p = guard_touched(&s->gout, got, s->nbytes);

    if (p != NULL)
        ck_abort_msg("%s, level %s: wrote %ld bytes from its %zu bytes",
                     phi_dtype_info(s->type)->name, level, (long)(p - got),
                     s->nbytes);
}

static void run_kernel(const struct sample *s, phi_quantize_fn fn,
                       const char *level, uint8_t *out)
{
    running_type = phi_dtype_info(s->type)->name;
    running_level = level;
    fn(out, s->x, s->nrows, s->ncols, s->importance);
}

static void check_levels(const struct sample *s)
{
    const phi_quantize_fn scalar = phi_quantize_kernel(0, s->type);
    phi_quantize_fn last = scalar;
    const char *level;
    uint32_t features;

    run_kernel(s, scalar, "scalar", s->want);
    for (size_t i = 1; level_next(&i, &level, &features); i++) {
        uint8_t *const got =
            take(&s->gout, s->nbytes, 1, s->place, 2 * i + 1 + s->nrows);

        if (phi_quantize_kernel(features, s->type) == last)
            continue;
        last = phi_quantize_kernel(features, s->type);
        run_kernel(s, last, level, got);
        check_block(s, got, level);
        check_around(s, got, level);
    }
}

/*
 * Values of one kind through one type's kernels, in every shape; the kinds
 * of importance and the places take turns.
 */
static void check_type(struct sample *s, uint64_t *random)
{
    static float values[MAX_VALUES];
    static float weights[MAX_VALUES];
    const size_t block = phi_dtype_info(s->type)->block;
    const bool small = block <= 32;
    const struct shape *shapes = small ? shapes_32 : shapes_256;
    const size_t n = small ? COUNT(shapes_32) : COUNT(shapes_256);

    for (size_t i = 0; i < n * HOSTILE_WEIGHTS; i++) {
        const size_t unit = block < 32 ? 32 : block;
        uint64_t nbytes;
        float *x;
        float *w;

        if ((i + (size_t)s->kind) % every != 0)
            continue;
        s->nrows = shapes[i / HOSTILE_WEIGHTS].nrows;
        s->ncols = shapes[i / HOSTILE_WEIGHTS].nblk * unit;
        /* Floats need no multiple of anything. */
        if (block == 1)
            s->ncols -= (size_t)hostile_below(random, 31);
        s->weights = (enum hostile_weights)(i % HOSTILE_WEIGHTS);
        s->place = (enum place)((i + i / HOSTILE_WEIGHTS) % PLACES);
        ck_assert_uint_le(s->nrows * s->ncols, MAX_VALUES);
        ck_assert(phi_dtype_nbytes(s->type, s->nrows * s->ncols, &nbytes));
        s->nbytes = nbytes;
        hostile_fill(values, (s->nrows * s->ncols + 31) / 32 * 32, s->kind,
                     random);
        hostile_weigh(weights, s->ncols, s->weights, random);
        x = take(&s->gx, s->nrows * s->ncols, sizeof(float), s->place,
                 1 + i % 15);
        w = take(&s->gw, s->ncols, sizeof(float), s->place, 1 + i % 13);
        memcpy(x, values, s->nrows * s->ncols * sizeof(float));
        memcpy(w, weights, s->ncols * sizeof(float));
        s->x = x;
        s->importance = s->weights == HOSTILE_NONE ? NULL : w;
        check_levels(s);
    }
}

START_TEST(quantizers_agree)
{
    struct sample s = {.kind = _i};

    watch_signals();
    new_sample(&s);
    for (s.round = 0; s.round < rounds; s.round++) {
        for (int t = 0; t < PHI_NDTYPES; t++) {
            uint64_t random = seed + (uint64_t)((s.round << 16) + (_i << 8));

            s.type = (enum phi_dtype)t;
            if (phi_quantize_kernel(0, s.type) != NULL)
                check_type(&s, &random);
        }
    }
    free_sample(&s);
}
END_TEST

/* Rows one at a time are the rows of all at once, on every level. */
START_TEST(rows_stand_alone)
{
    enum { NROWS = 5 };
    static float x[NROWS * 768];
    static float w[768];
    static uint8_t all[sizeof(x)];
    static uint8_t one[sizeof(x)];

    for (int t = 0; t < PHI_NDTYPES * HOSTILE_COUNT; t++) {
        const enum phi_dtype type = (enum phi_dtype)(t / HOSTILE_COUNT);
        phi_quantize_fn last = NULL;
        const char *level;
        uint32_t features;
        uint64_t random = seed + (uint64_t)t;
        uint64_t n = 0;

        if (phi_quantize_kernel(0, type) == NULL)
            continue;
        ck_assert(phi_dtype_nbytes(type, 768, &n));
        hostile_fill(x, COUNT(x), t % HOSTILE_COUNT, &random);
        hostile_weigh(w, COUNT(w), HOSTILE_RANDOM, &random);
        for (size_t i = 0; level_next(&i, &level, &features); i++) {
            const phi_quantize_fn fn = phi_quantize_kernel(features, type);

            if (fn == last)
                continue;
            last = fn;
            fn(all, x, NROWS, 768, w);
            for (size_t r = 0; r < NROWS; r++)
                fn(one + r * n, x + r * 768, 1, 768, w);
            if (memcmp(all, one, NROWS * n) != 0)
                ck_abort_msg("%s, level %s, %s", phi_dtype_info(type)->name,
                             level, hostile[t % HOSTILE_COUNT].name);
        }
    }
}
END_TEST

/* ---- widening --------------------------------------------------------- */

/* Stored bytes, all of 16 bits for 16-bit types, else random. */
static void fill_stored(uint8_t *p, size_t n, uint32_t bits, uint64_t *random)
{
    for (size_t i = 0; i < n; i++)
        p[i] =
            (uint8_t)((bits == 16 ? i / 2 >> i % 2 * 8 : hostile_u64(random)) &
                      0xff);
}

/* The same bits, NaN included: a file's NaN is named by its bits. */
static void check_widened(const float *got, const float *want, size_t n,
                          enum phi_dtype t, const char *level)
{
    size_t i = 0;

    if (memcmp(got, want, n * sizeof(*got)) == 0)
        return;
    while (memcmp(got + i, want + i, sizeof(*got)) == 0)
        i++;
    ck_abort_msg(
        "widening %s, level %s: value %zu of %zu is %a, not %a (--seed "
        "%llu)",
        phi_dtype_info(t)->name, level, i, n, got[i], want[i],
        (unsigned long long)seed);
}

START_TEST(wideners_agree)
{
    enum { BYTES = 2 * 65536, VALUES = 8 * BYTES, FEW = 67 };
    struct guard gin = guard_new(BYTES + 64);
    struct guard gall = guard_new((VALUES + 64) * sizeof(float));
    struct guard gfew = guard_new((FEW * 256 + 64) * sizeof(float));
    float *const want = malloc(VALUES * sizeof(float));
    const enum phi_dtype t = (enum phi_dtype)_i;
    const struct phi_dtype_info *d = phi_dtype_info(t);
    const phi_widen_fn scalar = phi_widen_kernel(0, t);

    watch_signals();
    ck_assert_ptr_nonnull(want);
    for (size_t i = 0; scalar != NULL && i < 40 * (size_t)rounds; i++) {
        const enum place place = (enum place)(i % PLACES);
        const struct guard *const gout = i < PLACES ? &gall : &gfew;
        /* Once all bit patterns, then every remainder of the lanes. */
        const size_t nblk = i < PLACES ? BYTES * 8 / d->bits : i % FEW;
        const size_t n = nblk * d->block;
        uint64_t random = seed + i;
        uint8_t *const in = take(&gin, nblk * d->bits / 8, 1, place, 1 + i % 7);
        phi_widen_fn last = scalar;
        const char *level;
        uint32_t features;

        ck_assert_uint_le(n, VALUES);
        fill_stored(in, nblk * d->bits / 8, d->bits, &random);
        scalar(want, in, nblk);
        for (size_t l = 1; level_next(&l, &level, &features); l++) {
            float *const out = take(gout, n, sizeof(float), place, 1 + i % 5);

            if (phi_widen_kernel(features, t) == last)
                continue;
            last = phi_widen_kernel(features, t);
            running_type = d->name;
            running_level = level;
            last(out, in, nblk);
            check_widened(out, want, n, t, level);
            if (guard_touched(gout, out, n * sizeof(float)) != NULL)
                ck_abort_msg("widening %s, level %s: wrote beside %zu values",
                             d->name, level, n);
        }
    }
    free(want);
    guard_free(&gin);
    guard_free(&gall);
    guard_free(&gfew);
}
END_TEST

/* ---- what was compared ------------------------------------------------- */

/* Says which kernels were; a level with no kernel of its own is no level. */
START_TEST(levels_have_kernels)
{
    for (size_t i = 1; phi_cpu_level_name(i) != NULL; i++) {
        const char *level;
        uint32_t features;
        int n = 0;

        if (!level_here(i, &level, &features)) {
            printf("not compared, this processor lacks it: %s\n", level);
            continue;
        }
        printf("%s:", level);
        for (int k = 0; k < PHI_NDTYPES; k++) {
            const enum phi_dtype t = (enum phi_dtype)k;
            const char *name = phi_dtype_info(t)->name;

            if (phi_quantize_kernel(features, t) != phi_quantize_kernel(0, t)) {
                printf(" %s", name);
                n++;
            }
            if (phi_widen_kernel(features, t) != phi_widen_kernel(0, t)) {
                printf(" %s-to-f32", name);
                n++;
            }
        }
        printf("\n");
        ck_assert_msg(n > 0, "%s has no kernel", level);
    }
    fflush(stdout);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *s = suite_create("quant variants");
    TCase *t = tcase_create("quant variants");

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--rounds") == 0)
            rounds = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--every") == 0)
            every = strtoull(argv[i + 1], NULL, 0);
    }
    printf("seed %llu, rounds %d\n", (unsigned long long)seed, rounds);
    fflush(stdout);
    tcase_add_test(t, levels_have_kernels);
    tcase_add_loop_test(t, quantizers_agree, 0, HOSTILE_COUNT);
    tcase_add_test(t, rows_stand_alone);
    tcase_add_loop_test(t, wideners_agree, 0, PHI_NDTYPES);
    tcase_set_timeout(t, 600);
    suite_add_tcase(s, t);
    return unit_main(s);
}
