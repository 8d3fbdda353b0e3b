/* SPDX-License-Identifier: MIT */
#include "formats/hf_shards.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/file.h"
#include "libconv/base/mem.h"

/* What dir/name is. */
static enum phi_status kind_of(const char *dir, const char *name,
                               enum phi_path_kind *out, struct phi_err *err)
{
    char *path = phi_path_join(dir, name, err);

    if (path == NULL)
        return PHI_E_NOMEM;
    *out = phi_path_kind(path);
    free(path);
    return PHI_OK;
}

/* Opens dir/name as the next shard. */
static enum phi_status open_one(struct phi_hf_shards *out, const char *dir,
                                const char *name, struct phi_err *err)
{
    char *path = phi_path_join(dir, name, err);
    enum phi_status st = PHI_E_NOMEM;

    if (path != NULL) {
        st = phi_st_open(&out->st[out->n], path, err);
        if (st == PHI_OK)
            out->n++;
    }
    free(path);
    return st;
}

/* Fails: neither index nor model.safetensors. */
static enum phi_status fail_empty(const char *dir, struct phi_err *err)
{
    static const char *const pickles[] = {"pytorch_model.bin",
                                          "pytorch_model.bin.index.json"};

    for (size_t i = 0; i < 2; i++) {
        enum phi_path_kind kind;
        const enum phi_status st = kind_of(dir, pickles[i], &kind, err);

        if (st != PHI_OK)
            return st;
        if (kind == PHI_PATH_NONE)
            continue;
        phi_fail(err, PHI_E_UNSUPPORTED,
                 "%s: has its weights in %s only, expected " PHI_HF_SINGLE
                 " or " PHI_HF_INDEX,
                 dir, pickles[i]);
        return phi_hint(err, "pickles can run code and are never read: load "
                             "the model with transformers and save it again "
                             "with save_pretrained()");
    }
    return phi_fail(
        err, PHI_E_FORMAT,
        "%s: has no weights, expected " PHI_HF_SINGLE " or " PHI_HF_INDEX, dir);
}

/* Every tensor of shard s is the one that the index puts there. */
static enum phi_status check_shard(const struct phi_hf_index *index, size_t s,
                                   const struct phi_st *st, size_t *known,
                                   struct phi_err *err)
{
    for (size_t i = 0; i < st->n; i++) {
        const char *name = st->tensors[i].name;
        const uint32_t *shard =
            phi_map_find(&index->tensors, name, strlen(name));

        if (shard == NULL)
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: tensor \"%.*s\": is not in the index, "
                            "expected it in weight_map",
                            phi_file_path(st->file), PHI_ERR_NAME, name);
        if (*shard != s)
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: tensor \"%.*s\": is here, but the index "
                            "expects it in %s",
                            phi_file_path(st->file), PHI_ERR_NAME, name,
                            index->shards[*shard]);
        ++*known;
    }
    return PHI_OK;
}

/* Finds a tensor of the index that its shard lacks, and fails with it. */
static enum phi_status fail_missing(const struct phi_hf_index *index,
                                    const struct phi_hf_shards *shards,
                                    struct phi_err *err)
{
    const struct phi_json root = phi_json_root(index->doc);
    struct phi_map have = {0};
    struct phi_json weights, item = {0};
    enum phi_status st =
        phi_json_get(&root, "weight_map", PHI_JSON_OBJECT, &weights, err);

    for (size_t s = 0; s < shards->n; s++) {
        for (size_t i = 0; st == PHI_OK && i < shards->st[s]->n; i++) {
            const char *name = shards->st[s]->tensors[i].name;

            st = phi_map_add(&have, name, strlen(name), 0, NULL, err);
        }
    }
    while (st == PHI_OK && phi_json_next(&weights, &item)) {
        const char *name = phi_json_key(&item);
        const char *shard;

        if (phi_map_find(&have, name, strlen(name)) != NULL)
            continue;
        st = phi_json_str(&item, &shard, err);
        if (st == PHI_OK)
            st = phi_fail(err, PHI_E_FORMAT,
                          "%s: tensor \"%.*s\": is missing in %s, expected by "
                          "the index",
                          phi_json_name(&root), PHI_ERR_NAME, name, shard);
    }
    phi_map_release(&have);
    return st;
}

/* Before any is read: half a download is best said at once. */
static enum phi_status check_present(const char *dir,
                                     const struct phi_hf_index *index,
                                     struct phi_err *err)
{
    const struct phi_json root = phi_json_root(index->doc);

    for (size_t s = 0; s < index->n; s++) {
        enum phi_path_kind kind;
        const enum phi_status st = kind_of(dir, index->shards[s], &kind, err);

        if (st != PHI_OK)
            return st;
        if (kind != PHI_PATH_NONE)
            continue;
        phi_fail(err, PHI_E_FORMAT,
                 "%s: names the shard \"%.*s\", which is not in the folder",
                 phi_json_name(&root), PHI_ERR_NAME, index->shards[s]);
        phi_hint(err, "the download is not complete: download the missing "
                      "shard");
        return PHI_E_FORMAT;
    }
    return PHI_OK;
}

static enum phi_status open_index(struct phi_hf_shards *out, const char *dir,
                                  const struct phi_hf_index *index,
                                  struct phi_err *err)
{
    size_t known = 0;
    enum phi_status st = check_present(dir, index, err);

    if (st != PHI_OK)
        return st;
    out->st = phi_alloc(index->n, sizeof(*out->st), err);
    if (out->st == NULL)
        return PHI_E_NOMEM;
    for (size_t s = 0; s < index->n; s++) {
        st = open_one(out, dir, index->shards[s], err);
        if (st == PHI_OK)
            st = check_shard(index, s, out->st[s], &known, err);
        if (st != PHI_OK)
            return st;
    }
    /* Names are unique in each shard, and each was where it should be. */
    return known == index->tensors.n ? PHI_OK : fail_missing(index, out, err);
}

enum phi_status phi_hf_shards_open(struct phi_hf_shards *out, const char *dir,
                                   struct phi_err *err)
{
    struct phi_hf_index index = {0};
    char *path = phi_path_join(dir, PHI_HF_INDEX, err);
    enum phi_path_kind single;
    enum phi_status st = PHI_E_NOMEM;

    if (path == NULL)
        return st;
    st = kind_of(dir, PHI_HF_SINGLE, &single, err);
    if (st != PHI_OK)
        goto out;
    if (phi_path_kind(path) == PHI_PATH_NONE) {
        if (single == PHI_PATH_NONE) {
            st = fail_empty(dir, err);
            goto out;
        }
        out->st = phi_alloc(1, sizeof(*out->st), err);
        st = out->st == NULL ? PHI_E_NOMEM
                             : open_one(out, dir, PHI_HF_SINGLE, err);
        goto out;
    }
    st = phi_hf_index_load(&index, path, err);
    if (st != PHI_OK)
        goto out;
    if (single != PHI_PATH_NONE &&
        (index.n > 1 || strcmp(index.shards[0], PHI_HF_SINGLE) != 0)) {
        phi_fail(err, PHI_E_FORMAT,
                 "%s: is there, but so is " PHI_HF_SINGLE
                 ", which it does not name, expected one of them",
                 path);
        phi_hint(err, "two models are in the folder: remove the old one");
        st = PHI_E_FORMAT;
        goto out;
    }
    st = open_index(out, dir, &index, err);
out:
    phi_hf_index_release(&index);
    free(path);
    return st;
}

void phi_hf_shards_release(struct phi_hf_shards *shards)
{
    for (size_t i = 0; i < shards->n; i++)
        phi_st_close(shards->st[i]);
    free(shards->st);
    *shards = (struct phi_hf_shards){0};
}
