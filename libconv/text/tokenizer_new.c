/* SPDX-License-Identifier: MIT */
/* Makes a tokenizer from metadata; everything is checked here, once. */
#include "libconv/text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/bytes.h"
#include "libconv/base/map.h"
#include "libconv/base/mem.h"
#include "libconv/base/utf8.h"
#include "libconv/text/byte_level.h"
#include "libconv/text/tokenizer_parts.h"

#define KEY(name) "tokenizer.ggml." name

/* Far above any vocabulary; keeps hostile files from long work. */
#define MAX_TOKENS      ((size_t)1 << 24)
#define MAX_TOKEN_BYTES 65536u

/* tokenizer.ggml.token_type */
enum token_type {
    TOKEN_NORMAL = 1,
    TOKEN_UNKNOWN = 2,
    TOKEN_CONTROL = 3,
    TOKEN_USER = 4,
    TOKEN_UNUSED = 5,
};

/* Borrowed from the metadata while the tokenizer is made. */
struct tables {
    const struct phi_kv *tokens;
    const struct phi_kv *types;
    const struct phi_kv *merges;
    struct phi_map ids; /* a token's text to its id */
};

static enum phi_status check_model(const struct phi_meta *meta,
                                   struct phi_err *err)
{
    const char *model;
    const enum phi_status st =
        phi_meta_get_str(meta, KEY("model"), &model, err);

    if (st == PHI_OK && strcmp(model, "gpt2") != 0)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "key \"" KEY("model") "\": is \"%.*s\", expected "
                                              "\"gpt2\"",
                        PHI_ERR_NAME, model);
    return st;
}

static enum phi_status find_tables(struct tables *in,
                                   const struct phi_meta *meta,
                                   struct phi_err *err)
{
    enum phi_status st = phi_meta_get_array(meta, KEY("tokens"), PHI_KV_STRING,
                                            &in->tokens, err);

    if (st == PHI_OK)
        st = phi_meta_get_array(meta, KEY("token_type"), PHI_KV_I32, &in->types,
                                err);
    if (st == PHI_OK)
        st = phi_meta_get_array(meta, KEY("merges"), PHI_KV_STRING, &in->merges,
                                err);
    if (st != PHI_OK)
        return st;
    if (in->tokens->v.arr.n == 0 || in->tokens->v.arr.n > MAX_TOKENS)
        return phi_fail(err, PHI_E_FORMAT,
                        "key \"" KEY("tokens") "\": has %zu entries, expected "
                                               "1 to %zu",
                        in->tokens->v.arr.n, MAX_TOKENS);
    if (in->types->v.arr.n != in->tokens->v.arr.n)
        return phi_fail(err, PHI_E_FORMAT,
                        "key \"" KEY("token_type") "\": has %zu entries, "
                                                   "expected one for each of "
                                                   "%zu tokens",
                        in->types->v.arr.n, in->tokens->v.arr.n);
    return PHI_OK;
}

static enum phi_status bad_token(struct phi_err *err, size_t i,
                                 const struct phi_str *s)
{
    return phi_err_prefix(err, "key \"" KEY("tokens") "\": entry %zu \"%.*s\"",
                          i, (int)(s->n < 64 ? s->n : 64), s->p);
}

/* Enters token i by its text; all texts are different. */
static enum phi_status index_token(struct tables *in, size_t i,
                                   struct phi_err *err)
{
    const struct phi_str *s = &in->tokens->v.arr.str[i];
    enum phi_status st = PHI_OK;
    bool added;

    if (s->n > MAX_TOKEN_BYTES)
        st = phi_fail(err, PHI_E_FORMAT, "is of %zu bytes, expected at most %u",
                      s->n, MAX_TOKEN_BYTES);
    else if (phi_utf8_valid((const uint8_t *)s->p, s->n) != s->n)
        st = phi_fail(err, PHI_E_FORMAT, "is not valid UTF-8");
    if (st == PHI_OK)
        st = phi_map_add(&in->ids, s->p, s->n, (uint32_t)i, &added, err);
    if (st == PHI_OK && !added)
        st = phi_fail(err, PHI_E_FORMAT, "is entry %lu already",
                      (unsigned long)*phi_map_find(&in->ids, s->p, s->n));
    if (st == PHI_E_FORMAT)
        bad_token(err, i, s);
    return st;
}

static enum phi_status index_tokens(struct tables *in, struct phi_err *err)
{
    for (size_t i = 0; i < in->tokens->v.arr.n; i++) {
        const enum phi_status st = index_token(in, i, err);

        if (st != PHI_OK)
            return st;
    }
    return PHI_OK;
}

static bool is_added(uint32_t type)
{
    return type == TOKEN_CONTROL || type == TOKEN_USER;
}

/*
 * What token i stands for, at the end of t->bytes: added tokens are their
 * own text, all others are written in the alphabet of bytes.
 */
static enum phi_status store_token(struct phi_tokenizer *t,
                                   const struct tables *in, size_t i,
                                   struct phi_err *err)
{
    const struct phi_str *s = &in->tokens->v.arr.str[i];
    const uint32_t type = phi_load_u32(in->types->v.arr.num + 4 * i);
    uint8_t *to = t->bytes + t->at[i];
    size_t n = s->n;

    if (type < TOKEN_NORMAL || type > TOKEN_UNUSED)
        return phi_fail(err, PHI_E_FORMAT,
                        "key \"" KEY("token_type") "\": entry %zu is %ld, "
                                                   "expected 1 to 5",
                        i, (long)(int32_t)type);
    if (is_added(type)) {
        memcpy(to, s->p, n);
        t->at[i + 1] = t->at[i] + n;
        return phi_added_tokens_put(
            &t->added[type == TOKEN_CONTROL ? ADDED_CONTROL : ADDED_USER], to,
            n, (uint32_t)i, err);
    }
    n = phi_byte_text(to, (const uint8_t *)s->p, n);
    t->at[i + 1] = t->at[i] + n;
    return PHI_OK;
}

static enum phi_status store_tokens(struct phi_tokenizer *t,
                                    const struct tables *in,
                                    struct phi_err *err)
{
    enum phi_status st = PHI_OK;
    size_t room = 0;

    t->n = in->tokens->v.arr.n;
    for (size_t i = 0; i < t->n; i++)
        room += in->tokens->v.arr.str[i].n; /* in memory, so no overflow */
    t->bytes = phi_alloc(room, 1, err);
    t->at = phi_alloc(t->n + 1, sizeof(*t->at), err);
    if (t->bytes == NULL || t->at == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; st == PHI_OK && i < t->n; i++)
        st = store_token(t, in, i, err);
    for (size_t k = 0; k < ADDED_SETS; k++)
        phi_added_tokens_sort(&t->added[k]);
    return st;
}

/* Added tokens stand for their text, which is the byte for ASCII alone. */
static void find_byte_tokens(struct phi_bpe *bpe, const struct tables *in)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint8_t text[4];
        const size_t n = phi_utf8_encode(phi_byte_to_char((uint8_t)b), text);
        const uint32_t *id = phi_map_find(&in->ids, (const char *)text, n);

        bpe->byte_token[b] = PHI_NO_TOKEN;
        if (id != NULL &&
            (text[0] == b ||
             !is_added(phi_load_u32(in->types->v.arr.num + 4 * (size_t)*id))))
            bpe->byte_token[b] = *id;
    }
}

static enum phi_status find_part(const struct phi_map *ids, const char *text,
                                 size_t n, uint32_t *id, struct phi_err *err)
{
    const uint32_t *found = phi_map_find(ids, text, n);

    if (found == NULL)
        return phi_fail(err, PHI_E_FORMAT, "\"%.*s\" is not in the vocabulary",
                        (int)(n < 64 ? n : 64), text);
    *id = *found;
    return PHI_OK;
}

/* "LEFT RIGHT": both, and the two put together, are tokens. */
static enum phi_status read_merge(struct phi_bpe *bpe,
                                  const struct phi_map *ids,
                                  const struct phi_str *line,
                                  struct phi_err *err)
{
    const char *blank = line->n > 0 ? memchr(line->p, ' ', line->n) : NULL;
    const size_t nleft = blank != NULL ? (size_t)(blank - line->p) : 0;
    const size_t nright = blank != NULL ? line->n - nleft - 1 : 0;
    struct phi_bpe_merge m;
    char *result;
    enum phi_status st;

    if (nleft == 0 || nright == 0 || memchr(blank + 1, ' ', nright) != NULL)
        return phi_fail(err, PHI_E_FORMAT,
                        "expected two parts with one space between them");
    st = find_part(ids, line->p, nleft, &m.left, err);
    if (st == PHI_OK)
        st = find_part(ids, blank + 1, nright, &m.right, err);
    if (st != PHI_OK)
        return st;
    result = phi_strndup(line->p, line->n, err);
    if (result == NULL)
        return PHI_E_NOMEM;
    memmove(result + nleft, blank + 1, nright);
    st = find_part(ids, result, nleft + nright, &m.result, err);
    free(result);
    return st == PHI_OK ? phi_bpe_add(bpe, m, err) : st;
}

static enum phi_status read_merges(struct phi_bpe *bpe, const struct tables *in,
                                   struct phi_err *err)
{
    enum phi_status st = phi_bpe_init(bpe, in->merges->v.arr.n, err);

    for (size_t i = 0; st == PHI_OK && i < in->merges->v.arr.n; i++) {
        const struct phi_str *line = &in->merges->v.arr.str[i];

        st = read_merge(bpe, &in->ids, line, err);
        if (st == PHI_E_FORMAT)
            phi_err_prefix(err, "key \"" KEY("merges") "\": entry %zu \"%.*s\"",
                           i, (int)(line->n < 64 ? line->n : 64), line->p);
    }
    return st;
}

static enum phi_status read_special_ids(struct phi_tokenizer *t,
                                        const struct phi_meta *meta,
                                        struct phi_err *err)
{
    /* "seperator" is how the key is spelt. */
    static const char *const keys[] = {
        KEY("bos_token_id"),     KEY("eos_token_id"),
        KEY("unknown_token_id"), KEY("seperator_token_id"),
        KEY("padding_token_id"), KEY("cls_token_id"),
        KEY("mask_token_id"),
    };
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        uint64_t id = 0;

        st = phi_meta_opt_uint(meta, keys[i], t->n - 1, &id, err);
        if (st != PHI_OK)
            return st;
        if (i == 0)
            t->bos = (uint32_t)id;
    }
    st = phi_meta_opt_bool(meta, KEY("add_bos_token"), &t->add_bos, err);
    if (st == PHI_OK && t->add_bos && phi_meta_find(meta, keys[0]) == NULL)
        st = phi_fail(err, PHI_E_FORMAT,
                      "key \"%s\": is missing, expected an id because "
                      "\"" KEY("add_bos_token") "\" is true",
                      keys[0]);
    return st;
}

/* GGUF files from before May 2024 have no such key. */
static enum phi_status find_split(struct phi_tokenizer *t,
                                  const struct phi_meta *meta,
                                  struct phi_err *err)
{
    const char *pre;
    const enum phi_status st = phi_meta_get_str(meta, KEY("pre"), &pre, err);

    if (st != PHI_OK) {
        phi_hint(err, "convert the model again from its original folder");
        return st;
    }
    return phi_pre_split_new(&t->split, pre, err);
}

enum phi_status phi_tokenizer_new(struct phi_tokenizer **out,
                                  const struct phi_meta *meta,
                                  struct phi_err *err)
{
    struct phi_tokenizer *t = phi_alloc(1, sizeof(*t), err);
    struct tables in = {0};
    enum phi_status st = t != NULL ? PHI_OK : PHI_E_NOMEM;

    if (st == PHI_OK)
        st = check_model(meta, err);
    if (st == PHI_OK)
        st = find_split(t, meta, err);
    if (st == PHI_OK)
        st = find_tables(&in, meta, err);
    if (st == PHI_OK)
        st = index_tokens(&in, err);
    if (st == PHI_OK)
        st = store_tokens(t, &in, err);
    if (st == PHI_OK)
        st = read_merges(&t->bpe, &in, err);
    if (st == PHI_OK)
        st = read_special_ids(t, meta, err);
    if (st == PHI_OK) {
        find_byte_tokens(&t->bpe, &in);
        *out = t;
        t = NULL;
    }
    phi_map_release(&in.ids);
    phi_tokenizer_free(t);
    return st;
}
