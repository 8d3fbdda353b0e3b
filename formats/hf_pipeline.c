/* SPDX-License-Identifier: MIT */
/*
 * What the tokenizers library would do with a text, step by step. Of all its
 * parts those are accepted that phi-1, phi-1.5 and phi-2 use:
 *
 *   normalizer      none
 *   pre_tokenizer   ByteLevel, or Split by GPT-2's pattern and ByteLevel
 *   model           BPE
 *   decoder         ByteLevel
 *
 * Not looked at, since it is about batches: truncation, padding. Without
 * effect, since every byte has a token: unk_token, fuse_unk.
 */
#include <string.h>

#include "formats/hf_tokenizer_parts.h"

#define GPT2_SPLIT                                                             \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+"        \
    "|\\s+(?!\\S)|\\s+"

/* Other models' patterns by what is only in them, to name them. */
static const struct {
    const char *part;
    const char *name;
} patterns[] = {
    {"\\p{Lu}", "o200k (GPT-4o, Phi-4-mini)"},
    {"\\p{N}{1,3}", "cl100k (GPT-4, Phi-4, Llama 3)"},
    {"[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|", "Qwen 2"},
};

static const char *type_of(const struct phi_json *part)
{
    struct phi_json type;
    const char *name = "?";

    if (phi_json_find(part, "type", &type) &&
        phi_json_type(&type) == PHI_JSON_STRING)
        (void)phi_json_str(&type, &name, NULL);
    return name;
}

static enum phi_status refuse_type(const struct phi_json *part,
                                   const char *expected, struct phi_err *err)
{
    return phi_json_refuse(part, PHI_E_UNSUPPORTED, err,
                           "is of type \"%.*s\", supported is %s", PHI_ERR_NAME,
                           type_of(part), expected);
}

static enum phi_status check_normalizer(const struct phi_json *tokenizer,
                                        struct phi_err *err)
{
    struct phi_json n = {0};
    struct phi_json inner = {0};
    enum phi_status st =
        phi_json_opt(tokenizer, "normalizer", PHI_JSON_OBJECT, &n, err);

    if (st != PHI_OK || n.node == NULL)
        return st;
    if (strcmp(type_of(&n), "Sequence") == 0) {
        st = phi_json_get(&n, "normalizers", PHI_JSON_ARRAY, &inner, err);
        if (st != PHI_OK || phi_json_count(&inner) == 0)
            return st;
    }
    return refuse_type(&n, "null", err);
}

/* ByteLevel with the given use_regex. */
static enum phi_status check_byte_level(const struct phi_json *part,
                                        bool use_regex, struct phi_err *err)
{
    bool prefix = true;
    bool regex = true;
    enum phi_status st;

    if (strcmp(type_of(part), "ByteLevel") != 0)
        return refuse_type(part, "\"ByteLevel\"", err);
    st = phi_json_opt_bool(part, "add_prefix_space", &prefix, err);
    if (st == PHI_OK)
        st = phi_json_opt_bool(part, "use_regex", &regex, err);
    if (st != PHI_OK)
        return st;
    if (prefix)
        return phi_json_refuse(part, PHI_E_UNSUPPORTED, err,
                               "has add_prefix_space, supported is false");
    if (regex != use_regex)
        return phi_json_refuse(part, PHI_E_UNSUPPORTED, err,
                               "has use_regex %s, supported is %s here",
                               regex ? "true" : "false",
                               use_regex ? "true" : "false");
    return PHI_OK;
}

static enum phi_status refuse_pattern(const struct phi_json *regex,
                                      const char *pattern, struct phi_err *err)
{
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        if (strstr(pattern, patterns[i].part) != NULL)
            return phi_json_refuse(regex, PHI_E_UNSUPPORTED, err,
                                   "is the pattern of %s, supported is GPT-2's",
                                   patterns[i].name);
    }
    return phi_json_refuse(regex, PHI_E_UNSUPPORTED, err,
                           "is \"%.*s\", supported is GPT-2's pattern",
                           PHI_ERR_NAME, pattern);
}

/* Split that makes a piece of each match: "Isolated", or inverted "Removed". */
static enum phi_status check_split(const struct phi_json *part,
                                   struct phi_err *err)
{
    struct phi_json pattern = {0};
    struct phi_json regex = {0};
    const char *behavior = "";
    const char *text = "";
    bool invert = false;
    enum phi_status st;

    if (strcmp(type_of(part), "Split") != 0)
        return refuse_type(part, "\"Split\" before \"ByteLevel\"", err);
    st = phi_json_get(part, "pattern", PHI_JSON_OBJECT, &pattern, err);
    if (st == PHI_OK)
        st = phi_json_get(&pattern, "Regex", PHI_JSON_STRING, &regex, err);
    if (st == PHI_OK)
        st = phi_json_str(&regex, &text, err);
    if (st == PHI_OK)
        st = phi_json_get_str(part, "behavior", &behavior, err);
    if (st == PHI_OK)
        st = phi_json_opt_bool(part, "invert", &invert, err);
    if (st != PHI_OK)
        return st;
    if (strcmp(text, GPT2_SPLIT) != 0)
        return refuse_pattern(&regex, text, err);
    if (strcmp(behavior, invert ? "Removed" : "Isolated") != 0)
        return phi_json_refuse(part, PHI_E_UNSUPPORTED, err,
                               "has behavior \"%.*s\"%s, supported is "
                               "\"Isolated\"",
                               PHI_ERR_NAME, behavior,
                               invert ? ", inverted" : "");
    return PHI_OK;
}

static enum phi_status check_pre_tokenizer(const struct phi_json *tokenizer,
                                           struct phi_err *err)
{
    struct phi_json pre = {0};
    struct phi_json parts = {0};
    struct phi_json part = {0};
    enum phi_status st =
        phi_json_get(tokenizer, "pre_tokenizer", PHI_JSON_OBJECT, &pre, err);

    if (st != PHI_OK)
        return st;
    if (strcmp(type_of(&pre), "Sequence") != 0)
        return check_byte_level(&pre, true, err);
    st = phi_json_get(&pre, "pretokenizers", PHI_JSON_ARRAY, &parts, err);
    if (st != PHI_OK)
        return st;
    if (phi_json_count(&parts) == 1 && phi_json_next(&parts, &part))
        return check_byte_level(&part, true, err);
    if (phi_json_count(&parts) != 2)
        return phi_json_refuse(&parts, PHI_E_UNSUPPORTED, err,
                               "has %zu steps, supported is \"Split\" and "
                               "\"ByteLevel\"",
                               phi_json_count(&parts));
    phi_json_next(&parts, &part);
    st = check_split(&part, err);
    if (st == PHI_OK) {
        phi_json_next(&parts, &part);
        st = check_byte_level(&part, false, err);
    }
    return st;
}

/* Texts of the model that must be missing, null or empty. */
static enum phi_status check_affix(const struct phi_json *model,
                                   const char *key, struct phi_err *err)
{
    const char *text = "";
    const enum phi_status st = phi_json_opt_str(model, key, &text, err);

    if (st == PHI_OK && text[0] != '\0')
        return phi_json_refuse(model, PHI_E_UNSUPPORTED, err,
                               "has %s \"%.*s\", supported is none", key,
                               PHI_ERR_NAME, text);
    return st;
}

static enum phi_status check_model(const struct phi_json *tokenizer,
                                   struct phi_err *err)
{
    static const char *const flags[] = {"byte_fallback", "ignore_merges"};
    struct phi_json model = {0};
    struct phi_json type;
    double dropout = 0;
    enum phi_status st =
        phi_json_get(tokenizer, "model", PHI_JSON_OBJECT, &model, err);

    if (st != PHI_OK)
        return st;
    /* Files of before 2020 do not say. */
    if (phi_json_find(&model, "type", &type) &&
        strcmp(type_of(&model), "BPE") != 0)
        return refuse_type(&model, "\"BPE\"", err);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        bool on = false;

        st = phi_json_opt_bool(&model, flags[i], &on, err);
        if (st != PHI_OK)
            return st;
        if (on)
            return phi_json_refuse(&model, PHI_E_UNSUPPORTED, err,
                                   "has %s true, supported is false", flags[i]);
    }
    st = check_affix(&model, "continuing_subword_prefix", err);
    if (st == PHI_OK)
        st = check_affix(&model, "end_of_word_suffix", err);
    if (st == PHI_OK)
        st = phi_json_opt_number(&model, "dropout", 0, 1, &dropout, err);
    if (st == PHI_OK && dropout > 0)
        st = phi_json_refuse(&model, PHI_E_UNSUPPORTED, err,
                             "has dropout %g: its tokens are random", dropout);
    return st;
}

enum phi_status phi_hf_pipeline_check(const struct phi_json *tokenizer,
                                      struct phi_err *err)
{
    struct phi_json decoder = {0};
    enum phi_status st = check_model(tokenizer, err);

    if (st == PHI_OK)
        st = check_normalizer(tokenizer, err);
    if (st == PHI_OK)
        st = check_pre_tokenizer(tokenizer, err);
    if (st == PHI_OK)
        st = phi_json_opt(tokenizer, "decoder", PHI_JSON_OBJECT, &decoder, err);
    if (st == PHI_OK && decoder.node != NULL &&
        strcmp(type_of(&decoder), "ByteLevel") != 0)
        st = refuse_type(&decoder, "\"ByteLevel\"", err);
    return st;
}
