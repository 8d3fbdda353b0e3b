/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "formats/hf_dir.h"
#include "formats/hf_shards.h"
#include "formats/json.h"
#include "formats/safetensors.h"
#include "libconv/base/buf.h"
#include "tests/unit/fixture.h"

static char *dir;

static void setup(void)
{
    dir = fixture_folder();
}

static void teardown(void)
{
    fixture_remove(dir);
}

/* ---- a tiny model: 2 layers, hidden 8, 2 heads of 4, MLP 12, 10 tokens ----
 */

#define CONFIG                                                                 \
    "{\"architectures\":[\"PhiForCausalLM\"],\"model_type\":\"phi\","          \
    "\"hidden_size\":8,\"num_attention_heads\":2,\"num_hidden_layers\":2,"     \
    "\"intermediate_size\":12,\"vocab_size\":10,"                              \
    "\"max_position_embeddings\":16,\"partial_rotary_factor\":0.5"

#define OLD_CONFIG                                                             \
    "{\"architectures\":[\"PhiForCausalLM\"],\"model_type\":\"phi-msft\","     \
    "\"n_embd\":8,\"n_head\":2,\"n_layer\":2,\"n_inner\":12,"                  \
    "\"n_positions\":16,\"rotary_dim\":2,\"vocab_size\":10"

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

#define LAYER(p)                                                               \
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

#define OLD_LAYER(p)                                                           \
    MATRIX(p "mlp.fc1.weight", 12, 8), VECTOR(p "mlp.fc1.bias", 12),           \
        MATRIX(p "mlp.fc2.weight", 8, 12), VECTOR(p "mlp.fc2.bias", 8),        \
        VECTOR(p "ln.weight", 8), VECTOR(p "ln.bias", 8),                      \
        MATRIX(p "mixer.Wqkv.weight", 24, 8), VECTOR(p "mixer.Wqkv.bias", 24), \
        MATRIX(p "mixer.out_proj.weight", 8, 8),                               \
        VECTOR(p "mixer.out_proj.bias", 8)

#define HEAD_WEIGHT 30 /* index of lm_head.weight below */

static const struct phi_st_entry current[] = {
    MATRIX("model.embed_tokens.weight", 10, 8),
    LAYER("model.layers.0."),
    LAYER("model.layers.1."),
    VECTOR("lm_head.bias", 10),
    MATRIX("lm_head.weight", 10, 8),
    VECTOR("model.final_layernorm.weight", 8),
    VECTOR("model.final_layernorm.bias", 8)};

static const struct phi_st_entry old[] = {
    MATRIX("transformer.embd.wte.weight", 10, 8),
    OLD_LAYER("transformer.h.0."),
    OLD_LAYER("transformer.h.1."),
    VECTOR("lm_head.linear.bias", 10),
    MATRIX("lm_head.linear.weight", 10, 8),
    VECTOR("lm_head.ln.weight", 8),
    VECTOR("lm_head.ln.bias", 8)};

#define NCURRENT (sizeof(current) / sizeof(current[0]))
#define NOLD     (sizeof(old) / sizeof(old[0]))

/* Writes tensors to dir/name; byte k of tensor i is i + k. */
static void write_shard(const char *name, const struct phi_st_entry *entries,
                        size_t n)
{
    char *path = fixture_path(dir, name);
    struct phi_st_writer *w = NULL;

    ck_ok(phi_st_create(&w, path, entries, n, NULL, true, &err));
    for (size_t k = 0; k < n; k++) {
        const size_t i = phi_st_order(w, k);
        uint64_t count = 1, nbytes;
        uint8_t bytes[1024];

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

/* The tiny model in current names; keys are added to its configuration. */
static void tiny(const char *keys)
{
    char *config = phi_sprintf(NULL, CONFIG "%s}", keys);

    fixture_text(dir, "config.json", config);
    write_shard(PHI_HF_SINGLE, current, NCURRENT);
    free(config);
}

/* As tiny(), with tensor i replaced; its name NULL: left out. */
static void tiny_with(size_t i, const struct phi_st_entry *entry)
{
    struct phi_st_entry entries[NCURRENT];
    size_t n = NCURRENT;

    memcpy(entries, current, sizeof(current));
    if (entry->name != NULL)
        entries[i] = *entry;
    else
        entries[i] = entries[--n];
    fixture_text(dir, "config.json", CONFIG "}");
    write_shard(PHI_HF_SINGLE, entries, n);
}

static void refused(enum phi_status status, const char *message)
{
    struct phi_source *s = NULL;

    ck_refused(phi_hf_open(&s, dir, &err), status, message);
    ck_assert_ptr_null(s);
}

/* ---- the sample ---- */

/* Beginning of the order that llama.cpp's converter gives the sample. */
static const char *const order[] = {
    "token_embd.weight",        "blk.0.attn_norm.bias",
    "blk.0.attn_norm.weight",   "blk.0.ffn_up.bias",
    "blk.0.ffn_up.weight",      "blk.0.ffn_down.bias",
    "blk.0.ffn_down.weight",    "blk.0.attn_output.bias",
    "blk.0.attn_output.weight", "blk.0.attn_k.bias",
    "blk.0.attn_k.weight",      "blk.0.attn_q.bias",
    "blk.0.attn_q.weight",      "blk.0.attn_v.bias",
    "blk.0.attn_v.weight",      "blk.1.attn_norm.bias"};

/* And where its second shard begins. */
static const char *const second[] = {"output.bias", "output.weight",
                                     "output_norm.bias", "output_norm.weight",
                                     "blk.2.attn_norm.bias"};

START_TEST(opens_the_sample)
{
    struct phi_source *s = NULL;
    size_t i;
    uint64_t n = 0;

    ck_ok(phi_hf_open(&s, PHI_SAMPLE, &err));
    ck_assert_str_eq(s->format, "hf");
    ck_assert_str_eq(s->path, PHI_SAMPLE);
    ck_assert_uint_eq(s->ntensors, 61);
    for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++)
        ck_assert_str_eq(s->tensors[k].name, order[k]);
    ck_assert(phi_source_find(s, "output.bias", &i));
    for (size_t k = 0; k < sizeof(second) / sizeof(second[0]); k++)
        ck_assert_str_eq(s->tensors[i + k].name, second[k]);
    ck_assert_str_eq(phi_path_base(s->tensors[i].file),
                     "model-00002-of-00002.safetensors");
    for (size_t k = 0; k < s->ntensors; k++) {
        ck_assert_int_eq(s->tensors[k].dtype, PHI_F16);
        n += phi_tensor_rows(&s->tensors[k]) * phi_tensor_cols(&s->tensors[k]);
    }
    ck_assert_uint_eq(n, 4208128);
    ck_assert(phi_source_find(s, "blk.3.ffn_down.weight", &i));
    ck_assert_uint_eq(phi_tensor_rows(&s->tensors[i]), 256);
    ck_assert_uint_eq(phi_tensor_cols(&s->tensors[i]), 1024);
    ck_assert_str_eq(s->tensors[i].origin, "model.layers.3.mlp.fc2.weight");
    ck_ok(phi_source_unchanged(s, &err));
    phi_source_close(s);
}
END_TEST

/* The whole order, where the golden values are. */
START_TEST(order_is_llama_cpps)
{
    const char *data = unit_test_data("order of llama.cpp's converter");
    char *path;
    struct phi_json_doc *doc = NULL;
    struct phi_json v, item = {0};
    struct phi_source *s = NULL;
    size_t n = 0;

    if (data == NULL)
        return;
    path = fixture_path(data, "goldens/llama-quantize.json");
    ck_ok(phi_json_load(&doc, path, PHI_JSON_MAX_CONFIG, &err));
    free(path);
    v = phi_json_root(doc);
    ck_ok(phi_json_get(&v, "files", PHI_JSON_OBJECT, &v, &err));
    ck_ok(phi_json_get(&v, "convert:f16", PHI_JSON_OBJECT, &v, &err));
    ck_ok(phi_json_get(&v, "order", PHI_JSON_ARRAY, &v, &err));
    ck_ok(phi_hf_open(&s, PHI_SAMPLE, &err));
    while (phi_json_next(&v, &item)) {
        const char *name;

        ck_ok(phi_json_str(&item, &name, &err));
        ck_assert_uint_lt(n, s->ntensors);
        ck_assert_str_eq(s->tensors[n++].name, name);
    }
    ck_assert_uint_eq(n, s->ntensors);
    phi_source_close(s);
    phi_json_free(doc);
}
END_TEST

START_TEST(reads_bytes_as_stored)
{
    struct phi_source *s = NULL;
    struct phi_st *st = NULL;
    size_t i, k = 0;
    uint8_t a[64], b[64];

    ck_ok(phi_hf_open(&s, PHI_SAMPLE, &err));
    ck_ok(
        phi_st_open(&st, PHI_SAMPLE "/model-00002-of-00002.safetensors", &err));
    ck_assert(phi_source_find(s, "output.weight", &i));
    while (strcmp(st->tensors[k].name, "lm_head.weight") != 0)
        k++;
    ck_ok(phi_source_read(s, i, 1000, a, sizeof(a), &err));
    ck_ok(phi_st_read(st, k, 1000, b, sizeof(b), &err));
    ck_assert_mem_eq(a, b, sizeof(a));
    ck_refused(phi_source_read(s, i, s->tensors[i].nbytes - 1, a, 2, &err),
               PHI_E_ARG, "tensor \"lm_head.weight\": 2 bytes wanted");
    phi_st_close(st);
    phi_source_close(s);
}
END_TEST

/* Keys of the architecture, in order, as the converter writes them. */
START_TEST(has_the_metadata_of_the_architecture)
{
    static const struct {
        const char *key;
        enum phi_kv_type type;
        double value;
    } keys[] = {
        {"phi2.context_length", PHI_KV_U32, 512},
        {"phi2.embedding_length", PHI_KV_U32, 256},
        {"phi2.feed_forward_length", PHI_KV_U32, 1024},
        {"phi2.block_count", PHI_KV_U32, 4},
        {"phi2.attention.head_count", PHI_KV_U32, 8},
        {"phi2.attention.head_count_kv", PHI_KV_U32, 8},
        {"phi2.attention.layer_norm_epsilon", PHI_KV_F32, 9.999999747378752e-6},
        {"phi2.rope.dimension_count", PHI_KV_U32, 12},
        {"phi2.rope.freq_base", PHI_KV_F32, 10000},
        {"general.file_type", PHI_KV_U32, 1},
        {"tokenizer.ggml.add_bos_token", PHI_KV_BOOL, 0},
        {"general.quantization_version", PHI_KV_U32, 2}};
    struct phi_source *s = NULL;
    const struct phi_kv *kv;
    const char *text = NULL;

    ck_ok(phi_hf_open(&s, PHI_SAMPLE, &err));
    ck_ok(phi_meta_get_str(&s->meta, "general.architecture", &text, &err));
    ck_assert_str_eq(text, "phi2");
    ck_assert_str_eq(s->meta.kv[0].key, "general.architecture");
    ck_assert_str_eq(s->meta.kv[1].key, "general.type");
    kv = phi_meta_find(&s->meta, keys[0].key);
    ck_assert_ptr_nonnull(kv);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++, kv++) {
        ck_assert_str_eq(kv->key, keys[i].key);
        ck_assert_int_eq(kv->type, keys[i].type);
        if (kv->type == PHI_KV_F32)
            ck_assert_double_eq(kv->v.f, keys[i].value);
        else
            ck_assert_uint_eq(kv->v.u, (uint64_t)keys[i].value);
    }
    ck_assert_ptr_null(phi_meta_find(&s->meta, "phi2.rope.scaling.type"));
    phi_source_close(s);
}
END_TEST

/* ---- variants of a model ---- */

START_TEST(opens_the_old_naming)
{
    struct phi_source *s = NULL;
    size_t i;

    fixture_text(dir, "config.json", OLD_CONFIG "}");
    write_shard(PHI_HF_SINGLE, old, NOLD);
    ck_ok(phi_hf_open(&s, dir, &err));
    ck_assert_uint_eq(s->ntensors, NOLD);
    ck_assert_str_eq(s->tensors[0].name, "output.bias");
    ck_assert_str_eq(s->tensors[2].name, "output_norm.bias");
    ck_assert_str_eq(s->tensors[4].name, "token_embd.weight");
    ck_assert_str_eq(s->tensors[5].name, "blk.0.attn_norm.bias");
    ck_assert(phi_source_find(s, "blk.1.attn_qkv.weight", &i));
    ck_assert_uint_eq(s->tensors[i].dim[0], 24);
    ck_assert_uint_eq(s->tensors[i].dim[1], 8);
    ck_assert_str_eq(s->tensors[i].origin, "transformer.h.1.mixer.Wqkv.weight");
    phi_source_close(s);
}
END_TEST

START_TEST(presents_a_tied_head)
{
    const struct phi_st_entry none = {NULL, PHI_F16, 0, {0}};
    struct phi_source *s = NULL;
    uint8_t a[160], b[160];

    tiny_with(HEAD_WEIGHT, &none);
    refused(PHI_E_FORMAT, "tensor \"lm_head.weight\": is missing, expected "
                          "with shape [10, 8]");
    fixture_text(dir, "config.json", CONFIG ",\"tie_word_embeddings\":true}");
    ck_ok(phi_hf_open(&s, dir, &err));
    ck_assert_uint_eq(s->ntensors, NCURRENT);
    ck_assert_str_eq(s->tensors[1].name, "token_embd.weight");
    ck_assert_str_eq(s->tensors[2].name, "output.weight");
    ck_assert_str_eq(s->tensors[2].origin, "lm_head.weight");
    ck_ok(phi_source_read(s, 1, 0, a, sizeof(a), &err));
    ck_ok(phi_source_read(s, 2, 0, b, sizeof(b), &err));
    ck_assert_mem_eq(a, b, sizeof(a));
    phi_source_close(s);

    /* Stored all the same, with other bytes. */
    tiny(",\"tie_word_embeddings\":true");
    refused(PHI_E_FORMAT, "tensor \"lm_head.weight\": differs from "
                          "\"model.embed_tokens.weight\", expected the same: "
                          "tie_word_embeddings is true");
}
END_TEST

START_TEST(presents_scaling_heads_and_types)
{
    struct phi_source *s = NULL;
    const char *text = NULL;
    double d = 0;
    uint64_t u = 0;
    struct phi_st_entry entries[NCURRENT];
    size_t n = NCURRENT;

    memcpy(entries, current, sizeof(current));
    for (size_t i = 0; i < n; i++) {
        entries[i].dtype = PHI_BF16;
        if (strstr(entries[i].name, "k_proj") != NULL ||
            strstr(entries[i].name, "v_proj") != NULL)
            entries[i].dim[0] = 4;
    }
    fixture_text(dir, "config.json",
                 CONFIG ",\"num_key_value_heads\":1,\"rope_scaling\":"
                        "{\"type\":\"linear\",\"factor\":2.5}}");
    write_shard(PHI_HF_SINGLE, entries, n);
    ck_ok(phi_hf_open(&s, dir, &err));
    ck_ok(phi_meta_get_uint(&s->meta, "phi2.attention.head_count_kv", 9, &u,
                            &err));
    ck_assert_uint_eq(u, 1);
    ck_ok(
        phi_meta_get_uint(&s->meta, "phi2.feed_forward_length", 99, &u, &err));
    ck_assert_uint_eq(u, 12);
    ck_ok(phi_meta_get_uint(&s->meta, "general.file_type", 99, &u, &err));
    ck_assert_uint_eq(u, 32);
    ck_ok(phi_meta_get_str(&s->meta, "phi2.rope.scaling.type", &text, &err));
    ck_assert_str_eq(text, "linear");
    ck_ok(phi_meta_get_float(&s->meta, "phi2.rope.scaling.factor", &d, &err));
    ck_assert_double_eq(d, 2.5);
    phi_source_close(s);
}
END_TEST

START_TEST(presents_norms_of_query_and_key)
{
    static const struct phi_st_entry norms[] = {
        VECTOR("model.layers.0.self_attn.q_layernorm.weight", 4),
        VECTOR("model.layers.0.self_attn.q_layernorm.bias", 4),
        VECTOR("model.layers.0.self_attn.k_layernorm.weight", 4),
        VECTOR("model.layers.0.self_attn.k_layernorm.bias", 4),
        VECTOR("model.layers.1.self_attn.q_layernorm.weight", 4),
        VECTOR("model.layers.1.self_attn.q_layernorm.bias", 4),
        VECTOR("model.layers.1.self_attn.k_layernorm.weight", 4),
        VECTOR("model.layers.1.self_attn.k_layernorm.bias", 4)};
    struct phi_st_entry entries[NCURRENT + 8];
    struct phi_source *s = NULL;
    size_t i;

    memcpy(entries, current, sizeof(current));
    memcpy(entries + NCURRENT, norms, sizeof(norms));
    write_shard(PHI_HF_SINGLE, entries, NCURRENT + 8);
    fixture_text(dir, "config.json", CONFIG "}");
    refused(PHI_E_FORMAT,
            "tensor \"model.layers.0.self_attn.k_layernorm.bias\": is there, "
            "but qk_layernorm is false");
    fixture_text(dir, "config.json", CONFIG ",\"qk_layernorm\":true}");
    ck_ok(phi_hf_open(&s, dir, &err));
    ck_assert(phi_source_find(s, "blk.1.attn_q_norm.weight", &i));
    ck_assert_uint_eq(s->tensors[i].dim[0], 4);
    ck_assert(phi_source_find(s, "blk.0.attn_k_norm.bias", &i));
    phi_source_close(s);
}
END_TEST

/* ---- refusals ---- */

#define FC1 "model.layers.0.mlp.fc1.weight"

/* One tensor of the tiny model, FC1, replaced. */
static const struct {
    struct phi_st_entry entry;
    enum phi_status status;
    const char *message;
} replaced[] = {
    {{NULL, PHI_F16, 0, {0}},
     PHI_E_FORMAT,
     "tensor \"" FC1 "\": is missing, expected with shape [12, 8]"},
    {MATRIX(FC1, 8, 12), PHI_E_FORMAT,
     "model.safetensors: tensor \"" FC1 "\": has shape [8, 12], expected "
     "[12, 8] by config.json"},
    {VECTOR(FC1, 96), PHI_E_FORMAT, "has shape [96], expected [12, 8]"},
    {{FC1, PHI_F16, 3, {1, 12, 8}},
     PHI_E_FORMAT,
     "has shape [1, 12, 8], expected [12, 8]"},
    {{FC1, PHI_I8, 2, {12, 8}},
     PHI_E_UNSUPPORTED,
     "tensor \"" FC1 "\": is I8, expected F16, BF16, F32, F64, F8_E4M3 or "
     "F8_E5M2"},
    {MATRIX("model.layers.0.mlp.fc3.weight", 12, 8), PHI_E_FORMAT,
     "tensor \"model.layers.0.mlp.fc3.weight\": is no part of a Phi"},
    {MATRIX("model.layers.2.mlp.fc1.weight", 12, 8), PHI_E_FORMAT,
     "is of layer 2, expected 0 to 1: num_hidden_layers is 2"},
    {MATRIX("model.layers.00.mlp.fc1.weight", 12, 8), PHI_E_FORMAT,
     "is no part of a Phi, expected names such as"},
    {VECTOR("model.layers.0.mlp.fc1.SCB", 12), PHI_E_UNSUPPORTED,
     "is a scale of bitsandbytes' 8-bit weights"},
    {VECTOR("model.layers.0.mlp.fc1.weight.absmax", 12), PHI_E_UNSUPPORTED,
     "is a scale of bitsandbytes' 4-bit weights"},
    {VECTOR("model.layers.0.mlp.fc1.weight.quant_map", 16), PHI_E_UNSUPPORTED,
     "is part of bitsandbytes' 4-bit weights"},
    {VECTOR("model.layers.0.mlp.fc1.qweight", 12), PHI_E_UNSUPPORTED,
     "is a weight quantized by GPTQ or AWQ"},
    {VECTOR("model.layers.0.mlp.fc1.scales", 12), PHI_E_UNSUPPORTED,
     "is a scale of quantized weights"},
    {VECTOR("model.layers.0.mlp.fc1.weight_scale", 1), PHI_E_UNSUPPORTED,
     "is a scale of quantized weights"},
    {MATRIX("base_model.model.model.layers.0.mlp.fc1.lora_A.weight", 2, 8),
     PHI_E_UNSUPPORTED, "is part of a LoRA adapter"},
    {MATRIX("model.layers.0.mlp.fc1.base_layer.weight", 12, 8),
     PHI_E_UNSUPPORTED, "is a weight below an adapter that is not merged"},
};

START_TEST(refuses_tensors)
{
    ck_assert_str_eq(current[1].name, FC1);
    tiny_with(1, &replaced[_i].entry);
    refused(replaced[_i].status, replaced[_i].message);
}
END_TEST

START_TEST(accepts_float_types_and_buffers)
{
    static const enum phi_dtype types[] = {PHI_F32, PHI_BF16, PHI_F64,
                                           PHI_F8_E4M3, PHI_F8_E5M2};
    struct phi_st_entry entries[NCURRENT + 1];
    struct phi_source *s = NULL;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const struct phi_st_entry e = {FC1, types[i], 2, {12, 8}};

        tiny_with(1, &e);
        ck_ok(phi_hf_open(&s, dir, &err));
        phi_source_close(s);
    }
    memcpy(entries, current, sizeof(current));
    entries[NCURRENT] = (struct phi_st_entry)VECTOR(
        "model.layers.0.self_attn.rotary_emb.inv_freq", 1);
    write_shard(PHI_HF_SINGLE, entries, NCURRENT + 1);
    ck_ok(phi_hf_open(&s, dir, &err));
    ck_assert_uint_eq(s->ntensors, NCURRENT);
    phi_source_close(s);
}
END_TEST

START_TEST(refuses_folders)
{
    struct phi_err e = {0};
    struct phi_source *s = NULL;

    refused(PHI_E_FORMAT, "has no config.json, expected a Hugging Face model");
    fixture_text(dir, "adapter_config.json", "{}");
    ck_assert_int_eq(phi_hf_open(&s, dir, &e), PHI_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.hint, "this is a LoRA adapter"));
    fixture_text(dir, "config.json", CONFIG "}");
    refused(PHI_E_FORMAT, "has no weights, expected model.safetensors or "
                          "model.safetensors.index.json");
    fixture_text(dir, "pytorch_model.bin", "");
    refused(PHI_E_UNSUPPORTED, "has its weights in pytorch_model.bin only");
    ck_assert_int_eq(phi_hf_open(&s, dir, &e), PHI_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(e.hint, "pickles can run code"));
    fixture_text(dir, "config.json", CONFIG ",\"hidden_act\":\"relu\"}");
    refused(PHI_E_UNSUPPORTED, "config.json: key \"hidden_act\": is \"relu\"");
}
END_TEST

/* ---- shards and their index ---- */

#define INDEX_HEAD "{\"metadata\":{\"total_size\":1},\"weight_map\":{"

/* The first `cut` tensors in a.safetensors, the others in b.safetensors. */
static void sharded(size_t cut)
{
    struct phi_buf b = {0};

    fixture_text(dir, "config.json", CONFIG "}");
    write_shard("a.safetensors", current, cut);
    write_shard("b.safetensors", current + cut, NCURRENT - cut);
    phi_buf_text(&b, INDEX_HEAD);
    for (size_t i = 0; i < NCURRENT; i++)
        phi_buf_printf(&b, "%s\"%s\":\"%c.safetensors\"", i > 0 ? "," : "",
                       current[i].name, i < cut ? 'a' : 'b');
    phi_buf_text(&b, "}}");
    fixture_write(dir, PHI_HF_INDEX, b.p, b.n);
    phi_buf_release(&b);
}

START_TEST(opens_shards)
{
    struct phi_source *s = NULL;

    sharded(NCURRENT - 4);
    ck_ok(phi_hf_open(&s, dir, &err));
    ck_assert_uint_eq(s->ntensors, NCURRENT);
    ck_assert_str_eq(s->tensors[NCURRENT - 4].name, "output.bias");
    phi_source_close(s);
}
END_TEST

static const struct {
    const char *old;
    const char *new;
    enum phi_status status;
    const char *message;
} edits[] = {
    {"b.safetensors", "../b.safetensors", PHI_E_FORMAT,
     "index.json: key \"weight_map.lm_head.bias\": is \"../b.safetensors\", "
     "expected a file name without a folder"},
    {"\"b.safetensors", "\"/etc/b.safetensors", PHI_E_FORMAT,
     "expected a file name without a folder"},
    {"b.safetensors", "b.bin", PHI_E_FORMAT,
     "is \"b.bin\", expected a name that ends in \".safetensors\""},
    {"b.safetensors", "..", PHI_E_FORMAT, "is \"..\", expected a name"},
    {"\"b.safetensors", "\".safetensors", PHI_E_FORMAT,
     "is \".safetensors\", expected a name"},
    {"\"b.safetensors\"", "7", PHI_E_FORMAT,
     "key \"weight_map.lm_head.bias\": is 7, expected a string"},
    {"b.safetensors", "c.safetensors", PHI_E_FORMAT,
     "index.json: names the shard \"c.safetensors\", which is not in the "
     "folder"},
    {"b.safetensors", "a.safetensors", PHI_E_FORMAT,
     "b.safetensors: tensor \"lm_head.bias\": is here, but the index expects "
     "it in a.safetensors"},
    {"\"lm_head.bias\":\"b.safetensors\",", "", PHI_E_FORMAT,
     "b.safetensors: tensor \"lm_head.bias\": is not in the index, expected "
     "it in weight_map"},
    {"\"weight_map\":{", "\"weight_map\":{\"more\":\"a.safetensors\",",
     PHI_E_FORMAT,
     "index.json: tensor \"more\": is missing in a.safetensors, expected by "
     "the index"},
    {"\"lm_head.bias\"", "\"lm_head.weight\"", PHI_E_FORMAT,
     "key \"weight_map.lm_head.weight\": is there twice"},
    {"weight_map", "weight_mop", PHI_E_FORMAT,
     "key \"weight_map\": is missing"},
};

START_TEST(refuses_an_index)
{
    sharded(NCURRENT - 4);
    fixture_edit(dir, PHI_HF_INDEX, edits[_i].old, edits[_i].new);
    refused(edits[_i].status, edits[_i].message);
}
END_TEST

START_TEST(refuses_two_models_in_a_folder)
{
    sharded(NCURRENT - 4);
    write_shard(PHI_HF_SINGLE, current, NCURRENT);
    refused(PHI_E_FORMAT, "index.json: is there, but so is model.safetensors, "
                          "which it does not name, expected one of them");
    fixture_text(dir, PHI_HF_INDEX, "{\"weight_map\":{}}");
    refused(PHI_E_FORMAT,
            "key \"weight_map\": is empty, expected the model's tensors");
}
END_TEST

START_TEST(notices_damaged_shards)
{
    size_t n;
    char *bytes;

    sharded(NCURRENT - 4);
    bytes = fixture_load(dir, "a.safetensors", &n);
    fixture_write(dir, "a.safetensors", bytes, n - 1);
    refused(PHI_E_FORMAT, "a.safetensors: tensor \"model.");
    fixture_write(dir, "a.safetensors", "version https://git-lfs.github.com",
                  34);
    refused(PHI_E_FORMAT, "a.safetensors: is a Git LFS pointer");
    free(bytes);
}
END_TEST

START_TEST(notices_changes_and_outputs_that_are_inputs)
{
    static const char *const files[] = {"a.safetensors", "b.safetensors",
                                        "config.json", PHI_HF_INDEX};
    struct phi_source *s = NULL;
    char *other = fixture_path(dir, "new.gguf");

    sharded(NCURRENT - 4);
    for (size_t i = 0; i < 4; i++) {
        char *path = fixture_path(dir, files[i]);
        size_t n;
        char *bytes = fixture_load(dir, files[i], &n);

        ck_ok(phi_hf_open(&s, dir, &err));
        ck_ok(phi_source_unchanged(s, &err));
        ck_ok(phi_source_not_input(s, other, &err));
        ck_refused(phi_source_not_input(s, path, &err), PHI_E_ARG, files[i]);
        fixture_write(dir, files[i], bytes, n - 1);
        ck_refused(phi_source_unchanged(s, &err), PHI_E_IO,
                   "changed while being read");
        fixture_write(dir, files[i], bytes, n);
        phi_source_close(s);
        free(bytes);
        free(path);
    }
    free(other);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
    Suite *s = suite_create("hf_dir");
    TCase *t = tcase_create("hf_dir");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, opens_the_sample);
    tcase_add_test(t, order_is_llama_cpps);
    tcase_add_test(t, reads_bytes_as_stored);
    tcase_add_test(t, has_the_metadata_of_the_architecture);
    tcase_add_test(t, opens_the_old_naming);
    tcase_add_test(t, presents_a_tied_head);
    tcase_add_test(t, presents_scaling_heads_and_types);
    tcase_add_test(t, presents_norms_of_query_and_key);
    tcase_add_loop_test(t, refuses_tensors, 0, COUNT(replaced));
    tcase_add_test(t, accepts_float_types_and_buffers);
    tcase_add_test(t, refuses_folders);
    tcase_add_test(t, opens_shards);
    tcase_add_loop_test(t, refuses_an_index, 0, COUNT(edits));
    tcase_add_test(t, refuses_two_models_in_a_folder);
    tcase_add_test(t, notices_damaged_shards);
    tcase_add_test(t, notices_changes_and_outputs_that_are_inputs);
    suite_add_tcase(s, t);
    return unit_main(s);
}
