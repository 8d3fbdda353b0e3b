/* SPDX-License-Identifier: MIT */
#include "tools/bench_synthetic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"

/* Phi-2. */
#define N_EMBD  2560
#define N_FF    10240
#define N_HEAD  32
#define N_ROT   32
#define N_VOCAB 51200
#define N_CTX   2048

/* Blocks that are held, of 18 bytes: a scale and 32 times four bits. */
#define BLOCKS ((size_t)1 << 20)
#define BLOCK  ((size_t)18)

#define PER_LAYER 10
#define ENDS      5
#define NTENSORS  (BENCH_LAYERS * PER_LAYER + ENDS)

struct synthetic {
    struct phi_source base;
    struct phi_tensor tensors[NTENSORS];
    struct phi_source_file files[NTENSORS]; /* one a tensor */
    char names[NTENSORS][32];
    uint8_t *blocks; /* (BLOCKS, BLOCK) */
};

struct shape {
    const char *name;
    uint64_t rows; /* 0: a vector */
    uint64_t cols;
};

static const struct shape layer[PER_LAYER] = {
    {"attn_norm.weight", 0, N_EMBD},         {"attn_norm.bias", 0, N_EMBD},
    {"attn_qkv.weight", 3 * N_EMBD, N_EMBD}, {"attn_qkv.bias", 0, 3 * N_EMBD},
    {"attn_output.weight", N_EMBD, N_EMBD},  {"attn_output.bias", 0, N_EMBD},
    {"ffn_up.weight", N_FF, N_EMBD},         {"ffn_up.bias", 0, N_FF},
    {"ffn_down.weight", N_EMBD, N_FF},       {"ffn_down.bias", 0, N_EMBD},
};

static const struct shape ends[ENDS] = {
    {"token_embd.weight", N_VOCAB, N_EMBD},
    {"output_norm.weight", 0, N_EMBD},
    {"output_norm.bias", 0, N_EMBD},
    {"output.weight", N_VOCAB, N_EMBD},
    {"output.bias", 0, N_VOCAB},
};

static enum phi_status read_bytes(const struct phi_source *s, size_t i,
                                  uint64_t offset, void *to, size_t n,
                                  struct phi_err *err)
{
    const struct synthetic *m = (const struct synthetic *)s;
    const struct phi_tensor *t = &m->tensors[i];
    uint8_t *out = to;

    (void)err;
    if (t->dtype == PHI_F32) {
        const bool gain = strstr(t->name, "norm.weight") != NULL;
        const float v = gain ? 1 : 0;

        /* A vector is read as a whole. */
        for (size_t k = 0; k < n / sizeof(v); k++)
            memcpy(out + k * sizeof(v), &v, sizeof(v));
        return PHI_OK;
    }
    /* Tensors begin at different blocks. */
    offset += i * 997 * BLOCK;
    while (n > 0) {
        const size_t at = (size_t)(offset % (BLOCKS * BLOCK));
        const size_t left = BLOCKS * BLOCK - at;
        const size_t piece = n < left ? n : left;

        memcpy(out, m->blocks + at, piece);
        out += piece;
        offset += piece;
        n -= piece;
    }
    return PHI_OK;
}

static enum phi_status unchanged(const struct phi_source *s,
                                 struct phi_err *err)
{
    (void)s;
    (void)err;
    return PHI_OK;
}

static enum phi_status not_input(const struct phi_source *s, const char *path,
                                 struct phi_err *err)
{
    (void)s;
    (void)path;
    (void)err;
    return PHI_OK;
}

static void close_model(struct phi_source *s)
{
    struct synthetic *m = (struct synthetic *)s;

    phi_meta_release(&m->base.meta);
    free(m->blocks);
    free(m);
}

static void add(struct synthetic *m, const char *prefix,
                const struct shape *shape)
{
    const size_t i = m->base.ntensors++;
    struct phi_tensor *t = &m->tensors[i];
    const uint64_t rows = shape->rows > 0 ? shape->rows : 1;

    snprintf(m->names[i], sizeof(m->names[i]), "%s%s", prefix, shape->name);
    *t = (struct phi_tensor){.name = m->names[i],
                             .origin = m->names[i],
                             .file = m->base.path,
                             .part = i,
                             .dtype = shape->rows > 0 ? PHI_Q4_0 : PHI_F32,
                             .rank = shape->rows > 0 ? 2 : 1,
                             .dim = {shape->cols}};
    if (shape->rows > 0) {
        t->dim[0] = shape->rows;
        t->dim[1] = shape->cols;
    }
    (void)phi_dtype_nbytes(t->dtype, rows * shape->cols, &t->nbytes);
    m->files[i] = (struct phi_source_file){m->names[i], t->nbytes};
}

static enum phi_status add_keys(struct phi_meta *meta, struct phi_err *err)
{
    static const struct {
        const char *key;
        uint64_t value;
    } sizes[] = {
        {"phi2.context_length", N_CTX},
        {"phi2.embedding_length", N_EMBD},
        {"phi2.feed_forward_length", N_FF},
        {"phi2.block_count", BENCH_LAYERS},
        {"phi2.attention.head_count", N_HEAD},
        {"phi2.rope.dimension_count", N_ROT},
    };
    enum phi_status st =
        phi_meta_set_str(meta, "general.architecture", "phi2", 4, err);

    for (size_t i = 0; st == PHI_OK && i < sizeof(sizes) / sizeof(sizes[0]);
         i++)
        st =
            phi_meta_set_u(meta, sizes[i].key, PHI_KV_U32, sizes[i].value, err);
    if (st == PHI_OK)
        st = phi_meta_set_f(meta, "phi2.attention.layer_norm_epsilon",
                            PHI_KV_F32, (double)1e-5f, err);
    return st;
}

static void fill_blocks(uint8_t *blocks)
{
    uint32_t state = 1;

    for (size_t i = 0; i < BLOCKS * BLOCK; i++) {
        state = state * 1664525 + 1013904223; /* Numerical Recipes' */
        blocks[i] = (uint8_t)(state >> 24);
    }
    /* All scales are 2^-8: sums over a row stay near 1. */
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i * BLOCK] = 0x00;
        blocks[i * BLOCK + 1] = 0x1c;
    }
}

enum phi_status bench_synthetic_open(struct phi_source **out,
                                     struct phi_err *err)
{
    static const struct phi_source_ops ops = {.read = read_bytes,
                                              .unchanged = unchanged,
                                              .not_input = not_input,
                                              .close = close_model};
    struct synthetic *m = phi_alloc(1, sizeof(*m), err);
    enum phi_status st;

    if (m == NULL)
        return PHI_E_NOMEM;
    m->base = (struct phi_source){.ops = &ops,
                                  .path = "Phi-2's shapes",
                                  .format = "synthetic",
                                  .files = m->files,
                                  .nfiles = NTENSORS,
                                  .tensors = m->tensors};
    for (int il = 0; il < BENCH_LAYERS; il++) {
        char prefix[16];

        snprintf(prefix, sizeof(prefix), "blk.%d.", il);
        for (size_t i = 0; i < PER_LAYER; i++)
            add(m, prefix, &layer[i]);
    }
    for (size_t i = 0; i < ENDS; i++)
        add(m, "", &ends[i]);
    m->blocks = phi_alloc_pages(BLOCKS * BLOCK, err);
    st = m->blocks != NULL ? add_keys(&m->base.meta, err) : PHI_E_NOMEM;
    if (st != PHI_OK) {
        close_model(&m->base);
        return st;
    }
    fill_blocks(m->blocks);
    *out = &m->base;
    return PHI_OK;
}
