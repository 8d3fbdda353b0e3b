/* SPDX-License-Identifier: MIT */
/* An importance matrix of either form: what is accepted is finite. */
#include <math.h>

#include "formats/imatrix_read.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct phi_imatrix m;
    struct phi_err err = {0};

    if (!fuzz_accepted(phi_imatrix_read(&m, fuzz_path(data, n), &err), &err))
        return 0;
    for (size_t i = 0; i < m.nentries; i++) {
        const struct phi_imatrix_entry *e = &m.entries[i];

        PROMISE(phi_imatrix_find(&m, e->name) == e);
        for (size_t k = 0; k < e->n; k++)
            PROMISE(isfinite(e->importance[k]) && e->importance[k] >= 0);
    }
    phi_imatrix_release(&m);
    return 0;
}
