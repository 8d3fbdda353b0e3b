/* SPDX-License-Identifier: MIT */
/* Tokens with a role: where texts begin and end, what fills them up. */
#include <string.h>

#include "formats/hf_tokenizer_parts.h"
#include "libconv/base/file.h"

static const struct {
    const char *token; /* in tokenizer_config.json, special_tokens_map.json */
    const char *add;   /* in tokenizer_config.json */
    const char *id;    /* in config.json */
    const char *key;   /* in GGUF; "seperator" is how it is spelled there */
    const char *flag;
} roles[PHI_HF_NROLES] = {
    [PHI_HF_BOS] = {"bos_token", "add_bos_token", "bos_token_id",
                    "tokenizer.ggml.bos_token_id",
                    "tokenizer.ggml.add_bos_token"},
    [PHI_HF_EOS] = {"eos_token", "add_eos_token", "eos_token_id",
                    "tokenizer.ggml.eos_token_id",
                    "tokenizer.ggml.add_eos_token"},
    [PHI_HF_UNK] = {"unk_token", NULL, "unk_token_id",
                    "tokenizer.ggml.unknown_token_id", NULL},
    [PHI_HF_SEP] = {"sep_token", "add_sep_token", "sep_token_id",
                    "tokenizer.ggml.seperator_token_id",
                    "tokenizer.ggml.add_sep_token"},
    [PHI_HF_PAD] = {"pad_token", NULL, "pad_token_id",
                    "tokenizer.ggml.padding_token_id", NULL},
    [PHI_HF_CLS] = {"cls_token", NULL, "cls_token_id", NULL, NULL},
    [PHI_HF_MASK] = {"mask_token", NULL, "mask_token_id",
                     "tokenizer.ggml.mask_token_id", NULL},
};

/* A token given as text, or as an object with flags of its own. */
static enum phi_status token_text(const struct phi_json *v, const char **out,
                                  struct phi_err *err)
{
    static const char *const flags[] = {"single_word", "lstrip", "rstrip"};
    enum phi_status st;

    if (phi_json_type(v) != PHI_JSON_OBJECT)
        return phi_json_str(v, out, err);
    st = phi_json_get_str(v, "content", out, err);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        bool on = false;

        if (st == PHI_OK)
            st = phi_json_opt_bool(v, flags[i], &on, err);
        if (st == PHI_OK && on)
            st = phi_json_refuse(v, PHI_E_UNSUPPORTED, err,
                                 "has %s, which GGUF cannot carry", flags[i]);
    }
    return st;
}

/* Looks for a member with a value; null counts as missing. */
static bool find(const struct phi_json *object, const char *key,
                 struct phi_json *out)
{
    return object->node != NULL && phi_json_find(object, key, out) &&
           phi_json_type(out) != PHI_JSON_NULL;
}

/* The text of role i from both files, which must not contradict. */
static enum phi_status read_role(struct phi_hf_roles *r, size_t i,
                                 const struct phi_hf_files *files,
                                 struct phi_err *err)
{
    struct phi_json in_options;
    struct phi_json in_special;
    const char *other = NULL;
    enum phi_status st = PHI_OK;

    if (find(&files->options, roles[i].token, &in_options))
        st = token_text(&in_options, &r->text[i], err);
    if (st == PHI_OK && find(&files->special, roles[i].token, &in_special))
        st = token_text(&in_special, &other, err);
    if (st != PHI_OK || other == NULL)
        return st;
    if (r->text[i] != NULL && strcmp(r->text[i], other) != 0)
        return phi_json_refuse(&in_special, PHI_E_FORMAT, err,
                               "is \"%.*s\", but \"%.*s\" in %s", PHI_ERR_NAME,
                               other, PHI_ERR_NAME, r->text[i],
                               phi_json_name(&files->options));
    r->text[i] = other;
    return PHI_OK;
}

/* Hugging Face adds tokens with a role to the added ones. */
static enum phi_status mark_role(const struct phi_hf_roles *r, size_t i,
                                 const struct phi_hf_files *files,
                                 struct phi_hf_vocab *v, struct phi_err *err)
{
    struct phi_hf_token *t = phi_hf_vocab_find(v, r->text[i]);
    const bool plain = files->tokenizer.node == NULL;

    if (t == NULL)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: %s \"%.*s\" is not in the vocabulary of %s",
                        files->dir, roles[i].token, PHI_ERR_NAME, r->text[i],
                        phi_path_base(v->from));
    if ((t->flags & PHI_HF_ADDED) == 0 || plain)
        t->flags |= PHI_HF_ADDED | PHI_HF_SPECIAL;
    return PHI_OK;
}

/* Further special tokens must be among the added ones already. */
static enum phi_status check_additional(const struct phi_json *file,
                                        const char *key,
                                        const struct phi_hf_vocab *v,
                                        struct phi_err *err)
{
    struct phi_json list;
    struct phi_json item = {0};
    enum phi_status st = PHI_OK;

    if (!find(file, key, &list) || phi_json_type(&list) != PHI_JSON_ARRAY)
        return PHI_OK;
    while (st == PHI_OK && phi_json_next(&list, &item)) {
        const struct phi_hf_token *t;
        const char *text;

        st = token_text(&item, &text, err);
        if (st != PHI_OK)
            break;
        t = phi_hf_vocab_find(v, text);
        if (t == NULL || (t->flags & PHI_HF_ADDED) == 0)
            st = phi_json_refuse(&item, PHI_E_FORMAT, err,
                                 "token \"%.*s\" is not among the added tokens "
                                 "of %s",
                                 PHI_ERR_NAME, text, v->from);
    }
    return st;
}

enum phi_status phi_hf_roles_read(struct phi_hf_roles *r,
                                  const struct phi_hf_files *files,
                                  struct phi_hf_vocab *v, struct phi_err *err)
{
    static const char *const additional[] = {"additional_special_tokens",
                                             "extra_special_tokens"};
    struct phi_hf_token *t = phi_hf_vocab_find(v, "<|endoftext|>");
    enum phi_status st = PHI_OK;

    *r = (struct phi_hf_roles){0};
    for (size_t i = 0; i < PHI_HF_NROLES && st == PHI_OK; i++)
        st = read_role(r, i, files, err);
    for (size_t i = 0; i < PHI_HF_NROLES && st == PHI_OK; i++) {
        if (r->text[i] != NULL)
            st = mark_role(r, i, files, v, err);
    }
    /* What the tokenizer class does where no file names any token. */
    if (files->tokenizer.node == NULL && t != NULL &&
        r->text[PHI_HF_BOS] == NULL && r->text[PHI_HF_EOS] == NULL)
        t->flags |= PHI_HF_ADDED | PHI_HF_SPECIAL;
    for (size_t i = 0; i < 2 && st == PHI_OK; i++) {
        st = check_additional(&files->options, additional[i], v, err);
        if (st == PHI_OK)
            st = check_additional(&files->special, additional[i], v, err);
    }
    if (files->tokenizer.node != NULL && r->text[PHI_HF_BOS] == NULL)
        r->text[PHI_HF_BOS] = r->text[PHI_HF_CLS];
    if (files->tokenizer.node != NULL && r->text[PHI_HF_EOS] == NULL)
        r->text[PHI_HF_EOS] = r->text[PHI_HF_SEP];
    return st;
}

void phi_hf_roles_flag(struct phi_hf_roles *r, int i, bool add)
{
    for (size_t k = 0; k < r->nflags; k++) {
        if (r->flag[k] == i) {
            r->add[i] = add;
            return;
        }
    }
    r->flag[r->nflags++] = i;
    r->add[i] = add;
}

static enum phi_status write_id(struct phi_meta *meta, size_t role, uint64_t id,
                                struct phi_err *err)
{
    if (roles[role].key == NULL)
        return PHI_OK;
    return phi_meta_set_u(meta, roles[role].key, PHI_KV_U32, id, err);
}

/*
 * A list of ids, as some configs have for the end, is for generation. The id
 * of a row without a token says nothing where there are no rows.
 */
static enum phi_status write_config_id(struct phi_meta *meta, size_t role,
                                       const struct phi_hf_files *files,
                                       const struct phi_hf_vocab *v,
                                       struct phi_err *err)
{
    struct phi_json value;
    uint64_t id;
    enum phi_status st;

    if (!find(&files->config, roles[role].id, &value) ||
        phi_json_type(&value) == PHI_JSON_ARRAY)
        return PHI_OK;
    st = phi_json_uint(&value, 0, v->rows - 1, &id, err);
    return st == PHI_OK && id < v->size ? write_id(meta, role, id, err) : st;
}

enum phi_status phi_hf_roles_write(struct phi_meta *meta,
                                   const struct phi_hf_roles *r,
                                   const struct phi_hf_files *files,
                                   const struct phi_hf_vocab *v,
                                   struct phi_err *err)
{
    struct phi_hf_roles flags = *r;
    bool written[PHI_HF_NROLES] = {false};
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < PHI_HF_NROLES && st == PHI_OK; i++) {
        const struct phi_hf_token *t =
            r->text[i] != NULL ? phi_hf_vocab_find(v, r->text[i]) : NULL;

        if (t != NULL)
            st = write_id(meta, i, (uint64_t)(t - v->token), err);
        written[i] = t != NULL;
    }
    for (size_t i = 0; i < PHI_HF_NROLES && st == PHI_OK; i++) {
        if (!written[i])
            st = write_config_id(meta, i, files, v, err);
    }
    for (int i = 0; i < PHI_HF_NROLES && st == PHI_OK; i++) {
        struct phi_json add;
        bool on;

        if (roles[i].add == NULL || !find(&files->options, roles[i].add, &add))
            continue;
        st = phi_json_bool(&add, &on, err);
        if (st == PHI_OK)
            phi_hf_roles_flag(&flags, i, on);
    }
    for (size_t k = 0; k < flags.nflags && st == PHI_OK; k++)
        st = phi_meta_set_u(meta, roles[flags.flag[k]].flag, PHI_KV_BOOL,
                            flags.add[flags.flag[k]], err);
    return st;
}
