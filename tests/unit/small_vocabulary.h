/* SPDX-License-Identifier: MIT */
/*
 * A vocabulary in metadata, without files: token i < 256 is byte i, more
 * tokens follow. Tests spoil one entry and see what becomes of it.
 */
#ifndef PHI_TESTS_SMALL_VOCABULARY_H
#define PHI_TESTS_SMALL_VOCABULARY_H

#include "libconv/base/bytes.h"
#include "libconv/base/utf8.h"
#include "libconv/text/byte_level.h"
#include "libconv/text/tokenizer.h"
#include "tests/unit/unit.h"

static struct phi_meta small_meta;

static inline void small_text(const char *name, const char *text)
{
    char key[64];

    snprintf(key, sizeof(key), "tokenizer.ggml.%s", name);
    ck_ok(phi_meta_set_str(&small_meta, key, text, strlen(text), &err));
}

static inline void small_uint(const char *name, enum phi_kv_type type,
                              uint64_t v)
{
    char key[64];

    snprintf(key, sizeof(key), "tokenizer.ggml.%s", name);
    ck_ok(phi_meta_set_u(&small_meta, key, type, v, &err));
}

/* Entry i of an array of strings, to be changed by phi_str_set(). */
static inline struct phi_str *small_string(const char *name, size_t i)
{
    char key[64];
    const struct phi_kv *kv;

    snprintf(key, sizeof(key), "tokenizer.ggml.%s", name);
    kv = phi_meta_find(&small_meta, key);
    ck_assert_ptr_nonnull(kv);
    ck_assert_uint_lt(i, kv->v.arr.n);
    return &kv->v.arr.str[i];
}

static inline size_t small_count(const char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

static inline void small_types(const int *types, size_t n)
{
    uint8_t bytes[4 * 300];

    ck_assert_uint_le(n, 300);
    for (size_t i = 0; i < n; i++)
        phi_store_u32(bytes + 4 * i,
                      i < 256 || types == NULL ? 1 : (uint32_t)types[i - 256]);
    ck_ok(phi_meta_set_numbers(&small_meta, "tokenizer.ggml.token_type",
                               PHI_KV_I32, bytes, n, &err));
}

/*
 * texts (NULL at the end) are tokens 256 and on, of the given types (all
 * normal if NULL); merges end with NULL. Any list may be NULL.
 */
static inline void small_begin(const char *const *texts, const int *types,
                               const char *const *merges)
{
    const size_t n = small_count(texts);
    struct phi_kv *kv;

    small_text("model", "gpt2");
    small_text("pre", "gpt-2");
    ck_ok(phi_meta_set_strings(&small_meta, "tokenizer.ggml.tokens", 256 + n,
                               &kv, &err));
    for (uint32_t i = 0; i < 256; i++) {
        uint8_t c[4];
        const size_t len = phi_utf8_encode(phi_byte_to_char((uint8_t)i), c);

        ck_ok(phi_str_set(&kv->v.arr.str[i], (const char *)c, len, &err));
    }
    for (size_t i = 0; i < n; i++)
        ck_ok(phi_str_set(&kv->v.arr.str[256 + i], texts[i], strlen(texts[i]),
                          &err));
    small_types(types, 256 + n);
    ck_ok(phi_meta_set_strings(&small_meta, "tokenizer.ggml.merges",
                               small_count(merges), &kv, &err));
    for (size_t i = 0; i < small_count(merges); i++)
        ck_ok(
            phi_str_set(&kv->v.arr.str[i], merges[i], strlen(merges[i]), &err));
}

static inline void small_end(void)
{
    phi_meta_release(&small_meta);
}

static inline struct phi_tokenizer *small_new(void)
{
    struct phi_tokenizer *t = NULL;

    ck_ok(phi_tokenizer_new(&t, &small_meta, &err));
    return t;
}

/* text becomes these ids, and these become text again. */
static inline void expect_ids(const struct phi_tokenizer *t, const char *text,
                              bool special, const char *ids)
{
    const struct phi_encode_options options = {.special = special};
    struct phi_tokens got = {0};
    struct phi_buf list = {0};
    struct phi_buf back = {0};

    ck_ok(phi_tokenizer_encode(t, text, strlen(text), &options, &got, &err));
    for (size_t i = 0; i < got.n; i++)
        phi_buf_printf(&list, i > 0 ? " %u" : "%u", got.id[i]);
    phi_buf_u8(&list, 0);
    ck_assert_str_eq((const char *)list.p, ids);
    ck_ok(phi_tokenizer_decode(t, got.id, got.n, &back, &err));
    phi_buf_u8(&back, 0);
    ck_assert_str_eq((const char *)back.p, text);
    phi_tokens_release(&got);
    phi_buf_release(&list);
    phi_buf_release(&back);
}

#endif
