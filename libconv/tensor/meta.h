/* SPDX-License-Identifier: MIT */
/*
 * Model metadata: an ordered list of typed keys and values, with the names
 * and types of GGUF (ggml's docs/gguf.md), whatever the model came from. A
 * Hugging Face folder is translated into it when it is opened, so that the
 * writer, the tokenizer and the engine have one description to read.
 */
#ifndef PHI_TENSOR_META_H
#define PHI_TENSOR_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"

/* Numbers as in GGUF. */
enum phi_kv_type {
    PHI_KV_U8 = 0,
    PHI_KV_I8 = 1,
    PHI_KV_U16 = 2,
    PHI_KV_I16 = 3,
    PHI_KV_U32 = 4,
    PHI_KV_I32 = 5,
    PHI_KV_F32 = 6,
    PHI_KV_BOOL = 7,
    PHI_KV_STRING = 8,
    PHI_KV_ARRAY = 9,
    PHI_KV_U64 = 10,
    PHI_KV_I64 = 11,
    PHI_KV_F64 = 12,
    PHI_KV_NTYPES
};

/* Bytes of a number or bool in a file; 0 for strings and arrays. */
size_t phi_kv_type_size(enum phi_kv_type t);
const char *phi_kv_type_name(enum phi_kv_type t); /* "uint32", "string", ... */

struct phi_str {
    char *p;  /* n bytes and a NUL; may hold any bytes */
    size_t n; /* without the NUL */
};

struct phi_kv {
    char *key;
    enum phi_kv_type type;
    union {
        uint64_t u; /* U8 U16 U32 U64, BOOL as 0 or 1 */
        int64_t i;  /* I8 I16 I32 I64 */
        double f;   /* F32 (exact) F64 */
        struct phi_str str;
        struct {
            enum phi_kv_type type; /* of the elements, never ARRAY */
            size_t n;
            struct phi_str *str; /* (n) if STRING, else NULL */
            uint8_t *num;        /* (n) little-endian numbers, else NULL */
        } arr;
    } v;
};

struct phi_meta {
    struct phi_kv *kv; /* (n), in file order */
    size_t n;
    size_t cap;
};

/* Frees all keys and values; the list is empty again. */
void phi_meta_release(struct phi_meta *m);

/* Deep copy of all of `from` to the end of `to`; what is there already gets the
 * value of `from` where it is. */
enum phi_status phi_meta_copy(struct phi_meta *to, const struct phi_meta *from,
                              struct phi_err *err);

/* The entry, or NULL. Linear: a model has a few dozen keys. */
const struct phi_kv *phi_meta_find(const struct phi_meta *m, const char *key);

/* Whether type and value are the same, whatever the keys. */
bool phi_kv_same(const struct phi_kv *a, const struct phi_kv *b);

/* Removes the entry if it is there. */
void phi_meta_remove(struct phi_meta *m, const char *key);

/* Removes the entries whose keys begin with prefix. */
void phi_meta_remove_all(struct phi_meta *m, const char *prefix);

/*
 * Set a key: replaced in place if it is there, else appended. Values are
 * copied. u: U8..U64 and BOOL; i: I8..I64; f: F32, F64.
 */
enum phi_status phi_meta_set_u(struct phi_meta *m, const char *key,
                               enum phi_kv_type type, uint64_t v,
                               struct phi_err *err);
enum phi_status phi_meta_set_i(struct phi_meta *m, const char *key,
                               enum phi_kv_type type, int64_t v,
                               struct phi_err *err);
enum phi_status phi_meta_set_f(struct phi_meta *m, const char *key,
                               enum phi_kv_type type, double v,
                               struct phi_err *err);
enum phi_status phi_meta_set_str(struct phi_meta *m, const char *key,
                                 const char *text, size_t n,
                                 struct phi_err *err);

/* As phi_meta_set_str(), of a key that is not there, which is not looked for:
 * for keys by the thousand. */
enum phi_status phi_meta_add_str(struct phi_meta *m, const char *key,
                                 const char *text, size_t n,
                                 struct phi_err *err);

/*
 * Sets an array of n numbers (little-endian bytes are copied) or of n empty
 * strings, to be filled through the returned entry with phi_str_set().
 */
enum phi_status phi_meta_set_numbers(struct phi_meta *m, const char *key,
                                     enum phi_kv_type type, const void *num,
                                     size_t n, struct phi_err *err);
enum phi_status phi_meta_set_strings(struct phi_meta *m, const char *key,
                                     size_t n, struct phi_kv **out,
                                     struct phi_err *err);
enum phi_status phi_str_set(struct phi_str *s, const char *text, size_t n,
                            struct phi_err *err);

/*
 * Typed getters, which never trust a file. `get` fails with PHI_E_FORMAT,
 * naming key, found and expected type, when the key is missing or of another
 * type or out of range; `opt` leaves *out alone and succeeds when it is
 * missing. uint: any integer type with a value in [0, max]; size: the same in
 * [1, max].
 */
enum phi_status phi_meta_get_uint(const struct phi_meta *m, const char *key,
                                  uint64_t max, uint64_t *out,
                                  struct phi_err *err);
enum phi_status phi_meta_get_size(const struct phi_meta *m, const char *key,
                                  uint64_t max, uint64_t *out,
                                  struct phi_err *err);
enum phi_status phi_meta_opt_uint(const struct phi_meta *m, const char *key,
                                  uint64_t max, uint64_t *out,
                                  struct phi_err *err);
enum phi_status phi_meta_get_float(const struct phi_meta *m, const char *key,
                                   double *out, struct phi_err *err);
enum phi_status phi_meta_opt_float(const struct phi_meta *m, const char *key,
                                   double *out, struct phi_err *err);
enum phi_status phi_meta_opt_bool(const struct phi_meta *m, const char *key,
                                  bool *out, struct phi_err *err);
/* *out is borrowed from m. */
enum phi_status phi_meta_get_str(const struct phi_meta *m, const char *key,
                                 const char **out, struct phi_err *err);
enum phi_status phi_meta_opt_str(const struct phi_meta *m, const char *key,
                                 const char **out, struct phi_err *err);
/* An array with elements of exactly this type; *out is borrowed from m. */
enum phi_status phi_meta_get_array(const struct phi_meta *m, const char *key,
                                   enum phi_kv_type type,
                                   const struct phi_kv **out,
                                   struct phi_err *err);

#endif
