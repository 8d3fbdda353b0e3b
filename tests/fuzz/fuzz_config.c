/* SPDX-License-Identifier: MIT */
/* config.json. What is accepted can be computed with. */
#include "formats/hf_config.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct phi_json_doc *doc = NULL;
    struct phi_hf_config c = {0};
    struct phi_err err = {0};
    struct phi_json root;

    if (!fuzz_accepted(phi_json_parse(&doc, (const char *)data, n, "f", &err),
                       &err))
        return 0;
    root = phi_json_root(doc);
    if (fuzz_accepted(phi_hf_config_read(&c, &root, &err), &err)) {
        PROMISE(c.hidden > 0 && c.hidden <= PHI_HF_MAX_HIDDEN);
        PROMISE(c.layers > 0 && c.layers <= PHI_HF_MAX_LAYERS);
        PROMISE(c.vocab > 0 && c.vocab <= PHI_HF_MAX_ROWS);
        PROMISE(c.inner > 0 && c.context > 0);
        PROMISE(c.heads > 0 && c.hidden == c.heads * c.head_dim);
        PROMISE(c.kv_heads > 0 && c.heads % c.kv_heads == 0);
        PROMISE(c.rotary % 2 == 0 && c.rotary <= c.head_dim && c.rotary > 0);
        PROMISE(c.eps > 0 && c.eps < 1 && c.theta >= 1 && c.factor >= 1);
    }
    phi_json_free(doc);
    return 0;
}
