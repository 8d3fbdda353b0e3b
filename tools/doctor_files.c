/* SPDX-License-Identifier: MIT */
/* The files of the folder: complete, readable, and as the index says. */
#include <stdlib.h>
#include <string.h>

#include "formats/hf_index.h"
#include "formats/hf_shards.h"
#include "libconv/base/ascii.h"
#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "tools/doctor.h"

#define ADAPTER_WEIGHTS "adapter_model.safetensors"

const char *const doctor_json_names[DOCTOR_NJSON] = {
    [JSON_CONFIG] = "config.json",
    [JSON_GENERATION] = "generation_config.json",
    [JSON_TOKENIZER] = "tokenizer.json",
    [JSON_TOKENIZER_CONFIG] = "tokenizer_config.json",
    [JSON_SPECIAL_TOKENS] = "special_tokens_map.json",
    [JSON_VOCAB] = "vocab.json",
    [JSON_ADDED_TOKENS] = "added_tokens.json",
    [JSON_ADAPTER_CONFIG] = "adapter_config.json",
};

/* *is: the file at path begins as Git LFS's pointers do. */
static enum phi_status is_pointer(const char *path, bool *is,
                                  struct phi_err *err)
{
    static const char mark[] = "version https://git-lfs";
    char head[sizeof(mark) - 1];
    struct phi_file *f = NULL;
    enum phi_status st = phi_file_open(&f, path, err);

    *is = false;
    if (st == PHI_OK && phi_file_size(f) >= sizeof(head) &&
        phi_file_size(f) < 1024) {
        st = phi_file_read(f, 0, head, sizeof(head), err);
        *is = st == PHI_OK && memcmp(head, mark, sizeof(head)) == 0;
    }
    phi_file_close(f);
    return st;
}

/* Keeps the document if it is one that others look into. */
static enum phi_status read_json(struct doctor *d, const char *name,
                                 const char *path, struct phi_err *err)
{
    struct phi_json_doc *doc = NULL;
    struct phi_json root;
    struct phi_err why = {0};

    if (phi_json_load(&doc, path, PHI_JSON_MAX_TOKENIZER, &why) != PHI_OK)
        return doctor_add_error(d, CHECK_JSON, name, &why, err);
    for (size_t i = 0; i < DOCTOR_NJSON; i++) {
        if (strcmp(name, doctor_json_names[i]) != 0)
            continue;
        root = phi_json_root(doc);
        if (phi_json_type(&root) == PHI_JSON_OBJECT) {
            d->json[i] = doc;
            return PHI_OK;
        }
        phi_json_free(doc);
        return doctor_add(d, CHECK_JSON, err, name,
                          "is not an object, expected one");
    }
    phi_json_free(doc);
    return PHI_OK;
}

static bool is_known_json(const char *name)
{
    bool known = strcmp(name, PHI_HF_INDEX) == 0;

    for (size_t i = 0; i < DOCTOR_NJSON; i++)
        known = known || strcmp(name, doctor_json_names[i]) == 0;
    return known;
}

/*
 * What stands at path where a file should, as a finding. True: it is none, or
 * *st says why that cannot be told.
 */
static bool is_no_file(struct doctor *d, const char *name, const char *path,
                       enum doctor_check check, enum phi_status *st,
                       struct phi_err *err)
{
    const enum phi_path_kind kind = phi_path_kind(path);

    if (kind != PHI_PATH_DIR && kind != PHI_PATH_OTHER)
        return false;
    *st = doctor_add(d, check, err, name, "is %s, expected a file",
                     kind == PHI_PATH_DIR ? "a folder" : "a device or a pipe");
    return true;
}

static enum phi_status look_at(struct doctor *d, const char *name,
                               struct phi_err *err)
{
    char *path = phi_path_join(d->dir, name, err);
    bool pointer = false;
    enum phi_status st = PHI_E_NOMEM;

    if (path == NULL)
        return st;
    st = PHI_OK;
    switch (phi_path_kind(path)) {
    case PHI_PATH_NONE:
        st = doctor_add(d, CHECK_LINK, err, name,
                        "is a link to a file that is not there");
        break;
    case PHI_PATH_FILE:
    case PHI_PATH_UNKNOWN:
        st = is_pointer(path, &pointer, err);
        if (st == PHI_OK && pointer)
            st = doctor_add(d, CHECK_LFS, err, name,
                            "is a Git LFS pointer without the data");
        else if (st == PHI_OK && phi_ends(name, ".json") &&
                 strcmp(name, PHI_HF_INDEX) != 0)
            st = read_json(d, name, path, err);
        break;
    default:
        if (is_known_json(name))
            (void)is_no_file(d, name, path, CHECK_JSON, &st, err);
        break;
    }
    free(path);
    return st;
}

/* Opens a file of weights; what is wrong with it is a finding. */
static enum phi_status open_shard(struct doctor *d, const char *name,
                                  struct phi_err *err)
{
    char *path = phi_path_join(d->dir, name, err);
    struct phi_st *st = NULL;
    struct phi_err why = {0};
    bool pointer = false;
    enum phi_status status = PHI_E_NOMEM;

    if (path == NULL)
        return status;
    status = PHI_OK;
    if (is_no_file(d, name, path, CHECK_SHARD_BROKEN, &status, err)) {
        free(path);
        return status;
    }
    if (phi_path_kind(path) != PHI_PATH_NONE)
        status = is_pointer(path, &pointer, err);
    if (status == PHI_OK && !pointer) {
        if (phi_path_kind(path) == PHI_PATH_NONE)
            status = doctor_has(d, name)
                         ? PHI_OK /* a broken link, said already */
                         : doctor_add(d, CHECK_SHARD_MISSING, err, name,
                                      "is not in the folder");
        else if (phi_st_open(&st, path, &why) != PHI_OK)
            status = doctor_add_error(d, CHECK_SHARD_BROKEN, name, &why, err);
        else
            d->shards[d->nshards++] = (struct doctor_shard){NULL, st};
    }
    if (st != NULL) /* the name lives as long as the file */
        d->shards[d->nshards - 1].name = phi_path_base(phi_file_path(st->file));
    free(path);
    return status;
}

/* Tensors against the index, a finding for each kind and shard. */
static enum phi_status check_shard(struct doctor *d,
                                   const struct phi_hf_index *index, size_t s,
                                   struct phi_err *err)
{
    const struct doctor_shard *shard = &d->shards[s];
    const char *unknown = NULL, *elsewhere = NULL, *right = NULL;
    size_t nunknown = 0, nelsewhere = 0;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < shard->st->n; i++) {
        const char *name = shard->st->tensors[i].name;
        const uint32_t *at = phi_map_find(&index->tensors, name, strlen(name));

        if (at == NULL) {
            unknown = nunknown++ == 0 ? name : unknown;
        } else if (strcmp(index->shards[*at], shard->name) != 0) {
            if (nelsewhere++ == 0) {
                elsewhere = name;
                right = index->shards[*at];
            }
        }
    }
    if (nunknown > 0)
        st = doctor_add(d, CHECK_TENSOR_NOT_INDEXED, err, shard->name,
                        "%zu tensor%s not in the index, the first is "
                        "\"%.*s\"",
                        nunknown, nunknown == 1 ? " is" : "s are", PHI_ERR_NAME,
                        unknown);
    if (st == PHI_OK && nelsewhere > 0)
        st = doctor_add(d, CHECK_TENSOR_ELSEWHERE, err, shard->name,
                        "%zu tensor%s in another shard by the index, the "
                        "first is \"%.*s\", expected in %s",
                        nelsewhere, nelsewhere == 1 ? " is" : "s are",
                        PHI_ERR_NAME, elsewhere, right);
    return st;
}

/* Whether the shard of this name could be opened. */
static bool has_shard(const struct doctor *d, const char *name)
{
    for (size_t s = 0; s < d->nshards; s++) {
        if (strcmp(d->shards[s].name, name) == 0)
            return true;
    }
    return false;
}

/* The list of all tensors; those that are in two shards are said. */
static enum phi_status list_tensors(struct doctor *d, struct phi_err *err)
{
    size_t n = 0;
    enum phi_status st = PHI_OK;

    for (size_t s = 0; s < d->nshards; s++)
        n += d->shards[s].st->n;
    d->tensors = phi_alloc(n, sizeof(*d->tensors), err);
    if (d->tensors == NULL)
        return PHI_E_NOMEM;
    for (size_t s = 0; st == PHI_OK && s < d->nshards; s++) {
        const struct phi_st *from = d->shards[s].st;
        const char *twice = NULL;

        n = 0;
        for (size_t i = 0; st == PHI_OK && i < from->n; i++) {
            const char *name = from->tensors[i].name;
            const uint32_t next = (uint32_t)d->names.n;
            bool added = false;

            st = phi_map_add(&d->names, name, strlen(name), next, &added, err);
            if (added)
                d->tensors[next] = &from->tensors[i];
            else if (n++ == 0)
                twice = name;
        }
        if (st == PHI_OK && n > 0)
            st = doctor_add(d, CHECK_TENSOR_TWICE, err, d->shards[s].name,
                            "%zu tensor%s in an earlier shard, too, the first "
                            "is \"%.*s\"",
                            n, n == 1 ? " is" : "s are", PHI_ERR_NAME, twice);
    }
    return st;
}

/*
 * Tensors of the index that are in no shard, as far as the one that should
 * have them could be read.
 */
static enum phi_status check_names(struct doctor *d,
                                   const struct phi_hf_index *index,
                                   struct phi_err *err)
{
    const struct phi_json root = phi_json_root(index->doc);
    struct phi_json weights, item = {0};
    const char *first = NULL, *shard = NULL;
    size_t n = 0;
    enum phi_status st =
        phi_json_get(&root, "weight_map", PHI_JSON_OBJECT, &weights, err);

    while (st == PHI_OK && phi_json_next(&weights, &item)) {
        const char *name = phi_json_key(&item);
        const char *in = NULL;

        if (doctor_tensor(d, name) != NULL)
            continue;
        st = phi_json_str(&item, &in, err);
        if (st == PHI_OK && has_shard(d, in) && n++ == 0) {
            first = name;
            shard = in;
        }
    }
    if (st == PHI_OK && n > 0)
        st =
            doctor_add(d, CHECK_TENSOR_NOT_THERE, err, PHI_HF_INDEX,
                       "%zu tensor%s in no shard, the first is \"%.*s\", "
                       "expected in %s",
                       n, n == 1 ? " is" : "s are", PHI_ERR_NAME, first, shard);
    return st;
}

static bool named(const struct phi_hf_index *index, const char *name)
{
    for (size_t s = 0; s < index->n; s++) {
        if (strcmp(index->shards[s], name) == 0)
            return true;
    }
    return false;
}

static enum phi_status check_index(struct doctor *d, const char *path,
                                   struct phi_err *err)
{
    struct phi_hf_index index = {0};
    struct phi_err why = {0};
    enum phi_status st = phi_hf_index_load(&index, path, &why);

    if (st != PHI_OK) {
        st = doctor_found(d, CHECK_LFS)
                 ? PHI_OK
                 : doctor_add_error(d, CHECK_INDEX, PHI_HF_INDEX, &why, err);
        goto out;
    }
    d->shards = phi_alloc(index.n, sizeof(*d->shards), err);
    st = d->shards != NULL ? PHI_OK : PHI_E_NOMEM;
    for (size_t s = 0; st == PHI_OK && s < index.n; s++)
        st = open_shard(d, index.shards[s], err);
    for (size_t s = 0; st == PHI_OK && s < d->nshards; s++)
        st = check_shard(d, &index, s, err);
    if (st == PHI_OK)
        st = list_tensors(d, err);
    if (st == PHI_OK)
        st = check_names(d, &index, err);
    for (size_t i = 0; st == PHI_OK && i < d->files.n; i++) {
        const char *name = d->files.v[i];

        if (!phi_ends(name, ".safetensors") || named(&index, name) ||
            strcmp(name, ADAPTER_WEIGHTS) == 0)
            continue;
        if (strcmp(name, PHI_HF_SINGLE) == 0)
            st = doctor_add(d, CHECK_TWO_MODELS, err, name,
                            "is there, but the index names other files");
        else
            st = doctor_add(d, CHECK_SHARD_EXTRA, err, name,
                            "is not named by the index");
    }
out:
    phi_hf_index_release(&index);
    return st;
}

/* One file under its fixed name. */
static enum phi_status check_single(struct doctor *d, const char *name,
                                    struct phi_err *err)
{
    enum phi_status st = PHI_E_NOMEM;

    d->shards = phi_alloc(1, sizeof(*d->shards), err);
    if (d->shards != NULL)
        st = open_shard(d, name, err);
    return st == PHI_OK ? list_tensors(d, err) : st;
}

/* Neither index nor model.safetensors: what is there instead? */
static enum phi_status check_nothing(struct doctor *d, struct phi_err *err)
{
    for (size_t i = 0; i < d->files.n; i++) {
        if (phi_ends(d->files.v[i], ".safetensors") &&
            strcmp(d->files.v[i], ADAPTER_WEIGHTS) != 0)
            return doctor_add(d, CHECK_NO_INDEX, err, d->files.v[i],
                              "is there, but neither " PHI_HF_INDEX
                              " nor " PHI_HF_SINGLE);
    }
    for (size_t i = 0; i < d->files.n; i++) {
        if (strncmp(d->files.v[i], "pytorch_model", 13) == 0)
            return doctor_add(d, CHECK_PICKLE_ONLY, err, d->files.v[i],
                              "is a pickle, and there is no safetensors file");
    }
    return doctor_add(d, CHECK_NO_WEIGHTS, err, ".",
                      "has neither " PHI_HF_INDEX " nor " PHI_HF_SINGLE);
}

enum phi_status doctor_files(struct doctor *d, struct phi_err *err)
{
    char *path = phi_path_join(d->dir, PHI_HF_INDEX, err);
    enum phi_status st = PHI_E_NOMEM;

    if (path != NULL)
        st = phi_folder_list(&d->files, d->dir, err);
    for (size_t i = 0; st == PHI_OK && i < d->files.n; i++)
        st = look_at(d, d->files.v[i], err);
    if (st != PHI_OK)
        goto out;
    d->adapter = doctor_has(d, doctor_json_names[JSON_ADAPTER_CONFIG]) &&
                 !doctor_has(d, doctor_json_names[JSON_CONFIG]);
    if (d->adapter)
        st = doctor_has(d, ADAPTER_WEIGHTS)
                 ? check_single(d, ADAPTER_WEIGHTS, err)
             : doctor_has(d, "adapter_model.bin")
                 ? doctor_add(d, CHECK_PICKLE_ONLY, err, "adapter_model.bin",
                              "is a pickle, and there is no " ADAPTER_WEIGHTS)
                 : doctor_add(d, CHECK_NO_WEIGHTS, err, ".",
                              "has no " ADAPTER_WEIGHTS);
    else if (phi_path_may_be(path, PHI_PATH_FILE))
        st = check_index(d, path, err);
    else if (doctor_has(d, PHI_HF_SINGLE))
        st = check_single(d, PHI_HF_SINGLE, err);
    else
        st = check_nothing(d, err);
    for (size_t i = 0; st == PHI_OK && d->nshards > 0 && i < d->files.n; i++) {
        if (strncmp(d->files.v[i], "pytorch_model", 13) == 0) {
            st = doctor_add(d, CHECK_PICKLE, err, d->files.v[i],
                            "is a pickle beside safetensors files");
            break;
        }
    }
out:
    free(path);
    return st;
}
