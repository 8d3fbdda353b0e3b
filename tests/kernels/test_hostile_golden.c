/* SPDX-License-Identifier: MIT */
/*
 * Every quantizer of every level on hostile values: the bytes are ggml's, by
 * hashes in tests/golden/hostile.txt, whatever the compiler and the machine.
 */
#include "libconv/base/sha256.h"
#include "libconv/cpu/cpu.h"
#include "libconv/kernels/quant_kernels.h"
#include "tests/kernels/here.h"
#include "tests/kernels/hostile.h"
#include "tests/kernels/hostile_blank.h"
#include "tests/unit/unit.h"

/* tests/golden/hostile.txt: "hash type kind" a line. */
struct golden {
    struct {
        char hex[PHI_SHA256_HEX];
        char type[16];
        char kind[32];
    } rows[1024];
    size_t n;
};

static void golden_load(struct golden *g)
{
    FILE *f = fopen(PHI_SOURCE_DIR "/tests/golden/hostile.txt", "r");
    char line[256];

    ck_assert_ptr_nonnull(f);
    g->n = 0;
    while (fgets(line, sizeof(line), f) != NULL) {
        if (line[0] == '#')
            continue;
        ck_assert_uint_lt(g->n, 1024);
        ck_assert_int_eq(sscanf(line, "%64s %15s %31[^\n]", g->rows[g->n].hex,
                                g->rows[g->n].type, g->rows[g->n].kind),
                         3);
        g->n++;
    }
    fclose(f);
    ck_assert_uint_gt(g->n, 0);
}

static const char *golden_find(const struct golden *g, const char *type,
                               const char *kind)
{
    for (size_t i = 0; i < g->n; i++) {
        if (strcmp(g->rows[i].type, type) == 0 &&
            strcmp(g->rows[i].kind, kind) == 0)
            return g->rows[i].hex;
    }
    ck_abort_msg("no golden value for %s, %s", type, kind);
    return NULL;
}

static void hash_kind(phi_quantize_fn fn, enum phi_dtype t, int kind,
                      char hex[PHI_SHA256_HEX])
{
    const struct phi_dtype_info *d = phi_dtype_info(t);
    static uint8_t bytes[HOSTILE_VALUES * 4];
    static float x[HOSTILE_VALUES];
    static float room[HOSTILE_VALUES];
    const float *importance;
    struct phi_sha256 *hash = NULL;

    ck_ok(phi_sha256_new(&hash, &err));
    for (int i = 0; i < HOSTILE_CASES; i++) {
        const size_t n = hostile_case(x, room, &importance, d->block, kind, i);

        const size_t nbytes = n / d->block * d->bits / 8;

        fn(bytes, x, 1, n, importance);
        hostile_blank(bytes, nbytes, t);
        ck_ok(phi_sha256_add(hash, bytes, nbytes, &err));
    }
    ck_ok(phi_sha256_hex(hash, hex, &err));
    phi_sha256_free(hash);
}

static void check_kernel(const struct golden *g, enum phi_dtype t,
                         const char *level, phi_quantize_fn fn)
{
    const struct phi_dtype_info *d = phi_dtype_info(t);
    char hex[PHI_SHA256_HEX];

    for (int kind = 0; kind < HOSTILE_COUNT; kind++) {
        hash_kind(fn, t, kind, hex);
        if (strcmp(hex, golden_find(g, d->name, hostile[kind].name)) != 0)
            ck_abort_msg("%s, level %s: %s differs from ggml's", d->name, level,
                         hostile[kind].name);
    }
}

/* _i: the type. */
START_TEST(bytes_are_ggmls)
{
    static struct golden golden;
    const enum phi_dtype t = (enum phi_dtype)_i;
    phi_quantize_fn last = NULL;
    const char *level;
    uint32_t features;

    golden_load(&golden);
    for (size_t i = 0; level_next(&i, &level, &features); i++) {
        if (phi_quantize_kernel(features, t) == last)
            continue;
        last = phi_quantize_kernel(features, t);
        check_kernel(&golden, t, level, last);
    }
}
END_TEST

/* Every line of the file is of a type that has a quantizer. */
START_TEST(golden_values_are_used)
{
    static struct golden golden;
    enum phi_dtype t;

    golden_load(&golden);
    for (size_t i = 0; i < golden.n; i++) {
        ck_assert(phi_dtype_from_name(golden.rows[i].type, &t));
        ck_assert_ptr_nonnull(phi_quantize_kernel(0, t));
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hostile values");
    TCase *t = tcase_create("hostile values");

    tcase_add_loop_test(t, bytes_are_ggmls, 0, PHI_NDTYPES);
    tcase_add_test(t, golden_values_are_used);
    tcase_set_timeout(t, 600);
    suite_add_tcase(s, t);
    return unit_main(s);
}
