/* SPDX-License-Identifier: MIT */
/* adapter_config.json, and what it then says of a Phi's modules. */
#include "formats/adapter_config.h"
#include "tests/fuzz/fuzz_input.h"

static const struct {
    const char *path;
    enum phi_lora_kind kind;
} modules[] = {
    {"model.layers.0.self_attn.q_proj", PHI_LORA_LINEAR},
    {"model.layers.11.mlp.fc2", PHI_LORA_LINEAR},
    {"model.embed_tokens", PHI_LORA_OTHER},
    {"model.final_layernorm", PHI_LORA_OTHER},
    {"lm_head", PHI_LORA_OUTPUT},
};

static void ask(const struct phi_lora_config *c, size_t i)
{
    struct phi_lora_scale scale;
    struct phi_err err = {0};
    uint64_t work = 0;
    bool yes = false;
    bool again = true;

    if (!fuzz_accepted(phi_lora_adapts(c, modules[i].path, modules[i].kind,
                                       &work, &yes, &err),
                       &err))
        return;
    work = 0;
    PROMISE(phi_lora_adapts(c, modules[i].path, modules[i].kind, &work, &again,
                            &err) == PHI_OK);
    PROMISE(yes == again);
    if (fuzz_accepted(
            phi_lora_scale_of(c, modules[i].path, &work, &scale, &err), &err))
        PROMISE(scale.rank >= 1 && scale.rank <= PHI_LORA_MAX_RANK);
    fuzz_accepted(phi_lora_saves(c, modules[i].path, &work, &yes, &err), &err);
    (void)phi_lora_tokens_of(c, modules[i].path, i == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct phi_lora_config c = {0};
    struct phi_err err = {0};

    if (fuzz_accepted(phi_adapter_config_read(&c, fuzz_path(data, n), &err),
                      &err)) {
        for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
            ask(&c, i);
    }
    phi_lora_config_release(&c);
    return 0;
}
