/* SPDX-License-Identifier: MIT */
/*
 * The integer product with AVX-512 VNNI: Cascade Lake 2019, Zen 4 2022. Two
 * registers hold four k of a panel's 32 rows, and go with six tokens (four
 * where blocks have two scales): twelve integer sums and twelve float ones
 * stay in registers, and each load of weights serves six products.
 *
 * Everything shares its ports with the dot products on an Intel processor. A
 * sum has eight of them a block, and with one byte an activation two fused
 * multiplications, three with a min or two scales: it starts from the bits of a
 * float that it is added to (gemm_i8.h), and one product of 16-bit pairs takes
 * the zero off.
 */
#include <immintrin.h>
#include <string.h>

#include "libconv/kernels/gemm_i8_tables.h"

#define T6 6
#define T4 4

struct form {
    int zero_bits; /* zero = 1 << zero_bits; negative: none */
    int nmins;
};

/* Tokens of a tile; those past the last are the last again. */
struct tile {
    const uint8_t *a[T6];
    float *acc[T6];
};

static inline struct tile tile_at(float *acc, size_t ldacc,
                                  const struct phi_act *act, size_t t, int n)
{
    struct tile tile;

    for (int i = 0; i < n; i++) {
        const size_t at =
            t + (size_t)i < act->ntokens ? t + (size_t)i : act->ntokens - 1;

        tile.a[i] = act->blocks + at * act->stride;
        tile.acc[i] = acc + at * ldacc;
    }
    return tile;
}

static inline __m512i four(const uint8_t *a)
{
    int32_t v;

    memcpy(&v, a, sizeof(v));
    return _mm512_set1_epi32(v);
}

static inline __m512 factor(const uint8_t *a)
{
    float v;

    memcpy(&v, a, sizeof(v));
    return _mm512_set1_ps(v);
}

/* A float whose last bits are an integer, 0. */
static inline __m512i magic(void)
{
    return _mm512_set1_epi32(PHI_I8_MAGIC_BITS);
}

/*
 * What fast sums start from: magic() - zero * the pair of 16-bit sums, or that
 * of them which `mask` has.
 */
static inline __m512i magic_start(const uint8_t *pair, uint32_t mask,
                                  struct form form)
{
    const uint32_t zero = 0x10000u - (1u << (form.zero_bits & 7));
    const __m512i zeros = _mm512_set1_epi32((int)(zero * 0x10001u & mask));

    if (form.zero_bits < 0)
        return magic();
    return _mm512_dpwssd_epi32(magic(), zeros, four(pair));
}

/* The integers that sums start from: -zero * sum. */
static inline __m512i start(__m512i sum, struct form form)
{
    if (form.zero_bits < 0)
        return _mm512_setzero_si512();
    return _mm512_slli_epi32(_mm512_sub_epi32(_mm512_setzero_si512(), sum),
                             (unsigned)form.zero_bits);
}

static inline __m512i both_sums(const uint8_t *tail)
{
    return _mm512_add_epi32(four(tail + 4), four(tail + 8));
}

/* i * scale; `back` is scale * -magic. */
static inline __m512 scaled(__m512i i, __m512 scale, __m512 back,
                            enum phi_act_mode mode)
{
    if (mode == PHI_ACT_FAST)
        return _mm512_fmadd_ps(_mm512_castsi512_ps(i), scale, back);
    return _mm512_mul_ps(_mm512_cvtepi32_ps(i), scale);
}

/* The integer of a sum, exactly in fast mode. */
static inline __m512 as_float(__m512i i, enum phi_act_mode mode)
{
    if (mode == PHI_ACT_FAST)
        return _mm512_sub_ps(_mm512_castsi512_ps(i),
                             _mm512_set1_ps(PHI_I8_MAGIC));
    return _mm512_cvtepi32_ps(i);
}

static inline __m512 back_of(__m512 scale)
{
    return _mm512_mul_ps(scale, _mm512_set1_ps(-PHI_I8_MAGIC));
}

/* i += products of steps [s, s + n) of a block, for T tokens. */
PHI_BODY void dots(__m512i i[][2], const uint8_t *w, const uint8_t *const a[],
                   size_t at, int n, int T)
{
    for (int s = 0; s < n; s++) {
        const __m512i w0 = _mm512_load_si512(w + 128 * s);
        const __m512i w1 = _mm512_load_si512(w + 128 * s + 64);

#pragma GCC unroll 6
        for (int t = 0; t < T; t++) {
            const __m512i v = four(a[t] + at + 4 * (size_t)s);

            i[t][0] = _mm512_dpbusd_epi32(i[t][0], w0, v);
            i[t][1] = _mm512_dpbusd_epi32(i[t][1], w1, v);
        }
    }
}

/* Where the high bytes are in i, and the low ones are still to come. */
static inline void raise(__m512i i[2], __m512i first)
{
    i[0] = _mm512_add_epi32(_mm512_slli_epi32(i[0], 8), first);
    i[1] = _mm512_add_epi32(_mm512_slli_epi32(i[1], 8), first);
}

/* s less the mins' part of it, for rows 16 h .. 16 h + 15. */
static inline __m512 less_mins(__m512 s, const float *min, const uint8_t *tail,
                               struct form form)
{
    const __m512i sum = form.nmins == 1 ? both_sums(tail) : four(tail + 4);

    if (form.nmins == 0)
        return s;
    s = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(sum), _mm512_load_ps(min), s);
    if (form.nmins == 1)
        return s;
    return _mm512_fnmadd_ps(_mm512_cvtepi32_ps(four(tail + 8)),
                            _mm512_load_ps(min + PHI_I8_ROWS), s);
}

/* Six tokens; one scale a block. */
PHI_BODY void tile_6(const struct tile *tile, const uint8_t *w, size_t nblk,
                     struct form form, enum phi_act_mode mode)
{
    const size_t step = phi_act_nbytes(mode);
    const size_t block = PHI_I8_QUANT + (size_t)(1 + form.nmins) * PHI_I8_FIELD;
    __m512 acc[T6][2];

#pragma GCC unroll 6
    for (int t = 0; t < T6; t++) {
        acc[t][0] = _mm512_loadu_ps(tile->acc[t]);
        acc[t][1] = _mm512_loadu_ps(tile->acc[t] + 16);
    }
    for (size_t b = 0; b < nblk; b++) {
        const float *const scale = (const float *)(w + PHI_I8_QUANT);
        const size_t at = b * step;
        const size_t tail = at + step - 16;
        __m512 f[2];
        __m512 back[2];
        __m512i i[T6][2];

#pragma GCC unroll 6
        for (int t = 0; t < T6; t++) {
            i[t][0] = mode == PHI_ACT_FAST
                          ? magic_start(tile->a[t] + tail + 12, ~0u, form)
                          : _mm512_setzero_si512();
            i[t][1] = i[t][0];
        }
        dots(i, w, tile->a, at, 8, T6);
        if (mode == PHI_ACT_EXACT) {
#pragma GCC unroll 6
            for (int t = 0; t < T6; t++)
                raise(i[t], start(both_sums(tile->a[t] + tail), form));
            dots(i, w, tile->a, at + PHI_I8_BLOCK, 8, T6);
        }
        for (int h = 0; h < 2; h++) {
            f[h] = _mm512_load_ps(scale + 16 * h);
            back[h] = back_of(f[h]);
        }
#pragma GCC unroll 6
        for (int t = 0; t < T6; t++) {
            const uint8_t *const end = tile->a[t] + tail;

#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                const __m512 s =
                    less_mins(scaled(i[t][h], f[h], back[h], mode),
                              scale + PHI_I8_ROWS + 16 * h, end, form);

                acc[t][h] = _mm512_fmadd_ps(s, factor(end), acc[t][h]);
            }
        }
        w += block;
    }
#pragma GCC unroll 6
    for (int t = 0; t < T6; t++) {
        _mm512_storeu_ps(tile->acc[t], acc[t][0]);
        _mm512_storeu_ps(tile->acc[t] + 16, acc[t][1]);
    }
}

/* Half h of a block: the integer sums of four tokens over sixteen k. */
PHI_BODY void half_block(__m512i i[][2], const uint8_t *w,
                         const struct tile *tile, size_t at, size_t tail, int h,
                         struct form form, enum phi_act_mode mode)
{
    const uint8_t *const half = w + h * (PHI_I8_QUANT / 2);
    const size_t from = at + 16 * (size_t)h;
    const size_t sum = tail + 4 + 4 * (size_t)h;

#pragma GCC unroll 4
    for (int t = 0; t < T4; t++) {
        i[t][0] = mode == PHI_ACT_FAST ? magic_start(tile->a[t] + tail + 12,
                                                     0xffffu << 16 * h, form)
                                       : _mm512_setzero_si512();
        i[t][1] = i[t][0];
    }
    dots(i, half, tile->a, from, 4, T4);
    if (mode == PHI_ACT_EXACT) {
#pragma GCC unroll 4
        for (int t = 0; t < T4; t++)
            raise(i[t], start(four(tile->a[t] + sum), form));
        dots(i, half, tile->a, from + PHI_I8_BLOCK, 4, T4);
    }
}

/* Four tokens; two scales a block. */
PHI_BODY void tile_4(const struct tile *tile, const uint8_t *w, size_t nblk,
                     struct form form, enum phi_act_mode mode)
{
    const size_t step = phi_act_nbytes(mode);
    __m512 acc[T4][2];

#pragma GCC unroll 4
    for (int t = 0; t < T4; t++) {
        acc[t][0] = _mm512_loadu_ps(tile->acc[t]);
        acc[t][1] = _mm512_loadu_ps(tile->acc[t] + 16);
    }
    for (size_t b = 0; b < nblk; b++) {
        const float *const scale = (const float *)(w + PHI_I8_QUANT);
        const size_t at = b * step;
        const size_t tail = at + step - 16;
        __m512i i[T4][2];
        __m512 s[T4][2];

        half_block(i, w, tile, at, tail, 0, form, mode);
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++) {
            const __m512 f = _mm512_load_ps(scale + 16 * h);
            const __m512 back = back_of(f);

#pragma GCC unroll 4
            for (int t = 0; t < T4; t++)
                s[t][h] = scaled(i[t][h], f, back, mode);
        }
        half_block(i, w, tile, at, tail, 1, form, mode);
#pragma GCC unroll 4
        for (int t = 0; t < T4; t++) {
            const __m512 factor_t = factor(tile->a[t] + tail);

#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                s[t][h] = _mm512_fmadd_ps(
                    as_float(i[t][h], mode),
                    _mm512_load_ps(scale + PHI_I8_ROWS + 16 * h), s[t][h]);
                acc[t][h] = _mm512_fmadd_ps(s[t][h], factor_t, acc[t][h]);
            }
        }
        w += PHI_I8_QUANT + 2 * PHI_I8_FIELD;
    }
#pragma GCC unroll 4
    for (int t = 0; t < T4; t++) {
        _mm512_storeu_ps(tile->acc[t], acc[t][0]);
        _mm512_storeu_ps(tile->acc[t] + 16, acc[t][1]);
    }
}

#define KERNEL(name, run, width, zero_bits, nmins, mode)                       \
    static void name(float *acc, size_t ldacc, const uint8_t *panel,           \
                     const struct phi_act *act, size_t nblk)                   \
    {                                                                          \
        for (size_t t = 0; t < act->ntokens; t += width) {                     \
            const struct tile at = tile_at(acc, ldacc, act, t, width);         \
                                                                               \
            run(&at, panel, nblk, (struct form){zero_bits, nmins}, mode);      \
        }                                                                      \
    }

KERNEL(gemm_z4_fast, tile_6, T6, 3, 0, PHI_ACT_FAST)
KERNEL(gemm_z5_fast, tile_6, T6, 4, 0, PHI_ACT_FAST)
KERNEL(gemm_z8_fast, tile_6, T6, 7, 0, PHI_ACT_FAST)
KERNEL(gemm_m_fast, tile_6, T6, -1, 1, PHI_ACT_FAST)
KERNEL(gemm_mm_fast, tile_6, T6, -1, 2, PHI_ACT_FAST)
KERNEL(gemm_s6_fast, tile_4, T4, 5, 0, PHI_ACT_FAST)
KERNEL(gemm_z4_exact, tile_6, T6, 3, 0, PHI_ACT_EXACT)
KERNEL(gemm_z5_exact, tile_6, T6, 4, 0, PHI_ACT_EXACT)
KERNEL(gemm_z8_exact, tile_6, T6, 7, 0, PHI_ACT_EXACT)
KERNEL(gemm_m_exact, tile_6, T6, -1, 1, PHI_ACT_EXACT)
KERNEL(gemm_mm_exact, tile_6, T6, -1, 2, PHI_ACT_EXACT)
KERNEL(gemm_s6_exact, tile_4, T4, 5, 0, PHI_ACT_EXACT)

phi_gemm_i8_table phi_gemm_i8_avx512vnni = {
    [PHI_PANEL_Z4] = {gemm_z4_fast, gemm_z4_exact},
    [PHI_PANEL_Z5] = {gemm_z5_fast, gemm_z5_exact},
    [PHI_PANEL_Z8] = {gemm_z8_fast, gemm_z8_exact},
    [PHI_PANEL_M4] = {gemm_m_fast, gemm_m_exact},
    [PHI_PANEL_M5] = {gemm_m_fast, gemm_m_exact},
    [PHI_PANEL_MM6] = {gemm_mm_fast, gemm_mm_exact},
    [PHI_PANEL_S6] = {gemm_s6_fast, gemm_s6_exact},
};
