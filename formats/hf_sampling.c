/* SPDX-License-Identifier: MIT */
#include "formats/hf_sampling.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json.h"
#include "formats/json_write.h"
#include "libconv/base/decimal.h"
#include "libconv/base/file.h"
#include "libconv/base/utf8.h"

static const struct {
    const char *json;
    const char *key;
    enum phi_kv_type type;
    bool sampled; /* transformers asks for do_sample beside it */
} samplings[] = {
    {"sequence", "general.sampling.sequence", PHI_KV_STRING, false},
    {"top_k", "general.sampling.top_k", PHI_KV_I32, true},
    {"top_p", "general.sampling.top_p", PHI_KV_F32, true},
    {"min_p", "general.sampling.min_p", PHI_KV_F32, true},
    {"xtc_probability", "general.sampling.xtc_probability", PHI_KV_F32, false},
    {"xtc_threshold", "general.sampling.xtc_threshold", PHI_KV_F32, false},
    {"temperature", "general.sampling.temp", PHI_KV_F32, true},
    {"penalty_last_n", "general.sampling.penalty_last_n", PHI_KV_I32, false},
    {"penalty_repeat", "general.sampling.penalty_repeat", PHI_KV_F32, false},
    {"mirostat", "general.sampling.mirostat", PHI_KV_I32, false},
    {"mirostat_tau", "general.sampling.mirostat_tau", PHI_KV_F32, false},
    {"mirostat_eta", "general.sampling.mirostat_eta", PHI_KV_F32, false},
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

/* ---- and back ------------------------------------------------------------ */

static enum phi_status put_text(struct phi_buf *out, const struct phi_kv *kv,
                                struct phi_err *err)
{
    const struct phi_str *s = &kv->v.str;

    if (strlen(s->p) != s->n ||
        phi_utf8_valid((const uint8_t *)s->p, s->n) < s->n)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "key \"%s\": is no text in UTF-8, expected one",
                        kv->key);
    phi_json_put_string(out, s->p);
    return PHI_OK;
}

/* Whatever its width, as long as the field can hold it. */
static enum phi_status put_integer(struct phi_buf *out, const struct phi_kv *kv,
                                   struct phi_err *err)
{
    const bool is_signed = kv->type == PHI_KV_I8 || kv->type == PHI_KV_I16 ||
                           kv->type == PHI_KV_I32 || kv->type == PHI_KV_I64;
    const int64_t v = is_signed              ? kv->v.i
                      : kv->v.u <= INT32_MAX ? (int64_t)kv->v.u
                                             : INT64_MAX;

    if (v < INT32_MIN || v > INT32_MAX)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "key \"%s\": is out of range, expected an int32",
                        kv->key);
    phi_buf_printf(out, "%lld", (long long)v);
    return PHI_OK;
}

/* The shortest text that reads back as the same f32, and not as an integer. */
static enum phi_status put_float(struct phi_buf *out, const struct phi_kv *kv,
                                 struct phi_err *err)
{
    char text[PHI_DECIMAL_MAX];

    if (!isfinite((float)kv->v.f))
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "key \"%s\": is not finite, which JSON cannot say",
                        kv->key);
    phi_decimal_f32(text, (float)kv->v.f);
    phi_buf_printf(out, "%s%s", text, strpbrk(text, ".e") == NULL ? ".0" : "");
    return PHI_OK;
}

static enum phi_status put_sampling(struct phi_buf *out,
                                    const struct phi_kv *kv, size_t i,
                                    struct phi_err *err)
{
    const bool is_float = kv->type == PHI_KV_F32 || kv->type == PHI_KV_F64;
    enum phi_status st = PHI_E_UNSUPPORTED;

    phi_buf_printf(out, "  \"%s\": ", samplings[i].json);
    if (samplings[i].type == PHI_KV_STRING && kv->type == PHI_KV_STRING)
        st = put_text(out, kv, err);
    else if (samplings[i].type == PHI_KV_F32 && is_float)
        st = put_float(out, kv, err);
    else if (samplings[i].type == PHI_KV_I32 && !is_float &&
             kv->type != PHI_KV_BOOL && kv->type != PHI_KV_STRING &&
             kv->type != PHI_KV_ARRAY)
        st = put_integer(out, kv, err);
    else
        phi_fail(err, st, "key \"%s\": is %s, expected %s", kv->key,
                 phi_kv_type_name(kv->type),
                 phi_kv_type_name(samplings[i].type));
    phi_buf_text(out, ",\n");
    return st;
}

/* A temperature of 0 takes the best token: transformers says so without one,
 * and refuses what would choose among others. */
static bool is_greedy(const struct phi_meta *meta)
{
    const struct phi_kv *kv = phi_meta_find(meta, "general.sampling.temp");

    return kv != NULL && (kv->type == PHI_KV_F32 || kv->type == PHI_KV_F64) &&
           kv->v.f >= 0 && kv->v.f <= 0;
}

enum phi_status phi_hf_sampling_put(struct phi_buf *out,
                                    const struct phi_meta *meta,
                                    struct phi_err *err)
{
    const bool greedy = is_greedy(meta);
    bool sampled = false;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < COUNT(samplings) && st == PHI_OK; i++) {
        const struct phi_kv *kv = phi_meta_find(meta, samplings[i].key);

        sampled = sampled || (kv != NULL && samplings[i].sampled);
        if (kv != NULL && !(greedy && samplings[i].sampled))
            st = put_sampling(out, kv, i, err);
    }
    if (sampled)
        phi_buf_printf(out, "  \"do_sample\": %s,\n",
                       greedy ? "false" : "true");
    return st;
}

bool phi_hf_sampling_is(const char *key)
{
    bool found = false;

    for (size_t i = 0; i < COUNT(samplings); i++)
        found = found || strcmp(key, samplings[i].key) == 0;
    return found;
}
