/* SPDX-License-Identifier: MIT */
/* The front matter of a model card. */
#include "formats/front_matter.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const fields[] = {"license", "language", "base_model",
                                         "tags", "a"};
    struct phi_front_matter *fm = NULL;
    struct phi_err err = {0};

    if (!fuzz_accepted(phi_front_matter_load(&fm, fuzz_path(data, n), &err),
                       &err))
        return 0;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const struct phi_card_value *v = NULL;

        (void)fuzz_accepted(phi_front_matter_get(fm, fields[i], &v, &err),
                            &err);
    }
    phi_front_matter_free(fm);
    return 0;
}
