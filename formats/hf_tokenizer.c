/* SPDX-License-Identifier: MIT */
/* See hf_tokenizer.h: the files are opened, put together and written here. */
#include "formats/hf_tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/hf_tokenizer_parts.h"
#include "libconv/base/buf.h"
#include "libconv/base/file.h"
#include "libconv/base/mem.h"

/* Types of tokens in GGUF. */
enum { NORMAL = 1, CONTROL = 3, USER_DEFINED = 4, UNUSED = 5 };

enum { TOKENIZER, VOCAB, ADDED, OPTIONS, SPECIAL, NDOCS };

/* Everything about one folder. */
struct job {
    struct phi_hf_files files;
    struct phi_json_doc *doc[NDOCS];
    char *merges; /* path of merges.txt */
    struct phi_hf_vocab vocab;
    struct phi_hf_roles roles;
    struct phi_meta *meta;
    struct phi_err *err;
};

static enum phi_status open_one(struct job *j, const char *name, uint64_t limit,
                                size_t which, struct phi_json *root)
{
    char *path = phi_path_join(j->files.dir, name, j->err);
    enum phi_status st = PHI_OK;

    if (path == NULL)
        return PHI_E_NOMEM;
    if (phi_path_kind(path) != PHI_PATH_NONE) {
        st = phi_json_load(&j->doc[which], path, limit, j->err);
        if (st == PHI_OK) {
            *root = phi_json_root(j->doc[which]);
            st = phi_json_expect(root, PHI_JSON_OBJECT, j->err);
        }
    }
    free(path);
    return st;
}

static enum phi_status open_files(struct job *j)
{
    const struct {
        const char *name;
        uint64_t limit;
        struct phi_json *root;
    } rows[NDOCS] = {
        [TOKENIZER] = {"tokenizer.json", PHI_JSON_MAX_TOKENIZER,
                       &j->files.tokenizer},
        [VOCAB] = {"vocab.json", PHI_JSON_MAX_TOKENIZER, &j->files.vocab},
        [ADDED] = {"added_tokens.json", PHI_JSON_MAX_CONFIG, &j->files.added},
        [OPTIONS] = {"tokenizer_config.json", PHI_JSON_MAX_CONFIG,
                     &j->files.options},
        [SPECIAL] = {"special_tokens_map.json", PHI_JSON_MAX_CONFIG,
                     &j->files.special},
    };
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < NDOCS && st == PHI_OK; i++)
        st = open_one(j, rows[i].name, rows[i].limit, i, rows[i].root);
    if (st != PHI_OK)
        return st;
    j->merges = phi_path_join(j->files.dir, "merges.txt", j->err);
    if (j->merges == NULL)
        return PHI_E_NOMEM;
    if (phi_path_kind(j->merges) == PHI_PATH_NONE) {
        free(j->merges);
        j->merges = NULL;
    }
    if (j->files.tokenizer.node != NULL ||
        (j->files.vocab.node != NULL && j->merges != NULL))
        return PHI_OK;
    return phi_fail(j->err, PHI_E_FORMAT,
                    "%s: has no tokenizer: expected tokenizer.json, or "
                    "vocab.json and merges.txt",
                    j->files.dir);
}

/* Without tokenizer.json only the class says what happens to a text. */
static enum phi_status check_class(struct job *j)
{
    static const char *const classes[] = {"CodeGenTokenizer",
                                          "CodeGenTokenizerFast",
                                          "GPT2Tokenizer", "GPT2TokenizerFast"};
    const char *name = NULL;
    enum phi_status st;

    if (j->files.options.node == NULL)
        return PHI_OK;
    st = phi_json_opt_str(&j->files.options, "tokenizer_class", &name, j->err);
    if (st != PHI_OK || name == NULL)
        return st;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strcmp(name, classes[i]) == 0)
            return PHI_OK;
    }
    return phi_json_refuse(&j->files.options, PHI_E_UNSUPPORTED, j->err,
                           "tokenizer_class is \"%.*s\", supported without "
                           "tokenizer.json are CodeGenTokenizer and "
                           "GPT2Tokenizer",
                           PHI_ERR_NAME, name);
}

/* It would override what tokenizer.json says. */
static enum phi_status check_options(struct job *j)
{
    bool prefix = false;
    enum phi_status st = PHI_OK;

    if (j->files.options.node != NULL)
        st = phi_json_opt_bool(&j->files.options, "add_prefix_space", &prefix,
                               j->err);
    if (st == PHI_OK && prefix)
        st = phi_json_refuse(&j->files.options, PHI_E_UNSUPPORTED, j->err,
                             "has add_prefix_space true, supported is false");
    return st;
}

/* The added tokens that tokenizer_config.json lists, node NULL if none. */
static enum phi_status find_decoder(struct job *j, struct phi_json *out)
{
    *out = (struct phi_json){0};
    if (j->files.options.node == NULL)
        return PHI_OK;
    return phi_json_opt(&j->files.options, "added_tokens_decoder",
                        PHI_JSON_OBJECT, out, j->err);
}

static enum phi_status read_tokenizer_json(struct job *j)
{
    const struct phi_json *root = &j->files.tokenizer;
    struct phi_json model = {0};
    struct phi_json vocab = {0};
    struct phi_json merges = {0};
    struct phi_json added = {0};
    struct phi_json decoder;
    enum phi_status st = phi_hf_pipeline_check(root, j->err);

    if (st == PHI_OK)
        st = phi_json_get(root, "model", PHI_JSON_OBJECT, &model, j->err);
    if (st == PHI_OK)
        st = phi_json_get(&model, "vocab", PHI_JSON_OBJECT, &vocab, j->err);
    if (st == PHI_OK)
        st = phi_json_get(&model, "merges", PHI_JSON_ARRAY, &merges, j->err);
    if (st == PHI_OK)
        st = phi_json_opt(root, "added_tokens", PHI_JSON_ARRAY, &added, j->err);
    if (st == PHI_OK)
        st = phi_hf_vocab_set_base(&j->vocab, &vocab, j->err);
    if (st == PHI_OK && added.node != NULL)
        st = phi_hf_vocab_set_added(&j->vocab, &added, j->err);
    if (st == PHI_OK)
        st = phi_hf_merges_set(&j->vocab, &merges, j->err);
    if (st == PHI_OK && j->files.vocab.node != NULL)
        st = phi_hf_vocab_same_base(&j->vocab, &j->files.vocab, j->err);
    if (st == PHI_OK && j->merges != NULL)
        st = phi_hf_merges_text(&j->vocab, j->merges, phi_json_name(root),
                                j->err);
    if (st == PHI_OK)
        st = find_decoder(j, &decoder);
    if (st == PHI_OK && decoder.node != NULL)
        st = phi_hf_vocab_same_added(&j->vocab, &decoder, true, j->err);
    if (st == PHI_OK && j->files.added.node != NULL)
        st = phi_hf_vocab_same_added(&j->vocab, &j->files.added, false, j->err);
    return st;
}

static enum phi_status read_vocab_json(struct job *j)
{
    struct phi_json decoder;
    enum phi_status st = check_class(j);

    if (st == PHI_OK)
        st = phi_hf_vocab_set_base(&j->vocab, &j->files.vocab, j->err);
    if (st == PHI_OK)
        st = find_decoder(j, &decoder);
    if (st == PHI_OK && decoder.node != NULL)
        st = phi_hf_vocab_set_added(&j->vocab, &decoder, j->err);
    if (st == PHI_OK && j->files.added.node != NULL)
        st = decoder.node != NULL
                 ? phi_hf_vocab_same_added(&j->vocab, &j->files.added, false,
                                           j->err)
                 : phi_hf_vocab_set_added(&j->vocab, &j->files.added, j->err);
    if (st == PHI_OK)
        st = phi_hf_merges_text(&j->vocab, j->merges, NULL, j->err);
    return st;
}

static enum phi_status read_all(struct job *j)
{
    const bool has_tokenizer = j->files.tokenizer.node != NULL;
    enum phi_status st = check_options(j);

    if (st == PHI_OK)
        st = has_tokenizer ? read_tokenizer_json(j) : read_vocab_json(j);
    if (st == PHI_OK)
        st = phi_hf_vocab_check_bytes(&j->vocab, j->err);
    if (st == PHI_OK)
        st = phi_hf_roles_read(&j->roles, &j->files, &j->vocab, j->err);
    if (st == PHI_OK && has_tokenizer)
        st = phi_hf_roles_template(&j->roles, &j->files.tokenizer, &j->vocab,
                                   j->files.options.node != NULL, j->err);
    return st;
}

/* Some models forget to say that a token is special; its looks tell. */
static bool looks_special(const struct phi_hf_token *t)
{
    static const char *const names[] = {"<pad>", "<mask>", "<2mass>",
                                        "[@BOS@]"};
    static const char *const ends[][2] = {
        {"<|", "|>"},
        {"<\xef\xbd\x9c", "\xef\xbd\x9c>"}, /* fullwidth bars */
        {"<unused", ">"}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(t->text, names[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        const size_t n = strlen(ends[i][1]);

        if (strncmp(t->text, ends[i][0], strlen(ends[i][0])) == 0 &&
            t->n >= n && strcmp(t->text + t->n - n, ends[i][1]) == 0)
            return true;
    }
    return false;
}

static uint32_t type_of(const struct phi_hf_token *t)
{
    if (t->text == NULL)
        return UNUSED;
    if ((t->flags & PHI_HF_ADDED) == 0)
        return NORMAL;
    return (t->flags & PHI_HF_SPECIAL) != 0 || looks_special(t) ? CONTROL
                                                                : USER_DEFINED;
}

static enum phi_status write_tokens(struct job *j)
{
    const struct phi_hf_vocab *v = &j->vocab;
    struct phi_buf types = {0};
    struct phi_kv *kv;
    enum phi_status st = phi_meta_set_strings(j->meta, "tokenizer.ggml.tokens",
                                              (size_t)v->size, &kv, j->err);

    for (size_t i = 0; i < v->size && st == PHI_OK; i++) {
        const struct phi_hf_token *t = &v->token[i];
        char unused[32];
        const char *text = t->text;

        if (text == NULL) {
            snprintf(unused, sizeof(unused), "[PAD%zu]", i);
            text = unused;
        }
        st = phi_str_set(&kv->v.arr.str[i], text, strlen(text), j->err);
        phi_buf_u32(&types, type_of(t));
    }
    if (st == PHI_OK)
        st = phi_buf_status(&types, j->err);
    if (st == PHI_OK)
        st = phi_meta_set_numbers(j->meta, "tokenizer.ggml.token_type",
                                  PHI_KV_I32, types.p, (size_t)v->size, j->err);
    phi_buf_release(&types);
    return st;
}

static enum phi_status write_merges(struct job *j)
{
    const struct phi_hf_vocab *v = &j->vocab;
    struct phi_buf line = {0};
    struct phi_kv *kv;
    enum phi_status st = PHI_OK;

    if (v->nmerges == 0)
        return PHI_OK;
    st = phi_meta_set_strings(j->meta, "tokenizer.ggml.merges", v->nmerges, &kv,
                              j->err);
    for (size_t i = 0; i < v->nmerges && st == PHI_OK; i++) {
        const struct phi_hf_token *a = &v->token[v->merge[i].pair[0]];
        const struct phi_hf_token *b = &v->token[v->merge[i].pair[1]];

        line.n = 0;
        phi_buf_put(&line, a->text, a->n);
        phi_buf_text(&line, " ");
        phi_buf_put(&line, b->text, b->n);
        st = phi_buf_status(&line, j->err);
        if (st == PHI_OK)
            st = phi_str_set(&kv->v.arr.str[i], (const char *)line.p, line.n,
                             j->err);
    }
    phi_buf_release(&line);
    return st;
}

static enum phi_status write_all(struct job *j)
{
    enum phi_status st =
        phi_meta_set_str(j->meta, "tokenizer.ggml.model", "gpt2", 4, j->err);

    if (st == PHI_OK)
        st =
            phi_meta_set_str(j->meta, "tokenizer.ggml.pre", "phi-2", 5, j->err);
    if (st == PHI_OK)
        st = write_tokens(j);
    if (st == PHI_OK)
        st = write_merges(j);
    if (st == PHI_OK)
        st = phi_hf_roles_write(j->meta, &j->roles, &j->files, &j->vocab,
                                j->err);
    if (st == PHI_OK)
        st = phi_hf_chat_template(j->meta, &j->files, j->err);
    return st;
}

static enum phi_status make(struct job *j, uint64_t rows, bool backed)
{
    enum phi_status st = phi_hf_vocab_init(&j->vocab, rows, backed, j->err);

    if (st != PHI_OK)
        phi_err_prefix(j->err, "%s", phi_json_name(&j->files.config));
    if (st == PHI_OK)
        st = open_files(j);
    if (st == PHI_OK)
        st = read_all(j);
    if (st == PHI_OK)
        st = write_all(j);
    phi_hf_vocab_release(&j->vocab);
    for (size_t i = 0; i < NDOCS; i++)
        phi_json_free(j->doc[i]);
    free(j->merges);
    return st;
}

enum phi_status phi_hf_tokenizer(struct phi_meta *meta, const char *dir,
                                 const struct phi_json *config,
                                 uint64_t vocab_size, struct phi_err *err)
{
    struct job j = {
        .files = {.dir = dir, .config = *config}, .meta = meta, .err = err};

    return make(&j, vocab_size, true);
}

enum phi_status phi_hf_tokenizer_alone(struct phi_meta *meta, const char *dir,
                                       const struct phi_json *config,
                                       uint64_t vocab_size, struct phi_err *err)
{
    struct job j = {
        .files = {.dir = dir, .config = *config}, .meta = meta, .err = err};

    return make(&j, vocab_size, false);
}
