/* SPDX-License-Identifier: MIT */
/*
 * The post-processor of tokenizer.json: which special tokens go around a
 * text. GGUF knows three flags, so a template must be of this form, with
 * special tokens only where these have them:
 *
 *   single   [bos] A [eos]
 *   pair     [bos] A [eos] [sep] B [eos]
 *
 * The template names a special token by a text; what it puts there are the
 * ids that it lists for that text, so these must be the token's own.
 *
 * The reading of pairs is gguf-py's.
 */
#include <string.h>

#include "formats/hf_tokenizer_parts.h"

struct template
{
    struct phi_hf_roles *r;
    const struct phi_hf_vocab *v;
    struct phi_json special; /* special_tokens */
    bool has_options;        /* there is a tokenizer_config.json */
    const char *first;
    const char *last;
    struct phi_err *err;
};

/* The i-th element; there is one. */
static struct phi_json element(const struct phi_json *array, size_t i)
{
    struct phi_json item = {0};

    do
        phi_json_next(array, &item);
    while (i-- > 0);
    return item;
}

/* The id in {"SpecialToken": {"id": ..}} or {"Sequence": ..}, else NULL. */
static const char *id_of(const struct phi_json *array, size_t i,
                         const char *kind)
{
    const struct phi_json item = element(array, i);
    struct phi_json inner;
    struct phi_json id;
    const char *text = NULL;

    if (phi_json_find(&item, kind, &inner) &&
        phi_json_find(&inner, "id", &id) &&
        phi_json_type(&id) == PHI_JSON_STRING)
        (void)phi_json_str(&id, &text, NULL);
    return text;
}

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static enum phi_status refuse(const struct phi_json *at, struct phi_err *err)
{
    return phi_json_refuse(at, PHI_E_UNSUPPORTED, err,
                           "is a template other than \"bos text eos\", which "
                           "GGUF cannot carry");
}

/* The template puts the token with this text where it names it. */
static enum phi_status check_ids(const struct template *t, const char *text)
{
    const struct phi_hf_token *token = phi_hf_vocab_find(t->v, text);
    struct phi_json entry, ids, first;
    uint64_t id = UINT64_MAX;
    enum phi_status st;

    if (token == NULL || t->special.node == NULL ||
        !phi_json_find(&t->special, text, &entry))
        return phi_fail(t->err, PHI_E_FORMAT,
                        "%s: key \"post_processor\": names the special token "
                        "\"%.*s\", expected it in special_tokens and in the "
                        "vocabulary",
                        t->v->from, PHI_ERR_NAME, text);
    st = phi_json_expect(&entry, PHI_JSON_OBJECT, t->err);
    if (st == PHI_OK)
        st = phi_json_get(&entry, "ids", PHI_JSON_ARRAY, &ids, t->err);
    if (st != PHI_OK)
        return st;
    if (phi_json_count(&ids) == 1) {
        first = element(&ids, 0);
        st = phi_json_uint(&first, 0, UINT32_MAX, &id, t->err);
    }
    if (st == PHI_OK && id != (uint64_t)(token - t->v->token))
        st = phi_json_refuse(&ids, PHI_E_UNSUPPORTED, t->err,
                             "puts other tokens than that of the text, "
                             "expected [%zu]",
                             (size_t)(token - t->v->token));
    return st;
}

static enum phi_status read_single(struct template *t,
                                   const struct phi_json *single)
{
    struct phi_hf_roles *r = t->r;
    const size_t n = phi_json_count(single);
    size_t left = n;
    enum phi_status st = PHI_OK;

    if (n == 0)
        return refuse(single, t->err);
    if (n > 1) {
        t->first = id_of(single, 0, "SpecialToken");
        t->last = id_of(single, n - 1, "SpecialToken");
    }
    if (t->first != NULL) {
        if (!t->has_options)
            r->text[PHI_HF_BOS] = t->first;
        if (!same(t->first, r->text[PHI_HF_BOS]) &&
            !same(t->first, r->text[PHI_HF_CLS]))
            return refuse(single, t->err);
        phi_hf_roles_flag(r, PHI_HF_BOS, true);
        left--;
    }
    if (t->last != NULL) {
        if (!t->has_options)
            r->text[PHI_HF_EOS] = t->last;
        if (!same(t->last, r->text[PHI_HF_EOS]))
            return refuse(single, t->err);
        phi_hf_roles_flag(r, PHI_HF_EOS, true);
        left--;
    }
    if (left != 1 || id_of(single, t->first != NULL, "Sequence") == NULL)
        return refuse(single, t->err);
    if (t->first != NULL)
        st = check_ids(t, t->first);
    return st == PHI_OK && t->last != NULL ? check_ids(t, t->last) : st;
}

static bool separates(const struct template *t, const struct phi_json *pair,
                      size_t i)
{
    const char *id = id_of(pair, i, "SpecialToken");

    return same(id, t->r->text[PHI_HF_SEP]) || same(id, t->r->text[PHI_HF_EOS]);
}

/* Between A and B: [sep], or [eos] [sep]. */
static enum phi_status read_pair(struct template *t,
                                 const struct phi_json *pair)
{
    size_t begin = 0;
    size_t end = phi_json_count(pair);
    bool sep = false;
    enum phi_status st = PHI_OK;

    if (end == 0)
        return st;
    begin += same(t->first, id_of(pair, 0, "SpecialToken"));
    end -= same(t->last, id_of(pair, end - 1, "SpecialToken"));
    if (end < begin + 3 || !same(id_of(pair, begin, "Sequence"), "A") ||
        !same(id_of(pair, end - 1, "Sequence"), "B"))
        return st;
    if (t->last == NULL)
        sep = separates(t, pair, begin + 1);
    if (end - begin == 4)
        sep = sep || separates(t, pair, begin + 2);
    phi_hf_roles_flag(t->r, PHI_HF_SEP, sep);
    if (sep && t->r->text[PHI_HF_SEP] == NULL && t->has_options)
        t->r->text[PHI_HF_SEP] = t->r->text[PHI_HF_EOS];
    for (size_t i = begin + 1; st == PHI_OK && sep && i < end - 1; i++) {
        const char *id = id_of(pair, i, "SpecialToken");

        if (id != NULL)
            st = check_ids(t, id);
    }
    return st;
}

static enum phi_status read_processor(struct template *t,
                                      const struct phi_json *processor)
{
    struct phi_json single = {0};
    struct phi_json pair = {0};
    const char *type;
    enum phi_status st = phi_json_get_str(processor, "type", &type, t->err);

    if (st != PHI_OK || strcmp(type, "ByteLevel") == 0)
        return st; /* moves offsets, adds nothing */
    if (strcmp(type, "TemplateProcessing") != 0)
        return phi_json_refuse(processor, PHI_E_UNSUPPORTED, t->err,
                               "is of type \"%.*s\", supported are "
                               "\"ByteLevel\" and \"TemplateProcessing\"",
                               PHI_ERR_NAME, type);
    st = phi_json_get(processor, "single", PHI_JSON_ARRAY, &single, t->err);
    if (st == PHI_OK)
        st = phi_json_opt(processor, "special_tokens", PHI_JSON_OBJECT,
                          &t->special, t->err);
    if (st == PHI_OK)
        st = read_single(t, &single);
    if (st == PHI_OK)
        st = phi_json_opt(processor, "pair", PHI_JSON_ARRAY, &pair, t->err);
    if (st == PHI_OK && pair.node != NULL)
        st = read_pair(t, &pair);
    return st;
}

enum phi_status phi_hf_roles_template(struct phi_hf_roles *r,
                                      const struct phi_json *tokenizer,
                                      const struct phi_hf_vocab *v,
                                      bool has_options, struct phi_err *err)
{
    struct template t = {
        .r = r, .v = v, .has_options = has_options, .err = err};
    struct phi_json post = {0};
    struct phi_json list = {0};
    struct phi_json item = {0};
    enum phi_status st =
        phi_json_opt(tokenizer, "post_processor", PHI_JSON_OBJECT, &post, err);

    if (st != PHI_OK || post.node == NULL)
        return st;
    st = phi_json_opt(&post, "processors", PHI_JSON_ARRAY, &list, err);
    if (st != PHI_OK)
        return st;
    if (list.node == NULL)
        return read_processor(&t, &post);
    while (st == PHI_OK && phi_json_next(&list, &item))
        st = read_processor(&t, &item);
    return st;
}
