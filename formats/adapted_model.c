/* SPDX-License-Identifier: MIT */
#include "formats/adapted_model.h"

#include <stdlib.h>
#include <string.h>

#include "formats/adapter_base.h"
#include "formats/adapter_open.h"
#include "formats/hf_tokenizer.h"
#include "formats/json.h"
#include "formats/merged_identity.h"
#include "formats/model.h"
#include "formats/pack_source.h"
#include "formats/tokenizer_rest.h"
#include "libconv/base/buf.h"
#include "libconv/base/mem.h"
#include "libconv/lora/merged_source.h"

/* ---- inputs -------------------------------------------------------------- */

/* The hash of adapter_config.json; a GGUF file has all in one. */
static enum phi_status hash_settings(struct phi_adapted_input *in,
                                     const struct phi_monitor *monitor,
                                     struct phi_err *err)
{
    struct phi_file *f = NULL;
    char *path;
    enum phi_status st;

    if (strcmp(in->adapter->format, "peft") != 0)
        return PHI_OK;
    path = phi_path_join(in->adapter->path, "adapter_config.json", err);
    if (path == NULL)
        return PHI_E_NOMEM;
    st = phi_file_open(&f, path, err);
    if (st == PHI_OK)
        st = phi_sha256_file(f, monitor, in->settings, err);
    phi_file_close(f);
    free(path);
    return st;
}

static enum phi_status open_input(struct phi_adapted_input *in,
                                  const char *path,
                                  const struct phi_monitor *monitor,
                                  struct phi_err *err)
{
    enum phi_status st = phi_adapter_open(&in->adapter, path, err);

    /* What was read, whatever has that name by now. */
    if (st == PHI_OK)
        st = phi_sha256_file(in->adapter->weights, monitor, in->weights, err);
    if (st == PHI_OK)
        st = hash_settings(in, monitor, err);
    return st;
}

/* ---- the tokenizer ------------------------------------------------------- */

/* Files that describe a tokenizer; one of the first two makes it one. */
static const char *const tokenizer_files[] = {
    "tokenizer.json",        "vocab.json",        "merges.txt",
    "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json",
    "chat_template.jinja",   "chat_template.json"};

#define NFILES (sizeof(tokenizer_files) / sizeof(tokenizer_files[0]))

static enum phi_status load_one(const char *dir, const char *name,
                                uint8_t **bytes, size_t *n, bool *found,
                                struct phi_err *err)
{
    char *path = phi_path_join(dir, name, err);
    enum phi_status st = PHI_OK;

    if (path == NULL)
        return PHI_E_NOMEM;
    *found = phi_path_may_be(path, PHI_PATH_FILE);
    if (*found)
        st = phi_file_load(path, PHI_JSON_MAX_TOKENIZER, bytes, n, err);
    free(path);
    return st;
}

static enum phi_status check_same_file(const char *a, const char *b,
                                       const char *name, struct phi_err *err)
{
    uint8_t *one = NULL;
    uint8_t *two = NULL;
    size_t n = 0;
    size_t m = 0;
    bool has_one = false;
    bool has_two = false;
    enum phi_status st = load_one(a, name, &one, &n, &has_one, err);

    if (st == PHI_OK)
        st = load_one(b, name, &two, &m, &has_two, err);
    if (st == PHI_OK &&
        (has_one != has_two || n != m || (n > 0 && memcmp(one, two, n) != 0))) {
        st = phi_fail(err, PHI_E_FORMAT,
                      "%s: its %s differs from that of %s, expected one "
                      "tokenizer",
                      b, name, a);
        phi_hint(err, "merge one adapter after the other, or take the "
                      "tokenizer files out of one folder");
    }
    free(one);
    free(two);
    return st;
}

static enum phi_status has_tokenizer(bool *yes, const char *dir,
                                     struct phi_err *err)
{
    *yes = false;
    for (size_t i = 0; i < 2 && !*yes; i++) {
        char *path = phi_path_join(dir, tokenizer_files[i], err);

        if (path == NULL)
            return PHI_E_NOMEM;
        *yes = phi_path_may_be(path, PHI_PATH_FILE);
        free(path);
    }
    return PHI_OK;
}

/* The adapter that brings a tokenizer; if several do, it is the same. */
static enum phi_status find_tokenizer(struct phi_adapted *a,
                                      struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < a->n; i++) {
        const struct phi_adapter *adapter = a->inputs[i].adapter;
        bool yes = false;

        if (strcmp(adapter->format, "peft") == 0)
            st = has_tokenizer(&yes, adapter->path, err);
        if (st != PHI_OK || !yes)
            continue;
        for (size_t k = 0; st == PHI_OK && a->tokenizer != NULL && k < NFILES;
             k++)
            st = check_same_file(a->tokenizer, adapter->path,
                                 tokenizer_files[k], err);
        a->tokenizer = adapter->path;
    }
    return st;
}

/* That of a folder that was packed. */
static enum phi_status load_packed(struct phi_json_doc **out,
                                   const struct phi_source *base,
                                   struct phi_err *err)
{
    struct phi_hf_side_files side = {0};
    const struct phi_hf_side_item *item = NULL;
    enum phi_status st = phi_pack_side_files(&side, base, err);

    if (st == PHI_OK)
        item = phi_hf_side_files_find(&side, "config.json");
    if (item != NULL && item->bytes != NULL)
        st = phi_json_parse(out, (const char *)item->bytes,
                            (size_t)item->nbytes, base->path, err);
    else if (st == PHI_OK)
        st = phi_fail(err, PHI_E_FORMAT, "%s: has no config.json", base->path);
    phi_hf_side_files_release(&side);
    return st;
}

/* config.json of the base, for what it says of special tokens; a GGUF file
 * says all in its metadata. */
static enum phi_status load_config(struct phi_json_doc **out,
                                   const struct phi_source *base,
                                   struct phi_err *err)
{
    char *path;
    enum phi_status st;

    if (base->folder != NULL && phi_pack_of(base) != NULL)
        return load_packed(out, base, err);
    if (!phi_source_is_folder(base))
        return phi_json_parse(out, "{}", 2, base->path, err);
    path = phi_path_join(base->path, "config.json", err);
    if (path == NULL)
        return PHI_E_NOMEM;
    st = phi_json_load(out, path, PHI_JSON_MAX_CONFIG, err);
    free(path);
    return st;
}

/* Another tokenizer, or more or fewer tokens. */
static enum phi_status set_tokenizer(struct phi_adapted *a, struct phi_err *err)
{
    const struct phi_source *base = a->base;
    const bool folder = phi_source_is_folder(base);
    const char *from = a->tokenizer != NULL ? a->tokenizer : base->path;
    struct phi_json_doc *doc = NULL;
    struct phi_json root;
    uint64_t vocab = a->merge.vocab;
    size_t e;
    enum phi_status st;

    if (a->tokenizer == NULL && vocab == 0)
        return PHI_OK;
    if (a->tokenizer == NULL && !folder) {
        phi_fail(err, PHI_E_FORMAT,
                 "%s: an adapter resizes the vocabulary to %llu tokens, and "
                 "none brings a tokenizer",
                 base->path, (unsigned long long)vocab);
        return phi_hint(err, "put the tokenizer files it was trained with into "
                             "the adapter's folder");
    }
    if (vocab == 0 && phi_source_find(base, "token_embd.weight", &e))
        vocab = phi_tensor_rows(&base->tensors[e]);
    st = load_config(&doc, base, err);
    if (st != PHI_OK)
        return st;
    root = phi_json_root(doc);
    phi_meta_remove_all(&a->meta, "tokenizer.");
    st = phi_hf_tokenizer(&a->meta, from, &root, vocab, err);
    if (st == PHI_OK && base->folder == NULL)
        st = phi_tokenizer_rest(&a->meta, &base->meta, from, err);
    phi_json_free(doc);
    return st;
}

/* Metadata after the merge. */
static enum phi_status make_meta(struct phi_adapted *a,
                                 const struct phi_adapter_words *words,
                                 struct phi_err *err)
{
    const char **paths = phi_alloc(a->n, sizeof(*paths), err);
    enum phi_status st;

    if (paths == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < a->n; i++)
        paths[i] = words[i].path;
    st = phi_meta_copy(&a->meta, &a->base->meta, err);
    if (st == PHI_OK) {
        a->title = phi_merged_name(&a->meta, paths, a->n, err);
        st = a->title != NULL ? PHI_OK : err->status;
    }
    free(paths);
    if (st == PHI_OK)
        st = phi_merged_identity(&a->meta, a->title, err);
    return st == PHI_OK ? set_tokenizer(a, err) : st;
}

static enum phi_status make_name(struct phi_adapted *a,
                                 const struct phi_adapter_words *words,
                                 struct phi_err *err)
{
    struct phi_buf b = {0};
    enum phi_status st;

    phi_buf_text(&b, a->base->path);
    for (size_t i = 0; i < a->n; i++) {
        phi_buf_printf(&b, " + %s", words[i].path);
        if (words[i].scale != 1)
            phi_buf_printf(&b, ":%g", words[i].scale);
    }
    st = phi_buf_status(&b, err);
    if (st == PHI_OK &&
        (a->name = phi_strndup((const char *)b.p, b.n, err)) == NULL)
        st = PHI_E_NOMEM;
    phi_buf_release(&b);
    return st;
}

static enum phi_status compare_bases(struct phi_adapted *a, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < a->n; i++) {
        const char *name = a->inputs[i].adapter->config.made_for;
        bool agrees = true;

        if (name != NULL)
            st = phi_adapter_base_agrees(&agrees, a->base, name, err);
        a->inputs[i].other_base = !agrees;
    }
    return st;
}

/* ---- the whole ----------------------------------------------------------- */

enum phi_status phi_adapted_open(struct phi_adapted *out, const char *base,
                                 const struct phi_adapter_words *words,
                                 size_t n,
                                 const struct phi_merge_options *options,
                                 const struct phi_monitor *monitor,
                                 struct phi_err *err)
{
    enum phi_status st = phi_model_open(&out->base, base, err);

    if (st != PHI_OK || n == 0) {
        out->shapes = out->base;
        return st;
    }
    out->inputs = phi_alloc(n, sizeof(*out->inputs), err);
    out->order = phi_alloc(n, sizeof(*out->order), err);
    if (out->inputs == NULL || out->order == NULL)
        return PHI_E_NOMEM;
    while (st == PHI_OK && out->n < n) {
        struct phi_adapted_input *in = &out->inputs[out->n];

        st = open_input(in, words[out->n].path, monitor, err);
        out->order[out->n] =
            (struct phi_merge_input){in->adapter, words[out->n].scale};
        out->n++;
    }
    if (st == PHI_OK)
        st =
            phi_merge_make(&out->merge, out->base, out->order, n, options, err);
    if (st == PHI_OK)
        st = compare_bases(out, err);
    if (st == PHI_OK)
        st = find_tokenizer(out, err);
    if (st == PHI_OK)
        st = make_meta(out, words, err);
    if (st == PHI_OK)
        st = make_name(out, words, err);
    if (st == PHI_OK)
        st = phi_merged_shapes_open(&out->shapes, &out->merge, err);
    if (st == PHI_OK)
        out->shapes->meta = out->meta;
    return st;
}

enum phi_status phi_adapted_values(const struct phi_adapted *a,
                                   struct phi_source **out, struct phi_err *err)
{
    const enum phi_status st = phi_merged_source_open(out, &a->merge, err);

    if (st == PHI_OK) {
        (*out)->meta = a->meta;
        (*out)->path = a->name;
    }
    return st;
}

enum phi_status phi_adapted_rename(struct phi_adapted *a, const char *title,
                                   struct phi_err *err)
{
    char *copy = phi_strdup(title, err);
    enum phi_status st = PHI_E_NOMEM;

    if (copy != NULL)
        st = phi_meta_set_str(&a->meta, "general.name", title, strlen(title),
                              err);
    if (st != PHI_OK) {
        free(copy);
        return st;
    }
    free(a->title);
    a->title = copy;
    a->shapes->meta = a->meta;
    return PHI_OK;
}

enum phi_status phi_adapted_not_input(const struct phi_adapted *a,
                                      const char *path, struct phi_err *err)
{
    enum phi_status st = phi_source_not_input(a->base, path, err);

    for (size_t i = 0; st == PHI_OK && i < a->n; i++)
        st = phi_adapter_not_input(a->inputs[i].adapter, path, err);
    return st;
}

void phi_adapted_release(struct phi_adapted *a)
{
    if (a->shapes != a->base)
        phi_source_close(a->shapes);
    phi_merge_release(&a->merge);
    for (size_t i = 0; i < a->n; i++)
        phi_adapter_close(a->inputs[i].adapter);
    free(a->inputs);
    free(a->order);
    free(a->name);
    free(a->title);
    phi_meta_release(&a->meta);
    phi_source_close(a->base);
    *a = (struct phi_adapted){0};
}
