/* SPDX-License-Identifier: MIT */
#include "formats/hf_sampling.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json.h"
#include "libconv/base/file.h"

static const struct {
    const char *json;
    const char *key;
    enum phi_kv_type type;
} samplings[] = {
    {"sequence", "general.sampling.sequence", PHI_KV_STRING},
    {"top_k", "general.sampling.top_k", PHI_KV_I32},
    {"top_p", "general.sampling.top_p", PHI_KV_F32},
    {"min_p", "general.sampling.min_p", PHI_KV_F32},
    {"xtc_probability", "general.sampling.xtc_probability", PHI_KV_F32},
    {"xtc_threshold", "general.sampling.xtc_threshold", PHI_KV_F32},
    {"temperature", "general.sampling.temp", PHI_KV_F32},
    {"penalty_last_n", "general.sampling.penalty_last_n", PHI_KV_I32},
    {"penalty_repeat", "general.sampling.penalty_repeat", PHI_KV_F32},
    {"mirostat", "general.sampling.mirostat", PHI_KV_I32},
    {"mirostat_tau", "general.sampling.mirostat_tau", PHI_KV_F32},
    {"mirostat_eta", "general.sampling.mirostat_eta", PHI_KV_F32},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static enum phi_status write_sampling(struct phi_meta *meta,
                                      const struct phi_json *root, size_t i,
                                      struct phi_err *err)
{
    struct phi_json v = {0};
    const char *text;
    double number;
    int64_t integer;
    enum phi_status st;

    if (!phi_json_find(root, samplings[i].json, &v) ||
        phi_json_type(&v) == PHI_JSON_NULL)
        return PHI_OK;
    if (samplings[i].type == PHI_KV_STRING) {
        st = phi_json_str(&v, &text, err);
        if (st == PHI_OK)
            st = phi_meta_set_str(meta, samplings[i].key, text, strlen(text),
                                  err);
    } else if (samplings[i].type == PHI_KV_I32) {
        st = phi_json_int(&v, INT32_MIN, INT32_MAX, &integer, err);
        if (st == PHI_OK)
            st = phi_meta_set_i(meta, samplings[i].key, PHI_KV_I32, integer,
                                err);
    } else {
        st = phi_json_number(&v, -FLT_MAX, FLT_MAX, &number, err);
        if (st == PHI_OK)
            st =
                phi_meta_set_f(meta, samplings[i].key, PHI_KV_F32, number, err);
    }
    return st;
}

enum phi_status phi_hf_sampling(struct phi_meta *meta, const char *dir,
                                struct phi_err *err)
{
    struct phi_json_doc *doc = NULL;
    struct phi_json root;
    char *path = phi_path_join(dir, "generation_config.json", err);
    enum phi_status st = PHI_OK;

    if (path == NULL)
        return PHI_E_NOMEM;
    if (phi_path_kind(path) == PHI_PATH_NONE)
        goto out;
    st = phi_json_load(&doc, path, PHI_JSON_MAX_CONFIG, err);
    if (st != PHI_OK)
        goto out;
    root = phi_json_root(doc);
    st = phi_json_expect(&root, PHI_JSON_OBJECT, err);
    for (size_t i = 0; i < COUNT(samplings) && st == PHI_OK; i++)
        st = write_sampling(meta, &root, i, err);
out:
    phi_json_free(doc);
    free(path);
    return st;
}
