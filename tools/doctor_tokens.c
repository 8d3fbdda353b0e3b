/* SPDX-License-Identifier: MIT */
/* The tokenizer against the rows, and special tokens among the files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/hf_tokenizer.h"
#include "libconv/base/buf.h"
#include "libconv/base/file.h"
#include "tools/doctor.h"

#define NO_ID UINT64_MAX

/* ---- the vocabulary ----------------------------------------------------- */

/* A token; the first file that has it decides, others are not compared. */
static enum phi_status add_token(struct doctor *d, const char *text,
                                 uint64_t id, struct phi_err *err)
{
    if (id >= d->ntokens)
        d->ntokens = id + 1;
    return phi_map_add(&d->tokens, text, strlen(text), (uint32_t)id, NULL, err);
}

/* {"text": id, ...} */
static enum phi_status add_object(struct doctor *d,
                                  const struct phi_json *object,
                                  struct phi_err *err)
{
    struct phi_json item = {0};
    uint64_t id;
    enum phi_status st = PHI_OK;

    while (st == PHI_OK && phi_json_next(object, &item)) {
        if (phi_json_key(&item) != NULL &&
            phi_json_uint(&item, 0, UINT32_MAX - 1, &id, NULL) == PHI_OK)
            st = add_token(d, phi_json_key(&item), id, err);
    }
    return st;
}

/* tokenizer.json's [{"id": .., "content": ..}, ...] */
static enum phi_status add_list(struct doctor *d, const struct phi_json *list,
                                struct phi_err *err)
{
    struct phi_json item = {0}, content;
    const char *text;
    uint64_t id;
    enum phi_status st = PHI_OK;

    while (st == PHI_OK && phi_json_next(list, &item)) {
        if (phi_json_get_uint(&item, "id", 0, UINT32_MAX - 1, &id, NULL) ==
                PHI_OK &&
            phi_json_find(&item, "content", &content) &&
            phi_json_str(&content, &text, NULL) == PHI_OK)
            st = add_token(d, text, id, err);
    }
    return st;
}

/* tokenizer_config.json's {"id": {"content": ..}} */
static enum phi_status add_decoder(struct doctor *d,
                                   const struct phi_json *object,
                                   struct phi_err *err)
{
    struct phi_json item = {0}, content;
    const char *text;
    enum phi_status st = PHI_OK;

    while (st == PHI_OK && phi_json_next(object, &item)) {
        const char *key = phi_json_key(&item);
        uint64_t id = 0;
        size_t n = 0;

        for (; key != NULL && key[n] >= '0' && key[n] <= '9' && n < 9; n++)
            id = id * 10 + (uint64_t)(key[n] - '0');
        if (n > 0 && key[n] == '\0' &&
            phi_json_find(&item, "content", &content) &&
            phi_json_str(&content, &text, NULL) == PHI_OK)
            st = add_token(d, text, id, err);
    }
    return st;
}

static enum phi_status read_vocabulary(struct doctor *d, struct phi_err *err)
{
    struct phi_json model, v;
    enum phi_status st = PHI_OK;

    if (doctor_json_find(d, JSON_TOKENIZER, "model", &model) &&
        phi_json_find(&model, "vocab", &v))
        st = add_object(d, &v, err);
    if (st == PHI_OK && doctor_json_find(d, JSON_TOKENIZER, "added_tokens", &v))
        st = add_list(d, &v, err);
    for (int i = JSON_VOCAB; st == PHI_OK && i <= JSON_ADDED_TOKENS; i++) {
        if (d->json[i] != NULL) {
            v = phi_json_root(d->json[i]);
            st = add_object(d, &v, err);
        }
    }
    if (st == PHI_OK &&
        doctor_json_find(d, JSON_TOKENIZER_CONFIG, "added_tokens_decoder", &v))
        st = add_decoder(d, &v, err);
    return st;
}

static enum phi_status check_vocabulary(struct doctor *d, struct phi_err *err)
{
    const struct phi_st_tensor *e = doctor_embedding(d);

    if (d->ntokens == 0)
        return doctor_add(d, CHECK_TOKENIZER, err, ".",
                          "has no vocabulary: neither tokenizer.json nor "
                          "vocab.json could be read");
    if (e != NULL && d->ntokens > e->dim[0])
        return doctor_add(d, CHECK_VOCAB_ROWS, err, "tokenizer",
                          "has the id %llu, but the embedding has %llu rows: "
                          "the model was not resized",
                          (unsigned long long)(d->ntokens - 1),
                          (unsigned long long)e->dim[0]);
    return PHI_OK;
}

/* ---- special tokens ----------------------------------------------------- */

/* What one file says of one role. */
struct word {
    const char *file;
    const char *text; /* or NULL */
    uint64_t id;      /* or NO_ID: not in the vocabulary */
    bool list;        /* one of several */
};

struct role {
    const char *name;
    struct word words[64];
    size_t n;
    bool list; /* generation_config.json has several */
};

static void add_word(struct role *r, const char *file, const char *text,
                     uint64_t id, bool list)
{
    if (r->n < sizeof(r->words) / sizeof(r->words[0]))
        r->words[r->n++] = (struct word){file, text, id, list};
}

/* "eos_token_id": 7 or [7, 8] */
static void read_ids(const struct doctor *d, enum doctor_json file,
                     struct role *r)
{
    struct phi_json v, item = {0};
    char key[32];
    uint64_t id;

    snprintf(key, sizeof(key), "%s_token_id", r->name);
    if (!doctor_json_find(d, file, key, &v))
        return;
    if (phi_json_uint(&v, 0, PHI_JSON_MAX_INT, &id, NULL) == PHI_OK)
        add_word(r, doctor_json_names[file], NULL, id, false);
    while (phi_json_type(&v) == PHI_JSON_ARRAY && phi_json_next(&v, &item)) {
        if (phi_json_uint(&item, 0, PHI_JSON_MAX_INT, &id, NULL) == PHI_OK)
            add_word(r, doctor_json_names[file], NULL, id, true);
    }
}

/* "eos_token": "text" or {"content": "text"} */
static enum phi_status read_text(struct doctor *d, enum doctor_json file,
                                 struct role *r, struct phi_err *err)
{
    struct phi_json v, content;
    const uint32_t *id;
    const char *text;
    char key[32];

    snprintf(key, sizeof(key), "%s_token", r->name);
    if (!doctor_json_find(d, file, key, &v))
        return PHI_OK;
    if (phi_json_find(&v, "content", &content))
        v = content;
    if (phi_json_str(&v, &text, NULL) != PHI_OK)
        return PHI_OK;
    id = phi_map_find(&d->tokens, text, strlen(text));
    add_word(r, doctor_json_names[file], text, id != NULL ? *id : NO_ID, false);
    if (id != NULL || d->ntokens == 0)
        return PHI_OK;
    return doctor_add(d, CHECK_TOKEN_UNKNOWN, err, doctor_json_names[file],
                      "%s is \"%.*s\", which is not in the vocabulary", key,
                      PHI_ERR_NAME, text);
}

static void put_word(struct phi_buf *b, const struct word *w)
{
    phi_buf_printf(b, "%s%s ", b->n > 0 ? ", " : "", w->file);
    if (w->text != NULL && w->id != NO_ID)
        phi_buf_printf(b, "\"%.64s\" (%llu)", w->text,
                       (unsigned long long)w->id);
    else if (w->text != NULL)
        phi_buf_printf(b, "\"%.64s\"", w->text);
    else
        phi_buf_printf(b, "%llu", (unsigned long long)w->id);
}

/*
 * All words agree; a word alone agrees with a list that has it. Tokens that
 * are not in the vocabulary have been said.
 */
static bool agree(const struct word *a, const struct role *r)
{
    bool any = false, has = false;

    for (size_t i = 0; i < r->n; i++) {
        const struct word *b = &r->words[i];

        if (b->id == NO_ID)
            continue;
        if (!b->list && a->id != b->id)
            return false;
        any = any || b->list;
        has = has || (b->list && b->id == a->id);
    }
    return !any || has;
}

static enum phi_status check_role(struct doctor *d, const char *name,
                                  struct phi_err *err)
{
    const struct phi_st_tensor *e = doctor_embedding(d);
    struct role r = {.name = name};
    struct phi_buf b = {0};
    bool conflict = false;
    enum phi_status st = PHI_OK;

    read_ids(d, JSON_CONFIG, &r);
    read_ids(d, JSON_GENERATION, &r);
    st = read_text(d, JSON_TOKENIZER_CONFIG, &r, err);
    if (st == PHI_OK)
        st = read_text(d, JSON_SPECIAL_TOKENS, &r, err);
    for (size_t i = 0; st == PHI_OK && i < r.n; i++) {
        const struct word *w = &r.words[i];

        if (w->id == NO_ID)
            continue;
        if (w->text == NULL && e != NULL && w->id >= e->dim[0])
            st = doctor_add(d, CHECK_TOKEN_RANGE, err, w->file,
                            "%s_token_id is %llu, but the embedding has %llu "
                            "rows",
                            name, (unsigned long long)w->id,
                            (unsigned long long)e->dim[0]);
        conflict = conflict || (!w->list && !agree(w, &r));
    }
    for (size_t i = 0; conflict && i < r.n; i++)
        put_word(&b, &r.words[i]);
    if (st == PHI_OK && conflict) {
        st = phi_buf_status(&b, err);
        if (st == PHI_OK)
            st = doctor_add(d, CHECK_TOKEN_CONFLICT, err, name, "differs: %.*s",
                            (int)b.n, (const char *)b.p);
    }
    phi_buf_release(&b);
    return st;
}

/* ---- the chat template -------------------------------------------------- */

/* Whether generation stops at this id, as far as the files say. */
static bool stops_at(const struct doctor *d, uint64_t id)
{
    struct role r = {.name = "eos"};

    read_ids(d, JSON_CONFIG, &r);
    read_ids(d, JSON_GENERATION, &r);
    for (size_t i = 0; i < r.n; i++) {
        if (r.words[i].id == id)
            return true;
    }
    return r.n == 0;
}

static enum phi_status check_template(struct doctor *d, const char *file,
                                      const char *text, struct phi_err *err)
{
    static const char *const ends[] = {"<|im_end|>", "<|end|>", "<|eot_id|>",
                                       "<|end_of_turn|>"};
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < sizeof(ends) / sizeof(ends[0]);
         i++) {
        const uint32_t *id = phi_map_find(&d->tokens, ends[i], strlen(ends[i]));

        if (strstr(text, ends[i]) == NULL)
            continue;
        if (id == NULL)
            st = doctor_add(d, CHECK_TOKEN_UNKNOWN, err, file,
                            "the chat template has %s, which is not in the "
                            "vocabulary",
                            ends[i]);
        else if (!stops_at(d, *id))
            st = doctor_add(d, CHECK_CHAT_END, err, file,
                            "the chat template ends turns with %s (%lu), "
                            "which is eos in neither config.json nor "
                            "generation_config.json",
                            ends[i], (unsigned long)*id);
    }
    return st;
}

/* bytes: what the file has; text: what tokenizer_config.json has, or NULL. */
static enum phi_status check_jinja(struct doctor *d, const char *file,
                                   const char *bytes, const char *text,
                                   struct phi_err *err)
{
    const enum phi_status st = check_template(d, file, bytes, err);

    if (st != PHI_OK || text == NULL ||
        phi_hf_same_template(bytes, strlen(bytes), text, strlen(text)))
        return st;
    return doctor_add(d, CHECK_CHAT_TEMPLATE, err, file,
                      "is another chat template than that of %s",
                      doctor_json_names[JSON_TOKENIZER_CONFIG]);
}

/* The template of tokenizer_config.json and that of a file of its own. */
static enum phi_status check_chat(struct doctor *d, struct phi_err *err)
{
    static const char jinja[] = "chat_template.jinja";
    struct phi_err why = {0};
    struct phi_json v;
    const char *text = NULL;
    uint8_t *bytes = NULL;
    char *path;
    size_t n;
    enum phi_status st = PHI_OK;

    if (doctor_json_find(d, JSON_TOKENIZER_CONFIG, "chat_template", &v) &&
        phi_json_str(&v, &text, NULL) == PHI_OK)
        st = check_template(d, doctor_json_names[JSON_TOKENIZER_CONFIG], text,
                            err);
    if (st != PHI_OK || !doctor_has(d, jinja))
        return st;
    path = phi_path_join(d->dir, jinja, err);
    if (path == NULL)
        return PHI_E_NOMEM;
    if (!phi_path_may_be(path, PHI_PATH_FILE))
        st = PHI_OK; /* a broken link, said already */
    else if (phi_file_load(path, PHI_JSON_MAX_CONFIG, &bytes, &n, &why) ==
             PHI_OK)
        st = check_jinja(d, jinja, (const char *)bytes, text, err);
    else
        st = doctor_add_error(d, CHECK_TOKENIZER, jinja, &why, err);
    free(bytes);
    free(path);
    return st;
}

enum phi_status doctor_tokens(struct doctor *d, struct phi_err *err)
{
    static const char *const roles[] = {"bos", "eos", "pad", "unk"};
    enum phi_status st = read_vocabulary(d, err);

    if (st == PHI_OK)
        st = check_vocabulary(d, err);
    for (size_t i = 0; st == PHI_OK && i < 4; i++)
        st = check_role(d, roles[i], err);
    return st == PHI_OK ? check_chat(d, err) : st;
}
