/* SPDX-License-Identifier: MIT */
/*
 * FIPS 180-4's compression of two runs side by side, with the instructions
 * that S. Gulley and others describe ("Intel SHA Extensions", 2013): a round
 * waits four cycles for the one before, and the other run's fits in between.
 * State is kept as they want it: A B E F in one register, C D G H in another.
 */
#include <immintrin.h>

#include "libconv/kernels/sha256_kernels.h"

/* The first 32 bits of the fractions of the cube roots of 64 primes. */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

struct state {
    __m128i abef;
    __m128i cdgh;
};

static struct state load(const uint32_t h[8])
{
    const __m128i dcba = _mm_loadu_si128((const __m128i *)h);
    const __m128i hgfe = _mm_loadu_si128((const __m128i *)(h + 4));
    const __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
    const __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);

    return (struct state){_mm_alignr_epi8(cdab, efgh, 8),
                          _mm_blend_epi16(efgh, cdab, 0xf0)};
}

static void store(uint32_t h[8], const struct state *s)
{
    const __m128i feba = _mm_shuffle_epi32(s->abef, 0x1b);
    const __m128i dchg = _mm_shuffle_epi32(s->cdgh, 0xb1);

    _mm_storeu_si128((__m128i *)h, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(h + 4), _mm_alignr_epi8(dchg, feba, 8));
}

static void add(struct state *s, const struct state *more)
{
    s->abef = _mm_add_epi32(s->abef, more->abef);
    s->cdgh = _mm_add_epi32(s->cdgh, more->cdgh);
}

/* Sixteen words of a block, which are big-endian. */
static void load_block(__m128i w[4], const uint8_t *p)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);

    for (int i = 0; i < 4; i++)
        w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)p + i), swap);
}

/*
 * Rounds 4 g to 4 g + 3 with words w[g % 4]; of the words that come 16 rounds
 * later, w[g + 1] is finished and w[g - 1] begun. g is a constant, a function
 * would not keep all of it in registers.
 */
#define ROUNDS(s, w, g)                                                        \
    do {                                                                       \
        const __m128i x = _mm_add_epi32(                                       \
            (w)[(g) % 4],                                                      \
            _mm_loadu_si128((const __m128i *)(constants + 4 * (g))));          \
                                                                               \
        (s).cdgh = _mm_sha256rnds2_epu32((s).cdgh, (s).abef, x);               \
        if ((g) >= 3 && (g) < 15)                                              \
            (w)[((g) + 1) % 4] = _mm_sha256msg2_epu32(                         \
                _mm_add_epi32(                                                 \
                    (w)[((g) + 1) % 4],                                        \
                    _mm_alignr_epi8((w)[(g) % 4], (w)[((g) + 3) % 4], 4)),     \
                (w)[(g) % 4]);                                                 \
        (s).abef = _mm_sha256rnds2_epu32((s).abef, (s).cdgh,                   \
                                         _mm_shuffle_epi32(x, 0x0e));          \
        if ((g) >= 1 && (g) < 13)                                              \
            (w)[((g) + 3) % 4] =                                               \
                _mm_sha256msg1_epu32((w)[((g) + 3) % 4], (w)[(g) % 4]);        \
    } while (0)

#define BOTH(g)                                                                \
    do {                                                                       \
        ROUNDS(s, w, g);                                                       \
        ROUNDS(t, v, g);                                                       \
    } while (0)

static void pair(uint32_t a[8], const uint8_t *pa, uint32_t b[8],
                 const uint8_t *pb, size_t n)
{
    struct state s = load(a);
    struct state t = load(b);

    for (; n > 0; n--, pa += 64, pb += 64) {
        const struct state s0 = s;
        const struct state t0 = t;
        __m128i w[4];
        __m128i v[4];

        load_block(w, pa);
        load_block(v, pb);
        BOTH(0);
        BOTH(1);
        BOTH(2);
        BOTH(3);
        BOTH(4);
        BOTH(5);
        BOTH(6);
        BOTH(7);
        BOTH(8);
        BOTH(9);
        BOTH(10);
        BOTH(11);
        BOTH(12);
        BOTH(13);
        BOTH(14);
        BOTH(15);
        add(&s, &s0);
        add(&t, &t0);
    }
    store(a, &s);
    store(b, &t);
}

const phi_sha256_pair_fn phi_sha256_shani = pair;
