/* SPDX-License-Identifier: MIT */
/*
 * An adapter and a base that it may not fit:
 *
 *   u32 bytes of the base | u32 bytes of the configuration
 *   base, GGUF | adapter_config.json | adapter_model.safetensors
 *
 * or, without a configuration, an adapter in GGUF. What is accepted is merged,
 * all of it.
 */
#include "formats/adapter_open.h"
#include "formats/gguf_source.h"
#include "libconv/base/bytes.h"
#include "libconv/lora/merged_source.h"
#include "tests/fuzz/fuzz_input.h"

static void read_all(const struct phi_merge *m)
{
    struct phi_source *s = NULL;
    struct phi_err err = {0};

    if (!fuzz_accepted(phi_merged_source_open(&s, m, &err), &err))
        return;
    for (size_t i = 0; i < s->ntensors; i++) {
        const size_t n = (size_t)s->tensors[i].nbytes;
        uint8_t *bytes = malloc(n);

        PROMISE(bytes != NULL);
        (void)fuzz_accepted(phi_source_read(s, i, 0, bytes, n, &err), &err);
        free(bytes);
    }
    phi_source_close(s);
}

static void merge(const struct phi_source *base, struct phi_adapter *a)
{
    const struct phi_merge_options opt = {.dequantize = true};
    const struct phi_merge_input input = {a, 0.5};
    struct phi_merge m = {0};
    struct phi_err err = {0};

    if (fuzz_accepted(phi_merge_make(&m, base, &input, 1, &opt, &err), &err))
        read_all(&m);
    phi_merge_release(&m);
}

static const char *adapter_path(const uint8_t *config, size_t nconfig,
                                const uint8_t *tensors, size_t n)
{
    if (nconfig == 0)
        return fuzz_path(tensors, n);
    fuzz_folder("adapter_config.json", config, nconfig);
    return fuzz_folder("adapter_model.safetensors", tensors, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct phi_source *base = NULL;
    struct phi_adapter *a = NULL;
    struct phi_err err = {0};
    size_t nbase;
    size_t nconfig;

    if (n < 8)
        return 0;
    nbase = phi_load_u32(data);
    nconfig = phi_load_u32(data + 4);
    data += 8;
    n -= 8;
    if (nbase > n || nconfig > n - nbase)
        return 0;
    if (!fuzz_accepted(phi_gguf_open(&base, fuzz_path(data, nbase), &err),
                       &err))
        return 0;
    data += nbase;
    n -= nbase;
    if (fuzz_accepted(
            phi_adapter_open(
                &a, adapter_path(data, nconfig, data + nconfig, n - nconfig),
                &err),
            &err)) {
        merge(base, a);
        phi_adapter_close(a);
    }
    phi_source_close(base);
    return 0;
}
