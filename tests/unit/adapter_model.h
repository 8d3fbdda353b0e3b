/* SPDX-License-Identifier: MIT */
/*
 * An adapter in memory, for tests of merging: its configuration is JSON as in
 * adapter_config.json, its tensors are random. Define _POSIX_C_SOURCE 200809L
 * before the first include.
 */
#ifndef PHI_TESTS_ADAPTER_MODEL_H
#define PHI_TESTS_ADAPTER_MODEL_H

#include "formats/adapter_config.h"
#include "libconv/lora/adapter.h"
#include "tests/unit/fixture.h"

#define ADAPTER_TENSORS 128

struct adapter_model {
    struct phi_adapter base;
    struct phi_adapter_tensor tensors[ADAPTER_TENSORS];
    uint64_t state;
};

static inline enum phi_status adapter_read(const struct phi_adapter *a,
                                           size_t i, uint64_t offset, void *to,
                                           size_t n, struct phi_err *err)
{
    (void)a;
    (void)i;
    (void)offset;
    (void)to;
    (void)n;
    return phi_fail(err, PHI_E_IO, "nothing is stored");
}

static inline enum phi_status adapter_not_input(const struct phi_adapter *a,
                                                const char *path,
                                                struct phi_err *err)
{
    return strcmp(a->file, path) == 0 ? phi_fail(err, PHI_E_ARG, "the same")
                                      : PHI_OK;
}

static inline void adapter_close(struct phi_adapter *a)
{
    for (size_t i = 0; i < a->ntensors; i++) {
        free((char *)a->tensors[i].path);
        free((char *)a->tensors[i].key);
    }
    phi_adapter_forget(a);
    free(a);
}

/* name is the adapter's path; config the members of its JSON object. */
static inline struct adapter_model *adapter_new(const char *name,
                                                const char *config,
                                                uint64_t seed)
{
    static const struct phi_adapter_ops ops = {.read = adapter_read,
                                               .not_input = adapter_not_input,
                                               .close = adapter_close};
    struct adapter_model *m = calloc(1, sizeof(*m));
    char *dir = fixture_folder();
    char *path = fixture_path(dir, "adapter_config.json");
    char *text = phi_sprintf(NULL, "{\"peft_type\":\"LORA\",%s}", config);

    ck_assert_ptr_nonnull(m);
    fixture_text(dir, "adapter_config.json", text);
    ck_ok(phi_adapter_config_read(&m->base.config, path, &err));
    m->base.ops = &ops;
    m->base.path = m->base.file = name;
    m->base.format = "memory";
    m->base.tensors = m->tensors;
    m->state = seed;
    fixture_remove(dir);
    free(path);
    free(text);
    return m;
}

/* Between -1 and 1, from splitmix64. */
static inline float adapter_random(struct adapter_model *m)
{
    uint64_t z = m->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (float)((int64_t)(z ^ z >> 31) >> 40) * 0x1p-23f;
}

/* cols = 0: a vector. Values are random; returns them to be changed. */
static inline float *adapter_add(struct adapter_model *m, const char *path,
                                 enum phi_adapter_role role, uint64_t rows,
                                 uint64_t cols)
{
    const size_t i = m->base.ntensors++;
    struct phi_adapter_tensor *t = &m->tensors[i];
    const size_t n = (size_t)(rows * (cols > 0 ? cols : 1));

    ck_assert_uint_lt(i, ADAPTER_TENSORS);
    *t = (struct phi_adapter_tensor){
        .key = phi_sprintf(NULL, "%s/%d", path, (int)role),
        .path = phi_strdup(path, NULL),
        .role = role,
        .dtype = PHI_F32,
        .rank = cols > 0 ? 2 : 1,
        .dim = {rows, cols > 0 ? cols : 1},
        .data = malloc(n * sizeof(float) + 1)};
    ck_assert_ptr_nonnull(t->data);
    for (size_t k = 0; k < n; k++)
        t->data[k] = adapter_random(m);
    return t->data;
}

/* A and B of a linear module. */
static inline void adapter_pair(struct adapter_model *m, const char *path,
                                uint64_t rank, uint64_t out, uint64_t in)
{
    adapter_add(m, path, PHI_ADAPTER_A, rank, in);
    adapter_add(m, path, PHI_ADAPTER_B, out, rank);
}

#endif
