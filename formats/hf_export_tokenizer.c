/* SPDX-License-Identifier: MIT */
/*
 * The tokenizer of a GGUF file as tokenizer.json and tokenizer_config.json.
 *
 *   type in GGUF            becomes
 *   1 normal                a token of the model's vocabulary
 *   3 control               an added token, special
 *   4 user defined          an added token
 *   5 unused                nothing: ids of rows without a token
 *
 * The tokenizers library numbers added tokens that are not in the vocabulary
 * itself, from the vocabulary's size on. So those among normal ones are in
 * the vocabulary too, and behind the last normal one there may be no gap.
 */
#include <string.h>

#include "formats/hf_export.h"
#include "formats/json_write.h"
#include "libconv/base/bytes.h"
#include "libconv/base/map.h"
#include "libconv/base/utf8.h"

enum { NORMAL = 1, CONTROL = 3, USER_DEFINED = 4, UNUSED = 5 };

#define PREFIX "tokenizer.ggml."

struct tokens {
    const struct phi_kv *text; /* strings */
    const struct phi_kv *type; /* i32, as many */
    size_t n;
    size_t nbase;       /* behind the last normal one */
    size_t nadded;      /* behind the last added one */
    struct phi_map ids; /* text to id, but for unused ones */
};

static uint32_t type_of(const struct tokens *t, size_t i)
{
    return phi_load_u32(t->type->v.arr.num + 4 * i);
}

static const char *text_of(const struct tokens *t, size_t i)
{
    return t->text->v.arr.str[i].p;
}

static bool is_added(const struct tokens *t, size_t i)
{
    return type_of(t, i) == CONTROL || type_of(t, i) == USER_DEFINED;
}

/* ---- what can be exported ------------------------------------------------ */

/* What must be false where it is there. */
static const char *const flags[] = {
    PREFIX "add_bos_token", PREFIX "add_eos_token", PREFIX "add_sep_token",
    PREFIX "add_space_prefix", PREFIX "remove_extra_whitespaces"};

#define NFLAGS (sizeof(flags) / sizeof(flags[0]))

/* Tokens with a role: in tokenizer_config.json, and in GGUF. */
static const char *const roles[][2] = {
    {"bos_token", PREFIX "bos_token_id"},
    {"eos_token", PREFIX "eos_token_id"},
    {"unk_token", PREFIX "unknown_token_id"},
    {"sep_token", PREFIX "seperator_token_id"},
    {"pad_token", PREFIX "padding_token_id"},
    {"cls_token", PREFIX "cls_token_id"},
    {"mask_token", PREFIX "mask_token_id"}};

#define NROLES (sizeof(roles) / sizeof(roles[0]))

/*
 * Every key about the tokenizer is one that is read; scores are for other
 * kinds than this one, and chat templates are not the tokenizer's.
 */
static enum phi_status check_keys(const struct phi_meta *meta,
                                  struct phi_err *err)
{
    static const char *const read[] = {PREFIX "model",  PREFIX "pre",
                                       PREFIX "tokens", PREFIX "token_type",
                                       PREFIX "merges", PREFIX "scores"};

    for (size_t i = 0; i < meta->n; i++) {
        const char *key = meta->kv[i].key;
        bool known = strncmp(key, "tokenizer.", 10) != 0 ||
                     strncmp(key, "tokenizer.chat_template", 23) == 0;

        for (size_t k = 0; k < sizeof(read) / sizeof(read[0]); k++)
            known = known || strcmp(key, read[k]) == 0;
        for (size_t k = 0; k < NFLAGS; k++)
            known = known || strcmp(key, flags[k]) == 0;
        for (size_t k = 0; k < NROLES; k++)
            known = known || strcmp(key, roles[k][1]) == 0;
        if (known)
            continue;
        phi_fail(err, PHI_E_UNSUPPORTED,
                 "key \"%.*s\": has no place in a Hugging Face tokenizer that "
                 "phiconv knows",
                 PHI_ERR_NAME, key);
        return phi_hint(err,
                        "set-metadata --delete %.*s takes it out of a GGUF "
                        "file, if it can be done without",
                        PHI_ERR_NAME, key);
    }
    return PHI_OK;
}

static enum phi_status check_kind(const struct phi_meta *meta,
                                  struct phi_err *err)
{
    const char *model = NULL;
    const char *pre = NULL;
    enum phi_status st = phi_meta_get_str(meta, PREFIX "model", &model, err);

    if (st == PHI_OK)
        st = phi_meta_get_str(meta, PREFIX "pre", &pre, err);
    if (st != PHI_OK)
        return st;
    if (strcmp(model, "gpt2") != 0)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "key \"" PREFIX "model\": is \"%.*s\", expected "
                        "\"gpt2\"",
                        PHI_ERR_NAME, model);
    if (strcmp(pre, "phi-2") != 0 && strcmp(pre, "gpt-2") != 0)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "key \"" PREFIX
                        "pre\": is \"%.*s\", expected \"phi-2\" "
                        "or \"gpt-2\"",
                        PHI_ERR_NAME, pre);
    for (size_t i = 0; i < NFLAGS; i++) {
        bool on = false;

        st = phi_meta_opt_bool(meta, flags[i], &on, err);
        if (st == PHI_OK && on)
            st = phi_fail(err, PHI_E_UNSUPPORTED,
                          "key \"%s\": is true, which is not exported",
                          flags[i]);
        if (st != PHI_OK)
            return st;
    }
    return check_keys(meta, err);
}

static enum phi_status check_token(struct tokens *t, size_t i,
                                   struct phi_err *err)
{
    const struct phi_str *s = &t->text->v.arr.str[i];
    const uint32_t type = type_of(t, i);
    bool added = true;
    enum phi_status st = PHI_OK;

    if (type != NORMAL && type != CONTROL && type != USER_DEFINED &&
        type != UNUSED)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "token %zu: has type %u, expected 1, 3, 4 or 5", i,
                        (unsigned)type);
    if (type == UNUSED)
        return PHI_OK;
    if (s->n == 0 || memchr(s->p, '\0', s->n) != NULL ||
        phi_utf8_valid((const uint8_t *)s->p, s->n) < s->n)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "token %zu: is no text in UTF-8, expected one", i);
    st = phi_map_add(&t->ids, s->p, s->n, (uint32_t)i, &added, err);
    if (st == PHI_OK && !added)
        st = phi_fail(err, PHI_E_UNSUPPORTED,
                      "token %zu: is there twice, \"%.*s\"", i, PHI_ERR_NAME,
                      s->p);
    return st;
}

static enum phi_status load(struct tokens *t, const struct phi_meta *meta,
                            struct phi_err *err)
{
    enum phi_status st =
        phi_meta_get_array(meta, PREFIX "tokens", PHI_KV_STRING, &t->text, err);

    if (st == PHI_OK)
        st = phi_meta_get_array(meta, PREFIX "token_type", PHI_KV_I32, &t->type,
                                err);
    if (st != PHI_OK)
        return st;
    t->n = t->text->v.arr.n;
    if (t->type->v.arr.n != t->n)
        return phi_fail(err, PHI_E_FORMAT,
                        "key \"" PREFIX "token_type\": has %zu elements, "
                        "expected %zu",
                        t->type->v.arr.n, t->n);
    for (size_t i = 0; st == PHI_OK && i < t->n; i++) {
        st = check_token(t, i, err);
        if (type_of(t, i) == NORMAL)
            t->nbase = i + 1;
        if (is_added(t, i))
            t->nadded = i + 1;
    }
    for (size_t i = 0; st == PHI_OK && t->nadded > t->nbase && i < t->nadded;
         i++) {
        if (type_of(t, i) == UNUSED)
            st = phi_fail(err, PHI_E_UNSUPPORTED,
                          "token %zu: is unused, but there are tokens behind "
                          "it, which would be numbered anew",
                          i);
    }
    return st;
}

/* ---- tokenizer.json ------------------------------------------------------ */

/* The object of one added token, without its id. */
static void put_token(struct phi_buf *b, const struct tokens *t, size_t i,
                      const char *indent)
{
    const bool special = type_of(t, i) == CONTROL;

    phi_buf_printf(b, "%s\"content\": ", indent);
    phi_json_put_string(b, text_of(t, i));
    phi_buf_printf(b,
                   ",%s\"single_word\": false,%s\"lstrip\": false,"
                   "%s\"rstrip\": false,%s\"normalized\": %s,"
                   "%s\"special\": %s",
                   indent, indent, indent, indent, special ? "false" : "true",
                   indent, special ? "true" : "false");
}

static void put_added(struct phi_buf *b, const struct tokens *t)
{
    bool first = true;

    phi_buf_text(b, "  \"added_tokens\": [");
    for (size_t i = 0; i < t->n; i++) {
        if (!is_added(t, i))
            continue;
        phi_buf_printf(b, "%s\n    {\n      \"id\": %zu,", first ? "" : ",", i);
        put_token(b, t, i, "\n      ");
        phi_buf_text(b, "\n    }");
        first = false;
    }
    phi_buf_printf(b, "%s],\n", first ? "" : "\n  ");
}

static void put_vocab(struct phi_buf *b, const struct tokens *t)
{
    bool first = true;

    phi_buf_text(b, "    \"vocab\": {");
    for (size_t i = 0; i < t->nbase; i++) {
        if (type_of(t, i) == UNUSED)
            continue;
        phi_buf_text(b, first ? "\n      " : ",\n      ");
        phi_json_put_string(b, text_of(t, i));
        phi_buf_printf(b, ": %zu", i);
        first = false;
    }
    phi_buf_text(b, "\n    },\n");
}

/* Whether a text is a token of the model's vocabulary. */
static bool is_base(const struct tokens *t, const void *text, size_t n)
{
    const uint32_t *id = phi_map_find(&t->ids, text, n);

    return id != NULL && *id < t->nbase;
}

/* Both halves and what they make are in the vocabulary, without which no
 * program loads the tokenizer. */
static enum phi_status check_merge(const struct tokens *t, size_t i,
                                   const struct phi_str *s, const char *blank,
                                   struct phi_buf *whole, struct phi_err *err)
{
    const size_t n = (size_t)(blank - s->p);
    const char *right = blank + 1;
    enum phi_status st;

    whole->n = 0;
    phi_buf_put(whole, s->p, n);
    phi_buf_text(whole, right);
    st = phi_buf_status(whole, err);
    if (st != PHI_OK)
        return st;
    if (!is_base(t, s->p, n) || !is_base(t, right, strlen(right)) ||
        !is_base(t, whole->p, whole->n))
        return phi_fail(err, PHI_E_FORMAT,
                        "merge %zu: is \"%.*s\", expected two tokens of the "
                        "vocabulary that make a third",
                        i, PHI_ERR_NAME, s->p);
    return PHI_OK;
}

static enum phi_status put_merges(struct phi_buf *b, const struct tokens *t,
                                  const struct phi_meta *meta,
                                  struct phi_err *err)
{
    const struct phi_kv *merges = NULL;
    struct phi_buf whole = {0};
    size_t n = 0;
    enum phi_status st = PHI_OK;

    if (phi_meta_find(meta, PREFIX "merges") != NULL)
        st = phi_meta_get_array(meta, PREFIX "merges", PHI_KV_STRING, &merges,
                                err);
    if (st == PHI_OK && merges != NULL)
        n = merges->v.arr.n;
    phi_buf_text(b, "    \"merges\": [");
    for (size_t i = 0; st == PHI_OK && i < n; i++) {
        const struct phi_str *s = &merges->v.arr.str[i];
        const char *blank = s->n > 0 ? memchr(s->p, ' ', s->n) : NULL;

        /* Byte characters are no blanks, so that there is one way to read it;
         * every program knows this spelling. */
        if (blank == NULL || strchr(blank + 1, ' ') != NULL ||
            strlen(s->p) != s->n ||
            phi_utf8_valid((const uint8_t *)s->p, s->n) < s->n)
            st = phi_fail(err, PHI_E_UNSUPPORTED,
                          "merge %zu: is \"%.*s\", expected two tokens and a "
                          "blank between",
                          i, PHI_ERR_NAME, s->p != NULL ? s->p : "");
        else
            st = check_merge(t, i, s, blank, &whole, err);
        if (st != PHI_OK)
            break;
        phi_buf_text(b, i > 0 ? ",\n      " : "\n      ");
        phi_json_put_string(b, s->p);
    }
    phi_buf_text(b, n > 0 ? "\n    ]\n" : "]\n");
    phi_buf_release(&whole);
    return st;
}

static enum phi_status put_tokenizer(struct phi_buf *b, const struct tokens *t,
                                     const struct phi_meta *meta,
                                     struct phi_err *err)
{
    enum phi_status st;

    phi_buf_text(b, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n"
                    "  \"padding\": null,\n");
    put_added(b, t);
    phi_buf_text(b, "  \"normalizer\": null,\n"
                    "  \"pre_tokenizer\": {\n    \"type\": \"ByteLevel\",\n"
                    "    \"add_prefix_space\": false,\n"
                    "    \"trim_offsets\": true,\n"
                    "    \"use_regex\": true\n  },\n"
                    "  \"post_processor\": {\n    \"type\": \"ByteLevel\",\n"
                    "    \"add_prefix_space\": true,\n"
                    "    \"trim_offsets\": false,\n"
                    "    \"use_regex\": true\n  },\n"
                    "  \"decoder\": {\n    \"type\": \"ByteLevel\",\n"
                    "    \"add_prefix_space\": true,\n"
                    "    \"trim_offsets\": true,\n"
                    "    \"use_regex\": true\n  },\n"
                    "  \"model\": {\n    \"type\": \"BPE\",\n"
                    "    \"dropout\": null,\n    \"unk_token\": null,\n"
                    "    \"continuing_subword_prefix\": null,\n"
                    "    \"end_of_word_suffix\": null,\n"
                    "    \"fuse_unk\": false,\n"
                    "    \"byte_fallback\": false,\n"
                    "    \"ignore_merges\": false,\n");
    put_vocab(b, t);
    st = put_merges(b, t, meta, err);
    phi_buf_text(b, "  }\n}\n");
    return st;
}

/* ---- tokenizer_config.json ----------------------------------------------- */

/* The token with a role, as a text; a role makes a token special. */
static enum phi_status put_role(struct phi_buf *b, const char *name,
                                const struct tokens *t,
                                const struct phi_meta *meta, const char *key,
                                struct phi_err *err)
{
    uint64_t id = UINT64_MAX;
    const enum phi_status st =
        phi_meta_opt_uint(meta, key, UINT32_MAX, &id, err);

    if (st != PHI_OK || id == UINT64_MAX)
        return st;
    if (id >= t->n || type_of(t, (size_t)id) != CONTROL)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "key \"%s\": is %llu, expected a control token", key,
                        (unsigned long long)id);
    phi_buf_printf(b, "  \"%s\": ", name);
    phi_json_put_string(b, text_of(t, (size_t)id));
    phi_buf_text(b, ",\n");
    return PHI_OK;
}

static enum phi_status put_options(struct phi_buf *b, const struct tokens *t,
                                   const struct phi_meta *meta,
                                   uint64_t context, struct phi_err *err)
{
    bool first = true;
    enum phi_status st = PHI_OK;

    phi_buf_text(b, "{\n  \"add_prefix_space\": false,\n"
                    "  \"added_tokens_decoder\": {");
    for (size_t i = 0; i < t->n; i++) {
        if (!is_added(t, i))
            continue;
        phi_buf_printf(b, "%s\n    \"%zu\": {", first ? "" : ",", i);
        put_token(b, t, i, "\n      ");
        phi_buf_text(b, "\n    }");
        first = false;
    }
    phi_buf_printf(b, "%s},\n", first ? "" : "\n  ");
    for (size_t i = 0; st == PHI_OK && i < NROLES; i++)
        st = put_role(b, roles[i][0], t, meta, roles[i][1], err);
    /* As Phi's own, and as llama.cpp does for this kind. */
    phi_buf_printf(b,
                   "  \"clean_up_tokenization_spaces\": true,\n"
                   "  \"model_max_length\": %llu,\n"
                   "  \"tokenizer_class\": \"PreTrainedTokenizerFast\"\n}\n",
                   (unsigned long long)context);
    return st;
}

enum phi_status phi_hf_export_tokenizer(struct phi_buf *tokenizer,
                                        struct phi_buf *options,
                                        const struct phi_meta *meta,
                                        uint64_t context, struct phi_err *err)
{
    struct tokens t = {0};
    enum phi_status st = check_kind(meta, err);

    if (st == PHI_OK)
        st = load(&t, meta, err);
    if (st == PHI_OK)
        st = put_tokenizer(tokenizer, &t, meta, err);
    if (st == PHI_OK)
        st = put_options(options, &t, meta, context, err);
    if (st == PHI_OK)
        st = phi_buf_status(tokenizer, err);
    phi_map_release(&t.ids);
    return st == PHI_OK ? phi_buf_status(options, err) : st;
}
