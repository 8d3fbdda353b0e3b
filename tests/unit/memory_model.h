/* SPDX-License-Identifier: MIT */
/*
 * A source and a sink in memory: a model made of arrays for tests of the
 * plan and the pipeline, and a file that keeps a hash of each tensor.
 */
#ifndef PHI_TESTS_MEMORY_MODEL_H
#define PHI_TESTS_MEMORY_MODEL_H

#include "libconv/base/sha256.h"
#include "libconv/convert/plan.h"
#include "tests/unit/unit.h"

enum { MEMORY_MAX = 8 };

/* Zero-initialise, add tensors, then use .base; nothing is to be freed but
 * .base.meta. */
struct memory_source {
    struct phi_source base;
    struct phi_tensor tensors[MEMORY_MAX];
    const void *bytes[MEMORY_MAX];
    bool changed; /* what unchanged() is to notice */
};

static inline enum phi_status memory_read(const struct phi_source *s, size_t i,
                                          uint64_t offset, void *to, size_t n,
                                          struct phi_err *err)
{
    const struct memory_source *m = (const struct memory_source *)s;

    (void)err;
    memcpy(to, (const uint8_t *)m->bytes[i] + offset, n);
    return PHI_OK;
}

static inline enum phi_status memory_unchanged(const struct phi_source *s,
                                               struct phi_err *err)
{
    if (((const struct memory_source *)s)->changed)
        return phi_fail(err, PHI_E_IO, "model changed while it was read");
    return PHI_OK;
}

static inline enum phi_status memory_not_input(const struct phi_source *s,
                                               const char *path,
                                               struct phi_err *err)
{
    (void)s;
    (void)path;
    (void)err;
    return PHI_OK;
}

static inline void memory_close(struct phi_source *s)
{
    phi_meta_release(&s->meta);
}

/* rows = 0: one dimension of `cols`. bytes may be NULL if never read. */
static inline void memory_add(struct memory_source *m, const char *name,
                              enum phi_dtype dtype, uint64_t rows,
                              uint64_t cols, const void *bytes)
{
    static const struct phi_source_ops ops = {memory_read, memory_unchanged,
                                              memory_not_input, memory_close};
    struct phi_tensor *t = &m->tensors[m->base.ntensors];

    ck_assert_uint_lt(m->base.ntensors, MEMORY_MAX);
    if (m->base.meta.n == 0) {
        ck_ok(phi_meta_set_str(&m->base.meta, "general.architecture", "phi2", 4,
                               &err));
        ck_ok(phi_meta_set_u(&m->base.meta, "phi2.block_count", PHI_KV_U32, 32,
                             &err));
        ck_ok(phi_meta_set_u(&m->base.meta, "phi2.attention.head_count",
                             PHI_KV_U32, 32, &err));
    }
    *t = (struct phi_tensor){.name = name,
                             .origin = name,
                             .file = "model",
                             .dtype = dtype,
                             .rank = rows > 0 ? 2 : 1};
    t->dim[0] = rows > 0 ? rows : cols;
    t->dim[1] = rows > 0 ? cols : 0;
    ck_assert(
        phi_dtype_nbytes(dtype, (rows > 0 ? rows : 1) * cols, &t->nbytes));
    m->bytes[m->base.ntensors++] = bytes;
    m->base.ops = &ops;
    m->base.path = "model";
    if (m->base.format == NULL)
        m->base.format = "hf";
    m->base.tensors = m->tensors;
}

/* Counts and hashes what is written; fails at the byte `full`, if not 0. */
struct memory_sink {
    struct phi_sink base;
    const struct phi_plan *plan;
    struct phi_sha256 *hash;
    char (*hex)[PHI_SHA256_HEX]; /* (plan->n), owned */
    uint64_t *nbytes;            /* (plan->n), owned */
    size_t at;                   /* the tensor being written */
    uint64_t written;
    uint64_t full;
};

static inline enum phi_status memory_write(struct phi_sink *s, size_t i,
                                           const void *bytes, size_t n,
                                           struct phi_err *err)
{
    struct memory_sink *m = (struct memory_sink *)s;

    ck_assert_uint_eq(i, m->at); /* in order, each complete */
    if (m->full > 0 && m->written + n > m->full)
        return phi_fail(err, PHI_E_IO, "sink is full");
    m->written += n;
    m->nbytes[i] += n;
    ck_assert_uint_le(m->nbytes[i], m->plan->tensors[i].nbytes);
    ck_assert_int_eq(phi_sha256_add(m->hash, bytes, n, err), PHI_OK);
    if (m->nbytes[i] == m->plan->tensors[i].nbytes) {
        ck_assert_int_eq(phi_sha256_hex(m->hash, m->hex[i], err), PHI_OK);
        m->at++;
    }
    return PHI_OK;
}

static inline enum phi_status memory_commit(struct phi_sink *s,
                                            struct phi_err *err)
{
    (void)s;
    return phi_fail(err, PHI_E_ARG, "the pipeline commits nothing");
}

static inline void memory_sink_init(struct memory_sink *m,
                                    const struct phi_plan *plan)
{
    static const struct phi_sink_ops ops = {memory_write, memory_commit, NULL};

    *m = (struct memory_sink){.base.ops = &ops, .plan = plan};
    m->hex = calloc(plan->n, sizeof(*m->hex));
    m->nbytes = calloc(plan->n, sizeof(*m->nbytes));
    ck_assert(m->hex != NULL && m->nbytes != NULL);
    ck_ok(phi_sha256_new(&m->hash, &err));
}

static inline void memory_sink_release(struct memory_sink *m)
{
    phi_sha256_free(m->hash);
    free(m->hex);
    free(m->nbytes);
}

#endif
