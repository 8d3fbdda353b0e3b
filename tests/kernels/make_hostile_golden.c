/* SPDX-License-Identifier: MIT */
/*
 * Writes tests/golden/hostile.txt: what ggml makes of hostile values. Built by
 * hand, with llama.cpp's libggml-base (August 2026, x86-64) in DIR:
 *
 *   cc -std=c11 -O2 -I. tests/kernels/make_hostile_golden.c \
 *       build/libphiconv_core.a -L DIR -lggml-base -Wl,-rpath,DIR \
 *       -lcrypto -lgomp -lm -o build/make_hostile_golden
 *   build/make_hostile_golden >tests/golden/hostile.txt
 */
#include <stdbool.h>
#include <stdio.h>

#include "libconv/base/sha256.h"
#include "libconv/kernels/quant_kernels.h"
#include "tests/kernels/hostile.h"
#include "tests/kernels/hostile_blank.h"

/* From ggml.h. */
size_t ggml_quantize_chunk(int type, const float *src, void *dst, int64_t start,
                           int64_t nrows, int64_t n_per_row,
                           const float *imatrix);

static int write_hash(enum phi_dtype t, int kind, struct phi_sha256 *hash)
{
    static uint8_t bytes[HOSTILE_VALUES * 4];
    static float x[HOSTILE_VALUES];
    static float room[HOSTILE_VALUES];
    const struct phi_dtype_info *d = phi_dtype_info(t);
    const float *importance;
    char hex[PHI_SHA256_HEX];
    struct phi_err err;

    for (int i = 0; i < HOSTILE_CASES; i++) {
        const size_t n = hostile_case(x, room, &importance, d->block, kind, i);
        const size_t nbytes = ggml_quantize_chunk(d->ggml, x, bytes, 0, 1,
                                                  (int64_t)n, importance);

        hostile_blank(bytes, nbytes, t);
        if (phi_sha256_add(hash, bytes, nbytes, &err) != PHI_OK)
            return 1;
    }
    if (phi_sha256_hex(hash, hex, &err) != PHI_OK)
        return 1;
    printf("%s %s %s\n", hex, d->name, hostile[kind].name);
    return 0;
}

int main(void)
{
    struct phi_sha256 *hash = NULL;
    struct phi_err err;
    int failed = phi_sha256_new(&hash, &err) != PHI_OK;

    printf("# SHA-256 of what ggml_quantize_chunk() of llama.cpp (August 2026, "
           "x86-64) makes\n# of hostile values, type and kind: "
           "tests/kernels/hostile.h, hostile_case(). Blocks\n# that are not "
           "finite are blanked: hostile_blank.h.\n");
    for (int t = 0; t < PHI_NDTYPES && !failed; t++) {
        if (phi_quantize_kernel(0, (enum phi_dtype)t) == NULL)
            continue;
        for (int kind = 0; kind < HOSTILE_COUNT && !failed; kind++)
            failed = write_hash((enum phi_dtype)t, kind, hash);
    }
    phi_sha256_free(hash);
    return failed;
}
