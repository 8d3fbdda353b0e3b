/* SPDX-License-Identifier: MIT */
#include "formats/hf_config.h"

#include <stddef.h>
#include <string.h>

#define EPS_MIN    1e-12
#define EPS_MAX    0.1
#define THETA_MAX  1e12
#define FACTOR_MAX 65536

/* Keys with sizes: current and old spelling, and transformers' default. */
static const struct size_key {
    const char *names[3];
    size_t offset; /* of the uint64_t in struct phi_hf_config */
    uint64_t max;
    uint64_t fallback; /* 0: derived from others */
} sizes[] = {
#define FIELD(member) offsetof(struct phi_hf_config, member)
    {{"hidden_size", "n_embd"}, FIELD(hidden), PHI_HF_MAX_HIDDEN, 2048},
    {{"intermediate_size", "n_inner"}, FIELD(inner), PHI_HF_MAX_HIDDEN, 8192},
    {{"num_hidden_layers", "n_layer"}, FIELD(layers), PHI_HF_MAX_LAYERS, 24},
    {{"num_attention_heads", "n_head"}, FIELD(heads), PHI_HF_MAX_HEADS, 32},
    {{"num_key_value_heads", "n_head_kv"},
     FIELD(kv_heads),
     PHI_HF_MAX_HEADS,
     0},
    {{"max_position_embeddings", "n_positions"},
     FIELD(context),
     PHI_HF_MAX_CONTEXT,
     2048},
    {{"vocab_size"}, FIELD(vocab), PHI_HF_MAX_ROWS, PHI_HF_VOCAB},
    {{"head_dim"}, FIELD(head_dim), PHI_HF_MAX_HIDDEN, 0},
    {{"rotary_dim"}, FIELD(rotary), PHI_HF_MAX_HIDDEN, 0},
#undef FIELD
};

#define NSIZES (sizeof(sizes) / sizeof(sizes[0]))

/* Other keys that are read below. */
static const char *const read_keys[] = {
    "architectures",       "model_type",
    "hidden_act",          "activation_function",
    "layer_norm_eps",      "layer_norm_epsilon",
    "rope_theta",          "partial_rotary_factor",
    "rope_scaling",        "rope_parameters",
    "tie_word_embeddings", "qk_layernorm",
    "quantization_config", NULL};

/*
 * Keys of Phi's and of transformers' general configuration that do not touch
 * the forward pass at inference: dropout, training, text generation, labels,
 * where files are, what a call returns. Token ids belong to the tokenizer.
 */
static const char *const harmless[] = {
    /* bookkeeping */
    "_attn_implementation", "_attn_implementation_autoset",
    "_attn_implementation_internal", "_commit_hash", "_from_model_config",
    "_name_or_path", "attn_implementation", "auto_map", "dtype",
    "finetuning_task", "name_or_path", "tokenizer_class", "torch_dtype",
    "transformers_version", "unsloth_fixed", "unsloth_version",
    /* training */
    "attention_dropout", "attn_pdrop", "checkpointing", "classifier_dropout",
    "embd_pdrop", "gradient_checkpointing", "initializer_range",
    "pretraining_tp", "resid_pdrop", "use_bfloat16",
    /* other ways to compute the same */
    "chunk_size_feed_forward", "flash_attn", "flash_rotary", "fused_dense",
    "torchscript", "use_cache",
    /* what a call takes and returns */
    "add_cross_attention", "cross_attention_hidden_size", "id2label",
    "is_decoder", "is_encoder_decoder", "label2id", "num_labels",
    "output_attentions", "output_hidden_states", "output_scores",
    "problem_type", "return_dict", "return_dict_in_generate",
    "task_specific_params", "tf_legacy_loss", "tie_encoder_decoder",
    "use_return_dict",
    /* tokens */
    "bos_token_id", "decoder_start_token_id", "eos_token_id", "pad_token_id",
    "prefix", "sep_token_id",
    /* text generation */
    "bad_words_ids", "begin_suppress_tokens", "diversity_penalty", "do_sample",
    "early_stopping", "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty", "forced_bos_token_id",
    "forced_eos_token_id", "length_penalty", "max_length", "max_new_tokens",
    "min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams",
    "num_return_sequences", "remove_invalid_values", "repetition_penalty",
    "suppress_tokens", "temperature", "top_k", "top_p", "typical_p", NULL};

static bool contains(const char *const *list, const char *key)
{
    for (; *list != NULL; list++) {
        if (strcmp(*list, key) == 0)
            return true;
    }
    return false;
}

static bool is_known(const char *key)
{
    for (size_t i = 0; i < NSIZES; i++) {
        for (size_t k = 0; sizes[i].names[k] != NULL; k++) {
            if (strcmp(sizes[i].names[k], key) == 0)
                return true;
        }
    }
    return contains(read_keys, key) || contains(harmless, key);
}

/* null, false, or nothing in it: a feature that is switched off. */
static bool is_off(const struct phi_json *v)
{
    const char *text;
    bool b;

    switch (phi_json_type(v)) {
    case PHI_JSON_NULL:
        return true;
    case PHI_JSON_BOOL:
        return phi_json_bool(v, &b, NULL) == PHI_OK && !b;
    case PHI_JSON_STRING:
        return phi_json_str(v, &text, NULL) == PHI_OK && text[0] == '\0';
    case PHI_JSON_NUMBER:
        return false;
    default:
        return phi_json_count(v) == 0;
    }
}

static enum phi_status check_keys(const struct phi_json *root,
                                  struct phi_err *err)
{
    struct phi_json item = {0};
    char text[PHI_ERR_NAME * 2];

    while (phi_json_next(root, &item)) {
        if (is_known(phi_json_key(&item)) || is_off(&item))
            continue;
        phi_json_refuse(&item, PHI_E_UNSUPPORTED, err,
                        "is %s: phiconv does not know this key, expected one "
                        "of Phi's configuration",
                        phi_json_describe(&item, text, sizeof(text)));
        return phi_hint(err, "if it does not change what the model computes, "
                             "remove it from config.json");
    }
    return PHI_OK;
}

static enum phi_status check_architecture(const struct phi_json *root,
                                          struct phi_err *err)
{
    static const char hint[] = "phiconv converts phi-1, phi-1.5 and phi-2";
    struct phi_json list, item = {0};
    const char *type = NULL, *name;
    bool named = false;
    enum phi_status st =
        phi_json_opt(root, "architectures", PHI_JSON_ARRAY, &list, err);

    if (st == PHI_OK)
        st = phi_json_opt_str(root, "model_type", &type, err);
    if (st != PHI_OK)
        return st;
    while (list.node != NULL && phi_json_next(&list, &item)) {
        st = phi_json_str(&item, &name, err);
        if (st != PHI_OK)
            return st;
        if (strcmp(name, "PhiForCausalLM") != 0) {
            phi_json_refuse(&item, PHI_E_UNSUPPORTED, err,
                            "is \"%.*s\", expected \"PhiForCausalLM\"",
                            PHI_ERR_NAME, name);
            return phi_hint(err, "%s", hint);
        }
        named = true;
    }
    if (type != NULL && strcmp(type, "phi") != 0 &&
        strcmp(type, "phi-msft") != 0) {
        phi_fail(err, PHI_E_UNSUPPORTED,
                 "%s: key \"model_type\": is \"%.*s\", expected \"phi\" or "
                 "\"phi-msft\"",
                 phi_json_name(root), PHI_ERR_NAME, type);
        return phi_hint(err, "%s", hint);
    }
    if (!named && type == NULL)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: key \"architectures\": is missing, expected "
                        "[\"PhiForCausalLM\"]",
                        phi_json_name(root));
    return PHI_OK;
}

/* Quantized checkpoints hold packed integers under the tensors' names. */
static enum phi_status check_quantization(const struct phi_json *root,
                                          struct phi_err *err)
{
    struct phi_json q;
    const char *method = "unknown";
    enum phi_status st =
        phi_json_opt(root, "quantization_config", PHI_JSON_OBJECT, &q, err);

    if (st != PHI_OK || q.node == NULL)
        return st;
    st = phi_json_opt_str(&q, "quant_method", &method, err);
    if (st != PHI_OK)
        return st;
    phi_json_refuse(&q, PHI_E_UNSUPPORTED, err,
                    "the checkpoint is quantized (quant_method \"%.*s\"), "
                    "expected float weights",
                    PHI_ERR_NAME, method);
    return phi_hint(err, "convert the original checkpoint, or dequantize this "
                         "one with transformers (model.dequantize()) and save "
                         "it");
}

/* A value that several keys may give, but only one value. */
struct once {
    const char *key; /* that gave it, or NULL */
    double value;
};

static enum phi_status read_once(const struct phi_json *object, const char *key,
                                 double min, double max, struct once *once,
                                 struct phi_err *err)
{
    struct phi_json v;
    double d;
    enum phi_status st;

    if (!phi_json_find(object, key, &v) || phi_json_type(&v) == PHI_JSON_NULL)
        return PHI_OK;
    st = phi_json_number(&v, min, max, &d, err);
    if (st != PHI_OK)
        return st;
    if (once->key != NULL && once->value != d)
        return phi_json_refuse(&v, PHI_E_FORMAT, err,
                               "is %.9g, but \"%s\" is %.9g, expected the same",
                               d, once->key, once->value);
    *once = (struct once){key, d};
    return PHI_OK;
}

static enum phi_status read_size(const struct phi_json *root,
                                 const struct size_key *key,
                                 struct phi_hf_config *c, struct phi_err *err)
{
    uint64_t *out = (uint64_t *)(void *)((char *)c + key->offset);
    struct once once = {0};

    for (size_t i = 0; key->names[i] != NULL; i++) {
        uint64_t n = 0;
        enum phi_status st =
            phi_json_opt_uint(root, key->names[i], 1, key->max, &n, err);

        if (st == PHI_OK)
            st =
                read_once(root, key->names[i], 1, (double)key->max, &once, err);
        if (st != PHI_OK)
            return st;
        if (n > 0)
            *out = n;
    }
    return PHI_OK;
}

/* The spelling of the code that came with checkpoints of 2023. */
static enum phi_status find_spelling(const struct phi_json *root, bool *old,
                                     struct phi_err *err)
{
    const char *type = "";
    struct phi_json v;
    const enum phi_status st = phi_json_opt_str(root, "model_type", &type, err);

    *old = strcmp(type, "phi-msft") == 0 || phi_json_find(root, "n_embd", &v);
    return st;
}

/*
 * All sizes; those that no key gives come from transformers' defaults, in the
 * old spelling from nothing: its defaults were those of no published model.
 */
static enum phi_status read_sizes(const struct phi_json *root, bool old,
                                  struct phi_hf_config *c, struct phi_err *err)
{
    for (size_t i = 0; i < NSIZES; i++) {
        uint64_t *out = (uint64_t *)(void *)((char *)c + sizes[i].offset);
        const enum phi_status st = read_size(root, &sizes[i], c, err);

        if (st != PHI_OK)
            return st;
        if (*out > 0 || sizes[i].fallback == 0)
            continue;
        if (!old) {
            *out = sizes[i].fallback;
        } else if (sizes[i].offset == offsetof(struct phi_hf_config, inner)) {
            *out = 4 * c->hidden;
        } else {
            const char *name = sizes[i].names[sizes[i].names[1] != NULL];

            return phi_fail(err, PHI_E_FORMAT, "%s: key \"%s\": is missing",
                            phi_json_name(root), name);
        }
    }
    if (old && c->rotary == 0)
        c->rotary = 32;
    if (c->kv_heads == 0)
        c->kv_heads = c->heads;
    return PHI_OK;
}

static enum phi_status check_sizes(const struct phi_json *root,
                                   struct phi_hf_config *c, struct phi_err *err)
{
    const char *name = phi_json_name(root);

    if (c->hidden % c->heads != 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: key \"num_attention_heads\": is %llu, expected a "
                        "divisor of hidden_size %llu",
                        name, (unsigned long long)c->heads,
                        (unsigned long long)c->hidden);
    if (c->heads % c->kv_heads != 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: key \"num_key_value_heads\": is %llu, expected a "
                        "divisor of num_attention_heads %llu",
                        name, (unsigned long long)c->kv_heads,
                        (unsigned long long)c->heads);
    if (c->head_dim != 0 && c->head_dim != c->hidden / c->heads)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: key \"head_dim\": is %llu, expected hidden_size / "
                        "num_attention_heads = %llu",
                        name, (unsigned long long)c->head_dim,
                        (unsigned long long)(c->hidden / c->heads));
    c->head_dim = c->hidden / c->heads;
    return PHI_OK;
}

/* gelu_new: 0.5 z (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))), by any name. */
static enum phi_status check_activation(const struct phi_json *root,
                                        struct phi_err *err)
{
    static const char *const keys[] = {"hidden_act", "activation_function"};
    static const char *const same[] = {
        "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "gelu_python_tanh", NULL};

    for (size_t i = 0; i < 2; i++) {
        const char *act = "gelu_new";
        const enum phi_status st = phi_json_opt_str(root, keys[i], &act, err);

        if (st != PHI_OK)
            return st;
        if (!contains(same, act))
            return phi_fail(err, PHI_E_UNSUPPORTED,
                            "%s: key \"%s\": is \"%.*s\", expected "
                            "\"gelu_new\", \"gelu_fast\" or "
                            "\"gelu_pytorch_tanh\"",
                            phi_json_name(root), keys[i], PHI_ERR_NAME, act);
    }
    return PHI_OK;
}

struct rope {
    struct once theta, partial, factor;
    const char *type; /* that some object gave, or NULL */
};

/* The kind of scaling, by either of its two keys. */
static enum phi_status read_rope_type(const struct phi_json *v,
                                      struct rope *rope, struct phi_err *err)
{
    const char *type;
    enum phi_status st = phi_json_str(v, &type, err);

    if (st != PHI_OK)
        return st;
    if (strcmp(type, "default") != 0 && strcmp(type, "linear") != 0)
        return phi_json_refuse(v, PHI_E_UNSUPPORTED, err,
                               "is \"%.*s\", expected \"default\" or "
                               "\"linear\"",
                               PHI_ERR_NAME, type);
    if (rope->type != NULL && strcmp(rope->type, type) != 0)
        return phi_json_refuse(v, PHI_E_FORMAT, err,
                               "is \"%s\", but elsewhere it is \"%s\", "
                               "expected the same",
                               type, rope->type);
    rope->type = type;
    return PHI_OK;
}

/* rope_scaling (transformers 4) or rope_parameters (5). */
static enum phi_status read_rope_object(const struct phi_json *root,
                                        const char *key, struct rope *rope,
                                        struct phi_err *err)
{
    struct phi_json object, item = {0};
    char text[PHI_ERR_NAME * 2];
    enum phi_status st = phi_json_opt(root, key, PHI_JSON_OBJECT, &object, err);

    if (st != PHI_OK || object.node == NULL)
        return st;
    while (st == PHI_OK && phi_json_next(&object, &item)) {
        const char *name = phi_json_key(&item);

        if (phi_json_type(&item) == PHI_JSON_NULL)
            continue;
        if (strcmp(name, "type") == 0 || strcmp(name, "rope_type") == 0)
            st = read_rope_type(&item, rope, err);
        else if (strcmp(name, "rope_theta") == 0)
            st = read_once(&object, name, 1, THETA_MAX, &rope->theta, err);
        else if (strcmp(name, "partial_rotary_factor") == 0)
            st = read_once(&object, name, 0, 1, &rope->partial, err);
        else if (strcmp(name, "factor") == 0)
            st = read_once(&object, name, 1, FACTOR_MAX, &rope->factor, err);
        /* Where training began: linear scaling does not use it. */
        else if (strcmp(name, "original_max_position_embeddings") != 0)
            st = phi_json_refuse(
                &item, PHI_E_UNSUPPORTED, err,
                "is %s: phiconv does not know this key, expected rope_type, "
                "factor, rope_theta or partial_rotary_factor",
                phi_json_describe(&item, text, sizeof(text)));
    }
    return st;
}

/*
 * Rotated dimensions: int(factor * head_dim) as in transformers, which does
 * not look at rotary_dim; only the old spelling's own code does.
 */
static enum phi_status derive_rotary(const struct phi_json *root, bool old,
                                     const struct once *partial,
                                     struct phi_hf_config *c,
                                     struct phi_err *err)
{
    const char *name = phi_json_name(root);
    const bool given = c->rotary != 0;
    const double factor = partial->key != NULL ? partial->value : 0.5;
    const uint64_t n = (uint64_t)(factor * (double)c->head_dim);

    if (given && c->rotary > c->head_dim)
        c->rotary = c->head_dim;
    if (given && (partial->key != NULL || !old) && c->rotary != n)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: key \"rotary_dim\": is %llu, but "
                        "partial_rotary_factor %.9g%s makes %llu, expected the "
                        "same",
                        name, (unsigned long long)c->rotary, factor,
                        partial->key == NULL ? ", the default," : "",
                        (unsigned long long)n);
    if (!given)
        c->rotary = n;
    if (c->rotary < 2 || c->rotary % 2 != 0)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: key \"%s\": makes %llu rotary dimensions of %llu, "
                        "expected an even number, at least 2",
                        name, given ? "rotary_dim" : "partial_rotary_factor",
                        (unsigned long long)c->rotary,
                        (unsigned long long)c->head_dim);
    return PHI_OK;
}

static enum phi_status read_rope(const struct phi_json *root, bool old,
                                 struct phi_hf_config *c, struct phi_err *err)
{
    struct rope rope = {0};
    bool linear;
    enum phi_status st =
        read_once(root, "rope_theta", 1, THETA_MAX, &rope.theta, err);

    if (st == PHI_OK)
        st = read_once(root, "partial_rotary_factor", 0, 1, &rope.partial, err);
    if (st == PHI_OK)
        st = read_rope_object(root, "rope_scaling", &rope, err);
    if (st == PHI_OK)
        st = read_rope_object(root, "rope_parameters", &rope, err);
    if (st != PHI_OK)
        return st;
    linear = rope.type != NULL && strcmp(rope.type, "linear") == 0;
    if (linear && rope.factor.key == NULL)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: key \"rope_scaling.factor\": is missing, expected "
                        "a number for linear scaling",
                        phi_json_name(root));
    if (!linear && rope.factor.key != NULL && rope.factor.value != 1)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: key \"rope_scaling.factor\": is %.9g, expected "
                        "none without linear scaling",
                        phi_json_name(root), rope.factor.value);
    c->theta = rope.theta.key != NULL ? rope.theta.value : 10000;
    c->factor = linear ? rope.factor.value : 1;
    return derive_rotary(root, old, &rope.partial, c, err);
}

enum phi_status phi_hf_config_read(struct phi_hf_config *out,
                                   const struct phi_json *root,
                                   struct phi_err *err)
{
    struct phi_hf_config c = {0};
    struct once eps = {0};
    bool old = false;
    enum phi_status st = phi_json_expect(root, PHI_JSON_OBJECT, err);

    if (st == PHI_OK)
        st = check_architecture(root, err);
    if (st == PHI_OK)
        st = check_quantization(root, err);
    if (st == PHI_OK)
        st = check_keys(root, err);
    if (st == PHI_OK)
        st = check_activation(root, err);
    if (st == PHI_OK)
        st = find_spelling(root, &old, err);
    if (st == PHI_OK)
        st = read_sizes(root, old, &c, err);
    if (st == PHI_OK)
        st = check_sizes(root, &c, err);
    if (st == PHI_OK)
        st = read_once(root, "layer_norm_eps", EPS_MIN, EPS_MAX, &eps, err);
    if (st == PHI_OK)
        st = read_once(root, "layer_norm_epsilon", EPS_MIN, EPS_MAX, &eps, err);
    if (st == PHI_OK)
        st = phi_json_opt_bool(root, "tie_word_embeddings", &c.tied, err);
    if (st == PHI_OK)
        st = phi_json_opt_bool(root, "qk_layernorm", &c.qk_norm, err);
    if (st == PHI_OK)
        st = read_rope(root, old, &c, err);
    if (st != PHI_OK)
        return st;
    c.eps = eps.key != NULL ? eps.value : 1e-5;
    *out = c;
    return PHI_OK;
}
