/* SPDX-License-Identifier: MIT */
/* PEFT's merges of the sample's adapters: reference/golden/lora-merged.json. */
#ifndef PHI_TESTS_GOLDEN_MERGED_H
#define PHI_TESTS_GOLDEN_MERGED_H

#include <math.h>

#include "formats/json.h"
#include "tests/unit/unit.h"

#define GOLDEN_MERGED PHI_SOURCE_DIR "/reference/golden/lora-merged.json"

/* Of a change, of a norm and of a value, relative. PEFT sums in f32. */
#define GOLDEN_MERGED_LIMIT 1e-6

static inline double golden_number(const struct phi_json *object,
                                   const char *key)
{
    struct phi_json v;
    double d = 0;

    ck_assert(phi_json_find(object, key, &v));
    ck_ok(phi_json_number(&v, -1e30, 1e30, &d, &err));
    return d;
}

/* One tensor before and after; *worst is raised to what its change is off. */
static inline void golden_merged_check(const struct phi_json *want,
                                       const float *base, const float *x,
                                       size_t n, double *worst)
{
    const char *name = phi_json_key(want);
    const double norm = golden_number(want, "norm");
    const double scale = norm / sqrt((double)n);
    double squares = 0, change = 0, sum = 0, off;
    struct phi_json samples;
    struct phi_json item = {0};

    for (size_t i = 0; i < n; i++) {
        const double d = (double)x[i] - (double)base[i];

        squares += (double)x[i] * (double)x[i];
        change += d * d;
        sum += (double)x[i];
    }
    off = fabs(sqrt(change) / golden_number(want, "delta_norm") - 1);
    *worst = off > *worst ? off : *worst;
    ck_assert_msg(off < GOLDEN_MERGED_LIMIT, "%s: norm of the change %g off",
                  name, off);
    off = fabs(sqrt(squares) / norm - 1);
    ck_assert_msg(off < GOLDEN_MERGED_LIMIT, "%s: norm %g off", name, off);
    off = fabs(sum - golden_number(want, "sum")) / (scale * sqrt((double)n));
    ck_assert_msg(off < GOLDEN_MERGED_LIMIT, "%s: sum %g off", name, off);
    ck_assert(phi_json_find(want, "samples", &samples));
    while (phi_json_next(&samples, &item)) {
        const size_t at = (size_t)strtoull(phi_json_key(&item), NULL, 10);
        const double v = golden_number(&samples, phi_json_key(&item));

        ck_assert_uint_lt(at, n);
        off = fabs((double)x[at] - v) / scale;
        ck_assert_msg(off < GOLDEN_MERGED_LIMIT, "%s[%zu]: %.9g, expected %.9g",
                      name, at, (double)x[at], v);
    }
}

#endif
