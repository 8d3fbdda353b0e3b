/* SPDX-License-Identifier: MIT */
#include "reference/ref_act.h"

#include <math.h>

float ref_act_quantize(const float x[32], int top, int v[32])
{
    float largest = 0;
    int finite = 1;

    for (int i = 0; i < 32; i++) {
        v[i] = 0;
        if (!isfinite(x[i]))
            finite = 0;
        largest = fmaxf(largest, fabsf(x[i]));
    }
    if (!finite)
        return NAN;
    if (largest < ldexpf(1, -100))
        return 0;
    for (int i = 0; i < 32; i++) {
        /* lrintf rounds to nearest, ties to even. */
        v[i] = (int)lrintf(x[i] * ((float)top / largest));
        if (top > 127 && (v[i] + 128) % 256 == 0)
            v[i]++;
    }
    return largest / (float)top;
}
