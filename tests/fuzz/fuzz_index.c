/* SPDX-License-Identifier: MIT */
/* model.safetensors.index.json. No name leads out of the folder. */
#include <string.h>

#include "formats/hf_index.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct phi_hf_index index = {0};
    struct phi_err err = {0};

    if (fuzz_accepted(phi_hf_index_load(&index, fuzz_path(data, n), &err),
                      &err)) {
        PROMISE(index.n > 0 && index.tensors.n >= index.n);
        for (size_t i = 0; i < index.n; i++) {
            PROMISE(strchr(index.shards[i], '/') == NULL);
            PROMISE(strlen(index.shards[i]) <= PHI_HF_MAX_SHARD_NAME);
            PROMISE(i == 0 || strcmp(index.shards[i - 1], index.shards[i]) < 0);
        }
    }
    phi_hf_index_release(&index);
    return 0;
}
