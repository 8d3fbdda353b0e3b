/* SPDX-License-Identifier: MIT */
#include "formats/gguf_reserve.h"

#include <stdlib.h>
#include <string.h>

#include "formats/gguf_write.h"
#include "libconv/base/mem.h"

#define LARGE_ELEMENTS 64u
#define LARGE_BYTES    (64u << 10)

bool phi_gguf_reserve_is(const struct phi_kv *kv, const char *key)
{
    return kv->type == PHI_KV_ARRAY && kv->v.arr.type == PHI_KV_U8 &&
           strcmp(kv->key, key) == 0;
}

bool phi_gguf_reserve_large(const struct phi_kv *kv)
{
    return (kv->type == PHI_KV_ARRAY && kv->v.arr.n > LARGE_ELEMENTS) ||
           (kv->type == PHI_KV_STRING && kv->v.str.n > LARGE_BYTES);
}

static void reverse(struct phi_kv *kv, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        const struct phi_kv kept = kv[i];

        kv[i] = kv[n - 1 - i];
        kv[n - 1 - i] = kept;
    }
}

/*
 * The vocabulary goes to where converters have it, and phi_gguf_reserve_add()
 * took it from in nearly all files: behind the names of the tokenizer and its
 * pre-split. A model then has its keys in one order whatever it went through.
 */
static void put_back(struct phi_meta *m)
{
    const struct phi_kv *pre = phi_meta_find(m, "tokenizer.ggml.pre");
    size_t first = m->n;
    size_t at;

    while (first > 0 && phi_gguf_reserve_large(&m->kv[first - 1]))
        first--;
    if (pre == NULL)
        return;
    at = (size_t)(pre - m->kv) + 1;
    if (at >= first)
        return;
    reverse(m->kv + at, first - at);
    reverse(m->kv + first, m->n - first);
    reverse(m->kv + at, m->n - at);
}

static const char *const room_keys[] = {PHI_GGUF_RESERVE, PHI_GGUF_RESERVE_END};

#define NROOM (sizeof(room_keys) / sizeof(room_keys[0]))

enum phi_status phi_gguf_reserve_check(const struct phi_meta *m,
                                       struct phi_err *err)
{
    for (size_t i = 0; i < NROOM; i++) {
        const struct phi_kv *kv = phi_meta_find(m, room_keys[i]);
        const bool array = kv != NULL && kv->type == PHI_KV_ARRAY;

        if (kv == NULL || phi_gguf_reserve_is(kv, room_keys[i]))
            continue;
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "key \"%s\": is of type %s%s, expected an array of "
                        "uint8: the name is kept for room",
                        room_keys[i], array ? "array of " : "",
                        phi_kv_type_name(array ? kv->v.arr.type : kv->type));
    }
    return PHI_OK;
}

void phi_gguf_reserve_remove(struct phi_meta *m)
{
    bool found = false;

    for (size_t i = 0; i < NROOM; i++) {
        const struct phi_kv *kv = phi_meta_find(m, room_keys[i]);

        /* Another program's key of that name is none of ours. */
        if (kv == NULL || !phi_gguf_reserve_is(kv, room_keys[i]))
            continue;
        phi_meta_remove(m, room_keys[i]);
        found = true;
    }
    if (found)
        put_back(m);
}

/* Bytes of the small keys in a file. */
static enum phi_status small_nbytes(const struct phi_meta *m, size_t *out,
                                    struct phi_err *err)
{
    struct phi_buf b = {0};
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < m->n; i++) {
        if (!phi_gguf_reserve_large(&m->kv[i]))
            st = phi_gguf_put_key(&b, &m->kv[i], err);
    }
    if (st == PHI_OK)
        st = phi_buf_status(&b, err);
    *out = b.n;
    phi_buf_release(&b);
    return st;
}

/* The last entry becomes the first, then all small ones, then the others. */
static enum phi_status arrange(struct phi_meta *m, struct phi_err *err)
{
    struct phi_kv *kv = phi_alloc(m->n, sizeof(*kv), err);
    size_t n = 0;

    if (kv == NULL)
        return PHI_E_NOMEM;
    kv[n++] = m->kv[m->n - 1];
    for (int large = 0; large < 2; large++) {
        for (size_t i = 0; i + 1 < m->n; i++) {
            if (phi_gguf_reserve_large(&m->kv[i]) == (large == 1))
                kv[n++] = m->kv[i];
        }
    }
    free(m->kv);
    m->kv = kv;
    m->cap = m->n;
    return PHI_OK;
}

enum phi_status phi_gguf_reserve_add(struct phi_meta *m, size_t more,
                                     struct phi_err *err)
{
    uint8_t *zeros = NULL;
    size_t n = 0;
    enum phi_status st;

    if ((st = phi_gguf_reserve_check(m, err)) != PHI_OK)
        return st;
    phi_gguf_reserve_remove(m);
    if ((st = small_nbytes(m, &n, err)) != PHI_OK)
        return st;
    /* The small keys once more, grown; and room for them to grow after. */
    n += 2 * PHI_GGUF_RESERVE_GROWTH + more;
    zeros = phi_alloc(n, 1, err);
    if (zeros == NULL)
        return PHI_E_NOMEM;
    st = phi_meta_set_numbers(m, PHI_GGUF_RESERVE, PHI_KV_U8, zeros, n, err);
    if (st == PHI_OK)
        st = arrange(m, err);
    free(zeros);
    return st;
}
