/* SPDX-License-Identifier: MIT */
/* Tokens; the merges are in hf_merges.c. */
#include "formats/hf_vocab.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/base/utf8.h"

/* A token as one file describes it. */
struct described {
    const char *text;
    uint32_t n;
    uint32_t id;
    bool special;
    bool has_special; /* whether the file says */
};

enum phi_status phi_hf_vocab_init(struct phi_hf_vocab *v, uint64_t rows,
                                  bool backed, struct phi_err *err)
{
    *v = (struct phi_hf_vocab){.rows = rows};
    if (rows > PHI_HF_MAX_VOCAB)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "a vocabulary of %llu tokens, the limit is %llu",
                        (unsigned long long)rows,
                        (unsigned long long)PHI_HF_MAX_VOCAB);
    if (!backed)
        return PHI_OK;
    v->size = rows;
    v->token = phi_alloc((size_t)rows, sizeof(*v->token), err);
    return v->token != NULL ? PHI_OK : PHI_E_NOMEM;
}

void phi_hf_vocab_release(struct phi_hf_vocab *v)
{
    free(v->token);
    free(v->merge);
    phi_map_release(&v->ids);
    *v = (struct phi_hf_vocab){0};
}

struct phi_hf_token *phi_hf_vocab_find(const struct phi_hf_vocab *v,
                                       const char *text)
{
    const uint32_t *id = phi_map_find(&v->ids, text, strlen(text));

    return id != NULL ? &v->token[*id] : NULL;
}

static unsigned id_of(const struct phi_hf_vocab *v,
                      const struct phi_hf_token *t)
{
    return (unsigned)(t - v->token);
}

static enum phi_status check_length(const struct phi_json *at, const char *text,
                                    uint32_t *n, struct phi_err *err)
{
    const size_t len = strlen(text);

    if (len == 0)
        return phi_json_refuse(at, PHI_E_FORMAT, err, "a token without text");
    if (len > PHI_HF_MAX_TOKEN)
        return phi_json_refuse(at, PHI_E_UNSUPPORTED, err,
                               "a token of %zu bytes, the limit is %zu", len,
                               PHI_HF_MAX_TOKEN);
    *n = (uint32_t)len;
    return PHI_OK;
}

static enum phi_status check_id(const struct phi_hf_vocab *v,
                                const struct phi_json *at, const char *text,
                                uint64_t id, struct phi_err *err)
{
    if (id < v->rows)
        return PHI_OK;
    return phi_json_refuse(at, PHI_E_FORMAT, err,
                           "token \"%.*s\" has id %llu, but the model has %llu "
                           "rows: vocabulary does not fit the model",
                           PHI_ERR_NAME, text, (unsigned long long)id,
                           (unsigned long long)v->rows);
}

/* Room for the id of a new token. */
static enum phi_status make_room(struct phi_hf_vocab *v,
                                 const struct phi_json *at,
                                 const struct described *d, struct phi_err *err)
{
    void *p = v->token;
    enum phi_status st;

    if (d->id < v->size)
        return PHI_OK;
    if (d->id >= v->nlisted + PHI_HF_MAX_UNUSED)
        return phi_json_refuse(at, PHI_E_UNSUPPORTED, err,
                               "token \"%.*s\" has id %u, but there are %zu "
                               "tokens; without weights the limit is %u ids "
                               "that none has",
                               PHI_ERR_NAME, d->text, (unsigned)d->id,
                               v->nlisted, PHI_HF_MAX_UNUSED);
    st = phi_grow(&p, &v->cap, (size_t)d->id + 1, sizeof(*v->token), err);
    v->token = p;
    if (st == PHI_OK)
        v->size = (uint64_t)d->id + 1;
    return st;
}

/* Puts a new text at a free id. */
static enum phi_status add(struct phi_hf_vocab *v, const struct phi_json *at,
                           const struct described *d, uint32_t flags,
                           struct phi_err *err)
{
    const enum phi_status st = make_room(v, at, d, err);
    struct phi_hf_token *t;

    if (st != PHI_OK)
        return st;
    t = &v->token[d->id];
    if (t->text != NULL)
        return phi_json_refuse(at, PHI_E_FORMAT, err,
                               "tokens \"%.*s\" and \"%.*s\" both have id %u",
                               PHI_ERR_NAME, t->text, PHI_ERR_NAME, d->text,
                               (unsigned)d->id);
    *t = (struct phi_hf_token){.text = d->text, .n = d->n, .flags = flags};
    return phi_map_add(&v->ids, d->text, d->n, d->id, NULL, err);
}

static enum phi_status read_pair(const struct phi_hf_vocab *v,
                                 const struct phi_json *item,
                                 struct described *d, struct phi_err *err)
{
    uint64_t id;
    enum phi_status st;

    *d = (struct described){.text = phi_json_key(item)};
    st = phi_json_uint(item, 0, UINT32_MAX, &id, err);
    if (st == PHI_OK)
        st = check_length(item, d->text, &d->n, err);
    if (st == PHI_OK)
        st = check_id(v, item, d->text, id, err);
    if (st == PHI_OK)
        d->id = (uint32_t)id;
    return st;
}

enum phi_status phi_hf_vocab_set_base(struct phi_hf_vocab *v,
                                      const struct phi_json *object,
                                      struct phi_err *err)
{
    struct phi_json item = {0};
    enum phi_status st = phi_json_expect(object, PHI_JSON_OBJECT, err);

    v->from = phi_json_name(object);
    if (st == PHI_OK)
        v->nlisted += phi_json_count(object);
    while (st == PHI_OK && phi_json_next(object, &item)) {
        struct described d;

        st = read_pair(v, &item, &d, err);
        if (st == PHI_OK)
            st = add(v, &item, &d, PHI_HF_BASE, err);
        v->nbase++;
    }
    return st;
}

/* The token that d describes, which v must have under the same id. */
static enum phi_status match(const struct phi_hf_vocab *v,
                             const struct phi_json *at,
                             const struct described *d,
                             struct phi_hf_token **out, struct phi_err *err)
{
    const uint32_t *id = phi_map_find(&v->ids, d->text, d->n);

    if (id == NULL)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: token \"%.*s\" has id %u, but %s does not have it",
                        phi_json_name(at), PHI_ERR_NAME, d->text,
                        (unsigned)d->id, v->from);
    if (*id != d->id)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: token \"%.*s\" has id %u, but %u in %s",
                        phi_json_name(at), PHI_ERR_NAME, d->text,
                        (unsigned)d->id, (unsigned)*id, v->from);
    *out = &v->token[*id];
    return PHI_OK;
}

/* All tokens with a bit of `is` and none of `not` were SEEN; takes that off. */
static enum phi_status check_seen(struct phi_hf_vocab *v, const char *file,
                                  uint32_t is, uint32_t not,
                                  struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (uint64_t i = 0; i < v->size; i++) {
        struct phi_hf_token *t = &v->token[i];

        if (st == PHI_OK && (t->flags & is) != 0 && (t->flags & not ) == 0 &&
            (t->flags & PHI_HF_SEEN) == 0)
            st = phi_fail(
                err, PHI_E_FORMAT,
                "%s: token \"%.*s\" has id %llu, but %s does not have it",
                v->from, PHI_ERR_NAME, t->text, (unsigned long long)i, file);
        t->flags &= ~(uint32_t)PHI_HF_SEEN;
    }
    return st;
}

enum phi_status phi_hf_vocab_same_base(struct phi_hf_vocab *v,
                                       const struct phi_json *object,
                                       struct phi_err *err)
{
    struct phi_json item = {0};
    enum phi_status st = phi_json_expect(object, PHI_JSON_OBJECT, err);

    while (st == PHI_OK && phi_json_next(object, &item)) {
        struct phi_hf_token *t = NULL;
        struct described d;

        st = read_pair(v, &item, &d, err);
        if (st == PHI_OK)
            st = match(v, &item, &d, &t, err);
        if (st == PHI_OK)
            t->flags |= PHI_HF_SEEN;
    }
    if (st == PHI_OK)
        st = check_seen(v, phi_json_name(object), PHI_HF_BASE, PHI_HF_ADDED,
                        err);
    return st;
}

/* The id of an added token: its own member, or the key that holds it. */
static enum phi_status read_id(const struct phi_json *item, uint64_t *id,
                               struct phi_err *err)
{
    const char *key = phi_json_key(item);
    size_t n;

    if (key == NULL)
        return phi_json_get_uint(item, "id", 0, UINT32_MAX, id, err);
    n = strspn(key, "0123456789");
    if (n == 0 || n > 10 || key[n] != '\0')
        return phi_json_refuse(item, PHI_E_FORMAT, err, "is not an id");
    *id = strtoull(key, NULL, 10);
    return PHI_OK;
}

/* An added token in any of its three forms. */
static enum phi_status read_added(const struct phi_hf_vocab *v,
                                  const struct phi_json *item,
                                  struct described *d, struct phi_err *err)
{
    static const char *const flags[] = {"single_word", "lstrip", "rstrip"};
    struct phi_json special;
    uint64_t id = 0;
    enum phi_status st;

    if (phi_json_type(item) == PHI_JSON_NUMBER && phi_json_key(item) != NULL)
        return read_pair(v, item, d, err);
    *d = (struct described){0};
    st = phi_json_expect(item, PHI_JSON_OBJECT, err);
    if (st == PHI_OK)
        st = read_id(item, &id, err);
    if (st == PHI_OK)
        st = phi_json_get_str(item, "content", &d->text, err);
    if (st == PHI_OK)
        st = check_length(item, d->text, &d->n, err);
    if (st == PHI_OK)
        st = check_id(v, item, d->text, id, err);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        bool on = false;

        if (st == PHI_OK)
            st = phi_json_opt_bool(item, flags[i], &on, err);
        if (st == PHI_OK && on)
            st = phi_json_refuse(
                item, PHI_E_UNSUPPORTED, err,
                "token \"%.*s\" has %s, which GGUF cannot carry", PHI_ERR_NAME,
                d->text, flags[i]);
    }
    if (st == PHI_OK && strstr(d->text, "\xe2\x96\x81") != NULL)
        st = phi_json_refuse(
            item, PHI_E_UNSUPPORTED, err,
            "token \"%.*s\" holds U+2581, which GGUF readers take for a blank",
            PHI_ERR_NAME, d->text);
    if (st == PHI_OK)
        st = phi_json_opt_bool(item, "special", &d->special, err);
    d->id = (uint32_t)id;
    if (st == PHI_OK)
        d->has_special = phi_json_find(item, "special", &special);
    return st;
}

/*
 * The id that the tokenizers library gives a token that the model does not
 * have, whatever the file says: one behind the last.
 */
static uint32_t next_id(const struct phi_hf_vocab *v, uint64_t last)
{
    return (uint32_t)(last < v->nbase ? v->nbase : last + 1);
}

enum phi_status phi_hf_vocab_set_added(struct phi_hf_vocab *v,
                                       const struct phi_json *tokens,
                                       struct phi_err *err)
{
    const bool array = phi_json_type(tokens) == PHI_JSON_ARRAY;
    struct phi_json item = {0};
    uint64_t last = 0;
    enum phi_status st =
        array ? PHI_OK : phi_json_expect(tokens, PHI_JSON_OBJECT, err);

    if (st == PHI_OK)
        v->nlisted += phi_json_count(tokens);
    while (st == PHI_OK && phi_json_next(tokens, &item)) {
        struct phi_hf_token *t;
        struct described d;
        uint32_t flags;

        st = read_added(v, &item, &d, err);
        if (st != PHI_OK)
            break;
        flags = PHI_HF_ADDED | (d.special ? (uint32_t)PHI_HF_SPECIAL : 0);
        t = phi_hf_vocab_find(v, d.text);
        if (t == NULL) {
            if (array && d.id != next_id(v, last))
                st = phi_json_refuse(
                    &item, PHI_E_FORMAT, err,
                    "token \"%.*s\" has id %u, but Hugging Face's tokenizers "
                    "give it %u, the next free one",
                    PHI_ERR_NAME, d.text, (unsigned)d.id,
                    (unsigned)next_id(v, last));
            else
                st = add(v, &item, &d, flags, err);
        } else if ((t->flags & PHI_HF_ADDED) != 0) {
            st = phi_json_refuse(&item, PHI_E_FORMAT, err,
                                 "token \"%.*s\" is added twice", PHI_ERR_NAME,
                                 d.text);
        } else if (id_of(v, t) != d.id) {
            st = phi_json_refuse(&item, PHI_E_FORMAT, err,
                                 "token \"%.*s\" has id %u, but %u in the "
                                 "vocabulary of %s",
                                 PHI_ERR_NAME, d.text, (unsigned)d.id,
                                 id_of(v, t), v->from);
        } else {
            t->flags |= flags;
        }
        if (d.id > last)
            last = d.id;
    }
    return st;
}

enum phi_status phi_hf_vocab_same_added(struct phi_hf_vocab *v,
                                        const struct phi_json *tokens, bool all,
                                        struct phi_err *err)
{
    struct phi_json item = {0};
    enum phi_status st = phi_json_expect(tokens, PHI_JSON_OBJECT, err);

    while (st == PHI_OK && phi_json_next(tokens, &item)) {
        struct phi_hf_token *t = NULL;
        struct described d;
        bool special;

        st = read_added(v, &item, &d, err);
        if (st == PHI_OK)
            st = match(v, &item, &d, &t, err);
        if (st != PHI_OK)
            break;
        special = (t->flags & PHI_HF_SPECIAL) != 0;
        if ((t->flags & PHI_HF_ADDED) == 0)
            st = phi_fail(err, PHI_E_FORMAT,
                          "%s: token \"%.*s\" (id %u) is added, but not in %s",
                          phi_json_name(&item), PHI_ERR_NAME, d.text,
                          (unsigned)d.id, v->from);
        else if (d.has_special && d.special != special)
            st = phi_fail(err, PHI_E_FORMAT,
                          "%s: token \"%.*s\" (id %u) is %sspecial, but not "
                          "so in %s",
                          phi_json_name(&item), PHI_ERR_NAME, d.text,
                          (unsigned)d.id, d.special ? "" : "not ", v->from);
        t->flags |= PHI_HF_SEEN;
    }
    if (st == PHI_OK)
        st = check_seen(v, phi_json_name(tokens), PHI_HF_ADDED,
                        all ? 0 : PHI_HF_BASE, err);
    return st;
}

/* GPT-2's character for a byte: itself if printable, else from U+0100 on. */
static uint32_t byte_character(uint32_t byte)
{
    if (byte <= 0x20)
        return 0x100 + byte;
    if (byte >= 0x7f && byte <= 0xa0)
        return 0x121 + (byte - 0x7f);
    return byte == 0xad ? 0x143 : byte;
}

enum phi_status phi_hf_vocab_check_bytes(const struct phi_hf_vocab *v,
                                         struct phi_err *err)
{
    for (uint32_t byte = 0; byte < 0xf5; byte++) {
        uint8_t utf8[4];
        const size_t n = phi_utf8_encode(byte_character(byte), utf8);
        const uint32_t *id;

        if (byte == 0xc0 || byte == 0xc1)
            continue; /* in no UTF-8 text, as those from 0xf5 on */
        id = phi_map_find(&v->ids, (const char *)utf8, n);
        if (id == NULL || (v->token[*id].flags & PHI_HF_BASE) == 0)
            return phi_fail(err, PHI_E_UNSUPPORTED,
                            "%s: byte 0x%02x has no token (\"%.*s\"): text "
                            "with it would lose it",
                            v->from, (unsigned)byte, (int)n,
                            (const char *)utf8);
    }
    return PHI_OK;
}
