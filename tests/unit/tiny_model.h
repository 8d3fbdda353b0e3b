/* SPDX-License-Identifier: MIT */
/*
 * A model of a few hundred bytes, written into a folder for a test, which may
 * replace parts of it. Both namings are spelt out, so that the tests do not
 * lean on the tables that they check.
 */
#ifndef PHI_TESTS_TINY_MODEL_H
#define PHI_TESTS_TINY_MODEL_H

#include "formats/hf_dir.h"
#include "formats/hf_shards.h"
#include "formats/safetensors.h"
#include "libconv/base/buf.h"
#include "libconv/base/utf8.h"
#include "tests/unit/fixture.h"

/* 2 layers, hidden 8, 2 heads of 4, 12 in the MLP, a token a byte. */
#define TINY_CONFIG                                                            \
    "{\"architectures\":[\"PhiForCausalLM\"],\"model_type\":\"phi\","          \
    "\"hidden_size\":8,\"num_attention_heads\":2,\"num_hidden_layers\":2,"     \
    "\"intermediate_size\":12,\"vocab_size\":256,"                             \
    "\"max_position_embeddings\":16,\"partial_rotary_factor\":0.5"

#define TINY_OLD_CONFIG                                                        \
    "{\"architectures\":[\"PhiForCausalLM\"],\"model_type\":\"phi-msft\","     \
    "\"n_embd\":8,\"n_head\":2,\"n_layer\":2,\"n_inner\":12,"                  \
    "\"n_positions\":16,\"rotary_dim\":2,\"vocab_size\":256"

#define VECTOR(name, n)                                                        \
    {                                                                          \
        name, PHI_F16, 1,                                                      \
        {                                                                      \
            n                                                                  \
        }                                                                      \
    }
#define MATRIX(name, r, c)                                                     \
    {                                                                          \
        name, PHI_F16, 2,                                                      \
        {                                                                      \
            r, c                                                               \
        }                                                                      \
    }

#define TINY_LAYER(p)                                                          \
    MATRIX(p "mlp.fc1.weight", 12, 8), VECTOR(p "mlp.fc1.bias", 12),           \
        MATRIX(p "mlp.fc2.weight", 8, 12), VECTOR(p "mlp.fc2.bias", 8),        \
        VECTOR(p "input_layernorm.weight", 8),                                 \
        VECTOR(p "input_layernorm.bias", 8),                                   \
        MATRIX(p "self_attn.q_proj.weight", 8, 8),                             \
        VECTOR(p "self_attn.q_proj.bias", 8),                                  \
        MATRIX(p "self_attn.k_proj.weight", 8, 8),                             \
        VECTOR(p "self_attn.k_proj.bias", 8),                                  \
        MATRIX(p "self_attn.v_proj.weight", 8, 8),                             \
        VECTOR(p "self_attn.v_proj.bias", 8),                                  \
        MATRIX(p "self_attn.dense.weight", 8, 8),                              \
        VECTOR(p "self_attn.dense.bias", 8)

#define TINY_OLD_LAYER(p)                                                      \
    MATRIX(p "mlp.fc1.weight", 12, 8), VECTOR(p "mlp.fc1.bias", 12),           \
        MATRIX(p "mlp.fc2.weight", 8, 12), VECTOR(p "mlp.fc2.bias", 8),        \
        VECTOR(p "ln.weight", 8), VECTOR(p "ln.bias", 8),                      \
        MATRIX(p "mixer.Wqkv.weight", 24, 8), VECTOR(p "mixer.Wqkv.bias", 24), \
        MATRIX(p "mixer.out_proj.weight", 8, 8),                               \
        VECTOR(p "mixer.out_proj.bias", 8)

#define TINY_HEAD 30 /* index of lm_head.weight below */

static const struct phi_st_entry tiny_current[] = {
    MATRIX("model.embed_tokens.weight", 256, 8),
    TINY_LAYER("model.layers.0."),
    TINY_LAYER("model.layers.1."),
    VECTOR("lm_head.bias", 256),
    MATRIX("lm_head.weight", 256, 8),
    VECTOR("model.final_layernorm.weight", 8),
    VECTOR("model.final_layernorm.bias", 8)};

static const struct phi_st_entry tiny_old[] = {
    MATRIX("transformer.embd.wte.weight", 256, 8),
    TINY_OLD_LAYER("transformer.h.0."),
    TINY_OLD_LAYER("transformer.h.1."),
    VECTOR("lm_head.linear.bias", 256),
    MATRIX("lm_head.linear.weight", 256, 8),
    VECTOR("lm_head.ln.weight", 8),
    VECTOR("lm_head.ln.bias", 8)};

#define TINY_N     (sizeof(tiny_current) / sizeof(tiny_current[0]))
#define TINY_OLD_N (sizeof(tiny_old) / sizeof(tiny_old[0]))

/* Writes tensors to dir/name; byte k of tensor i is i + k. */
static inline void tiny_shard(const char *dir, const char *name,
                              const struct phi_st_entry *entries, size_t n)
{
    char *path = fixture_path(dir, name);
    struct phi_st_writer *w = NULL;

    ck_ok(phi_st_create(&w, path, entries, n, NULL, true, &err));
    for (size_t k = 0; k < n; k++) {
        const size_t i = phi_st_order(w, k);
        uint64_t count = 1, nbytes;
        uint8_t bytes[4096];

        for (uint32_t d = 0; d < entries[i].rank; d++)
            count *= entries[i].dim[d];
        ck_assert(phi_dtype_nbytes(entries[i].dtype, count, &nbytes));
        ck_assert_uint_le(nbytes, sizeof(bytes));
        for (size_t b = 0; b < nbytes; b++)
            bytes[b] = (uint8_t)(i + b);
        ck_ok(phi_st_write(w, i, bytes, nbytes, &err));
    }
    ck_ok(phi_st_commit(w, &err));
    phi_st_writer_close(w);
    free(path);
}

/* config.json, and a vocabulary of GPT-2's kind without merges. */
static inline void tiny_texts(const char *dir, const char *config)
{
    struct phi_buf b = {0};
    uint32_t extra = 256;

    for (uint32_t byte = 0; byte < 256; byte++) {
        const bool plain =
            (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte != 0xad);
        uint8_t text[4];
        const size_t n = phi_utf8_encode(plain ? byte : extra++, text);

        phi_buf_text(&b, byte == 0 ? "{\"" : ",\"");
        if (byte == '"' || byte == '\\')
            phi_buf_text(&b, "\\");
        phi_buf_put(&b, text, n);
        phi_buf_printf(&b, "\":%u", (unsigned)byte);
    }
    phi_buf_text(&b, "}");
    fixture_write(dir, "vocab.json", b.p, b.n);
    phi_buf_release(&b);
    fixture_text(dir, "merges.txt", "#version: 0.2\n");
    fixture_text(dir, "config.json", config);
}

/* The tiny model in current names; keys are added to its configuration. */
static inline void tiny_model(const char *dir, const char *keys)
{
    char *config = phi_sprintf(NULL, TINY_CONFIG "%s}", keys);

    tiny_texts(dir, config);
    tiny_shard(dir, PHI_HF_SINGLE, tiny_current, TINY_N);
    free(config);
}

/* As tiny_model(), with tensor i replaced; its name NULL: left out. */
static inline void tiny_model_with(const char *dir, size_t i,
                                   const struct phi_st_entry *entry)
{
    struct phi_st_entry entries[TINY_N];
    size_t n = TINY_N;

    memcpy(entries, tiny_current, sizeof(tiny_current));
    if (entry->name != NULL)
        entries[i] = *entry;
    else
        entries[i] = entries[--n];
    tiny_texts(dir, TINY_CONFIG "}");
    tiny_shard(dir, PHI_HF_SINGLE, entries, n);
}

static inline void tiny_refused(const char *dir, enum phi_status status,
                                const char *message)
{
    struct phi_source *s = NULL;

    ck_refused(phi_hf_open(&s, dir, &err), status, message);
    ck_assert_ptr_null(s);
}

#endif
