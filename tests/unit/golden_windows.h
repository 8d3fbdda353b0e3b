/* SPDX-License-Identifier: MIT */
/* transformers' sums of windows: reference/golden and the test data. */
#ifndef PHI_TESTS_GOLDEN_WINDOWS_H
#define PHI_TESTS_GOLDEN_WINDOWS_H

#include "formats/json.h"
#include "tests/unit/unit.h"

/* What float32 itself may differ by on another machine, and the engine. */
#define GOLDEN_RELATIVE 1e-6

/* The values of one entry: models/<model>/<key> of a golden file. */
struct golden {
    struct phi_json_doc *doc;
    struct phi_json sums; /* array of nll sums, one a window */
    uint64_t n_ctx;
    uint64_t chunks;
};

static inline void golden_open(struct golden *g, const char *path,
                               const char *model, const char *key)
{
    struct phi_json root;
    struct phi_json v;

    ck_ok(phi_json_load(&g->doc, path, PHI_JSON_MAX_CONFIG, &err));
    root = phi_json_root(g->doc);
    ck_ok(phi_json_get(&root, "models", PHI_JSON_OBJECT, &v, &err));
    ck_ok(phi_json_get(&v, model, PHI_JSON_OBJECT, &v, &err));
    ck_ok(phi_json_get(&v, key, PHI_JSON_OBJECT, &v, &err));
    ck_ok(phi_json_get_uint(&v, "n_ctx", 1, 4096, &g->n_ctx, &err));
    ck_ok(phi_json_get_uint(&v, "chunks", 1, 4096, &g->chunks, &err));
    ck_ok(
        phi_json_get(&v, "nll_sum_per_chunk", PHI_JSON_ARRAY, &g->sums, &err));
}

#endif
