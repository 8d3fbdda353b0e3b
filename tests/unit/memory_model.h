/* SPDX-License-Identifier: MIT */
/*
 * A source and a sink in memory: a model made of arrays for tests of the
 * plan and the pipeline, and a file that keeps a hash of each tensor.
 */
#ifndef PHI_TESTS_MEMORY_MODEL_H
#define PHI_TESTS_MEMORY_MODEL_H

#include "libconv/base/lock.h"
#include "libconv/base/ranges.h"
#include "libconv/base/sha256.h"
#include "libconv/convert/plan.h"
#include "tests/unit/unit.h"

enum { MEMORY_MAX = 8 };

/* Zero-initialise, add tensors, then use .base; nothing is to be freed but
 * .base.meta. */
struct memory_source {
    struct phi_source base;
    struct phi_tensor tensors[MEMORY_MAX];
    struct phi_source_file files[MEMORY_MAX]; /* one a tensor */
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
                             .part = m->base.ntensors,
                             .dtype = dtype,
                             .rank = rows > 0 ? 2 : 1};
    t->dim[0] = rows > 0 ? rows : cols;
    t->dim[1] = rows > 0 ? cols : 0;
    ck_assert(
        phi_dtype_nbytes(dtype, (rows > 0 ? rows : 1) * cols, &t->nbytes));
    m->files[m->base.ntensors] = (struct phi_source_file){name, t->nbytes};
    m->base.files = m->files;
    m->base.nfiles = m->base.ntensors + 1;
    m->bytes[m->base.ntensors++] = bytes;
    m->base.ops = &ops;
    m->base.path = "model";
    if (m->base.format == NULL)
        m->base.format = "hf";
    m->base.tensors = m->tensors;
}

/*
 * Keeps what is written and hashes it at the end; refuses the byte `full` of
 * tensor 0 and those after it, if not 0.
 */
struct memory_sink {
    struct phi_sink base;
    const struct phi_plan *plan;
    struct phi_lock *lock;
    struct phi_ranges *done;     /* (plan->n), owned */
    uint8_t **bytes;             /* (plan->n), owned */
    char (*hex)[PHI_SHA256_HEX]; /* (plan->n), owned; memory_finish() */
    uint64_t full;
};

static inline enum phi_status memory_write(struct phi_sink *s, size_t i,
                                           uint64_t offset, const void *bytes,
                                           size_t n, struct phi_err *err)
{
    struct memory_sink *m = (struct memory_sink *)s;
    enum phi_status st;

    ck_assert_uint_lt(i, m->plan->n);
    ck_assert_uint_le(offset, m->plan->tensors[i].nbytes);
    ck_assert_uint_le(n, m->plan->tensors[i].nbytes - offset);
    if (m->full > 0 && i == 0 && offset + n > m->full)
        return phi_fail(err, PHI_E_IO, "sink is full at byte %llu",
                        (unsigned long long)offset);
    memcpy(m->bytes[i] + offset, bytes, n);
    phi_lock_take(m->lock);
    st = phi_ranges_add(&m->done[i], offset, n, err);
    phi_lock_give(m->lock);
    return st;
}

/* Odd, so that staging begins within a page. */
static inline uint64_t memory_position(const struct phi_sink *s, size_t i,
                                       uint64_t offset)
{
    (void)s;
    return 1000 * i + offset;
}

static inline void memory_sink_init(struct memory_sink *m,
                                    const struct phi_plan *plan)
{
    static const struct phi_sink_ops ops = {.write = memory_write,
                                            .position = memory_position};

    *m = (struct memory_sink){.base.ops = &ops, .plan = plan};
    m->hex = calloc(plan->n, sizeof(*m->hex));
    m->done = calloc(plan->n, sizeof(*m->done));
    m->bytes = calloc(plan->n, sizeof(*m->bytes));
    ck_assert(m->hex != NULL && m->done != NULL && m->bytes != NULL);
    for (size_t i = 0; i < plan->n; i++) {
        m->bytes[i] = malloc(plan->tensors[i].nbytes);
        ck_assert_ptr_nonnull(m->bytes[i]);
    }
    ck_ok(phi_lock_new(&m->lock, &err));
}

/* Every byte was written once; fills m->hex. */
static inline void memory_finish(struct memory_sink *m)
{
    struct phi_sha256 *hash;

    ck_ok(phi_sha256_new(&hash, &err));
    for (size_t i = 0; i < m->plan->n; i++) {
        const size_t n = m->plan->tensors[i].nbytes;

        ck_assert_uint_eq(phi_ranges_gap(&m->done[i], 0), n);
        ck_ok(phi_sha256_add(hash, m->bytes[i], n, &err));
        ck_ok(phi_sha256_hex(hash, m->hex[i], &err));
    }
    phi_sha256_free(hash);
}

static inline void memory_sink_release(struct memory_sink *m)
{
    for (size_t i = 0; i < m->plan->n; i++) {
        phi_ranges_release(&m->done[i]);
        free(m->bytes[i]);
    }
    phi_lock_free(m->lock);
    free(m->done);
    free(m->bytes);
    free(m->hex);
}

#endif
