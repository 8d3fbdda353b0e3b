/* SPDX-License-Identifier: MIT */
#include "libconv/tensor/meta.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/map.h"
#include "libconv/base/mem.h"

static const struct {
    const char *name;
    size_t size;
} types[PHI_KV_NTYPES] = {
    [PHI_KV_U8] = {"uint8", 1},      [PHI_KV_I8] = {"int8", 1},
    [PHI_KV_U16] = {"uint16", 2},    [PHI_KV_I16] = {"int16", 2},
    [PHI_KV_U32] = {"uint32", 4},    [PHI_KV_I32] = {"int32", 4},
    [PHI_KV_F32] = {"float32", 4},   [PHI_KV_BOOL] = {"bool", 1},
    [PHI_KV_STRING] = {"string", 0}, [PHI_KV_ARRAY] = {"array", 0},
    [PHI_KV_U64] = {"uint64", 8},    [PHI_KV_I64] = {"int64", 8},
    [PHI_KV_F64] = {"float64", 8},
};

size_t phi_kv_type_size(enum phi_kv_type t)
{
    return types[t].size;
}

const char *phi_kv_type_name(enum phi_kv_type t)
{
    return types[t].name;
}

static void release_value(struct phi_kv *kv)
{
    if (kv->type == PHI_KV_STRING) {
        free(kv->v.str.p);
    } else if (kv->type == PHI_KV_ARRAY) {
        for (size_t i = 0; kv->v.arr.str != NULL && i < kv->v.arr.n; i++)
            free(kv->v.arr.str[i].p);
        free(kv->v.arr.str);
        free(kv->v.arr.num);
    }
    memset(&kv->v, 0, sizeof(kv->v));
    kv->type = PHI_KV_U8;
}

void phi_meta_release(struct phi_meta *m)
{
    for (size_t i = 0; i < m->n; i++) {
        release_value(&m->kv[i]);
        free(m->kv[i].key);
    }
    free(m->kv);
    *m = (struct phi_meta){0};
}

static struct phi_kv *find(const struct phi_meta *m, const char *key)
{
    for (size_t i = 0; i < m->n; i++) {
        if (strcmp(m->kv[i].key, key) == 0)
            return &m->kv[i];
    }
    return NULL;
}

const struct phi_kv *phi_meta_find(const struct phi_meta *m, const char *key)
{
    return find(m, key);
}

static bool same_str(const struct phi_str *a, const struct phi_str *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

static bool same_array(const struct phi_kv *a, const struct phi_kv *b)
{
    const size_t n = a->v.arr.n;
    const size_t nbytes = n * phi_kv_type_size(a->v.arr.type);

    if (a->v.arr.type != b->v.arr.type || n != b->v.arr.n)
        return false;
    if (a->v.arr.type != PHI_KV_STRING)
        return nbytes == 0 || memcmp(a->v.arr.num, b->v.arr.num, nbytes) == 0;
    for (size_t i = 0; i < n; i++) {
        if (!same_str(&a->v.arr.str[i], &b->v.arr.str[i]))
            return false;
    }
    return true;
}

/* By their bits: a NaN is itself, and -0 is not 0. */
static bool same_bits(double a, double b)
{
    uint64_t bits[2];

    memcpy(&bits[0], &a, sizeof(a));
    memcpy(&bits[1], &b, sizeof(b));
    return bits[0] == bits[1];
}

bool phi_kv_same(const struct phi_kv *a, const struct phi_kv *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case PHI_KV_STRING:
        return same_str(&a->v.str, &b->v.str);
    case PHI_KV_ARRAY:
        return same_array(a, b);
    case PHI_KV_F32:
    case PHI_KV_F64:
        return same_bits(a->v.f, b->v.f);
    case PHI_KV_I8:
    case PHI_KV_I16:
    case PHI_KV_I32:
    case PHI_KV_I64:
        return a->v.i == b->v.i;
    default:
        return a->v.u == b->v.u;
    }
}

void phi_meta_remove(struct phi_meta *m, const char *key)
{
    struct phi_kv *kv = find(m, key);

    if (kv == NULL)
        return;
    release_value(kv);
    free(kv->key);
    m->n--;
    memmove(kv, kv + 1, (size_t)(m->kv + m->n - kv) * sizeof(*kv));
}

void phi_meta_remove_all(struct phi_meta *m, const char *prefix)
{
    const size_t n = strlen(prefix);
    size_t kept = 0;

    for (size_t i = 0; i < m->n; i++) {
        if (strncmp(m->kv[i].key, prefix, n) != 0) {
            m->kv[kept++] = m->kv[i];
        } else {
            release_value(&m->kv[i]);
            free(m->kv[i].key);
        }
    }
    m->n = kept;
}

/* A new last entry without a value; NULL: no memory. */
static struct phi_kv *append(struct phi_meta *m, const char *key,
                             struct phi_err *err)
{
    void *p = m->kv;
    struct phi_kv *kv;

    if (phi_grow(&p, &m->cap, m->n + 1, sizeof(*m->kv), err) != PHI_OK)
        return NULL;
    m->kv = p;
    kv = &m->kv[m->n];
    *kv = (struct phi_kv){0};
    kv->key = phi_strdup(key, err);
    if (kv->key == NULL)
        return NULL;
    m->n++;
    return kv;
}

/* The entry of key with its value released, appended if new; NULL: no memory.
 */
static struct phi_kv *entry(struct phi_meta *m, const char *key,
                            struct phi_err *err)
{
    struct phi_kv *kv = find(m, key);

    if (kv == NULL)
        return append(m, key, err);
    release_value(kv);
    return kv;
}

enum phi_status phi_meta_set_u(struct phi_meta *m, const char *key,
                               enum phi_kv_type type, uint64_t v,
                               struct phi_err *err)
{
    struct phi_kv *kv = entry(m, key, err);

    if (kv == NULL)
        return PHI_E_NOMEM;
    kv->type = type;
    kv->v.u = v;
    return PHI_OK;
}

enum phi_status phi_meta_set_i(struct phi_meta *m, const char *key,
                               enum phi_kv_type type, int64_t v,
                               struct phi_err *err)
{
    struct phi_kv *kv = entry(m, key, err);

    if (kv == NULL)
        return PHI_E_NOMEM;
    kv->type = type;
    kv->v.i = v;
    return PHI_OK;
}

enum phi_status phi_meta_set_f(struct phi_meta *m, const char *key,
                               enum phi_kv_type type, double v,
                               struct phi_err *err)
{
    struct phi_kv *kv = entry(m, key, err);

    if (kv == NULL)
        return PHI_E_NOMEM;
    kv->type = type;
    kv->v.f = type == PHI_KV_F32 ? (double)(float)v : v;
    return PHI_OK;
}

enum phi_status phi_str_set(struct phi_str *s, const char *text, size_t n,
                            struct phi_err *err)
{
    char *p = phi_strndup(text, n, err);

    if (p == NULL)
        return PHI_E_NOMEM;
    free(s->p);
    s->p = p;
    s->n = n;
    return PHI_OK;
}

/* Sets a text of the entry that `place` finds or makes. */
static enum phi_status put_str(struct phi_meta *m, const char *key,
                               const char *text, size_t n,
                               struct phi_kv *(*place)(struct phi_meta *m,
                                                       const char *key,
                                                       struct phi_err *err),
                               struct phi_err *err)
{
    /* Copied first: text may be borrowed from the entry it replaces. */
    struct phi_str copy = {0};
    struct phi_kv *kv;

    if (phi_str_set(&copy, text, n, err) != PHI_OK)
        return PHI_E_NOMEM;
    kv = place(m, key, err);
    if (kv == NULL) {
        free(copy.p);
        return PHI_E_NOMEM;
    }
    kv->type = PHI_KV_STRING;
    kv->v.str = copy;
    return PHI_OK;
}

enum phi_status phi_meta_add_str(struct phi_meta *m, const char *key,
                                 const char *text, size_t n,
                                 struct phi_err *err)
{
    return put_str(m, key, text, n, append, err);
}

enum phi_status phi_meta_set_str(struct phi_meta *m, const char *key,
                                 const char *text, size_t n,
                                 struct phi_err *err)
{
    return put_str(m, key, text, n, entry, err);
}

enum phi_status phi_meta_set_numbers(struct phi_meta *m, const char *key,
                                     enum phi_kv_type type, const void *num,
                                     size_t n, struct phi_err *err)
{
    uint8_t *copy = phi_alloc(n, types[type].size, err);
    struct phi_kv *kv;

    if (copy == NULL)
        return PHI_E_NOMEM;
    if (n > 0)
        memcpy(copy, num, n * types[type].size);
    kv = entry(m, key, err);
    if (kv == NULL) {
        free(copy);
        return PHI_E_NOMEM;
    }
    kv->type = PHI_KV_ARRAY;
    kv->v.arr.type = type;
    kv->v.arr.n = n;
    kv->v.arr.num = copy;
    return PHI_OK;
}

enum phi_status phi_meta_set_strings(struct phi_meta *m, const char *key,
                                     size_t n, struct phi_kv **out,
                                     struct phi_err *err)
{
    struct phi_str *str = phi_alloc(n, sizeof(*str), err);
    struct phi_kv *kv;

    if (str == NULL)
        return PHI_E_NOMEM;
    kv = entry(m, key, err);
    if (kv == NULL) {
        free(str);
        return PHI_E_NOMEM;
    }
    kv->type = PHI_KV_ARRAY;
    kv->v.arr.type = PHI_KV_STRING;
    kv->v.arr.n = n;
    kv->v.arr.str = str;
    *out = kv;
    return PHI_OK;
}

static enum phi_status copy_strings(struct phi_kv *to,
                                    const struct phi_kv *from,
                                    struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    to->v.arr.str = phi_alloc(from->v.arr.n, sizeof(*to->v.arr.str), err);
    if (to->v.arr.str == NULL)
        return PHI_E_NOMEM;
    to->v.arr.n = from->v.arr.n;
    for (size_t i = 0; st == PHI_OK && i < from->v.arr.n; i++) {
        const struct phi_str *s = &from->v.arr.str[i];

        st =
            phi_str_set(&to->v.arr.str[i], s->p != NULL ? s->p : "", s->n, err);
    }
    return st;
}

/* `to` has no value yet; after a failure it can be released all the same. */
static enum phi_status copy_value(struct phi_kv *to, const struct phi_kv *from,
                                  struct phi_err *err)
{
    size_t nbytes;

    to->type = from->type;
    if (from->type == PHI_KV_STRING)
        return phi_str_set(&to->v.str, from->v.str.p, from->v.str.n, err);
    if (from->type != PHI_KV_ARRAY) {
        to->v = from->v;
        return PHI_OK;
    }
    to->v.arr.type = from->v.arr.type;
    if (from->v.arr.type == PHI_KV_STRING)
        return copy_strings(to, from, err);
    nbytes = from->v.arr.n * types[from->v.arr.type].size; /* in memory */
    to->v.arr.num = phi_alloc(nbytes, 1, err);
    if (to->v.arr.num == NULL)
        return PHI_E_NOMEM;
    to->v.arr.n = from->v.arr.n;
    if (nbytes > 0)
        memcpy(to->v.arr.num, from->v.arr.num, nbytes);
    return PHI_OK;
}

enum phi_status phi_meta_copy(struct phi_meta *to, const struct phi_meta *from,
                              struct phi_err *err)
{
    /* Keys differ in `from`: only those that were there need a search. */
    struct phi_map there = {0};
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < to->n; i++)
        st = phi_map_add(&there, to->kv[i].key, strlen(to->kv[i].key),
                         (uint32_t)i, NULL, err);
    for (size_t i = 0; st == PHI_OK && i < from->n; i++) {
        const char *key = from->kv[i].key;
        const uint32_t *at = phi_map_find(&there, key, strlen(key));
        struct phi_kv *kv = at != NULL ? &to->kv[*at] : append(to, key, err);

        if (kv == NULL) {
            st = PHI_E_NOMEM;
        } else {
            release_value(kv);
            st = copy_value(kv, &from->kv[i], err);
        }
    }
    phi_map_release(&there);
    return st;
}

static enum phi_status missing(const char *key, const char *expected,
                               struct phi_err *err)
{
    return phi_fail(err, PHI_E_FORMAT, "key \"%.*s\": is missing, expected %s",
                    PHI_ERR_NAME, key, expected);
}

static enum phi_status wrong_type(const struct phi_kv *kv, const char *expected,
                                  struct phi_err *err)
{
    return phi_fail(err, PHI_E_FORMAT,
                    "key \"%.*s\": is of type %s, expected %s", PHI_ERR_NAME,
                    kv->key, types[kv->type].name, expected);
}

enum phi_status phi_meta_opt_uint(const struct phi_meta *m, const char *key,
                                  uint64_t max, uint64_t *out,
                                  struct phi_err *err)
{
    const struct phi_kv *kv = find(m, key);
    uint64_t v;

    if (kv == NULL)
        return PHI_OK;
    switch (kv->type) {
    case PHI_KV_U8:
    case PHI_KV_U16:
    case PHI_KV_U32:
    case PHI_KV_U64:
        v = kv->v.u;
        break;
    case PHI_KV_I8:
    case PHI_KV_I16:
    case PHI_KV_I32:
    case PHI_KV_I64:
        if (kv->v.i < 0)
            return phi_fail(
                err, PHI_E_FORMAT, "key \"%.*s\": is %lld, expected 0 to %llu",
                PHI_ERR_NAME, key, (long long)kv->v.i, (unsigned long long)max);
        v = (uint64_t)kv->v.i;
        break;
    default:
        return wrong_type(kv, "an integer", err);
    }
    if (v > max)
        return phi_fail(
            err, PHI_E_FORMAT, "key \"%.*s\": is %llu, expected 0 to %llu",
            PHI_ERR_NAME, key, (unsigned long long)v, (unsigned long long)max);
    *out = v;
    return PHI_OK;
}

enum phi_status phi_meta_get_uint(const struct phi_meta *m, const char *key,
                                  uint64_t max, uint64_t *out,
                                  struct phi_err *err)
{
    if (find(m, key) == NULL)
        return missing(key, "an integer", err);
    return phi_meta_opt_uint(m, key, max, out, err);
}

enum phi_status phi_meta_get_size(const struct phi_meta *m, const char *key,
                                  uint64_t max, uint64_t *out,
                                  struct phi_err *err)
{
    const enum phi_status st = phi_meta_get_uint(m, key, max, out, err);

    if (st == PHI_OK && *out == 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "key \"%.*s\" is 0, expected 1 to %llu", PHI_ERR_NAME,
                        key, (unsigned long long)max);
    return st;
}

enum phi_status phi_meta_opt_float(const struct phi_meta *m, const char *key,
                                   double *out, struct phi_err *err)
{
    const struct phi_kv *kv = find(m, key);

    if (kv == NULL)
        return PHI_OK;
    if (kv->type != PHI_KV_F32 && kv->type != PHI_KV_F64)
        return wrong_type(kv, "a float", err);
    *out = kv->v.f;
    return PHI_OK;
}

enum phi_status phi_meta_get_float(const struct phi_meta *m, const char *key,
                                   double *out, struct phi_err *err)
{
    if (find(m, key) == NULL)
        return missing(key, "a float", err);
    return phi_meta_opt_float(m, key, out, err);
}

enum phi_status phi_meta_opt_bool(const struct phi_meta *m, const char *key,
                                  bool *out, struct phi_err *err)
{
    const struct phi_kv *kv = find(m, key);

    if (kv == NULL)
        return PHI_OK;
    if (kv->type != PHI_KV_BOOL)
        return wrong_type(kv, "a bool", err);
    *out = kv->v.u != 0;
    return PHI_OK;
}

enum phi_status phi_meta_opt_str(const struct phi_meta *m, const char *key,
                                 const char **out, struct phi_err *err)
{
    const struct phi_kv *kv = find(m, key);

    if (kv == NULL)
        return PHI_OK;
    if (kv->type != PHI_KV_STRING)
        return wrong_type(kv, "a string", err);
    *out = kv->v.str.p;
    return PHI_OK;
}

enum phi_status phi_meta_get_str(const struct phi_meta *m, const char *key,
                                 const char **out, struct phi_err *err)
{
    if (find(m, key) == NULL)
        return missing(key, "a string", err);
    return phi_meta_opt_str(m, key, out, err);
}

enum phi_status phi_meta_get_array(const struct phi_meta *m, const char *key,
                                   enum phi_kv_type type,
                                   const struct phi_kv **out,
                                   struct phi_err *err)
{
    const struct phi_kv *kv = find(m, key);

    if (kv == NULL)
        return missing(key, "an array", err);
    if (kv->type != PHI_KV_ARRAY)
        return wrong_type(kv, "an array", err);
    if (kv->v.arr.type != type)
        return phi_fail(err, PHI_E_FORMAT,
                        "key \"%.*s\": is an array of %s, expected of %s",
                        PHI_ERR_NAME, key, types[kv->v.arr.type].name,
                        types[type].name);
    *out = kv;
    return PHI_OK;
}
