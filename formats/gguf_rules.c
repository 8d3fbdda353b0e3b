/* SPDX-License-Identifier: MIT */
#include "formats/gguf_rules.h"

#include <string.h>

#define TEXT(key)                                                              \
    {                                                                          \
        key, PHI_KV_STRING, PHI_KV_U8, PHI_GGUF_FREE, NULL                     \
    }
#define TEXTS(key)                                                             \
    {                                                                          \
        key, PHI_KV_ARRAY, PHI_KV_STRING, PHI_GGUF_FREE, NULL                  \
    }
#define COUNT(key)                                                             \
    {                                                                          \
        key, PHI_KV_U32, PHI_KV_U8, PHI_GGUF_FREE, NULL                        \
    }
#define BOOL(key)                                                              \
    {                                                                          \
        key, PHI_KV_BOOL, PHI_KV_U8, PHI_GGUF_COMPUTES, NULL                   \
    }
#define NUMBER(key)                                                            \
    {                                                                          \
        key, PHI_KV_U32, PHI_KV_U8, PHI_GGUF_COMPUTES, NULL                    \
    }
#define REAL(key)                                                              \
    {                                                                          \
        key, PHI_KV_F32, PHI_KV_U8, PHI_GGUF_COMPUTES, NULL                    \
    }
#define TOKEN(key)                                                             \
    {                                                                          \
        key, PHI_KV_U32, PHI_KV_U8, PHI_GGUF_TOKEN, NULL                       \
    }
#define FIXED(key, type, why)                                                  \
    {                                                                          \
        key, type, PHI_KV_U8, PHI_GGUF_FIXED, why                              \
    }

#define SHAPES  "follows from the shapes of the tensors"
#define VOCAB   "is the vocabulary that the model was trained with"
#define PLACES  "decides which file holds which tensors"
#define READING "decides how all else is read"

const struct phi_gguf_rule phi_gguf_rules[] = {
    FIXED("general.architecture", PHI_KV_STRING, READING),
    FIXED("general.type", PHI_KV_STRING, READING),
    FIXED("general.alignment", PHI_KV_U32, "decides where the tensors lie"),
    FIXED("general.file_type", PHI_KV_U32, "follows from the tensors' types"),
    FIXED("general.quantization_version", PHI_KV_U32,
          "follows from the tensors' types"),
    FIXED("split.", PHI_KV_U16, PLACES),
    FIXED("phiconv.", PHI_KV_STRING, "says where the file comes from"),
    FIXED("quantize.imatrix.", PHI_KV_STRING, "says how the file was made"),
    FIXED("*.embedding_length", PHI_KV_U32, SHAPES),
    FIXED("*.block_count", PHI_KV_U32, SHAPES),
    FIXED("*.feed_forward_length", PHI_KV_U32, SHAPES),
    FIXED("*.vocab_size", PHI_KV_U32, SHAPES),
    FIXED("*.attention.head_count", PHI_KV_U32, SHAPES),
    FIXED("*.attention.head_count_kv", PHI_KV_U32, SHAPES),
    FIXED("*.attention.key_length", PHI_KV_U32, SHAPES),
    FIXED("*.attention.value_length", PHI_KV_U32, SHAPES),
    FIXED("tokenizer.ggml.model", PHI_KV_STRING, VOCAB),
    FIXED("tokenizer.ggml.tokens", PHI_KV_ARRAY, VOCAB),
    FIXED("tokenizer.ggml.token_type", PHI_KV_ARRAY, VOCAB),
    FIXED("tokenizer.ggml.scores", PHI_KV_ARRAY, VOCAB),
    FIXED("tokenizer.ggml.merges", PHI_KV_ARRAY, VOCAB),
    FIXED("tokenizer.ggml.added_tokens", PHI_KV_ARRAY, VOCAB),
    FIXED("tokenizer.huggingface.json", PHI_KV_STRING, VOCAB),
    FIXED("adapter.type", PHI_KV_STRING, READING),
    TEXT("general.name"),
    TEXT("general.author"),
    TEXT("general.version"),
    TEXT("general.organization"),
    TEXT("general.finetune"),
    TEXT("general.basename"),
    TEXT("general.description"),
    TEXT("general.quantized_by"),
    TEXT("general.size_label"),
    TEXT("general.license"),
    TEXT("general.license.name"),
    TEXT("general.license.link"),
    TEXT("general.url"),
    TEXT("general.doi"),
    TEXT("general.uuid"),
    TEXT("general.repo_url"),
    TEXTS("general.tags"),
    TEXTS("general.languages"),
    TEXTS("general.datasets"),
    COUNT("general.base_model.count"),
    COUNT("general.dataset.count"),
    TEXT("general.source."),
    TEXT("general.base_model."),
    TEXT("general.dataset."),
    TEXT("tokenizer.chat_template"),
    TEXT("tokenizer.chat_template."),
    TEXTS("tokenizer.chat_templates"),
    NUMBER("*.context_length"),
    NUMBER("*.rope.dimension_count"),
    REAL("*.rope.freq_base"),
    {"*.rope.scaling.type", PHI_KV_STRING, PHI_KV_U8, PHI_GGUF_COMPUTES, NULL},
    REAL("*.rope.scaling.factor"),
    NUMBER("*.rope.scaling.original_context_length"),
    REAL("*.attention.layer_norm_epsilon"),
    REAL("*.attention.layer_norm_rms_epsilon"),
    REAL("adapter.lora.alpha"),
    {"tokenizer.ggml.pre", PHI_KV_STRING, PHI_KV_U8, PHI_GGUF_COMPUTES, NULL},
    TOKEN("tokenizer.ggml.bos_token_id"),
    TOKEN("tokenizer.ggml.eos_token_id"),
    TOKEN("tokenizer.ggml.eot_token_id"),
    TOKEN("tokenizer.ggml.eom_token_id"),
    TOKEN("tokenizer.ggml.unknown_token_id"),
    TOKEN("tokenizer.ggml.seperator_token_id"), /* GGUF's spelling */
    TOKEN("tokenizer.ggml.padding_token_id"),
    TOKEN("tokenizer.ggml.cls_token_id"),
    TOKEN("tokenizer.ggml.mask_token_id"),
    TOKEN("tokenizer.ggml.fim_pre_token_id"),
    TOKEN("tokenizer.ggml.fim_suf_token_id"),
    TOKEN("tokenizer.ggml.fim_mid_token_id"),
    TOKEN("tokenizer.ggml.fim_pad_token_id"),
    TOKEN("tokenizer.ggml.fim_rep_token_id"),
    TOKEN("tokenizer.ggml.fim_sep_token_id"),
    BOOL("tokenizer.ggml.add_bos_token"),
    BOOL("tokenizer.ggml.add_eos_token"),
    BOOL("tokenizer.ggml.add_sep_token"),
    BOOL("tokenizer.ggml.add_space_prefix"),
    BOOL("tokenizer.ggml.remove_extra_whitespaces"),
    {NULL, PHI_KV_U8, PHI_KV_U8, PHI_GGUF_FREE, NULL},
};

const struct phi_gguf_rule *phi_gguf_rule_find(const char *key,
                                               const char *architecture)
{
    const size_t n = strlen(architecture);
    const bool own = strncmp(key, architecture, n) == 0 && key[n] == '.';

    for (const struct phi_gguf_rule *r = phi_gguf_rules; r->key != NULL; r++) {
        const bool any = r->key[0] == '*';
        const char *want = any ? r->key + 1 : r->key;
        const char *have = any ? key + n : key;
        const size_t len = strlen(want);

        if (any && !own)
            continue;
        if (strcmp(want, have) == 0 ||
            (want[len - 1] == '.' && strncmp(want, have, len) == 0))
            return r;
    }
    return NULL;
}
