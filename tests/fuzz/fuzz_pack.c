/* SPDX-License-Identifier: MIT */
/*
 * A packed file as a source, its chunks and its other files. Checksums are
 * made right first, where they are meant to be: otherwise nearly every input
 * would end at the first of them.
 */
#include <stdlib.h>
#include <string.h>

#include "formats/pack_source.h"
#include "formats/pack_verify.h"
#include "libconv/base/bytes.h"
#include "libconv/base/crc32.h"
#include "tests/fuzz/fuzz_input.h"

/* Sums of sections, of the table and of the header, as far as they are. */
static void repair(uint8_t *p, size_t n)
{
    size_t nsections;
    size_t names;
    size_t table;

    if (n < PHI_PACK_HEADER)
        return;
    nsections = phi_load_u32(p + 24);
    names = phi_load_u32(p + 28);
    phi_store_u64(p + 16, n);
    if (nsections <= n / PHI_PACK_ENTRY &&
        names <= n - nsections * PHI_PACK_ENTRY) {
        table = nsections * PHI_PACK_ENTRY + names;
        for (size_t i = 0; i < nsections && table <= n - PHI_PACK_HEADER; i++) {
            uint8_t *e = p + PHI_PACK_HEADER + i * PHI_PACK_ENTRY;
            const uint64_t at = phi_load_u64(e + 8);
            const uint64_t stored = phi_load_u64(e + 16);

            if (at <= n && stored <= n - at)
                phi_store_u32(e + 32, phi_crc32(0, p + at, (size_t)stored));
        }
        if (table <= n - PHI_PACK_HEADER)
            phi_store_u32(p + 64, phi_crc32(0, p + PHI_PACK_HEADER, table));
    }
    phi_store_u32(p + 124, phi_crc32(0, p, PHI_PACK_HEADER - 4));
}

static void use(const struct phi_source *s)
{
    const struct phi_pack_verify_options opt = {.nthreads = 1};
    struct phi_pack_verified v = {0};
    struct phi_hf_side_files side = {0};
    struct phi_err err = {0};
    uint8_t bytes[64];

    for (size_t i = 0; i < s->ntensors; i++) {
        const uint64_t n = s->tensors[i].nbytes;
        const size_t take = n < sizeof(bytes) ? (size_t)n : sizeof(bytes);

        PROMISE(n > 0);
        (void)fuzz_accepted(phi_source_read(s, i, n - take, bytes, take, &err),
                            &err);
        if (phi_source_has_panels(s, i))
            (void)fuzz_accepted(
                phi_source_read_panels(s, i, 0, bytes, take, &err), &err);
    }
    (void)fuzz_accepted(phi_pack_side_files(&side, s, &err), &err);
    for (size_t i = 0; i < side.n; i++) {
        uint8_t *made = NULL;
        size_t nbytes;

        if (side.v[i].bytes == NULL)
            (void)fuzz_accepted(
                phi_hf_side_item_load(&side.v[i], 0, &made, &nbytes, &err),
                &err);
        free(made);
    }
    phi_hf_side_files_release(&side);
    (void)fuzz_accepted(phi_pack_verify(&v, s, &opt, &err), &err);
    phi_pack_verified_release(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    struct phi_source *s = NULL;
    struct phi_err err = {0};
    FILE *f;

    PROMISE(copy != NULL);
    if (n > 0)
        memcpy(copy, data, n);
    repair(copy, n);
    if (fuzz_accepted(phi_pack_open(&s, fuzz_path(copy, n), &err), &err)) {
        use(s);
        phi_source_close(s);
    }
    /* The same from a pipe, as it came. */
    s = NULL;
    f = fopen(fuzz_path(data, n), "rb");
    PROMISE(f != NULL);
    if (fuzz_accepted(phi_pack_open_stream(&s, f, "pipe", &err), &err))
        phi_source_close(s);
    fclose(f);
    free(copy);
    return 0;
}
