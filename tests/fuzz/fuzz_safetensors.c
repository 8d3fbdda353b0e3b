/* SPDX-License-Identifier: MIT */
/* A safetensors file; the first and last byte of every tensor are read. */
#include "formats/safetensors.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct phi_st *st = NULL;
    struct phi_err err = {0};
    uint64_t at = 0;
    uint8_t byte;

    if (!fuzz_accepted(phi_st_open(&st, fuzz_path(data, n), &err), &err))
        return 0;
    for (size_t i = 0; i < st->n; i++) {
        const struct phi_st_tensor *t = &st->tensors[i];

        PROMISE(i == 0 || t->begin == at);
        at = t->begin + t->nbytes;
        PROMISE(at <= n && t->rank <= PHI_MAX_RANK);
        if (t->nbytes > 0) {
            PROMISE(phi_st_read(st, i, 0, &byte, 1, &err) == PHI_OK);
            PROMISE(phi_st_read(st, i, t->nbytes - 1, &byte, 1, &err) ==
                    PHI_OK);
        }
        PROMISE(phi_st_read(st, i, t->nbytes, &byte, 1, &err) != PHI_OK);
    }
    (void)phi_st_metadata(st, "format");
    phi_st_close(st);
    return 0;
}
