/* SPDX-License-Identifier: MIT */
#include "formats/gguf_kv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gguf.h"
#include "libconv/base/bytes.h"
#include "libconv/base/half.h"
#include "libconv/base/map.h"
#include "libconv/base/mem.h"

const char *phi_gguf_key_fault(const char *key, size_t n)
{
    if (n == 0)
        return "is empty";
    if (n > PHI_GGUF_MAX_KEY)
        return "is longer than 65535 bytes";
    for (size_t i = 0; i < n; i++) {
        if (key[i] < 0x20 || key[i] > 0x7e)
            return "has a character that is not printable ASCII";
    }
    return NULL;
}

static enum phi_status read_type(struct phi_gguf_stream *s,
                                 enum phi_kv_type *out, const char *what,
                                 struct phi_err *err)
{
    uint32_t t = 0;
    const enum phi_status st = phi_gguf_stream_u32(s, &t, what, err);

    if (st != PHI_OK)
        return st;
    if (t >= PHI_KV_NTYPES)
        return phi_fail(err, PHI_E_FORMAT, "%s is %u, expected 0 to %u", what,
                        (unsigned)t, (unsigned)PHI_KV_NTYPES - 1);
    *out = (enum phi_kv_type)t;
    return PHI_OK;
}

static double f64_of(uint64_t u)
{
    double f;

    memcpy(&f, &u, sizeof(f));
    return f;
}

/* Sign-extends the low `bits` bits. */
static int64_t signed_of(uint64_t u, unsigned bits)
{
    const uint64_t sign = (uint64_t)1 << (bits - 1);
    const uint64_t magnitude = u & (sign - 1);

    return (u & sign) != 0 ? (int64_t)magnitude - (int64_t)(sign - 1) - 1
                           : (int64_t)magnitude;
}

static enum phi_status bad_bool(unsigned v, struct phi_err *err)
{
    return phi_fail(err, PHI_E_FORMAT, "is a bool of %u, expected 0 or 1", v);
}

static enum phi_status read_number(struct phi_gguf_stream *s, struct phi_kv *kv,
                                   struct phi_err *err)
{
    const size_t size = phi_kv_type_size(kv->type);
    uint8_t b[8] = {0};
    enum phi_status st = phi_gguf_stream_bytes(s, b, size, "value", err);
    const uint64_t u = phi_load_u64(b);

    if (st != PHI_OK)
        return st;
    switch (kv->type) {
    case PHI_KV_I8:
    case PHI_KV_I16:
    case PHI_KV_I32:
    case PHI_KV_I64:
        kv->v.i = signed_of(u, (unsigned)size * 8);
        break;
    case PHI_KV_F32:
        kv->v.f = (double)phi_bits_f32((uint32_t)u);
        break;
    case PHI_KV_F64:
        kv->v.f = f64_of(u);
        break;
    case PHI_KV_BOOL:
        if (u > 1)
            return bad_bool((unsigned)u, err);
        kv->v.u = u;
        break;
    default:
        kv->v.u = u;
        break;
    }
    return PHI_OK;
}

static enum phi_status read_strings(struct phi_gguf_stream *s,
                                    struct phi_kv *kv, size_t n,
                                    struct phi_err *err)
{
    kv->v.arr.str = phi_alloc(n, sizeof(*kv->v.arr.str), err);
    if (kv->v.arr.str == NULL)
        return PHI_E_NOMEM;
    kv->v.arr.n = n;
    for (size_t i = 0; i < n; i++) {
        const enum phi_status st = phi_gguf_stream_str(
            s, UINT64_MAX, &kv->v.arr.str[i], "string", err);

        if (st == PHI_E_FORMAT)
            phi_err_prefix(err, "element %zu of %zu", i, n);
        if (st != PHI_OK)
            return st;
    }
    return PHI_OK;
}

static enum phi_status read_numbers(struct phi_gguf_stream *s,
                                    struct phi_kv *kv, size_t n,
                                    struct phi_err *err)
{
    const size_t size = phi_kv_type_size(kv->v.arr.type);
    enum phi_status st;

    kv->v.arr.num = phi_alloc(n, size, err);
    if (kv->v.arr.num == NULL)
        return PHI_E_NOMEM;
    kv->v.arr.n = n;
    st = phi_gguf_stream_bytes(s, kv->v.arr.num, n * size, "array", err);
    if (st != PHI_OK || kv->v.arr.type != PHI_KV_BOOL)
        return st;
    for (size_t i = 0; i < n; i++) {
        if (kv->v.arr.num[i] > 1) {
            st = bad_bool(kv->v.arr.num[i], err);
            phi_err_prefix(err, "element %zu of %zu", i, n);
            return st;
        }
    }
    return PHI_OK;
}

static enum phi_status read_array(struct phi_gguf_stream *s, struct phi_kv *kv,
                                  struct phi_err *err)
{
    uint64_t n = 0;
    size_t least;
    enum phi_status st =
        read_type(s, &kv->v.arr.type, "type of the array's elements", err);

    if (st != PHI_OK)
        return st;
    if (kv->v.arr.type == PHI_KV_ARRAY) {
        kv->v.arr.type = PHI_KV_U8;
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "is an array of arrays, expected an array of numbers "
                        "or strings");
    }
    least =
        kv->v.arr.type == PHI_KV_STRING ? 8 : phi_kv_type_size(kv->v.arr.type);
    st = phi_gguf_stream_count(s, least, &n, "number of elements", err);
    if (st != PHI_OK)
        return st;
    if (kv->v.arr.type == PHI_KV_STRING)
        return read_strings(s, kv, (size_t)n, err);
    return read_numbers(s, kv, (size_t)n, err);
}

/* Reads into kv, whose key is set; what it holds after a failure is whole. */
static enum phi_status read_value(struct phi_gguf_stream *s, struct phi_kv *kv,
                                  struct phi_err *err)
{
    enum phi_kv_type type = PHI_KV_U8;
    const enum phi_status st = read_type(s, &type, "type of the value", err);

    if (st != PHI_OK)
        return st;
    kv->type = type;
    if (type == PHI_KV_STRING)
        return phi_gguf_stream_str(s, UINT64_MAX, &kv->v.str, "string", err);
    if (type == PHI_KV_ARRAY)
        return read_array(s, kv, err);
    return read_number(s, kv, err);
}

/* Appends an entry with the next key of the stream. */
static enum phi_status read_key(struct phi_gguf_stream *s, struct phi_meta *m,
                                struct phi_map *seen, struct phi_err *err)
{
    void *p = m->kv;
    struct phi_str key = {0};
    const char *fault;
    bool added = false;
    enum phi_status st = phi_grow(&p, &m->cap, m->n + 1, sizeof(*m->kv), err);

    if (st != PHI_OK)
        return st;
    m->kv = p;
    st = phi_gguf_stream_str(s, PHI_GGUF_MAX_KEY, &key, "key", err);
    if (st == PHI_E_FORMAT)
        phi_err_prefix(err, "key %zu", m->n);
    if (st != PHI_OK)
        return st;
    fault = phi_gguf_key_fault(key.p, key.n);
    if (fault != NULL) {
        st = phi_fail(err, PHI_E_FORMAT,
                      "key %zu \"%.*s\": %s, expected 1 to 65535 ASCII "
                      "characters",
                      m->n, PHI_ERR_NAME, key.p, fault);
        free(key.p);
        return st;
    }
    m->kv[m->n] = (struct phi_kv){.key = key.p};
    m->n++;
    st = phi_map_add(seen, key.p, key.n, 0, &added, err);
    if (st == PHI_OK && !added)
        st = phi_fail(err, PHI_E_FORMAT,
                      "key \"%.*s\": is there twice, expected once",
                      PHI_ERR_NAME, key.p);
    return st;
}

enum phi_status phi_gguf_kv_read(struct phi_gguf_stream *s, uint64_t n,
                                 struct phi_meta *m, struct phi_err *err)
{
    struct phi_map seen = {0};
    enum phi_status st = PHI_OK;

    for (uint64_t i = 0; i < n && st == PHI_OK; i++) {
        st = read_key(s, m, &seen, err);
        if (st != PHI_OK)
            break;
        st = read_value(s, &m->kv[m->n - 1], err);
        if (st == PHI_E_FORMAT || st == PHI_E_UNSUPPORTED)
            phi_err_prefix(err, "key \"%.*s\"", PHI_ERR_NAME,
                           m->kv[m->n - 1].key);
    }
    phi_map_release(&seen);
    return st;
}

enum phi_status phi_gguf_alignment(const struct phi_meta *m, uint64_t *out,
                                   struct phi_err *err)
{
    const struct phi_kv *kv = phi_meta_find(m, "general.alignment");

    *out = PHI_GGUF_ALIGN;
    if (kv == NULL)
        return PHI_OK;
    if (kv->type != PHI_KV_U32)
        return phi_fail(err, PHI_E_FORMAT,
                        "key \"general.alignment\": is of type %s, expected "
                        "uint32",
                        phi_kv_type_name(kv->type));
    if (kv->v.u < PHI_GGUF_ALIGN_MIN || kv->v.u > PHI_GGUF_ALIGN_MAX ||
        (kv->v.u & (kv->v.u - 1)) != 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "key \"general.alignment\": is %" PRIu64
                        ", expected a power of two from %u to %u",
                        kv->v.u, PHI_GGUF_ALIGN_MIN, PHI_GGUF_ALIGN_MAX);
    *out = kv->v.u;
    return PHI_OK;
}
