/* SPDX-License-Identifier: MIT */
#include "formats/hf_index.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"

static enum phi_status check_shard_name(const struct phi_json *v,
                                        const char *name, struct phi_err *err)
{
    static const char suffix[] = ".safetensors";
    const size_t n = strlen(name);
    const size_t tail = sizeof(suffix) - 1;

    if (strchr(name, '/') != NULL || strchr(name, '\\') != NULL)
        return phi_json_refuse(v, PHI_E_FORMAT, err,
                               "is \"%.*s\", expected a file name without a "
                               "folder",
                               PHI_ERR_NAME, name);
    if (n > PHI_HF_MAX_SHARD_NAME)
        return phi_json_refuse(v, PHI_E_FORMAT, err,
                               "has %zu bytes, the limit is %d", n,
                               PHI_HF_MAX_SHARD_NAME);
    if (n <= tail || strcmp(name + n - tail, suffix) != 0)
        return phi_json_refuse(v, PHI_E_FORMAT, err,
                               "is \"%.*s\", expected a name that ends in "
                               "\"%s\"",
                               PHI_ERR_NAME, name, suffix);
    return PHI_OK;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The distinct values of the weight map, sorted, into out->shards. */
static enum phi_status collect_shards(struct phi_hf_index *out,
                                      const struct phi_json *weights,
                                      struct phi_map *seen, struct phi_err *err)
{
    struct phi_json item = {0};
    size_t cap = 0;
    void *list;
    const char *name = NULL;
    enum phi_status st = PHI_OK;

    while (st == PHI_OK && phi_json_next(weights, &item)) {
        bool added = false;

        st = phi_json_str(&item, &name, err);
        if (st == PHI_OK)
            st = check_shard_name(&item, name, err);
        if (st == PHI_OK)
            st = phi_map_add(seen, name, strlen(name), 0, &added, err);
        if (st != PHI_OK || !added)
            continue;
        list = out->shards;
        st = phi_grow(&list, &cap, out->n + 1, sizeof(*out->shards), err);
        out->shards = list;
        if (st == PHI_OK)
            out->shards[out->n++] = name;
    }
    if (st == PHI_OK && out->n > 1)
        qsort(out->shards, out->n, sizeof(*out->shards), by_bytes);
    return st;
}

static enum phi_status map_tensors(struct phi_hf_index *out,
                                   const struct phi_json *weights,
                                   struct phi_err *err)
{
    struct phi_map numbers = {0};
    struct phi_json item = {0};
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < out->n; i++)
        st = phi_map_add(&numbers, out->shards[i], strlen(out->shards[i]),
                         (uint32_t)i, NULL, err);
    while (st == PHI_OK && phi_json_next(weights, &item)) {
        const char *key = phi_json_key(&item);
        const char *shard = NULL;

        st = phi_json_str(&item, &shard, err);
        if (st == PHI_OK)
            st = phi_map_add(&out->tensors, key, strlen(key),
                             *phi_map_find(&numbers, shard, strlen(shard)),
                             NULL, err);
    }
    phi_map_release(&numbers);
    return st;
}

enum phi_status phi_hf_index_load(struct phi_hf_index *out, const char *path,
                                  struct phi_err *err)
{
    struct phi_map seen = {0};
    struct phi_json root, weights;
    enum phi_status st =
        phi_json_load(&out->doc, path, PHI_JSON_MAX_CONFIG, err);

    if (st != PHI_OK)
        return st;
    root = phi_json_root(out->doc);
    st = phi_json_expect(&root, PHI_JSON_OBJECT, err);
    if (st == PHI_OK)
        st = phi_json_get(&root, "weight_map", PHI_JSON_OBJECT, &weights, err);
    if (st == PHI_OK)
        st = collect_shards(out, &weights, &seen, err);
    if (st == PHI_OK && out->n == 0)
        st = phi_json_refuse(&weights, PHI_E_FORMAT, err,
                             "is empty, expected the model's tensors");
    if (st == PHI_OK)
        st = map_tensors(out, &weights, err);
    phi_map_release(&seen);
    return st;
}

void phi_hf_index_release(struct phi_hf_index *index)
{
    phi_map_release(&index->tensors);
    free(index->shards);
    phi_json_free(index->doc);
    *index = (struct phi_hf_index){0};
}
