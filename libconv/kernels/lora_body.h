/* SPDX-License-Identifier: MIT */
/*
 * The delta of an adapter in tiles of rows and lanes. Included after
 * lanes_<isa>.h by the files that export lora() under a name.
 *
 *              2 x LANES columns
 *   b  rows    +-------+-------+
 *   b          |  sum  |  sum  |   a row of a is loaded once for all rows of
 *   b          |  sum  |  sum  |   the tile; a stays in the second-level
 *   b          |  sum  |  sum  |   cache for the next rows
 *              +-------+-------+
 */
#ifndef PHI_KERNELS_LORA_BODY_H
#define PHI_KERNELS_LORA_BODY_H

#include "libconv/kernels/lora_tables.h"

#define LANE_INLINE static inline __attribute__((always_inline))

#define TILE_ROWS 4
#define TILE_COLS 2 /* of LANES */

LANE_INLINE lanes add_delta(lanes x, lanes d, lanes scale)
{
    const lanes delta = lanes_mul(scale, d);

    return lanes_pick(lanes_eq(delta, lanes_set(0)), x, lanes_add(x, delta));
}

/* nr rows of nc times LANES columns; both known when it is compiled. */
LANE_INLINE void do_tile(float *x, size_t ncols, const float *b, const float *a,
                         size_t rank, float scale, int nr, int nc)
{
    lanes sum[TILE_ROWS][TILE_COLS];

    for (int r = 0; r < nr; r++) {
        for (int c = 0; c < nc; c++)
            sum[r][c] = lanes_set(0);
    }
    for (size_t k = 0; k < rank; k++, a += ncols) {
        for (int r = 0; r < nr; r++) {
            const lanes v = lanes_set(b[(size_t)r * rank + k]);

            for (int c = 0; c < nc; c++)
                sum[r][c] = lanes_add(sum[r][c],
                                      lanes_mul(v, lanes_load(a + c * LANES)));
        }
    }
    for (int r = 0; r < nr; r++, x += ncols) {
        for (int c = 0; c < nc; c++)
            lanes_store(x + c * LANES, add_delta(lanes_load(x + c * LANES),
                                                 sum[r][c], lanes_set(scale)));
    }
}

/* nr whole rows. */
LANE_INLINE void do_rows(float *x, size_t ncols, const float *b, const float *a,
                         size_t rank, float scale, int nr)
{
    const size_t wide = (size_t)TILE_COLS * LANES;
    size_t c = 0;

    for (; c + wide <= ncols; c += wide)
        do_tile(x + c, ncols, b, a + c, rank, scale, nr, TILE_COLS);
    for (; c + LANES <= ncols; c += LANES)
        do_tile(x + c, ncols, b, a + c, rank, scale, nr, 1);
    for (; c < ncols; c++) {
        for (int r = 0; r < nr; r++) {
            float d = 0;

            for (size_t k = 0; k < rank; k++)
                d += b[(size_t)r * rank + k] * a[k * ncols + c];
            d = scale * d;
            if (d != 0)
                x[(size_t)r * ncols + c] += d;
        }
    }
}

static void lora(float *x, size_t nrows, size_t ncols, const float *b,
                 const float *a, size_t rank, float scale)
{
    for (; nrows >= TILE_ROWS; nrows -= TILE_ROWS) {
        do_rows(x, ncols, b, a, rank, scale, TILE_ROWS);
        x += TILE_ROWS * ncols;
        b += TILE_ROWS * rank;
    }
    for (; nrows > 0; nrows--, x += ncols, b += rank)
        do_rows(x, ncols, b, a, rank, scale, 1);
}

#endif
