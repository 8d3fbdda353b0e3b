/* SPDX-License-Identifier: MIT */
/*
 * A GGUF file as a source, and what the engine and the tokenizer make of it.
 */
#include "formats/gguf_source.h"
#include "libconv/engine/weights.h"
#include "libconv/text/tokenizer.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct phi_source *s = NULL;
    struct phi_tokenizer *t = NULL;
    struct phi_weights w;
    struct phi_err err = {0};
    uint8_t byte;

    if (!fuzz_accepted(phi_gguf_open(&s, fuzz_path(data, n), &err), &err))
        return 0;
    for (size_t i = 0; i < s->ntensors; i++) {
        const struct phi_tensor *tensor = &s->tensors[i];

        PROMISE(tensor->nbytes > 0 && tensor->offset + tensor->nbytes <= n);
        PROMISE(phi_source_read(s, i, tensor->nbytes - 1, &byte, 1, &err) ==
                PHI_OK);
    }
    if (fuzz_accepted(phi_tokenizer_new(&t, &s->meta, &err), &err))
        phi_tokenizer_free(t);
    (void)fuzz_accepted(phi_weights_init(&w, s, &err), &err);
    phi_weights_release(&w);
    phi_source_close(s);
    return 0;
}
