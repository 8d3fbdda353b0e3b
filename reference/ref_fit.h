/* SPDX-License-Identifier: MIT */
/* ref_fit.h - least squares between values and small whole numbers.
 *
 * Each function fits the n values x with weights w >= 0 of the squared errors,
 * writes a whole number for each value to q, and returns the scale.
 */
#ifndef REF_FIT_H
#define REF_FIT_H

#include <stdbool.h>

/* x = scale * (q - half), 0 <= q < 2 half, n up to 32.  The largest value goes
 * to q = 0, or to a neighbour by tenths of a level up to nine; the plain
 * candidate is tried first, and order decides between equals.  Values that are
 * all zero have q = 0. */
float ref_fit_scale(const float *x, const float *w, int n, int half, int *q);

/* The same for sixteen values weighted by their squares, half = 4: the plain
 * candidate, then at most five rounds in which each level in turn moves to
 * where it is best if the others stay. */
float ref_fit_descent(const float x[16], int q[16]);

/* Candidates i = 0 .. last: top + first + step * i levels for the range. */
struct ref_grid {
    float first;
    float step;
    int last;
    bool absolute; /* errors by magnitude, not squared */
};

/* x = scale * q - *min, 0 <= q <= top, *min >= 0, n up to 32. */
float ref_fit_line(const float *x, const float *w, int n, int top,
                   const struct ref_grid *g, int *q, float *min);

/* x = scale * q, q to `top`, n up to 16; meant for x >= 0, the scales and
 * minimums of sub-blocks.  For others a level is negative, its low byte
 * counts, and q may be above `top`. */
float ref_fit_scales(const float *x, const float *w, int n, int top, int *q);

#endif
