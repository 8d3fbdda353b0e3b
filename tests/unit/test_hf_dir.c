/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/json.h"
#include "formats/pack_extras.h"
#include "tests/unit/tiny_model.h"

static char *dir;

static void setup(void)
{
    dir = fixture_folder();
}

static void teardown(void)
{
    fixture_remove(dir);
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
        n += phi_tensor_count(&s->tensors[k]);
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

/* What is read of the folder is no output and does not change; what would be
 * packed is no output of packing. */
START_TEST(files_beside_the_weights_are_inputs)
{
    char *templates = fixture_path(dir, "additional_chat_templates");
    char *tool = fixture_path(templates, "tool.jinja");
    char *notes = fixture_path(dir, "notes.csv");
    char *other = fixture_path(dir, "other.gguf");
    struct phi_source *s = NULL;

    tiny_model(dir, "");
    ck_assert_int_eq(mkdir(templates, 0777), 0);
    fixture_text(templates, "tool.jinja", "a");
    fixture_text(dir, "notes.csv", "a");
    fixture_text(dir, "other.gguf", "a");
    ck_ok(phi_hf_open(&s, dir, &err));
    ck_refused(phi_source_not_input(s, tool, &err), PHI_E_ARG, "same file");
    ck_ok(phi_source_not_input(s, notes, &err));
    ck_refused(phi_pack_extras_not_input(s, notes, &err), PHI_E_ARG,
               "same file");
    ck_ok(phi_pack_extras_not_input(s, other, &err));
    ck_ok(phi_source_not_input(s, other, &err));
    ck_ok(phi_source_unchanged(s, &err));
    fixture_text(templates, "tool.jinja", "longer");
    ck_refused(phi_source_unchanged(s, &err), PHI_E_IO,
               "tool.jinja: changed while being read");
    phi_source_close(s);
    ck_assert_int_eq(unlink(tool), 0);
    ck_assert_int_eq(rmdir(templates), 0);
    free(other);
    free(notes);
    free(tool);
    free(templates);
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

/* A golden entry: key, [type] or ["ARRAY", type], value. */
static void check_golden(const struct phi_json *entry, const struct phi_kv *kv)
{
    struct phi_json part = {0}, type = {0};
    const char *key, *name;
    uint64_t u = 0;
    double d = 0;

    ck_assert(phi_json_next(entry, &part));
    ck_ok(phi_json_str(&part, &key, &err));
    ck_assert_str_eq(kv->key, key);
    ck_assert(phi_json_next(entry, &part));
    ck_assert(phi_json_next(&part, &type));
    ck_ok(phi_json_str(&type, &name, &err));
    ck_assert_msg(strcasecmp(name, phi_kv_type_name(kv->type)) == 0,
                  "%s: %s is no %s", key, phi_kv_type_name(kv->type), name);
    if (phi_json_next(&part, &type)) {
        ck_ok(phi_json_str(&type, &name, &err));
        ck_assert_int_eq(strcasecmp(name, phi_kv_type_name(kv->v.arr.type)), 0);
    }
    ck_assert(phi_json_next(entry, &part));
    switch (kv->type) {
    case PHI_KV_STRING:
        ck_ok(phi_json_str(&part, &name, &err));
        ck_assert_str_eq(kv->v.str.p, name);
        break;
    case PHI_KV_U32:
        ck_ok(phi_json_uint(&part, 0, UINT32_MAX, &u, &err));
        ck_assert_uint_eq(kv->v.u, u);
        break;
    case PHI_KV_F32:
        ck_ok(phi_json_number(&part, -1e9, 1e9, &d, &err));
        ck_assert_double_eq(kv->v.f, d);
        break;
    case PHI_KV_ARRAY:
        ck_ok(phi_json_get_uint(&part, "count", 0, UINT32_MAX, &u, &err));
        ck_assert_uint_eq(kv->v.arr.n, u);
        break;
    default:
        ck_assert_int_eq(kv->type, PHI_KV_BOOL);
    }
}

/* What llama.cpp's converter writes, and rope.freq_base. */
START_TEST(metadata_is_llama_cpps)
{
    const char *data = unit_test_data("metadata of llama.cpp's converter");
    char *path;
    struct phi_json_doc *doc = NULL;
    struct phi_json root, item = {0};
    struct phi_source *s = NULL;
    size_t n = 0;

    if (data == NULL)
        return;
    path = fixture_path(data, "goldens/llama-convert-kv.json");
    ck_ok(phi_json_load(&doc, path, PHI_JSON_MAX_CONFIG, &err));
    free(path);
    root = phi_json_root(doc);
    ck_ok(phi_hf_open(&s, PHI_SAMPLE, &err));
    while (phi_json_next(&root, &item)) {
        ck_assert_uint_lt(n, s->meta.n);
        if (strcmp(s->meta.kv[n].key, "phi2.rope.freq_base") == 0)
            n++;
        check_golden(&item, &s->meta.kv[n++]);
    }
    ck_assert_uint_eq(n, s->meta.n);
    phi_source_close(s);
    phi_json_free(doc);
}
END_TEST

/* ---- variants of a model ---- */

START_TEST(opens_the_old_naming)
{
    struct phi_source *s = NULL;
    size_t i;

    tiny_texts(dir, TINY_OLD_CONFIG "}");
    tiny_shard(dir, PHI_HF_SINGLE, tiny_old, TINY_OLD_N);
    ck_ok(phi_hf_open(&s, dir, &err));
    ck_assert_uint_eq(s->ntensors, TINY_OLD_N);
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

    tiny_model_with(dir, TINY_HEAD, &none);
    tiny_refused(dir, PHI_E_FORMAT,
                 "tensor \"lm_head.weight\": is missing, expected "
                 "with shape [256, 8]");
    tiny_texts(dir, TINY_CONFIG ",\"tie_word_embeddings\":true}");
    ck_ok(phi_hf_open(&s, dir, &err));
    ck_assert_uint_eq(s->ntensors, TINY_N);
    ck_assert_str_eq(s->tensors[1].name, "token_embd.weight");
    ck_assert_str_eq(s->tensors[2].name, "output.weight");
    ck_assert_str_eq(s->tensors[2].origin, "lm_head.weight");
    ck_ok(phi_source_read(s, 1, 0, a, sizeof(a), &err));
    ck_ok(phi_source_read(s, 2, 0, b, sizeof(b), &err));
    ck_assert_mem_eq(a, b, sizeof(a));
    phi_source_close(s);

    /* Stored all the same, with other bytes. */
    tiny_model(dir, ",\"tie_word_embeddings\":true");
    tiny_refused(dir, PHI_E_FORMAT,
                 "tensor \"lm_head.weight\": differs from "
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
    struct phi_st_entry entries[TINY_N];
    size_t n = TINY_N;

    memcpy(entries, tiny_current, sizeof(tiny_current));
    for (size_t i = 0; i < n; i++) {
        entries[i].dtype = PHI_BF16;
        if (strstr(entries[i].name, "k_proj") != NULL ||
            strstr(entries[i].name, "v_proj") != NULL)
            entries[i].dim[0] = 4;
    }
    tiny_texts(dir, TINY_CONFIG ",\"num_key_value_heads\":1,\"rope_scaling\":"
                                "{\"type\":\"linear\",\"factor\":2.5}}");
    tiny_shard(dir, PHI_HF_SINGLE, entries, n);
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
    struct phi_st_entry entries[TINY_N + 8];
    struct phi_source *s = NULL;
    size_t i;

    memcpy(entries, tiny_current, sizeof(tiny_current));
    memcpy(entries + TINY_N, norms, sizeof(norms));
    tiny_shard(dir, PHI_HF_SINGLE, entries, TINY_N + 8);
    tiny_texts(dir, TINY_CONFIG "}");
    tiny_refused(
        dir, PHI_E_FORMAT,
        "tensor \"model.layers.0.self_attn.k_layernorm.bias\": is there, "
        "but qk_layernorm is false");
    tiny_texts(dir, TINY_CONFIG ",\"qk_layernorm\":true}");
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
    ck_assert_str_eq(tiny_current[1].name, FC1);
    tiny_model_with(dir, 1, &replaced[_i].entry);
    tiny_refused(dir, replaced[_i].status, replaced[_i].message);
}
END_TEST

START_TEST(accepts_float_types_and_buffers)
{
    static const enum phi_dtype types[] = {PHI_F32, PHI_BF16, PHI_F64,
                                           PHI_F8_E4M3, PHI_F8_E5M2};
    struct phi_st_entry entries[TINY_N + 1];
    struct phi_source *s = NULL;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const struct phi_st_entry e = {FC1, types[i], 2, {12, 8}};

        tiny_model_with(dir, 1, &e);
        ck_ok(phi_hf_open(&s, dir, &err));
        phi_source_close(s);
    }
    memcpy(entries, tiny_current, sizeof(tiny_current));
    entries[TINY_N] = (struct phi_st_entry)VECTOR(
        "model.layers.0.self_attn.rotary_emb.inv_freq", 1);
    tiny_shard(dir, PHI_HF_SINGLE, entries, TINY_N + 1);
    ck_ok(phi_hf_open(&s, dir, &err));
    ck_assert_uint_eq(s->ntensors, TINY_N);
    phi_source_close(s);
}
END_TEST

START_TEST(refuses_folders)
{
    struct phi_err e = {0};
    struct phi_source *s = NULL;

    tiny_refused(dir, PHI_E_FORMAT,
                 "has no config.json, expected a Hugging Face model");
    fixture_text(dir, "adapter_config.json", "{}");
    ck_assert_int_eq(phi_hf_open(&s, dir, &e), PHI_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.hint, "this is a LoRA adapter"));
    tiny_texts(dir, TINY_CONFIG "}");
    tiny_refused(dir, PHI_E_FORMAT,
                 "has no weights, expected model.safetensors or "
                 "model.safetensors.index.json");
    fixture_text(dir, "pytorch_model.bin", "");
    tiny_refused(dir, PHI_E_UNSUPPORTED,
                 "has its weights in pytorch_model.bin only");
    ck_assert_int_eq(phi_hf_open(&s, dir, &e), PHI_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(e.hint, "pickles can run code"));
    tiny_texts(dir, TINY_CONFIG ",\"hidden_act\":\"relu\"}");
    tiny_refused(dir, PHI_E_UNSUPPORTED,
                 "config.json: key \"hidden_act\": is \"relu\"");
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
    tcase_add_test(t, files_beside_the_weights_are_inputs);
    tcase_add_test(t, order_is_llama_cpps);
    tcase_add_test(t, reads_bytes_as_stored);
    tcase_add_test(t, has_the_metadata_of_the_architecture);
    tcase_add_test(t, metadata_is_llama_cpps);
    tcase_add_test(t, opens_the_old_naming);
    tcase_add_test(t, presents_a_tied_head);
    tcase_add_test(t, presents_scaling_heads_and_types);
    tcase_add_test(t, presents_norms_of_query_and_key);
    tcase_add_loop_test(t, refuses_tensors, 0, COUNT(replaced));
    tcase_add_test(t, accepts_float_types_and_buffers);
    tcase_add_test(t, refuses_folders);
    suite_add_tcase(s, t);
    return unit_main(s);
}
