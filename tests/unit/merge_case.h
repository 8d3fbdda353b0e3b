/* SPDX-License-Identifier: MIT */
/* Merges in memory: bases and adapters of arrays, results as arrays. */
#ifndef PHI_TESTS_MERGE_CASE_H
#define PHI_TESTS_MERGE_CASE_H

#include "libconv/lora/merge.h"
#include "tests/unit/adapter_model.h"
#include "tests/unit/array_model.h"

/* Two layers, grouped keys: query 16 rows, key and value 8. */
static const struct memory_shape split_shape = {.n_vocab = 40,
                                                .n_ctx = 16,
                                                .n_embd = 16,
                                                .n_ff = 24,
                                                .n_layer = 2,
                                                .n_head = 4,
                                                .n_head_kv = 2,
                                                .n_rot = 2};

static inline struct memory_model *case_base(bool fused, bool tied)
{
    struct memory_shape s = split_shape;

    s.fused_qkv = fused;
    s.tied = tied;
    return memory_new(&s, 7);
}

/* Rows [0, rows) of the named tensor after the merge, step rows at a time;
 * to be released with free(). */
static inline float *case_merged(const struct phi_merge *m, const char *name,
                                 size_t step)
{
    const struct phi_source *s = m->source;
    size_t i = 0;
    float *x;
    float *room = malloc((phi_merge_room(m) + 1) * sizeof(*room));
    const struct phi_merge_tensor *t;
    size_t stored;

    ck_assert_ptr_nonnull(room);
    ck_assert(phi_source_find(s, name, &i));
    stored = (size_t)(s->tensors[i].nbytes / sizeof(*x));
    if (m->of_source[i] == PHI_MERGE_NONE) {
        x = malloc(stored * sizeof(*x));
        ck_assert_ptr_nonnull(x);
        ck_ok(phi_source_read(s, i, 0, x, stored * sizeof(*x), &err));
        free(room);
        return x;
    }
    t = &m->tensors[m->of_source[i]];
    x = malloc((size_t)(t->rows * t->cols + stored) * sizeof(*x));
    ck_assert_ptr_nonnull(x);
    ck_ok(phi_source_read(s, i, 0, x, stored * sizeof(*x), &err));
    if (t->vector)
        step = (size_t)t->rows;
    for (uint64_t row = 0; row < t->rows; row += step) {
        const size_t n = t->rows - row < step ? (size_t)(t->rows - row) : step;

        ck_ok(phi_merge_apply(m, m->of_source[i], x + row * t->cols, row, n,
                              room, NULL, &err));
    }
    free(room);
    return x;
}

static inline void case_make(struct phi_merge *out,
                             const struct phi_source *base,
                             const struct phi_adapter *a,
                             const struct phi_adapter *b)
{
    const struct phi_merge_options options = {0};
    const struct phi_merge_input inputs[] = {{a, 1}, {b, 1}};

    ck_ok(phi_merge_make(out, base, inputs, b != NULL ? 2 : 1, &options, &err));
}

#endif
