/* SPDX-License-Identifier: MIT */
#include "libconv/quant/value_scan.h"

#include <math.h>

/* The least magnitude that f16 rounds to infinity: half a step past 65504. */
#define F16_END 65520.0f

/* An odd value: not a number, infinite, or too large for f16. */
static void note_odd(struct phi_value_scan *s, float v, uint64_t at)
{
    if (isnan(v)) {
        if (s->nan++ == 0)
            s->first_nan = at;
    } else if (isinf(v)) {
        if (s->infinite++ == 0)
            s->first_infinite = at;
    } else if (s->large++ == 0) {
        s->first_large = at;
    }
}

void phi_value_scan_add(struct phi_value_scan *s, const float *x, size_t n)
{
    if (n == 0)
        return;
    if (s->n == 0)
        s->value = x[0];
    for (size_t i = 0; i < n; i++) {
        const float a = fabsf(x[i]);

        /* Written so that NaN is odd, too. */
        if (!(a < F16_END))
            note_odd(s, x[i], s->n + i);
        if (a > s->max_abs && !isinf(a))
            s->max_abs = a;
        s->varied = s->varied || x[i] != s->value;
    }
    s->n += n;
}
