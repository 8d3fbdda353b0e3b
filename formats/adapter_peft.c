/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "formats/adapter_config.h"
#include "formats/adapter_formats.h"
#include "formats/safetensors.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"

#define CONFIG  "adapter_config.json"
#define WEIGHTS "adapter_model.safetensors"
#define PICKLE  "adapter_model.bin"

struct peft_adapter {
    struct phi_adapter base;
    char *path;
    struct phi_file *config; /* open, so that a change of it is seen */
    struct phi_st *st;
    char **paths; /* (st->n) of the modules */
};

static const struct peft_adapter *self(const struct phi_adapter *a)
{
    return (const struct peft_adapter *)a;
}

static enum phi_status peft_read(const struct phi_adapter *a, size_t i,
                                 uint64_t offset, void *to, size_t n,
                                 struct phi_err *err)
{
    return phi_st_read(self(a)->st, i, offset, to, n, err);
}

static enum phi_status peft_unchanged(const struct phi_adapter *a,
                                      struct phi_err *err)
{
    /* It is read by its path, the weights are not. */
    const enum phi_status st = phi_file_not_replaced(self(a)->config, err);

    return st == PHI_OK ? phi_file_unchanged(self(a)->st->file, err) : st;
}

static enum phi_status peft_not_input(const struct phi_adapter *a,
                                      const char *path, struct phi_err *err)
{
    const struct peft_adapter *p = self(a);
    const enum phi_status st =
        phi_output_not_input(path, phi_file_identity(p->config), err);

    if (st != PHI_OK)
        return st;
    return phi_output_not_input(path, phi_file_identity(p->st->file), err);
}

static void peft_close(struct phi_adapter *a)
{
    struct peft_adapter *p = (struct peft_adapter *)a;

    phi_adapter_forget(a);
    for (size_t i = 0; p->paths != NULL && i < p->st->n; i++)
        free(p->paths[i]);
    free(p->paths);
    free(a->tensors);
    phi_st_close(p->st);
    phi_file_close(p->config);
    free(p->path);
    free(p);
}

static const struct phi_adapter_ops peft_ops = {peft_read, peft_unchanged,
                                                peft_not_input, peft_close};

/* Joined paths: to be released with free(). */
struct places {
    char *config;
    char *weights;
    char *pickle;
};

static enum phi_status find_files(struct places *at, const char *dir,
                                  struct phi_err *err)
{
    if ((at->config = phi_path_join(dir, CONFIG, err)) == NULL ||
        (at->weights = phi_path_join(dir, WEIGHTS, err)) == NULL ||
        (at->pickle = phi_path_join(dir, PICKLE, err)) == NULL)
        return PHI_E_NOMEM;
    if (phi_path_kind(at->config) == PHI_PATH_NONE)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: has no " CONFIG ", expected a LoRA adapter", dir);
    if (phi_path_kind(at->weights) != PHI_PATH_NONE)
        return PHI_OK;
    phi_fail(err, PHI_E_FORMAT, "%s: has no " WEIGHTS, dir);
    if (phi_path_kind(at->pickle) != PHI_PATH_NONE)
        phi_hint(err, PICKLE " is a pickle, which can run code and is never "
                             "read; load the adapter with PEFT and save it "
                             "again, which writes safetensors");
    return err != NULL ? err->status : PHI_E_FORMAT;
}

/* The ranks that a role can have: weights are of both. */
static bool right_rank(enum phi_adapter_role role, uint32_t rank)
{
    switch (role) {
    case PHI_ADAPTER_WEIGHT:
    case PHI_ADAPTER_BASE_WEIGHT:
    case PHI_ADAPTER_ORIGINAL_WEIGHT:
        return rank == 1 || rank == 2;
    case PHI_ADAPTER_A:
    case PHI_ADAPTER_B:
    case PHI_ADAPTER_EMBEDDING_A:
    case PHI_ADAPTER_EMBEDDING_B:
    case PHI_ADAPTER_TOKENS:
        return rank == 2;
    default:
        return rank == 1;
    }
}

static enum phi_status describe(struct peft_adapter *p, size_t i,
                                struct phi_adapter_key *key,
                                struct phi_err *err)
{
    const struct phi_st_tensor *from = &p->st->tensors[i];
    struct phi_adapter_tensor *t = &p->base.tensors[i];
    char shape[200];

    if (!phi_adapter_key_parse(key, from->name)) {
        key->role = PHI_ADAPTER_UNKNOWN;
        key->path[0] = '\0';
    }
    if (key->role != PHI_ADAPTER_UNKNOWN &&
        (phi_dtype_info(from->dtype)->cls != PHI_CLASS_FLOAT ||
         from->dtype == PHI_F64))
        return phi_fail(
            err, PHI_E_UNSUPPORTED,
            "%s: tensor \"%.*s\": is %s, expected F32, F16, BF16 or F8",
            p->base.file, PHI_ERR_NAME, from->name,
            phi_dtype_info(from->dtype)->name);
    if (key->role != PHI_ADAPTER_UNKNOWN &&
        (!right_rank(key->role, from->rank) || from->nbytes == 0))
        return phi_fail(
            err, PHI_E_FORMAT,
            "%s: tensor \"%.*s\": has shape %s, expected a %s that is not "
            "empty",
            p->base.file, PHI_ERR_NAME, from->name,
            phi_shape_text(shape, sizeof(shape), from->dim, from->rank),
            right_rank(key->role, 2) ? "matrix" : "vector");
    p->paths[i] = phi_strdup(key->path, err);
    if (p->paths[i] == NULL)
        return PHI_E_NOMEM;
    *t = (struct phi_adapter_tensor){.key = from->name,
                                     .path = p->paths[i],
                                     .role = key->role,
                                     .dtype = from->dtype,
                                     .rank = from->rank,
                                     .dim = {from->dim[0], 1}};
    if (from->rank == 2)
        t->dim[1] = from->dim[1];
    return PHI_OK;
}

static enum phi_status describe_all(struct peft_adapter *p, struct phi_err *err)
{
    struct phi_adapter_key *key = phi_alloc(1, sizeof(*key), err);
    enum phi_status st = PHI_OK;

    p->base.tensors = phi_alloc(p->st->n, sizeof(*p->base.tensors), err);
    p->paths = phi_alloc(p->st->n, sizeof(*p->paths), err);
    if (key == NULL || p->base.tensors == NULL || p->paths == NULL)
        st = PHI_E_NOMEM;
    else
        p->base.ntensors = p->st->n;
    for (size_t i = 0; st == PHI_OK && i < p->st->n; i++)
        st = describe(p, i, key, err);
    if (st == PHI_OK && p->st->n == 0)
        st = phi_fail(err, PHI_E_FORMAT,
                      "%s: holds no tensor, expected those of an adapter",
                      p->base.file);
    free(key);
    return st;
}

static enum phi_status open_folder(struct phi_adapter **out, const char *path,
                                   bool hold, struct phi_err *err)
{
    struct peft_adapter *p = phi_alloc(1, sizeof(*p), err);
    struct places at = {0};
    struct phi_err own = {0};
    enum phi_status st = PHI_E_NOMEM;

    if (err == NULL)
        err = &own;
    if (p == NULL)
        return st;
    p->base.ops = &peft_ops;
    p->base.format = "peft";
    p->path = phi_strdup(path, err);
    if (p->path == NULL)
        goto out;
    p->base.path = p->path;
    if ((st = find_files(&at, path, err)) != PHI_OK ||
        (st = phi_file_open(&p->config, at.config, err)) != PHI_OK ||
        (st = phi_adapter_config_read(&p->base.config, at.config, err)) !=
            PHI_OK ||
        (st = phi_st_open(&p->st, at.weights, err)) != PHI_OK)
        goto out;
    p->base.weights = p->st->file;
    p->base.file = phi_file_path(p->st->file);
    st = describe_all(p, err);
    if (st == PHI_OK && hold)
        st = phi_adapter_hold(&p->base, err);
out:
    free(at.config);
    free(at.weights);
    free(at.pickle);
    if (st == PHI_OK)
        *out = &p->base;
    else
        peft_close(&p->base);
    return st;
}

enum phi_status phi_adapter_peft_open(struct phi_adapter **out,
                                      const char *path, struct phi_err *err)
{
    return open_folder(out, path, true, err);
}

enum phi_status phi_adapter_describe(struct phi_adapter **out, const char *path,
                                     struct phi_err *err)
{
    return open_folder(out, path, false, err);
}
