/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "formats/hf_config.h"
#include "tests/unit/fixture.h"

#define PHI "\"architectures\":[\"PhiForCausalLM\"],\"model_type\":\"phi\""
#define MSFT                                                                   \
    "\"architectures\":[\"PhiForCausalLM\"],\"model_type\":\"phi-msft\""

/* Reads a configuration given as text. */
static enum phi_status configure(const char *text, struct phi_hf_config *c,
                                 struct phi_err *err)
{
    struct phi_json_doc *doc = NULL;
    struct phi_json root;
    enum phi_status st =
        phi_json_parse(&doc, text, strlen(text), "config.json", err);

    if (st == PHI_OK) {
        root = phi_json_root(doc);
        st = phi_hf_config_read(c, &root, err);
    }
    phi_json_free(doc);
    return st;
}

START_TEST(reads_the_sample)
{
    struct phi_json_doc *doc = NULL;
    struct phi_json root;
    struct phi_hf_config c;

    ck_ok(phi_json_load(&doc, PHI_SAMPLE "/config.json", PHI_JSON_MAX_CONFIG,
                        &err));
    root = phi_json_root(doc);
    ck_ok(phi_hf_config_read(&c, &root, &err));
    phi_json_free(doc);
    ck_assert_uint_eq(c.hidden, 256);
    ck_assert_uint_eq(c.inner, 1024);
    ck_assert_uint_eq(c.layers, 4);
    ck_assert_uint_eq(c.heads, 8);
    ck_assert_uint_eq(c.kv_heads, 8);
    ck_assert_uint_eq(c.head_dim, 32);
    ck_assert_uint_eq(c.rotary, 12);
    ck_assert_uint_eq(c.vocab, 2048);
    ck_assert_uint_eq(c.context, 512);
    ck_assert_double_eq(c.eps, 1e-5);
    ck_assert_double_eq(c.theta, 10000);
    ck_assert_double_eq(c.factor, 1);
    ck_assert(!c.tied && !c.qk_norm);
}
END_TEST

START_TEST(missing_keys_are_transformers_defaults)
{
    struct phi_hf_config c;

    ck_ok(configure("{" PHI "}", &c, &err));
    ck_assert_uint_eq(c.hidden, 2048);
    ck_assert_uint_eq(c.inner, 8192);
    ck_assert_uint_eq(c.layers, 24);
    ck_assert_uint_eq(c.heads, 32);
    ck_assert_uint_eq(c.kv_heads, 32);
    ck_assert_uint_eq(c.rotary, 32);
    ck_assert_uint_eq(c.vocab, 51200);
    ck_assert_uint_eq(c.context, 2048);
    ck_assert_double_eq(c.eps, 1e-5);
}
END_TEST

/* microsoft/phi-1_5 and phi-2 as they were first published. */
START_TEST(reads_the_old_spelling)
{
    static const char text[] =
        "{\"_name_or_path\":\"microsoft/phi-1_5\",\"activation_function\":"
        "\"gelu_new\"," MSFT ",\"attn_pdrop\":0.0,\"auto_map\":{\"AutoConfig\":"
        "\"configuration_phi.PhiConfig\"},\"embd_pdrop\":0.0,\"flash_attn\":"
        "false,\"flash_rotary\":false,\"fused_dense\":false,\"img_processor\":"
        "null,\"initializer_range\":0.02,\"layer_norm_epsilon\":1e-05,"
        "\"n_embd\":2560,\"n_head\":32,\"n_head_kv\":null,\"n_inner\":null,"
        "\"n_layer\":32,\"n_positions\":2048,\"resid_pdrop\":0.1,"
        "\"rotary_dim\":32,\"tie_word_embeddings\":false,\"torch_dtype\":"
        "\"float16\",\"transformers_version\":\"4.35.2\",\"vocab_size\":51200}";
    struct phi_hf_config c;

    ck_ok(configure(text, &c, &err));
    ck_assert_uint_eq(c.hidden, 2560);
    ck_assert_uint_eq(c.inner, 10240);
    ck_assert_uint_eq(c.layers, 32);
    ck_assert_uint_eq(c.kv_heads, 32);
    ck_assert_uint_eq(c.head_dim, 80);
    ck_assert_uint_eq(c.rotary, 32);
    ck_refused(configure("{" MSFT ",\"n_embd\":64,\"n_head\":2}", &c, &err),
               PHI_E_FORMAT, "config.json: key \"n_layer\": is missing");
}
END_TEST

/* Values that have several spellings, and what they come to. */
static const struct {
    const char *keys;
    double theta, factor;
    uint64_t rotary; /* of 64 */
} ropes[] = {
    {"\"x\":null", 10000, 1, 32},
    {"\"rope_theta\":500000.0,\"partial_rotary_factor\":0.375", 500000, 1, 24},
    {"\"partial_rotary_factor\":0.39,\"rope_theta\":1e4", 10000, 1, 24},
    {"\"rope_parameters\":{\"rope_theta\":5000.0,\"partial_rotary_factor\":1.0,"
     "\"rope_type\":\"default\"}",
     5000, 1, 64},
    {"\"rope_theta\":5000,\"rope_parameters\":{\"rope_theta\":5000.0}", 5000, 1,
     32},
    {"\"rope_scaling\":{\"type\":\"default\"}", 10000, 1, 32},
    {"\"rope_scaling\":{\"type\":\"linear\",\"factor\":4.0}", 10000, 4, 32},
    {"\"rope_scaling\":{\"rope_type\":\"linear\",\"type\":\"linear\","
     "\"factor\":"
     "2,\"original_max_position_embeddings\":2048}",
     10000, 2, 32},
    {"\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":2.5,"
     "\"rope_theta\":10000}",
     10000, 2.5, 32},
    {"\"rope_scaling\":{\"type\":\"default\",\"factor\":1.0}", 10000, 1, 32},
    {"\"rotary_dim\":32", 10000, 1, 32},
    {"\"rotary_dim\":128,\"partial_rotary_factor\":1", 10000, 1, 64},
    {"\"rotary_dim\":16,\"partial_rotary_factor\":0.25", 10000, 1, 16},
};

START_TEST(reads_every_spelling_of_rope)
{
    char *text = phi_sprintf(NULL, "{" PHI ",%s}", ropes[_i].keys);
    struct phi_hf_config c;

    ck_ok(configure(text, &c, &err));
    ck_assert_double_eq(c.theta, ropes[_i].theta);
    ck_assert_double_eq(c.factor, ropes[_i].factor);
    ck_assert_uint_eq(c.rotary, ropes[_i].rotary);
    free(text);
}
END_TEST

/* Keys that change nothing, and unknown ones that are switched off. */
static const char *const harmless[] = {
    "\"hidden_act\":\"gelu_fast\"",
    "\"hidden_act\":\"gelu_pytorch_tanh\"",
    "\"hidden_act\":null",
    "\"torch_dtype\":\"bfloat16\",\"dtype\":\"bfloat16\"",
    "\"attention_dropout\":0.1,\"resid_pdrop\":0.1",
    "\"auto_map\":{\"AutoConfig\":\"configuration_phi.PhiConfig\"}",
    "\"id2label\":{\"0\":\"LABEL_0\"},\"return_dict\":true,\"temperature\":1.0",
    "\"bos_token_id\":1,\"eos_token_id\":[1,2],\"pad_token_id\":null",
    "\"num_key_value_heads\":null",
    "\"head_dim\":64",
    "\"new_feature\":null,\"other\":false,\"a\":\"\",\"b\":[],\"c\":{}",
    "\"quantization_config\":null",
};

START_TEST(accepts_harmless_keys)
{
    char *text = phi_sprintf(NULL, "{" PHI ",%s}", harmless[_i]);
    struct phi_hf_config c;

    ck_ok(configure(text, &c, &err));
    ck_assert_uint_eq(c.hidden, 2048);
    ck_assert_uint_eq(c.kv_heads, 32);
    free(text);
}
END_TEST

static const struct {
    const char *keys; /* after PHI */
    enum phi_status status;
    const char *message; /* after "config.json: key " */
} bad[] = {
    {"\"new_feature\":true", PHI_E_UNSUPPORTED,
     "\"new_feature\": is true: phiconv does not know this key, expected one "
     "of Phi's configuration"},
    {"\"sliding_window\":2047", PHI_E_UNSUPPORTED,
     "\"sliding_window\": is 2047: phiconv does not know this key"},
    {"\"pruned_heads\":{\"0\":[1]}", PHI_E_UNSUPPORTED,
     "\"pruned_heads\": is an object: phiconv does not know"},
    {"\"Hidden_size\":64", PHI_E_UNSUPPORTED, "\"Hidden_size\": is 64"},
    {"\"hidden_act\":\"silu\"", PHI_E_UNSUPPORTED,
     "\"hidden_act\": is \"silu\", expected \"gelu_new\", \"gelu_fast\" or "
     "\"gelu_pytorch_tanh\""},
    {"\"activation_function\":\"gelu\"", PHI_E_UNSUPPORTED,
     "\"activation_function\": is \"gelu\", expected"},
    {"\"hidden_act\":1", PHI_E_FORMAT,
     "\"hidden_act\": is 1, expected a string"},
    {"\"hidden_size\":\"256\"", PHI_E_FORMAT,
     "\"hidden_size\": is a string, expected an integer 1 to 1048576"},
    {"\"hidden_size\":0", PHI_E_FORMAT,
     "\"hidden_size\": is 0, expected an integer 1 to 1048576"},
    {"\"hidden_size\":1048577", PHI_E_FORMAT, "\"hidden_size\": is 1048577"},
    {"\"hidden_size\":256.0", PHI_E_FORMAT, "\"hidden_size\": is 256"},
    {"\"intermediate_size\":1048577", PHI_E_FORMAT,
     "\"intermediate_size\": is 1048577, expected an integer 1 to 1048576"},
    {"\"num_hidden_layers\":0", PHI_E_FORMAT, "\"num_hidden_layers\": is 0"},
    {"\"num_hidden_layers\":4097", PHI_E_FORMAT,
     "\"num_hidden_layers\": is 4097, expected an integer 1 to 4096"},
    {"\"num_attention_heads\":65537", PHI_E_FORMAT,
     "\"num_attention_heads\": is 65537, expected an integer 1 to 65536"},
    {"\"vocab_size\":16777217", PHI_E_FORMAT,
     "\"vocab_size\": is 16777217, expected an integer 1 to 16777216"},
    {"\"max_position_embeddings\":1073741825", PHI_E_FORMAT,
     "\"max_position_embeddings\": is 1073741825, expected an integer 1 to "
     "1073741824"},
    {"\"num_attention_heads\":7", PHI_E_FORMAT,
     "\"num_attention_heads\": is 7, expected a divisor of hidden_size 2048"},
    {"\"num_key_value_heads\":5", PHI_E_FORMAT,
     "\"num_key_value_heads\": is 5, expected a divisor of "
     "num_attention_heads 32"},
    {"\"num_key_value_heads\":64", PHI_E_FORMAT,
     "\"num_key_value_heads\": is 64, expected a divisor"},
    {"\"head_dim\":128", PHI_E_UNSUPPORTED,
     "\"head_dim\": is 128, expected hidden_size / num_attention_heads = 64"},
    {"\"hidden_size\":64,\"n_embd\":128", PHI_E_FORMAT,
     "\"n_embd\": is 128, but \"hidden_size\" is 64, expected the same"},
    {"\"layer_norm_eps\":0", PHI_E_FORMAT,
     "\"layer_norm_eps\": is 0, expected a number 1e-12 to 0.1"},
    {"\"layer_norm_eps\":1e-5,\"layer_norm_epsilon\":1e-6", PHI_E_FORMAT,
     "\"layer_norm_epsilon\": is 1e-06, but \"layer_norm_eps\" is 1e-05"},
    {"\"tie_word_embeddings\":\"yes\"", PHI_E_FORMAT,
     "\"tie_word_embeddings\": is a string, expected true or false"},
    {"\"qk_layernorm\":1", PHI_E_FORMAT,
     "\"qk_layernorm\": is 1, expected true or false"},
    {"\"rope_theta\":0", PHI_E_FORMAT,
     "\"rope_theta\": is 0, expected a number 1 to 1e+12"},
    {"\"rope_theta\":1e5,\"rope_parameters\":{\"rope_theta\":1e4}",
     PHI_E_FORMAT,
     "\"rope_parameters.rope_theta\": is 10000, but \"rope_theta\" is 100000, "
     "expected the same"},
    {"\"partial_rotary_factor\":0.4,\"rope_parameters\":{"
     "\"partial_rotary_factor\":0.5}",
     PHI_E_FORMAT, "\"rope_parameters.partial_rotary_factor\": is 0.5, but"},
    {"\"partial_rotary_factor\":1.5", PHI_E_FORMAT,
     "\"partial_rotary_factor\": is 1.5, expected a number 0 to 1"},
    {"\"partial_rotary_factor\":0.4219", PHI_E_UNSUPPORTED,
     "\"partial_rotary_factor\": makes 27 rotary dimensions of 64, expected "
     "an even number, at least 2"},
    {"\"partial_rotary_factor\":0", PHI_E_UNSUPPORTED,
     "\"partial_rotary_factor\": makes 0 rotary dimensions"},
    {"\"rotary_dim\":15,\"partial_rotary_factor\":0.235", PHI_E_UNSUPPORTED,
     "\"rotary_dim\": makes 15 rotary dimensions"},
    /* transformers knows no rotary_dim */
    {"\"rotary_dim\":16", PHI_E_FORMAT,
     "\"rotary_dim\": is 16, but partial_rotary_factor 0.5, the default, makes "
     "32"},
    {"\"rotary_dim\":16,\"partial_rotary_factor\":0.5", PHI_E_FORMAT,
     "\"rotary_dim\": is 16, but partial_rotary_factor 0.5 makes 32"},
    {"\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2.0}",
     PHI_E_UNSUPPORTED,
     "\"rope_scaling.type\": is \"dynamic\", expected \"default\" or "
     "\"linear\""},
    {"\"rope_scaling\":{\"type\":\"linear\",\"rope_type\":\"default\"}",
     PHI_E_FORMAT,
     "\"rope_scaling.rope_type\": is \"default\", but elsewhere it is "
     "\"linear\""},
    {"\"rope_scaling\":{\"type\":\"linear\"}", PHI_E_FORMAT,
     "\"rope_scaling.factor\": is missing"},
    {"\"rope_scaling\":{\"type\":\"linear\",\"factor\":0.5}", PHI_E_FORMAT,
     "\"rope_scaling.factor\": is 0.5, expected a number 1 to 65536"},
    {"\"rope_scaling\":{\"type\":\"default\",\"factor\":2}", PHI_E_FORMAT,
     "\"rope_scaling.factor\": is 2, expected none without linear scaling"},
    {"\"rope_scaling\":{\"type\":\"linear\",\"factor\":2,\"beta\":1}",
     PHI_E_UNSUPPORTED, "\"rope_scaling.beta\": is 1: phiconv does not know"},
    {"\"rope_scaling\":2", PHI_E_FORMAT,
     "\"rope_scaling\": is 2, expected an object"},
    {"\"quantization_config\":{\"quant_method\":\"bitsandbytes\"}",
     PHI_E_UNSUPPORTED,
     "\"quantization_config\": the checkpoint is quantized (quant_method "
     "\"bitsandbytes\"), expected float weights"},
};

START_TEST(refuses)
{
    char *text = phi_sprintf(NULL, "{" PHI ",%s}", bad[_i].keys);
    char *message = phi_sprintf(NULL, "config.json: key %s", bad[_i].message);
    struct phi_hf_config c;

    ck_refused(configure(text, &c, &err), bad[_i].status, message);
    free(message);
    free(text);
}
END_TEST

START_TEST(refuses_other_architectures)
{
    struct phi_hf_config c;

    ck_refused(configure("{\"architectures\":[\"Phi3ForCausalLM\"]}", &c, &err),
               PHI_E_UNSUPPORTED,
               "config.json: key \"architectures[0]\": is \"Phi3ForCausalLM\", "
               "expected \"PhiForCausalLM\"");
    ck_refused(
        configure("{\"architectures\":[\"PhiForCausalLM\",\"X\"]}", &c, &err),
        PHI_E_UNSUPPORTED, "key \"architectures[1]\": is \"X\"");
    ck_refused(configure("{\"model_type\":\"llama\"}", &c, &err),
               PHI_E_UNSUPPORTED,
               "key \"model_type\": is \"llama\", expected \"phi\"");
    ck_refused(configure("{}", &c, &err), PHI_E_FORMAT,
               "key \"architectures\": is missing");
    ck_refused(configure("[]", &c, &err), PHI_E_FORMAT,
               "config.json: is an array, expected an object");
    ck_ok(configure("{\"model_type\":\"phi\"}", &c, &err));
    ck_ok(configure("{\"architectures\":[\"PhiForCausalLM\"]}", &c, &err));
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
    Suite *s = suite_create("hf_config");
    TCase *t = tcase_create("hf_config");

    tcase_add_test(t, reads_the_sample);
    tcase_add_test(t, missing_keys_are_transformers_defaults);
    tcase_add_test(t, reads_the_old_spelling);
    tcase_add_loop_test(t, reads_every_spelling_of_rope, 0, COUNT(ropes));
    tcase_add_loop_test(t, accepts_harmless_keys, 0, COUNT(harmless));
    tcase_add_loop_test(t, refuses, 0, COUNT(bad));
    tcase_add_test(t, refuses_other_architectures);
    suite_add_tcase(s, t);
    return unit_main(s);
}
