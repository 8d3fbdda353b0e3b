/* SPDX-License-Identifier: MIT */
#include "formats/json_meta.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

#include "libconv/base/buf.h"

/* Values of one document, objects inside objects, and bytes of a path, which
 * each value has one of, that are shown. */
#define MAX_KEYS  4096
#define MAX_DEPTH 16
#define MAX_PATH  1024

static enum phi_status put(struct phi_meta *meta, const char *path,
                           const struct phi_json *v, unsigned depth,
                           struct phi_err *err);

static enum phi_status put_number(struct phi_meta *meta, const char *path,
                                  const struct phi_json *v, struct phi_err *err)
{
    const int64_t most = (int64_t)PHI_JSON_MAX_INT;
    uint64_t u;
    int64_t i;
    double f = 0;
    enum phi_status st;

    if (phi_json_uint(v, 0, PHI_JSON_MAX_INT, &u, NULL) == PHI_OK)
        return phi_meta_set_u(meta, path, PHI_KV_U64, u, err);
    if (phi_json_int(v, -most, most, &i, NULL) == PHI_OK)
        return phi_meta_set_i(meta, path, PHI_KV_I64, i, err);
    st = phi_json_number(v, -DBL_MAX, DBL_MAX, &f, err);
    return st == PHI_OK ? phi_meta_set_f(meta, path, PHI_KV_F64, f, err) : st;
}

/* Whether all elements are strings, or all integers that are not negative. */
static bool is_plain(const struct phi_json *array, enum phi_json_type type)
{
    struct phi_json item = {0};
    uint64_t u;

    while (phi_json_next(array, &item)) {
        if (phi_json_type(&item) != type ||
            (type == PHI_JSON_NUMBER &&
             phi_json_uint(&item, 0, PHI_JSON_MAX_INT, &u, NULL) != PHI_OK))
            return false;
    }
    return true;
}

static enum phi_status put_strings(struct phi_meta *meta, const char *path,
                                   const struct phi_json *array,
                                   struct phi_err *err)
{
    struct phi_json item = {0};
    struct phi_kv *kv;
    const char *text = "";
    size_t n = 0;
    enum phi_status st =
        phi_meta_set_strings(meta, path, phi_json_count(array), &kv, err);

    while (st == PHI_OK && phi_json_next(array, &item)) {
        st = phi_json_str(&item, &text, err);
        if (st == PHI_OK)
            st = phi_str_set(&kv->v.arr.str[n++], text, strlen(text), err);
    }
    return st;
}

static enum phi_status put_integers(struct phi_meta *meta, const char *path,
                                    const struct phi_json *array,
                                    struct phi_err *err)
{
    struct phi_json item = {0};
    struct phi_buf b = {0};
    uint64_t u = 0;
    enum phi_status st = PHI_OK;

    while (st == PHI_OK && phi_json_next(array, &item)) {
        st = phi_json_uint(&item, 0, PHI_JSON_MAX_INT, &u, err);
        phi_buf_u64(&b, u);
    }
    if (st == PHI_OK)
        st = phi_buf_status(&b, err);
    if (st == PHI_OK)
        st = phi_meta_set_numbers(meta, path, PHI_KV_U64, b.p, b.n / 8, err);
    phi_buf_release(&b);
    return st;
}

/* The path of an item of what is at `path`; it fits MAX_PATH. */
static enum phi_status join(char to[MAX_PATH + 1], const char *path,
                            const struct phi_json *item, size_t i,
                            struct phi_err *err)
{
    const char *dot = path[0] != '\0' ? "." : "";
    const char *key = phi_json_key(item);
    char number[24];
    size_t n;

    snprintf(number, sizeof(number), "%zu", i);
    if (key == NULL)
        key = number;
    n = strlen(path) + strlen(dot) + strlen(key);
    if (n > MAX_PATH)
        return phi_json_refuse(item, PHI_E_UNSUPPORTED, err,
                               "has a path of %zu bytes, expected at most %d",
                               n, MAX_PATH);
    snprintf(to, MAX_PATH + 1, "%s%s%s", path, dot, key);
    return PHI_OK;
}

/* The members of an object, or of an array by number. */
static enum phi_status put_items(struct phi_meta *meta, const char *path,
                                 const struct phi_json *box, unsigned depth,
                                 struct phi_err *err)
{
    struct phi_json item = {0};
    char inner[MAX_PATH + 1] = "";
    size_t n = 0;
    enum phi_status st = PHI_OK;

    if (depth == MAX_DEPTH)
        return phi_json_refuse(box, PHI_E_UNSUPPORTED, err,
                               "is %d levels deep, expected fewer", MAX_DEPTH);
    while (st == PHI_OK && phi_json_next(box, &item)) {
        st = join(inner, path, &item, n++, err);
        if (st == PHI_OK)
            st = put(meta, inner, &item, depth + 1, err);
    }
    return st;
}

/* A value that is no box; null is none. */
static enum phi_status put_leaf(struct phi_meta *meta, const char *path,
                                const struct phi_json *v, struct phi_err *err)
{
    const char *text = "";
    bool flag = false;
    enum phi_status st;

    switch (phi_json_type(v)) {
    case PHI_JSON_BOOL:
        st = phi_json_bool(v, &flag, err);
        return st == PHI_OK ? phi_meta_set_u(meta, path, PHI_KV_BOOL, flag, err)
                            : st;
    case PHI_JSON_NUMBER:
        return put_number(meta, path, v, err);
    case PHI_JSON_STRING:
        st = phi_json_str(v, &text, err);
        return st == PHI_OK
                   ? phi_meta_set_str(meta, path, text, strlen(text), err)
                   : st;
    default: /* an array */
        return is_plain(v, PHI_JSON_STRING) ? put_strings(meta, path, v, err)
                                            : put_integers(meta, path, v, err);
    }
}

static bool is_leaf(const struct phi_json *v)
{
    const enum phi_json_type type = phi_json_type(v);

    if (type == PHI_JSON_ARRAY)
        return phi_json_count(v) > 0 &&
               (is_plain(v, PHI_JSON_STRING) || is_plain(v, PHI_JSON_NUMBER));
    return type != PHI_JSON_OBJECT;
}

static enum phi_status put(struct phi_meta *meta, const char *path,
                           const struct phi_json *v, unsigned depth,
                           struct phi_err *err)
{
    const size_t before = meta->n;
    enum phi_status st;

    if (meta->n >= MAX_KEYS)
        return phi_json_refuse(v, PHI_E_UNSUPPORTED, err,
                               "is one value too many, the limit is %d",
                               MAX_KEYS);
    if (phi_json_type(v) == PHI_JSON_NULL)
        return PHI_OK;
    if (!is_leaf(v))
        return put_items(meta, path, v, depth, err);
    st = put_leaf(meta, path, v, err);
    /* {"a.b": 1, "a": {"b": 2}}: one must not pass for the other. */
    if (st == PHI_OK && meta->n == before)
        st = phi_json_refuse(v, PHI_E_UNSUPPORTED, err,
                             "is spelled as the path of another value");
    return st;
}

enum phi_status phi_json_meta(struct phi_meta *meta, const char *prefix,
                              const struct phi_json *object,
                              struct phi_err *err)
{
    const enum phi_status st = phi_json_expect(object, PHI_JSON_OBJECT, err);

    return st == PHI_OK ? put_items(meta, prefix, object, 0, err) : st;
}
