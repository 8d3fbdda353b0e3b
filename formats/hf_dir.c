/* SPDX-License-Identifier: MIT */
/* The source: files, tensors in order, reading. Metadata: hf_meta.c. */
#include "formats/hf_dir.h"

#include <stdlib.h>
#include <string.h>

#include "formats/hf_config.h"
#include "formats/hf_meta.h"
#include "formats/hf_names.h"
#include "formats/hf_shards.h"
#include "formats/json.h"
#include "libconv/base/folder.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"

/* Bytes compared at a time when a tied tensor is stored twice. */
#define CHUNK 65536

struct hf_source {
    struct phi_source base;
    char *path;
    struct phi_hf_shards shards;
    struct phi_json_doc *config_doc;
    struct phi_hf_config config;
    struct phi_hf_slots slots;
    struct phi_tensor *tensors;    /* base.tensors, while they are made */
    struct phi_source_file *parts; /* base.files: the shards */
    struct phi_folder folder;
    struct phi_folder_place *places; /* (base.ntensors) */
    struct phi_file **files; /* (nfiles) others that were or may be read */
    size_t nfiles;
};

/* Files besides the shards that a model is read from, where they exist. */
static const char *const side_files[] = {"config.json",
                                         PHI_HF_INDEX,
                                         "README.md",
                                         "generation_config.json",
                                         "LICENSE",
                                         "LICENSE.md",
                                         "LICENSE.txt",
                                         "tokenizer.json",
                                         "tokenizer_config.json",
                                         "vocab.json",
                                         "merges.txt",
                                         "added_tokens.json",
                                         "special_tokens_map.json",
                                         "chat_template.jinja",
                                         "chat_template.json"};

#define NSIDE (sizeof(side_files) / sizeof(side_files[0]))

#define TEMPLATES "additional_chat_templates"

static const struct hf_source *hf_of(const struct phi_source *s)
{
    return (const struct hf_source *)s;
}

static enum phi_status hf_read(const struct phi_source *s, size_t i,
                               uint64_t offset, void *to, size_t n,
                               struct phi_err *err)
{
    return phi_file_read(hf_of(s)->shards.st[i]->file, offset, to, n, err);
}

static enum phi_status hf_unchanged(const struct phi_source *s,
                                    struct phi_err *err)
{
    const struct hf_source *h = hf_of(s);
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < h->shards.n; i++)
        st = phi_file_unchanged(h->shards.st[i]->file, err);
    for (size_t i = 0; st == PHI_OK && i < h->nfiles; i++)
        st = phi_file_not_replaced(h->files[i], err);
    return st;
}

static enum phi_status hf_not_input(const struct phi_source *s,
                                    const char *path, struct phi_err *err)
{
    const struct hf_source *h = hf_of(s);
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < h->shards.n; i++)
        st = phi_output_not_input(
            path, phi_file_identity(h->shards.st[i]->file), err);
    for (size_t i = 0; st == PHI_OK && i < h->nfiles; i++)
        st = phi_output_not_input(path, phi_file_identity(h->files[i]), err);
    return st;
}

static void hf_close(struct phi_source *s)
{
    struct hf_source *h = (struct hf_source *)s;

    for (size_t i = 0; i < h->nfiles; i++)
        phi_file_close(h->files[i]);
    free(h->files);
    phi_meta_release(&h->base.meta);
    phi_hf_slots_release(&h->slots);
    phi_hf_shards_release(&h->shards);
    phi_json_free(h->config_doc);
    free(h->tensors);
    free(h->parts);
    free(h->places);
    free(h->path);
    free(h);
}

static const struct phi_source_ops hf_ops = {hf_read, hf_unchanged,
                                             hf_not_input, hf_close};

/* Opens dir/name, if it is there, as the next of h->files, of which there is
 * room for more. */
static enum phi_status open_side_file(struct hf_source *h, const char *dir,
                                      const char *name, struct phi_err *err)
{
    char *path = phi_path_join(dir, name, err);
    enum phi_status st = path != NULL ? PHI_OK : PHI_E_NOMEM;

    if (path != NULL && phi_path_kind(path) != PHI_PATH_NONE) {
        st = phi_file_open(&h->files[h->nfiles], path, err);
        h->nfiles += st == PHI_OK;
    }
    free(path);
    return st;
}

/* The chat templates with a name, which are in a folder of their own. */
static enum phi_status list_templates(struct phi_names *out, const char *dir,
                                      struct phi_err *err)
{
    struct phi_names all = {0};
    enum phi_status st = PHI_OK;

    if (phi_path_may_be(dir, PHI_PATH_DIR))
        st = phi_folder_list(&all, dir, err);
    for (size_t i = 0; st == PHI_OK && i < all.n; i++) {
        const char *ending = strrchr(all.v[i], '.');

        if (ending != NULL && strcmp(ending, ".jinja") == 0)
            st = phi_names_add(out, all.v[i], err);
    }
    phi_names_release(&all);
    return st;
}

/*
 * Opened before anything is read and kept open, so that hf_unchanged() covers
 * the whole time in which somebody might write to them, or put others in their
 * place: they are read, and copied, by their paths. None may go before it is
 * read, or it would be passed over; later the folder may be moved.
 */
static enum phi_status open_side_files(struct hf_source *h, struct phi_err *err)
{
    char *dir = phi_path_join(h->path, TEMPLATES, err);
    struct phi_names templates = {0};
    enum phi_status st = PHI_E_NOMEM;

    if (dir != NULL)
        st = list_templates(&templates, dir, err);
    if (st == PHI_OK) {
        h->files = phi_alloc(NSIDE + templates.n, sizeof(*h->files), err);
        st = h->files != NULL ? PHI_OK : PHI_E_NOMEM;
    }
    for (size_t i = 0; st == PHI_OK && i < NSIDE; i++)
        st = open_side_file(h, h->path, side_files[i], err);
    for (size_t i = 0; st == PHI_OK && i < templates.n; i++)
        st = open_side_file(h, dir, templates.v[i], err);
    phi_names_release(&templates);
    free(dir);
    return st;
}

static enum phi_status read_config(struct hf_source *h, struct phi_err *err)
{
    char *path = phi_path_join(h->path, "config.json", err);
    char *adapter = phi_path_join(h->path, "adapter_config.json", err);
    struct phi_json root;
    enum phi_status st = PHI_E_NOMEM;

    if (path == NULL || adapter == NULL)
        goto out;
    if (phi_path_kind(path) == PHI_PATH_NONE) {
        st = phi_fail(err, PHI_E_FORMAT,
                      "%s: has no config.json, expected a Hugging Face model",
                      h->path);
        if (phi_path_kind(adapter) == PHI_PATH_FILE)
            phi_hint(err, "this is a LoRA adapter: pass its base model, and "
                          "the adapter with --lora");
        goto out;
    }
    st = phi_json_load(&h->config_doc, path, PHI_JSON_MAX_CONFIG, err);
    if (st != PHI_OK)
        goto out;
    root = phi_json_root(h->config_doc);
    st = phi_hf_config_read(&h->config, &root, err);
out:
    free(adapter);
    free(path);
    return st;
}

/* A tensor of a shard, on its way to its place in the order. */
struct found {
    const struct phi_st_tensor *tensor;
    size_t shard;
};

static int by_shard_and_name(const void *pa, const void *pb)
{
    const struct found *a = pa, *b = pb;

    if (a->shard != b->shard)
        return a->shard < b->shard ? -1 : 1;
    return strcmp(a->tensor->name, b->tensor->name);
}

/* All tensors of all shards in the order of llama.cpp's converter. */
static enum phi_status list_tensors(const struct phi_hf_shards *shards,
                                    struct found **out, size_t *n,
                                    struct phi_err *err)
{
    size_t total = 0;

    for (size_t s = 0; s < shards->n; s++)
        total += shards->st[s]->n;
    *out = phi_alloc(total, sizeof(**out), err);
    if (*out == NULL)
        return PHI_E_NOMEM;
    *n = 0;
    for (size_t s = 0; s < shards->n; s++) {
        for (size_t i = 0; i < shards->st[s]->n; i++)
            (*out)[(*n)++] = (struct found){&shards->st[s]->tensors[i], s};
    }
    qsort(*out, total, sizeof(**out), by_shard_and_name);
    return PHI_OK;
}

/* The stored tensor is what its slot asks for. */
static enum phi_status check_tensor(const char *file,
                                    const struct phi_hf_slot *slot,
                                    const struct phi_st_tensor *t,
                                    struct phi_err *err)
{
    const struct phi_dtype_info *type = phi_dtype_info(t->dtype);
    char found[200], expected[80];

    if (type->cls != PHI_CLASS_FLOAT) {
        phi_fail(err, PHI_E_UNSUPPORTED,
                 "%s: tensor \"%s\": is %s, expected F16, BF16, F32, F64, "
                 "F8_E4M3 or F8_E5M2",
                 file, t->name, type->name);
        return phi_hint(err, "integers are quantized weights: convert the "
                             "original checkpoint");
    }
    if (t->rank != slot->rank || t->dim[0] != slot->dim[0] ||
        (slot->rank == 2 && t->dim[1] != slot->dim[1]))
        return phi_fail(
            err, PHI_E_FORMAT,
            "%s: tensor \"%s\": has shape %s, expected %s by config.json", file,
            t->name, phi_shape_text(found, sizeof(found), t->dim, t->rank),
            phi_shape_text(expected, sizeof(expected), slot->dim, slot->rank));
    return PHI_OK;
}

static void add_tensor(struct hf_source *h, const struct phi_hf_slot *slot,
                       const struct found *f)
{
    struct phi_tensor *t = &h->tensors[h->base.ntensors];

    t->name = slot->name;
    t->origin = slot->origin;
    t->file = phi_file_path(h->shards.st[f->shard]->file);
    t->part = f->shard;
    t->offset = f->tensor->begin;
    t->dtype = f->tensor->dtype;
    t->rank = slot->rank;
    t->dim[0] = slot->dim[0];
    t->dim[1] = slot->rank == 2 ? slot->dim[1] : 0;
    t->nbytes = f->tensor->nbytes;
    h->base.ntensors++;
}

/* The embedding under its second name, unless that is stored, too. */
static enum phi_status add_tied(struct hf_source *h, const struct found *all,
                                size_t n, const struct found *embedding,
                                struct phi_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct phi_hf_slot *slot =
            phi_hf_slots_find(&h->slots, all[i].tensor->name);

        if (slot != NULL && slot->tied)
            return PHI_OK;
    }
    for (size_t i = 0; i < h->slots.n; i++) {
        const struct phi_hf_slot *slot = &h->slots.slot[i];
        enum phi_status st;

        if (!slot->tied)
            continue;
        st = check_tensor(phi_file_path(h->shards.st[embedding->shard]->file),
                          slot, embedding->tensor, err);
        if (st != PHI_OK)
            return st;
        add_tensor(h, slot, embedding);
    }
    return PHI_OK;
}

/* Every slot is filled. */
static enum phi_status check_complete(const struct hf_source *h,
                                      struct phi_err *err)
{
    struct phi_map have = {0};
    enum phi_status st = PHI_OK;
    char shape[80];

    for (size_t i = 0; st == PHI_OK && i < h->base.ntensors; i++)
        st = phi_map_add(&have, h->tensors[i].name, strlen(h->tensors[i].name),
                         0, NULL, err);
    for (size_t i = 0; st == PHI_OK && i < h->slots.n; i++) {
        const struct phi_hf_slot *slot = &h->slots.slot[i];

        if (phi_map_find(&have, slot->name, strlen(slot->name)) == NULL)
            st = phi_fail(
                err, PHI_E_FORMAT,
                "%s: tensor \"%s\": is missing, expected with shape "
                "%s",
                h->path, slot->origin,
                phi_shape_text(shape, sizeof(shape), slot->dim, slot->rank));
    }
    phi_map_release(&have);
    return st;
}

/* A tied tensor that is stored all the same has the embedding's bytes. */
static enum phi_status check_tied(const struct hf_source *h,
                                  struct phi_err *err)
{
    size_t e, o;
    uint8_t *chunk;
    enum phi_status st = PHI_OK;

    if (!h->config.tied ||
        !phi_source_find(&h->base, "token_embd.weight", &e) ||
        !phi_source_find(&h->base, "output.weight", &o))
        return PHI_OK;
    chunk = phi_alloc(2, CHUNK, err);
    if (chunk == NULL)
        return PHI_E_NOMEM;
    for (uint64_t at = 0; st == PHI_OK && at < h->tensors[o].nbytes;
         at += CHUNK) {
        const uint64_t left = h->tensors[o].nbytes - at;
        const size_t n = left < CHUNK ? (size_t)left : CHUNK;

        if (h->tensors[o].dtype == h->tensors[e].dtype) {
            st = phi_source_read(&h->base, o, at, chunk, n, err);
            if (st == PHI_OK)
                st = phi_source_read(&h->base, e, at, chunk + CHUNK, n, err);
            if (st != PHI_OK || memcmp(chunk, chunk + CHUNK, n) == 0)
                continue;
        }
        st = phi_fail(err, PHI_E_FORMAT,
                      "%s: tensor \"%s\": differs from \"%s\", expected the "
                      "same: tie_word_embeddings is true",
                      h->tensors[o].file, h->tensors[o].origin,
                      h->tensors[e].origin);
    }
    free(chunk);
    return st;
}

/* Gives each stored tensor its slot, in order. */
static enum phi_status place_tensors(struct hf_source *h,
                                     const struct found *all, size_t n,
                                     struct phi_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = all[i].tensor->name;
        const char *file = phi_file_path(h->shards.st[all[i].shard]->file);
        const struct phi_hf_slot *slot = phi_hf_slots_find(&h->slots, name);
        enum phi_status st;

        if (phi_hf_is_skipped(name))
            continue;
        if (slot == NULL)
            return phi_hf_unexpected(&h->config, file, name, err);
        st = check_tensor(file, slot, all[i].tensor, err);
        if (st != PHI_OK)
            return st;
        add_tensor(h, slot, &all[i]);
        if (h->config.tied && strcmp(slot->name, "token_embd.weight") == 0) {
            st = add_tied(h, all, n, &all[i], err);
            if (st != PHI_OK)
                return st;
        }
    }
    return PHI_OK;
}

static enum phi_status make_tensors(struct hf_source *h, struct phi_err *err)
{
    struct found *all = NULL;
    size_t n = 0;
    bool old = false;
    enum phi_status st = list_tensors(&h->shards, &all, &n, err);

    if (st != PHI_OK)
        goto out;
    for (size_t i = 0; i < n; i++)
        old = old || phi_hf_is_old(all[i].tensor->name);
    st = phi_hf_slots_make(&h->slots, &h->config, old, err);
    if (st != PHI_OK)
        goto out;
    /* One more than there are: the tied one. */
    h->tensors = phi_alloc(n + 1, sizeof(*h->tensors), err);
    h->parts = phi_alloc(h->shards.n, sizeof(*h->parts), err);
    if (h->tensors == NULL || h->parts == NULL) {
        st = PHI_E_NOMEM;
        goto out;
    }
    for (size_t i = 0; i < h->shards.n; i++) {
        const struct phi_file *f = h->shards.st[i]->file;

        h->parts[i] = (struct phi_source_file){phi_path_base(phi_file_path(f)),
                                               phi_file_size(f)};
    }
    h->base.files = h->parts;
    h->base.nfiles = h->shards.n;
    h->base.tensors = h->tensors;
    st = place_tensors(h, all, n, err);
    if (st == PHI_OK)
        st = check_complete(h, err);
    if (st == PHI_OK)
        st = check_tied(h, err);
out:
    free(all);
    return st;
}

/* Says where tensors are, for what keeps that. */
static enum phi_status make_folder(struct hf_source *h, struct phi_err *err)
{
    h->places = phi_alloc(h->base.ntensors, sizeof(*h->places), err);
    if (h->places == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < h->base.ntensors; i++) {
        const struct phi_tensor *t = &h->tensors[i];

        h->places[i] = (struct phi_folder_place){t->part, t->offset, t->origin};
        /* A tied tensor is right behind the one that is stored. */
        if (i > 0 && t->nbytes > 0 && t->part == t[-1].part &&
            t->offset == t[-1].offset)
            h->places[i].name = h->places[i - 1].name;
    }
    h->folder = (struct phi_folder){h->parts, h->shards.n, h->places};
    h->base.folder = &h->folder;
    return PHI_OK;
}

enum phi_status phi_hf_open(struct phi_source **out, const char *dir,
                            struct phi_err *err)
{
    struct hf_source *h = phi_alloc(1, sizeof(*h), err);
    struct phi_json root;
    enum phi_status st = PHI_E_NOMEM;

    if (h == NULL)
        return st;
    h->base.ops = &hf_ops;
    h->base.format = "hf";
    h->path = phi_strdup(dir, err);
    if (h->path == NULL)
        goto out;
    h->base.path = h->path;
    st = open_side_files(h, err);
    if (st == PHI_OK)
        st = read_config(h, err);
    if (st == PHI_OK)
        st = phi_hf_shards_open(&h->shards, dir, err);
    if (st == PHI_OK)
        st = make_tensors(h, err);
    if (st == PHI_OK)
        st = make_folder(h, err);
    if (st != PHI_OK)
        goto out;
    root = phi_json_root(h->config_doc);
    st = phi_hf_meta(&h->base, &h->config, &root, err);
    for (size_t i = 0; st == PHI_OK && i < h->nfiles; i++)
        st = phi_file_in_place(h->files[i], err);
    if (st != PHI_OK)
        goto out;
    *out = &h->base;
    return PHI_OK;
out:
    hf_close(&h->base);
    return st;
}
