/* SPDX-License-Identifier: MIT */
/* Hashes of the sample's tensors in llama.cpp's files: tests/golden. */
#ifndef PHI_TESTS_GOLDEN_HASHES_H
#define PHI_TESTS_GOLDEN_HASHES_H

#include "libconv/base/sha256.h"
#include "tests/unit/unit.h"

enum { HASHES_MAX = 1024 };

/* "name type hash" a line. */
struct hashes {
    struct {
        char name[64];
        char type[8];
        char hex[PHI_SHA256_HEX];
    } rows[HASHES_MAX];
    size_t n;
};

static inline void hashes_load(struct hashes *h, const char *path)
{
    FILE *f = fopen(path, "r");
    char line[256];

    ck_assert_ptr_nonnull(f);
    h->n = 0;
    while (fgets(line, sizeof(line), f) != NULL) {
        if (line[0] == '#')
            continue;
        ck_assert_uint_lt(h->n, HASHES_MAX);
        ck_assert_int_eq(sscanf(line, "%63s %7s %64s", h->rows[h->n].name,
                                h->rows[h->n].type, h->rows[h->n].hex),
                         3);
        h->n++;
    }
    fclose(f);
    ck_assert_uint_gt(h->n, 0);
}

/* NULL if there is none. type: "Q4_K" */
static inline const char *hashes_find(const struct hashes *h, const char *name,
                                      const char *type)
{
    for (size_t i = 0; i < h->n; i++) {
        if (strcmp(h->rows[i].name, name) == 0 &&
            strcmp(h->rows[i].type, type) == 0)
            return h->rows[i].hex;
    }
    return NULL;
}

#endif
