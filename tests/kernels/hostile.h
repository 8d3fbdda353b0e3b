/* SPDX-License-Identifier: MIT */
/*
 * Values on which quantizers go wrong, and importances. Every fill is
 * deterministic on every machine: integer generators, exact scalings, no libm
 * but ldexpf, one random number an expression, since their order would be the
 * compiler's. All values are finite.
 */
#ifndef PHI_TESTS_HOSTILE_H
#define PHI_TESTS_HOSTILE_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* splitmix64 */
static inline uint64_t hostile_u64(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A whole number from 0 to n - 1. */
static inline int hostile_below(uint64_t *seed, int n)
{
    return (int)((hostile_u64(seed) >> 33) % (uint64_t)n);
}

/* From lo to hi, both included. */
static inline int hostile_between(uint64_t *seed, int lo, int hi)
{
    return lo + hostile_below(seed, hi - lo + 1);
}

static inline float hostile_uniform(uint64_t *seed)
{
    return (float)(hostile_u64(seed) >> 40) * 0x1p-24f;
}

/* About normal, deviation 1: twelve uniform numbers. */
static inline float hostile_normal(uint64_t *seed)
{
    float sum = 0;

    for (int i = 0; i < 12; i++)
        sum += hostile_uniform(seed);
    return sum - 6;
}

static inline float hostile_bits(uint32_t u)
{
    float v;

    memcpy(&v, &u, sizeof(v));
    return v;
}

static inline float hostile_finite(float v)
{
    return v > FLT_MAX ? FLT_MAX : v < -FLT_MAX ? -FLT_MAX : v;
}

static inline void hostile_scaled(float *x, int n, uint64_t *seed, int lo,
                                  int hi)
{
    const int e = hostile_between(seed, lo, hi);

    for (int i = 0; i < n; i++)
        x[i] = hostile_finite(ldexpf(hostile_normal(seed), e));
}

static inline void hostile_gauss(float *x, int n, uint64_t *seed)
{
    hostile_scaled(x, n, seed, -8, 3);
}

static inline void hostile_zeros(float *x, int n, uint64_t *seed)
{
    for (int i = 0; i < n; i++)
        x[i] = hostile_below(seed, 2) == 0 ? 0.0f : -0.0f;
}

/* One value of size among none, or among small ones. */
static inline void hostile_outlier(float *x, int n, uint64_t *seed)
{
    const float noise = hostile_below(seed, 2) == 0 ? 0.0f : 1e-3f;
    const float size = hostile_below(seed, 2) == 0 ? 60000.0f : -60000.0f;
    const int where = hostile_below(seed, n);

    for (int i = 0; i < n; i++)
        x[i] = noise * hostile_normal(seed);
    x[where] = ldexpf(size, -hostile_below(seed, 16));
}

static inline void hostile_subnormal(float *x, int n, uint64_t *seed)
{
    for (int i = 0; i < n; i++)
        x[i] = hostile_bits((uint32_t)hostile_u64(seed) & 0x807fffff);
}

/* The smallest normal numbers: reciprocals of scales overflow. */
static inline void hostile_tiny(float *x, int n, uint64_t *seed)
{
    hostile_scaled(x, n, seed, -149, -118);
}

/* Around 1e-15, under which searches take a block for zeros. */
static inline void hostile_threshold(float *x, int n, uint64_t *seed)
{
    static const float edge[] = {1e-15f, -1e-15f, 0.999999e-15f,
                                 -1.000001e-15f};

    hostile_scaled(x, n, seed, -54, -48);
    if (hostile_below(seed, 2) == 0) {
        for (int i = 0; i < n; i++) {
            x[i] = edge[hostile_below(seed, 4)];
            x[i] *= hostile_below(seed, 3) == 0 ? 1.0f : 0.25f;
        }
    }
}

/* Values halfway between levels, for every number of levels. */
static inline void hostile_ties(float *x, int n, uint64_t *seed)
{
    static const int spans[] = {1, 2, 4, 7, 8, 15, 16, 31, 32, 63, 127, 128};

    for (int at = 0; at < n; at += 16) {
        const int span = spans[hostile_below(seed, 12)];
        const int e = hostile_between(seed, -12, 6);
        const int low = hostile_below(seed, 2) == 0 ? 0 : -span;

        for (int i = at; i < at + 16; i++)
            x[i] =
                ldexpf((float)hostile_between(seed, low, span - 1) + 0.5f, e);
        x[at] = ldexpf((float)(hostile_below(seed, 2) == 0 ? span : -span), e);
        x[at + 1] = ldexpf((float)low, e);
    }
}

/* What was quantized before: whole levels of one scale. */
static inline void hostile_levels(float *x, int n, uint64_t *seed)
{
    const float d = ldexpf(hostile_uniform(seed) + 0.5f, -5);
    const int top = 1 << hostile_between(seed, 1, 7);

    for (int i = 0; i < n; i++)
        x[i] = d * (float)hostile_between(seed, -top, top - 1);
}

static inline void hostile_ternary(float *x, int n, uint64_t *seed)
{
    const float d = ldexpf(hostile_uniform(seed) + 0.5f, -5);

    for (int i = 0; i < n; i++)
        x[i] = d * (float)hostile_between(seed, -1, 1);
}

/* Scales that f16 holds as infinity. */
static inline void hostile_past_f16(float *x, int n, uint64_t *seed)
{
    hostile_scaled(x, n, seed, 15, 40);
}

/* Scales that f16 holds as subnormals or as 0. */
static inline void hostile_below_f16(float *x, int n, uint64_t *seed)
{
    hostile_scaled(x, n, seed, -28, -10);
}

/* All one value, but in one case of three for one of them. */
static inline void hostile_equal(float *x, int n, uint64_t *seed)
{
    static const float values[] = {0.37f,    -2.5f,   65504.0f, -65520.0f,
                                   1e-20f,   -1e-38f, 3e38f,    -3e38f,
                                   0x1p-24f, -1.0f,   1.0f,     -7e-5f};
    const float v = values[hostile_below(seed, 12)];

    for (int i = 0; i < n; i++)
        x[i] = v;
    if (hostile_below(seed, 3) == 0) {
        const float other = hostile_below(seed, 2) == 0 ? 0.0f : -v;

        x[hostile_below(seed, n)] = other;
    }
}

/* Plus and minus the same: the first of equal magnitudes counts. */
static inline void hostile_extremes(float *x, int n, uint64_t *seed)
{
    static const float sizes[] = {1.5f,    65504.0f, 65520.0f, 2.7e8f, 1e19f,
                                  FLT_MAX, 1e-38f,   1e-15f,   1e-45f};
    const float v = sizes[hostile_below(seed, 9)];
    const int kind = hostile_below(seed, 3);

    for (int i = 0; i < n; i++) {
        const int sign = kind == 2 ? hostile_below(seed, 2) : (i + kind) & 1;

        x[i] = sign == 0 ? v : -v;
    }
}

static inline void hostile_one_sided(float *x, int n, uint64_t *seed)
{
    const float sign = hostile_below(seed, 2) == 0 ? 1.0f : -1.0f;
    const float base = hostile_below(seed, 2) == 0 ? 3.0f : 0.0f;

    for (int i = 0; i < n; i++)
        x[i] = sign * (fabsf(hostile_normal(seed)) + base);
}

/* A spread of one ulp or two around a value that is not small. */
static inline void hostile_narrow(float *x, int n, uint64_t *seed)
{
    static const float bases[] = {-1.0f,   -65504.0f, -1e6f, -1e30f, -0x1p-20f,
                                  -1e-30f, 1.0f,      1e30f, -3e38f};
    const float base = bases[hostile_below(seed, 9)];
    const int span = hostile_between(seed, 1, 3);
    uint32_t u;

    memcpy(&u, &base, sizeof(u));
    for (int i = 0; i < n; i++)
        x[i] = hostile_bits(u + (uint32_t)hostile_below(seed, span + 1));
}

static inline void hostile_huge(float *x, int n, uint64_t *seed)
{
    for (int i = 0; i < n; i++)
        x[i] = hostile_finite(hostile_normal(seed) * 1e38f);
}

/* Values whose squares, cubes, or sums of those overflow somewhere. */
static inline void hostile_overflow(float *x, int n, uint64_t *seed)
{
    hostile_scaled(x, n, seed, 24, 127);
}

/* Sums that cancel in one order and not in another. */
static inline void hostile_cancel(float *x, int n, uint64_t *seed)
{
    for (int i = 0; i < n; i++) {
        x[i] = hostile_normal(seed) * (i % 3 == 0 ? 1.0f : 1e-4f);
        if (i % 2 == 1 && hostile_below(seed, 4) != 0)
            x[i] = -x[i - 1];
    }
}

static inline void hostile_sparse(float *x, int n, uint64_t *seed)
{
    for (int i = 0; i < n; i++)
        x[i] = hostile_below(seed, 16) == 0 ? hostile_normal(seed) : 0.0f;
}

static inline void hostile_wide(float *x, int n, uint64_t *seed)
{
    for (int i = 0; i < n; i++) {
        const float v = hostile_normal(seed);

        x[i] = ldexpf(v, hostile_between(seed, -20, 20));
    }
}

/* Any finite number. */
static inline void hostile_any(float *x, int n, uint64_t *seed)
{
    for (int i = 0; i < n; i++) {
        uint32_t u = (uint32_t)hostile_u64(seed);

        if ((u & 0x7f800000) == 0x7f800000)
            u ^= 0x40000000;
        x[i] = hostile_bits(u);
    }
}

static inline void hostile_ramp(float *x, int n, uint64_t *seed)
{
    const float step = ldexpf(1.0f, hostile_between(seed, -12, 4));
    const int from = hostile_between(seed, -n, 0);
    const float sign = hostile_below(seed, 2) == 0 ? step : -step;

    for (int i = 0; i < n; i++)
        x[i] = sign * (float)(from + i);
}

/* The last two are made of the others: see hostile_fill(). */
static const struct {
    const char *name;
    void (*fn)(float *x, int n, uint64_t *seed);
} hostile[] = {
    {"gauss", hostile_gauss},
    {"zeros", hostile_zeros},
    {"outlier", hostile_outlier},
    {"subnormal", hostile_subnormal},
    {"tiny", hostile_tiny},
    {"threshold", hostile_threshold},
    {"ties", hostile_ties},
    {"levels", hostile_levels},
    {"ternary", hostile_ternary},
    {"past f16", hostile_past_f16},
    {"below f16", hostile_below_f16},
    {"equal", hostile_equal},
    {"extremes", hostile_extremes},
    {"one-sided", hostile_one_sided},
    {"narrow", hostile_narrow},
    {"huge", hostile_huge},
    {"overflow", hostile_overflow},
    {"cancel", hostile_cancel},
    {"sparse", hostile_sparse},
    {"wide", hostile_wide},
    {"any", hostile_any},
    {"ramp", hostile_ramp},
    {"patches of 16", NULL},
    {"patches of 32", NULL},
};

#define HOSTILE_COUNT ((int)(sizeof(hostile) / sizeof(hostile[0])))

/*
 * n values, a multiple of 32, 32 or 256 of a kind at a time; patches change
 * the kind every 16 or 32, so that neighbouring lanes go different ways.
 */
static inline void hostile_fill(float *x, size_t n, int kind, uint64_t *seed)
{
    const bool patches = hostile[kind].fn == NULL;

    for (size_t at = 0, run; at < n; at += run) {
        run = hostile_below(seed, 2) == 0 ? 32 : 256;
        if (patches)
            run = kind == HOSTILE_COUNT - 1 ? 32 : 16;
        if (run > n - at)
            run = n - at;
        hostile[patches ? hostile_below(seed, HOSTILE_COUNT - 2) : kind].fn(
            x + at, (int)run, seed);
    }
}

enum hostile_weights {
    HOSTILE_NONE, /* no importance at all */
    HOSTILE_ONES,
    HOSTILE_ZERO,
    HOSTILE_RANDOM,
    HOSTILE_RATIO, /* exponents from -60 to 60, zeros */
    HOSTILE_TINY,  /* subnormal */
    HOSTILE_LARGE, /* their sums overflow */
    HOSTILE_HOLES, /* groups of 16 without any */
    HOSTILE_FEW,   /* groups of 32 in which hardly a column counts */
    HOSTILE_WEIGHTS
};

static const char *const hostile_weight_names[HOSTILE_WEIGHTS] = {
    "no importance", "ones",     "zeros", "random",     "ratios of 2^120",
    "subnormals",    "3e38 all", "holes", "few columns"};

static inline void hostile_weigh(float *w, size_t n, enum hostile_weights kind,
                                 uint64_t *seed)
{
    for (size_t i = 0; i < n; i++) {
        const float u = hostile_uniform(seed);

        switch (kind) {
        case HOSTILE_RANDOM:
            w[i] = u;
            break;
        case HOSTILE_RATIO:
            w[i] = u < 0.1f ? 0.0f : ldexpf(u, hostile_between(seed, -60, 60));
            break;
        case HOSTILE_TINY:
            w[i] = u * 1e-39f;
            break;
        case HOSTILE_LARGE:
            w[i] = 3e38f;
            break;
        case HOSTILE_HOLES:
            w[i] = i / 16 % 3 == 1 ? 0.0f : u * u * 1e4f;
            break;
        case HOSTILE_FEW:
            w[i] = i / 32 % 4 == 1 && u > 1.0f / 16 ? 0.0f : 1.0f;
            break;
        default:
            w[i] = kind == HOSTILE_ONES ? 1.0f : 0.0f;
        }
    }
}

/* Cases of a type and a kind, for hashes: four blocks each. */
#define HOSTILE_CASES  (HOSTILE_WEIGHTS * 10)
#define HOSTILE_VALUES 1024 /* at most */

/* Case i: values, and importance or NULL; returns their number. */
static inline size_t hostile_case(float x[HOSTILE_VALUES],
                                  float room[HOSTILE_VALUES],
                                  const float **importance, size_t block,
                                  int kind, int i)
{
    const size_t n = 4 * (block < 32 ? 32 : block);
    const enum hostile_weights weights =
        (enum hostile_weights)(i % HOSTILE_WEIGHTS);
    uint64_t seed = (uint64_t)kind << 32 | (uint64_t)i;

    hostile_fill(x, n, kind, &seed);
    hostile_weigh(room, n, weights, &seed);
    *importance = weights == HOSTILE_NONE ? NULL : room;
    return n;
}

#endif
