/* SPDX-License-Identifier: MIT */
/*
 * GGUF adapters, as llama.cpp's convert_lora_to_gguf.py writes them: for each
 * adapted tensor of the base "NAME.lora_a" and "NAME.lora_b", and one alpha
 * for all. What llama.cpp would not apply is refused or, as with trained
 * norms, merged.
 */
#include <stdlib.h>
#include <string.h>

#include "formats/adapter_formats.h"
#include "formats/gguf_read.h"
#include "formats/safetensors.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"

struct gguf_adapter {
    struct phi_adapter base;
    char *path;
    struct phi_file *file;
    struct phi_gguf gguf;
    char **paths; /* (gguf.ntensors) of the modules */
};

static const struct gguf_adapter *self(const struct phi_adapter *a)
{
    return (const struct gguf_adapter *)a;
}

static enum phi_status gguf_read(const struct phi_adapter *a, size_t i,
                                 uint64_t offset, void *to, size_t n,
                                 struct phi_err *err)
{
    const struct phi_gguf_tensor *t = &self(a)->gguf.tensors[i];

    return phi_file_read(self(a)->file, t->offset + offset, to, n, err);
}

static enum phi_status gguf_unchanged(const struct phi_adapter *a,
                                      struct phi_err *err)
{
    return phi_file_unchanged(self(a)->file, err);
}

static enum phi_status gguf_not_input(const struct phi_adapter *a,
                                      const char *path, struct phi_err *err)
{
    return phi_output_not_input(path, phi_file_identity(self(a)->file), err);
}

static void gguf_close(struct phi_adapter *a)
{
    struct gguf_adapter *g = (struct gguf_adapter *)a;

    phi_adapter_forget(a);
    for (size_t i = 0; g->paths != NULL && i < g->gguf.ntensors; i++)
        free(g->paths[i]);
    free(g->paths);
    free(a->tensors);
    phi_gguf_release(&g->gguf);
    phi_file_close(g->file);
    free(g->path);
    free(g);
}

static const struct phi_adapter_ops gguf_ops = {gguf_read, gguf_unchanged,
                                                gguf_not_input, gguf_close};

/* ---- metadata ------------------------------------------------------------ */

static enum phi_status expect(const struct gguf_adapter *g, const char *key,
                              const char *want, struct phi_err *err)
{
    const char *found = "";
    const enum phi_status st =
        phi_meta_opt_str(&g->gguf.meta, key, &found, err);

    if (st != PHI_OK)
        return phi_err_prefix(err, "%s", g->base.file);
    if (strcmp(found, want) == 0)
        return PHI_OK;
    return phi_fail(err, PHI_E_FORMAT,
                    "%s: key \"%s\": is \"%.*s\", expected \"%s\"",
                    g->base.file, key, PHI_ERR_NAME, found, want);
}

/* Keys of adapters that are known; others of them could change a merge. */
static enum phi_status check_keys(const struct gguf_adapter *g,
                                  struct phi_err *err)
{
    static const char *const known[] = {"adapter.type", "adapter.lora.alpha",
                                        "adapter.lora.task_name",
                                        "adapter.lora.prompt_prefix"};

    for (size_t i = 0; i < g->gguf.meta.n; i++) {
        const char *key = g->gguf.meta.kv[i].key;
        bool is_known = strncmp(key, "adapter.", 8) != 0;

        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
            is_known = is_known || strcmp(key, known[k]) == 0;
        if (is_known)
            continue;
        if (strcmp(key, "adapter.alora.invocation_tokens") == 0)
            return phi_fail(err, PHI_E_UNSUPPORTED,
                            "%s: key \"%s\": cannot be merged: an activated "
                            "LoRA acts only after its invocation tokens",
                            g->base.file, key);
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: key \"%.*s\": cannot be merged: a key that is "
                        "not known",
                        g->base.file, PHI_ERR_NAME, key);
    }
    return PHI_OK;
}

/* A part alone would be merged as if it were the whole. */
static enum phi_status check_whole(const struct gguf_adapter *g,
                                   struct phi_err *err)
{
    uint64_t count = 1;
    const enum phi_status st = phi_meta_opt_uint(&g->gguf.meta, "split.count",
                                                 UINT16_MAX, &count, err);

    if (st != PHI_OK)
        return phi_err_prefix(err, "%s", g->base.file);
    if (count < 2)
        return PHI_OK;
    phi_fail(err, PHI_E_UNSUPPORTED,
             "%s: key \"split.count\": is %llu, expected an adapter in one "
             "file",
             g->base.file, (unsigned long long)count);
    return phi_hint(err, "join the parts first: llama-gguf-split --merge");
}

/* convert_lora_to_gguf.py has it from the base's folder. */
static enum phi_status read_base(struct gguf_adapter *g, struct phi_err *err)
{
    static const char *const keys[] = {"general.base_model.0.repo_url",
                                       "general.base_model.0.name"};
    const char *name = NULL;

    for (size_t i = 0; i < 2 && name == NULL; i++)
        phi_meta_opt_str(&g->gguf.meta, keys[i], &name, NULL);
    if (name == NULL)
        return PHI_OK;
    g->base.config.made_for = phi_strdup(name, err);
    return g->base.config.made_for != NULL ? PHI_OK : PHI_E_NOMEM;
}

static enum phi_status read_meta(struct gguf_adapter *g, struct phi_err *err)
{
    enum phi_status st;

    if ((st = expect(g, "general.type", "adapter", err)) != PHI_OK ||
        (st = expect(g, "adapter.type", "lora", err)) != PHI_OK ||
        (st = check_whole(g, err)) != PHI_OK ||
        (st = check_keys(g, err)) != PHI_OK)
        return st;
    g->base.config.bare = true;
    st = phi_meta_get_float(&g->gguf.meta, "adapter.lora.alpha",
                            &g->base.config.alpha, err);
    if (st == PHI_OK)
        st = phi_meta_get_str(&g->gguf.meta, "general.architecture",
                              &g->base.arch, err);
    return st == PHI_OK ? read_base(g, err)
                        : phi_err_prefix(err, "%s", g->base.file);
}

/* ---- tensors ------------------------------------------------------------- */

/* The end of a name, what it makes of a tensor, and its rank. */
static const struct {
    const char *suffix;
    enum phi_adapter_role role;
    enum phi_adapter_role of_embedding;
    uint32_t rank;
} forms[] = {
    {".weight.lora_a", PHI_ADAPTER_A, PHI_ADAPTER_EMBEDDING_A, 2},
    {".weight.lora_b", PHI_ADAPTER_B, PHI_ADAPTER_EMBEDDING_B, 2},
    {"_norm.weight", PHI_ADAPTER_WEIGHT, PHI_ADAPTER_WEIGHT, 1},
};

/* The role of a name; *n is the length of its module's. */
static enum phi_adapter_role role_of(const char *name, size_t *n,
                                     uint32_t *rank)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const size_t len = strlen(name);
        const size_t m = strlen(forms[i].suffix);

        if (len <= m || strcmp(name + len - m, forms[i].suffix) != 0)
            continue;
        *rank = forms[i].rank;
        /* "_norm" is a part of the module's name. */
        *n = len - (*rank == 1 ? strlen(".weight") : m);
        return strncmp(name, "token_embd.", 11) == 0 ? forms[i].of_embedding
                                                     : forms[i].role;
    }
    *n = 0;
    return PHI_ADAPTER_UNKNOWN;
}

static enum phi_status describe(struct gguf_adapter *g, size_t i,
                                struct phi_err *err)
{
    const struct phi_gguf_tensor *from = &g->gguf.tensors[i];
    struct phi_adapter_tensor *t = &g->base.tensors[i];
    uint32_t rank = from->rank;
    size_t n;
    const enum phi_adapter_role role = role_of(from->name, &n, &rank);
    char shape[200];

    if (role != PHI_ADAPTER_UNKNOWN &&
        (phi_dtype_info(from->dtype)->cls != PHI_CLASS_FLOAT ||
         from->dtype == PHI_F64))
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: tensor \"%.*s\": is %s, expected F32, F16 or "
                        "BF16",
                        g->base.file, PHI_ERR_NAME, from->name,
                        phi_dtype_info(from->dtype)->name);
    if (role != PHI_ADAPTER_UNKNOWN && from->rank != rank)
        return phi_fail(
            err, PHI_E_FORMAT,
            "%s: tensor \"%.*s\": has shape %s, expected a %s", g->base.file,
            PHI_ERR_NAME, from->name,
            phi_shape_text(shape, sizeof(shape), from->dim, from->rank),
            rank == 2 ? "matrix" : "vector");
    g->paths[i] = phi_strndup(from->name, n, err);
    if (g->paths[i] == NULL)
        return PHI_E_NOMEM;
    *t = (struct phi_adapter_tensor){.key = from->name,
                                     .path = g->paths[i],
                                     .role = role,
                                     .dtype = from->dtype,
                                     .rank = from->rank,
                                     .dim = {from->dim[0], 1}};
    if (from->rank == 2)
        t->dim[1] = from->dim[1];
    return PHI_OK;
}

/* A of an embedding is stored (tokens, rank), PEFT's is (rank, tokens). */
static enum phi_status turn(struct phi_adapter_tensor *t, struct phi_err *err)
{
    const size_t rows = (size_t)t->dim[0];
    const size_t cols = (size_t)t->dim[1];
    float *data = phi_alloc_aligned(rows * cols, sizeof(*data), err);

    if (data == NULL)
        return PHI_E_NOMEM;
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < cols; c++)
            data[c * rows + r] = t->data[r * cols + c];
    }
    free(t->data);
    t->data = data;
    t->dim[0] = cols;
    t->dim[1] = rows;
    return PHI_OK;
}

static enum phi_status read_tensors(struct gguf_adapter *g, struct phi_err *err)
{
    const size_t n = g->gguf.ntensors;
    enum phi_status st = PHI_OK;

    g->base.tensors = phi_alloc(n, sizeof(*g->base.tensors), err);
    g->paths = phi_alloc(n, sizeof(*g->paths), err);
    if (g->base.tensors == NULL || g->paths == NULL)
        return PHI_E_NOMEM;
    g->base.ntensors = n;
    for (size_t i = 0; st == PHI_OK && i < n; i++)
        st = describe(g, i, err);
    if (st == PHI_OK && n == 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: holds no tensor, expected those of an adapter",
                        g->base.file);
    if (st == PHI_OK)
        st = phi_adapter_hold(&g->base, err);
    for (size_t i = 0; st == PHI_OK && i < n; i++) {
        if (g->base.tensors[i].role == PHI_ADAPTER_EMBEDDING_A)
            st = turn(&g->base.tensors[i], err);
    }
    return st;
}

enum phi_status phi_adapter_gguf_open(struct phi_adapter **out,
                                      const char *path, struct phi_err *err)
{
    struct gguf_adapter *g = phi_alloc(1, sizeof(*g), err);
    enum phi_status st = PHI_E_NOMEM;

    if (g == NULL)
        return st;
    g->base.ops = &gguf_ops;
    g->base.format = "gguf";
    g->path = phi_strdup(path, err);
    if (g->path == NULL)
        goto out;
    g->base.path = g->base.file = g->path;
    if ((st = phi_file_open(&g->file, path, err)) != PHI_OK ||
        (st = phi_gguf_read(&g->gguf, g->file, err)) != PHI_OK ||
        (st = read_meta(g, err)) != PHI_OK)
        goto out;
    g->base.weights = g->file;
    st = read_tensors(g, err);
out:
    if (st == PHI_OK)
        *out = &g->base;
    else
        gguf_close(&g->base);
    return st;
}
