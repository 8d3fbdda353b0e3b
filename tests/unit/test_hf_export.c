/* SPDX-License-Identifier: MIT */
/* Metadata of GGUF back to the texts of a folder: exact, or refused. */
#define _POSIX_C_SOURCE 200809L
#include "formats/hf_export.h"
#include "formats/hf_names.h"
#include "formats/hf_tokenizer.h"
#include "formats/model.h"
#include "libconv/base/bytes.h"
#include "tests/unit/fixture.h"

/* ---- config.json --------------------------------------------------------- */

static const struct phi_hf_config phi_2 = {.hidden = 2560,
                                           .inner = 10240,
                                           .layers = 32,
                                           .heads = 32,
                                           .kv_heads = 32,
                                           .head_dim = 80,
                                           .rotary = 32,
                                           .vocab = 51200,
                                           .context = 2048,
                                           .eps = 1e-5,
                                           .theta = 10000,
                                           .factor = 1};

static const char phi_2_text[] = "{\n"
                                 "  \"architectures\": [\n"
                                 "    \"PhiForCausalLM\"\n"
                                 "  ],\n"
                                 "  \"attention_dropout\": 0.0,\n"
                                 "  \"bos_token_id\": 50256,\n"
                                 "  \"embd_pdrop\": 0.0,\n"
                                 "  \"eos_token_id\": null,\n"
                                 "  \"hidden_act\": \"gelu_new\",\n"
                                 "  \"hidden_size\": 2560,\n"
                                 "  \"intermediate_size\": 10240,\n"
                                 "  \"layer_norm_eps\": 1e-05,\n"
                                 "  \"max_position_embeddings\": 2048,\n"
                                 "  \"model_type\": \"phi\",\n"
                                 "  \"num_attention_heads\": 32,\n"
                                 "  \"num_hidden_layers\": 32,\n"
                                 "  \"num_key_value_heads\": 32,\n"
                                 "  \"pad_token_id\": null,\n"
                                 "  \"partial_rotary_factor\": 0.4,\n"
                                 "  \"qk_layernorm\": false,\n"
                                 "  \"resid_pdrop\": 0.0,\n"
                                 "  \"rope_scaling\": null,\n"
                                 "  \"rope_theta\": 10000.0,\n"
                                 "  \"tie_word_embeddings\": false,\n"
                                 "  \"torch_dtype\": null,\n"
                                 "  \"use_cache\": true,\n"
                                 "  \"vocab_size\": 51200\n"
                                 "}\n";

START_TEST(phi_2_has_its_configuration)
{
    struct phi_meta meta = {0};
    struct phi_buf text = {0};

    ck_ok(phi_meta_set_u(&meta, "tokenizer.ggml.bos_token_id", PHI_KV_U32,
                         50256, &err));
    ck_ok(phi_hf_export_config(&text, &phi_2, &meta, &err));
    phi_buf_put(&text, "", 1);
    ck_assert_str_eq((char *)text.p, phi_2_text);
    phi_buf_release(&text);
    ck_ok(phi_hf_export_generation(&text, &meta, &err));
    phi_buf_put(&text, "", 1);
    ck_assert_str_eq((char *)text.p,
                     "{\n  \"bos_token_id\": 50256,\n  \"eos_token_id\": "
                     "null,\n  \"pad_token_id\": null,\n  "
                     "\"_from_model_config\": true\n}\n");
    phi_buf_release(&text);
    phi_meta_release(&meta);
}
END_TEST

/* Every part of every head comes back: phi_hf_export_config() reads it. */
START_TEST(any_rotation_can_be_said)
{
    const struct phi_meta meta = {0};

    for (uint64_t head = 2; head <= 256; head++) {
        for (uint64_t rotary = 2; rotary <= head; rotary += 2) {
            struct phi_hf_config c = phi_2;
            struct phi_buf text = {0};

            c.heads = c.kv_heads = 3;
            c.head_dim = head;
            c.hidden = 3 * head;
            c.rotary = rotary;
            ck_ok(phi_hf_export_config(&text, &c, &meta, &err));
            phi_buf_release(&text);
        }
    }
}
END_TEST

START_TEST(numbers_are_exact)
{
    static const float values[] = {1e-5f,  1e-12f,  12345.678f, 1e6f,
                                   3.3e9f, 100.25f, 1e-3f,      16777216.0f};
    const struct phi_meta meta = {0};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct phi_hf_config c = phi_2;
        struct phi_buf text = {0};

        if (values[i] < 1)
            c.eps = (double)values[i];
        else
            c.theta = (double)values[i];
        c.factor = i % 2 == 0 ? 2.5 : 1;
        c.tied = i % 3 == 0;
        c.kv_heads = 8;
        ck_ok(phi_hf_export_config(&text, &c, &meta, &err));
        phi_buf_release(&text);
    }
}
END_TEST

START_TEST(what_no_configuration_says_is_refused)
{
    const struct phi_meta meta = {0};
    struct phi_hf_config c = phi_2;
    struct phi_buf text = {0};

    c.head_dim = 64; /* not hidden / heads */
    ck_refused(phi_hf_export_config(&text, &c, &meta, &err), PHI_E_UNSUPPORTED,
               "config.json: cannot say what the model is");
    phi_buf_release(&text);
}
END_TEST

START_TEST(shapes_are_those_of_the_configuration)
{
    const struct phi_hf_config c = {.hidden = 256,
                                    .inner = 1024,
                                    .layers = 4,
                                    .heads = 8,
                                    .kv_heads = 8,
                                    .head_dim = 32,
                                    .rotary = 12,
                                    .vocab = 2048};
    struct phi_hf_config wrong = c;
    struct phi_source *s = NULL;

    ck_ok(phi_model_open(&s, PHI_SAMPLE, &err));
    ck_ok(phi_hf_export_check(s, &c, &err));
    wrong.inner = 1025;
    ck_refused(phi_hf_export_check(s, &wrong, &err), PHI_E_FORMAT,
               "mlp.fc1.bias\": has shape [1024], expected [1025] by the "
               "metadata");
    wrong = c;
    wrong.layers = 3;
    ck_refused(phi_hf_export_check(s, &wrong, &err), PHI_E_UNSUPPORTED,
               "has no place in a PhiForCausalLM");
    phi_source_close(s);
}
END_TEST

/* ---- names --------------------------------------------------------------- */

START_TEST(names_lead_back)
{
    static const struct {
        const char *name;
        const char *current; /* NULL: none */
        const char *old;
    } rows[] = {
        {"token_embd.weight", "model.embed_tokens.weight",
         "transformer.embd.wte.weight"},
        {"blk.0.attn_q.bias", "model.layers.0.self_attn.q_proj.bias", NULL},
        {"blk.10.attn_qkv.weight", NULL, "transformer.h.10.mixer.Wqkv.weight"},
        {"blk.4095.attn_norm.bias", "model.layers.4095.input_layernorm.bias",
         "transformer.h.4095.ln.bias"},
        {"blk.1.ffn_down.weight", "model.layers.1.mlp.fc2.weight",
         "transformer.h.1.mlp.fc2.weight"},
        {"blk.1.attn_q_norm.weight",
         "model.layers.1.self_attn.q_layernorm.weight", NULL},
        {"output_norm.weight", "model.final_layernorm.weight",
         "lm_head.ln.weight"},
        {"output.bias", "lm_head.bias", "lm_head.linear.bias"},
        {"token_embd.bias", NULL, NULL},
        {"blk.4096.attn_q.bias", NULL, NULL},
        {"blk.01.attn_q.bias", NULL, NULL},
        {"blk.attn_q.bias", NULL, NULL},
        {"blk.1.attn_q.scale", NULL, NULL},
        {"blk.1.attn_q", NULL, NULL},
        {"blk.1.output.weight", NULL, NULL},
        {"attn_q.weight", NULL, NULL},
        {"rope_freqs.weight", NULL, NULL},
        {"", NULL, NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int old = 0; old < 2; old++) {
            const char *want = old ? rows[i].old : rows[i].current;
            struct phi_hf_place place;
            const bool found = phi_hf_place_of(&place, rows[i].name, old);

            ck_assert_msg(found == (want != NULL), "%s", rows[i].name);
            if (found)
                ck_assert_str_eq(place.origin, want);
        }
    }
}
END_TEST

/* ---- the tokenizer ------------------------------------------------------- */

static char *dir;

static void setup(void)
{
    dir = fixture_folder();
}

static void teardown(void)
{
    fixture_remove(dir);
}

static void same_array(const struct phi_meta *a, const struct phi_meta *b,
                       const char *key)
{
    const struct phi_kv *x = phi_meta_find(a, key);
    const struct phi_kv *y = phi_meta_find(b, key);

    ck_assert(x != NULL && y != NULL);
    ck_assert_uint_eq(x->v.arr.n, y->v.arr.n);
    for (size_t i = 0; i < x->v.arr.n; i++) {
        if (x->v.arr.str != NULL)
            ck_assert_str_eq(x->v.arr.str[i].p, y->v.arr.str[i].p);
        else
            ck_assert_mem_eq(x->v.arr.num + 4 * i, y->v.arr.num + 4 * i, 4);
    }
}

START_TEST(the_sample_s_tokenizer_comes_back)
{
    static const char *const ids[] = {"tokenizer.ggml.bos_token_id",
                                      "tokenizer.ggml.eos_token_id",
                                      "tokenizer.ggml.unknown_token_id"};
    struct phi_buf tokenizer = {0}, options = {0};
    struct phi_json_doc *doc = NULL;
    struct phi_source *s = NULL;
    struct phi_meta back = {0};
    struct phi_json root;

    ck_ok(phi_model_open(&s, PHI_SAMPLE, &err));
    ck_ok(phi_hf_export_tokenizer(&tokenizer, &options, &s->meta, 512, &err));
    fixture_write(dir, "tokenizer.json", tokenizer.p, tokenizer.n);
    fixture_write(dir, "tokenizer_config.json", options.p, options.n);
    ck_ok(phi_json_parse(&doc, "{}", 2, "config.json", &err));
    root = phi_json_root(doc);
    ck_ok(phi_hf_tokenizer(&back, dir, &root, 2048, &err));
    same_array(&s->meta, &back, "tokenizer.ggml.tokens");
    same_array(&s->meta, &back, "tokenizer.ggml.token_type");
    same_array(&s->meta, &back, "tokenizer.ggml.merges");
    for (size_t i = 0; i < 3; i++) {
        uint64_t a = 0, b = 1;

        ck_ok(phi_meta_get_uint(&s->meta, ids[i], 5000, &a, &err));
        ck_ok(phi_meta_get_uint(&back, ids[i], 5000, &b, &err));
        ck_assert_uint_eq(a, b);
    }
    phi_meta_release(&back);
    phi_json_free(doc);
    phi_buf_release(&tokenizer);
    phi_buf_release(&options);
    phi_source_close(s);
}
END_TEST

/* A vocabulary of n tokens of these texts and types. */
static struct phi_meta small(const char *const *texts, const uint8_t *types,
                             size_t n)
{
    struct phi_meta m = {0};
    struct phi_kv *kv = NULL;
    struct phi_buf b = {0};

    ck_ok(phi_meta_set_str(&m, "tokenizer.ggml.model", "gpt2", 4, &err));
    ck_ok(phi_meta_set_str(&m, "tokenizer.ggml.pre", "phi-2", 5, &err));
    ck_ok(phi_meta_set_strings(&m, "tokenizer.ggml.tokens", n, &kv, &err));
    for (size_t i = 0; i < n; i++) {
        ck_ok(phi_str_set(&kv->v.arr.str[i], texts[i], strlen(texts[i]), &err));
        phi_buf_u32(&b, types[i]);
    }
    ck_ok(phi_meta_set_numbers(&m, "tokenizer.ggml.token_type", PHI_KV_I32, b.p,
                               n, &err));
    phi_buf_release(&b);
    return m;
}

static void ck_tokenizer(struct phi_meta *m, enum phi_status status,
                         const char *message)
{
    struct phi_buf tokenizer = {0}, options = {0};

    if (status == PHI_OK) {
        ck_ok(phi_hf_export_tokenizer(&tokenizer, &options, m, 16, &err));
        phi_buf_put(&tokenizer, "", 1);
        ck_assert_msg(strstr((char *)tokenizer.p, message) != NULL, "%s",
                      (char *)tokenizer.p);
    } else {
        ck_refused(phi_hf_export_tokenizer(&tokenizer, &options, m, 16, &err),
                   status, message);
    }
    phi_buf_release(&tokenizer);
    phi_buf_release(&options);
}

static const struct {
    const char *texts[4];
    uint8_t types[4];
    enum phi_status status;
    const char *message;
} vocabularies[] = {
    /* added behind the rest: not in the vocabulary */
    {{"a", "b", "<x>", "[PAD3]"},
     {1, 1, 3, 5},
     PHI_OK,
     "\"vocab\": {\n      \"a\": 0,\n      \"b\": 1\n    },"},
    /* added among the rest: in it, too */
    {{"a", "<x>", "\"q\"", "c"},
     {1, 3, 4, 1},
     PHI_OK,
     "\"vocab\": {\n      \"a\": 0,\n      \"<x>\": 1,\n      \"\\\"q\\\"\": "
     "2,\n      \"c\": 3\n    },"},
    /* a gap is no matter as long as nothing is numbered behind it */
    {{"a", "[PAD1]", "c", "[PAD3]"},
     {1, 5, 1, 5},
     PHI_OK,
     "\"vocab\": {\n      \"a\": 0,\n      \"c\": 2\n    },"},
    {{"a", "[PAD1]", "c", "<x>"},
     {1, 5, 1, 3},
     PHI_E_UNSUPPORTED,
     "token 1: is unused, but there are tokens behind it"},
    {{"a", "b", "[PAD2]", "<x>"},
     {1, 1, 5, 4},
     PHI_E_UNSUPPORTED,
     "token 2: is unused, but there are tokens behind it"},
    {{"a", "b", "a", "c"},
     {1, 1, 1, 1},
     PHI_E_UNSUPPORTED,
     "token 2: is there twice, \"a\""},
    {{"a", "b", "<0x41>", "c"},
     {1, 1, 6, 1},
     PHI_E_UNSUPPORTED,
     "token 2: has type 6, expected 1, 3, 4 or 5"},
    {{"a", "\xff", "c", "d"},
     {1, 1, 1, 1},
     PHI_E_UNSUPPORTED,
     "token 1: is no text in UTF-8"},
    {{"a", "", "c", "d"},
     {1, 4, 1, 1},
     PHI_E_UNSUPPORTED,
     "token 1: is no text in UTF-8"},
};

START_TEST(vocabularies_keep_their_numbers)
{
    struct phi_meta m =
        small(vocabularies[_i].texts, vocabularies[_i].types, 4);

    ck_tokenizer(&m, vocabularies[_i].status, vocabularies[_i].message);
    phi_meta_release(&m);
}
END_TEST

static const char *const abc[] = {"a", "b", "ab", "<x>"};
static const uint8_t abc_types[] = {1, 1, 1, 3};

START_TEST(tokenizers_that_do_more_are_refused)
{
    static const struct {
        const char *key;
        const char *text;
        const char *message;
    } texts[] = {
        {"tokenizer.ggml.model", "llama", "is \"llama\", expected \"gpt2\""},
        {"tokenizer.ggml.pre", "llama-bpe", "is \"llama-bpe\", expected"},
    };
    static const char *const flags[] = {
        "tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_eos_token",
        "tokenizer.ggml.add_sep_token", "tokenizer.ggml.add_space_prefix"};
    struct phi_meta m;

    for (size_t i = 0; i < 2; i++) {
        m = small(abc, abc_types, 4);
        ck_ok(phi_meta_set_str(&m, texts[i].key, texts[i].text,
                               strlen(texts[i].text), &err));
        ck_tokenizer(&m, PHI_E_UNSUPPORTED, texts[i].message);
        phi_meta_release(&m);
    }
    for (size_t i = 0; i < 4; i++) {
        m = small(abc, abc_types, 4);
        ck_ok(phi_meta_set_u(&m, flags[i], PHI_KV_BOOL, 0, &err));
        ck_tokenizer(&m, PHI_OK, "\"merges\": []");
        ck_ok(phi_meta_set_u(&m, flags[i], PHI_KV_BOOL, 1, &err));
        ck_tokenizer(&m, PHI_E_UNSUPPORTED, flags[i]);
        phi_meta_release(&m);
    }
}
END_TEST

START_TEST(roles_are_of_control_tokens)
{
    struct phi_meta m = small(abc, abc_types, 4);
    static const char key[] = "tokenizer.ggml.eos_token_id";

    ck_ok(phi_meta_set_u(&m, key, PHI_KV_U32, 3, &err));
    ck_tokenizer(&m, PHI_OK, "\"special\": true");
    ck_ok(phi_meta_set_u(&m, key, PHI_KV_U32, 2, &err));
    ck_tokenizer(&m, PHI_E_UNSUPPORTED, "is 2, expected a control token");
    ck_ok(phi_meta_set_u(&m, key, PHI_KV_U32, 4, &err));
    ck_tokenizer(&m, PHI_E_UNSUPPORTED, "is 4, expected a control token");
    phi_meta_release(&m);
}
END_TEST

START_TEST(merges_are_of_two_tokens)
{
    static const char *const merges[] = {"ab", "a b c", "", "a \xff"};
    struct phi_meta m = small(abc, abc_types, 4);
    struct phi_kv *kv = NULL;

    ck_ok(phi_meta_set_strings(&m, "tokenizer.ggml.merges", 1, &kv, &err));
    ck_ok(phi_str_set(&kv->v.arr.str[0], "a b", 3, &err));
    ck_tokenizer(&m, PHI_OK, "\"merges\": [\n      \"a b\"\n    ]");
    for (size_t i = 0; i < 4; i++) {
        ck_ok(
            phi_str_set(&kv->v.arr.str[0], merges[i], strlen(merges[i]), &err));
        ck_tokenizer(&m, PHI_E_UNSUPPORTED, "merge 0: is \"");
    }
    phi_meta_release(&m);
}
END_TEST

START_TEST(lists_must_fit_each_other)
{
    struct phi_meta m = small(abc, abc_types, 4);
    const uint8_t types[12] = {1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0};

    ck_ok(phi_meta_set_numbers(&m, "tokenizer.ggml.token_type", PHI_KV_I32,
                               types, 3, &err));
    ck_tokenizer(&m, PHI_E_FORMAT,
                 "key \"tokenizer.ggml.token_type\": has 3 elements, expected "
                 "4");
    phi_meta_remove(&m, "tokenizer.ggml.token_type");
    ck_tokenizer(&m, PHI_E_FORMAT, "tokenizer.ggml.token_type");
    phi_meta_release(&m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hf_export");
    TCase *t = tcase_create("hf_export");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, phi_2_has_its_configuration);
    tcase_add_test(t, any_rotation_can_be_said);
    tcase_add_test(t, numbers_are_exact);
    tcase_add_test(t, what_no_configuration_says_is_refused);
    tcase_add_test(t, shapes_are_those_of_the_configuration);
    tcase_add_test(t, names_lead_back);
    tcase_add_test(t, the_sample_s_tokenizer_comes_back);
    tcase_add_loop_test(t, vocabularies_keep_their_numbers, 0,
                        (int)(sizeof(vocabularies) / sizeof(vocabularies[0])));
    tcase_add_test(t, tokenizers_that_do_more_are_refused);
    tcase_add_test(t, roles_are_of_control_tokens);
    tcase_add_test(t, merges_are_of_two_tokens);
    tcase_add_test(t, lists_must_fit_each_other);
    suite_add_tcase(s, t);
    return unit_main(s);
}
