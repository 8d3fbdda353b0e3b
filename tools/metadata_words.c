/* SPDX-License-Identifier: MIT */
#include "tools/metadata_words.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gguf_kv.h"
#include "formats/gguf_rules.h"
#include "formats/json.h"
#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "libconv/base/utf8.h"
#include "tools/report.h"

/* Bytes of a value: chat templates are the longest. */
#define MAX_VALUE (UINT64_C(4) << 20)

/* What may be written after the colon. */
static const struct {
    const char *name;
    enum phi_kv_type type;
} type_names[] = {
    {"u8", PHI_KV_U8},         {"i8", PHI_KV_I8},     {"u16", PHI_KV_U16},
    {"i16", PHI_KV_I16},       {"u32", PHI_KV_U32},   {"i32", PHI_KV_I32},
    {"u64", PHI_KV_U64},       {"i64", PHI_KV_I64},   {"f32", PHI_KV_F32},
    {"f64", PHI_KV_F64},       {"bool", PHI_KV_BOOL}, {"string", PHI_KV_STRING},
    {"strings", PHI_KV_ARRAY},
};
#define NTYPES (sizeof(type_names) / sizeof(type_names[0]))

/* One assignment, taken apart. */
struct word {
    char *key;
    const char *value;
    bool typed;
    enum phi_kv_type type;
    const struct phi_gguf_rule *rule; /* or NULL */
    const struct phi_kv *old;         /* or NULL */
};

static const char *name_of(enum phi_kv_type type)
{
    for (size_t i = 0; i < NTYPES; i++) {
        if (type_names[i].type == type)
            return type_names[i].name;
    }
    return "?";
}

static const char *architecture_of(const struct metadata_words *w)
{
    const char *name = "";

    phi_meta_opt_str(w->meta, "general.architecture", &name, NULL);
    return name;
}

/* The type behind the last colon, which is cut off the key. */
static int read_type(const struct metadata_words *w, struct word *word)
{
    const char *names[NTYPES];
    char *colon = strrchr(word->key, ':');
    const char *near;

    if (colon == NULL)
        return -1;
    *colon = '\0';
    for (size_t i = 0; i < NTYPES; i++) {
        names[i] = type_names[i].name;
        if (strcmp(colon + 1, names[i]) == 0) {
            word->type = type_names[i].type;
            word->typed = true;
            return -1;
        }
    }
    near = nearest_word(colon + 1, names, NTYPES);
    if (near != NULL)
        return usage_error(w->cmd, "%s: unknown type \"%s\", did you mean %s?",
                           word->key, colon + 1, near);
    return usage_error(w->cmd,
                       "%s: unknown type \"%s\", expected u8 to u64, i8 to "
                       "i64, f32, f64, bool, string or strings",
                       word->key, colon + 1);
}

static int check_change(const struct metadata_words *w, const char *key,
                        const struct phi_gguf_rule *rule)
{
    if (rule == NULL || rule->change == PHI_GGUF_FREE)
        return -1;
    if (rule->change == PHI_GGUF_FIXED) {
        struct phi_err err;

        phi_fail(&err, PHI_E_ARG, "%s: cannot be changed: it %s", key,
                 rule->why);
        return report_error(&err);
    }
    if (!w->force) {
        struct phi_err err;

        phi_fail(&err, PHI_E_ARG, "%s: changes what the model computes", key);
        phi_hint(&err, "--force does it all the same");
        return report_error(&err);
    }
    return -1;
}

/* A key that nobody has is more often a slip than a wish. */
static int check_spelling(const struct metadata_words *w, const char *key)
{
    enum { MOST = 256 };
    const char *names[MOST];
    size_t n = 0;
    const char *near;

    for (size_t i = 0; i < w->meta->n && n < MOST; i++)
        names[n++] = w->meta->kv[i].key;
    for (size_t i = 0; phi_gguf_rules[i].key != NULL && n < MOST; i++)
        names[n++] = phi_gguf_rules[i].key;
    near = nearest_word(key, names, n);
    if (near == NULL)
        return -1;
    return usage_error(w->cmd,
                       "%s: is not known, did you mean %s? (%s:TYPE=VALUE "
                       "sets it as it is)",
                       key, near, key);
}

/* Which type the value has to have. */
static int choose_type(const struct metadata_words *w, struct word *word)
{
    const char *v = word->value;
    char *end;

    if (word->old != NULL) {
        if (word->typed && word->type != word->old->type)
            return usage_error(w->cmd, "%s: is of type %s in the file, not %s",
                               word->key, name_of(word->old->type),
                               name_of(word->type));
        if (word->old->type == PHI_KV_ARRAY &&
            word->old->v.arr.type != PHI_KV_STRING)
            return usage_error(w->cmd,
                               "%s: is an array of numbers, which "
                               "cannot be set here",
                               word->key);
        word->type = word->old->type;
        return -1;
    }
    if (word->rule != NULL) {
        if (word->typed && word->type != word->rule->type)
            return usage_error(w->cmd, "%s: is of type %s, not %s", word->key,
                               name_of(word->rule->type), name_of(word->type));
        word->type = word->rule->type;
        return -1;
    }
    if (word->typed)
        return -1;
    if (strtod(v, &end), (end != v && *end == '\0') || strcmp(v, "true") == 0 ||
                             strcmp(v, "false") == 0)
        return usage_error(w->cmd,
                           "%s: is not known, so say which type \"%s\" has: "
                           "%s:string=%s, %s:%s=%s ...",
                           word->key, v, word->key, v, word->key,
                           end != v ? "u32" : "bool", v);
    word->type = PHI_KV_STRING;
    return check_spelling(w, word->key);
}

static int read_word(const struct metadata_words *w, const char *text,
                     struct word *out)
{
    const size_t n = strcspn(text, "=");
    const char *fault;
    int code;

    if (text[n] == '\0')
        return usage_error(w->cmd, "%s: expected KEY=VALUE", text);
    out->key = phi_strndup(text, n, NULL);
    if (out->key == NULL)
        return EXIT_CODE_MEMORY;
    out->value = text + n + 1;
    if ((code = read_type(w, out)) != -1)
        return code;
    fault = phi_gguf_key_fault(out->key, strlen(out->key));
    if (fault != NULL)
        return usage_error(w->cmd, "key \"%s\": %s", out->key, fault);
    out->rule = phi_gguf_rule_find(out->key, architecture_of(w));
    out->old = phi_meta_find(w->meta, out->key);
    return check_change(w, out->key, out->rule);
}

/* ---- values -------------------------------------------------------------- */

static int not_of_type(const struct metadata_words *w, const struct word *word,
                       const char *expected)
{
    return usage_error(w->cmd, "%s: \"%.64s\" is no %s, expected %s", word->key,
                       word->value, name_of(word->type), expected);
}

static int set_unsigned(const struct metadata_words *w, const struct word *word,
                        struct phi_err *err)
{
    const unsigned bits = (unsigned)phi_kv_type_size(word->type) * 8;
    const uint64_t max = UINT64_MAX >> (64 - bits);
    char expected[64];
    unsigned long long v;
    char *end;

    errno = 0;
    v = strtoull(word->value, &end, 10);
    snprintf(expected, sizeof(expected), "a number from 0 to %" PRIu64, max);
    if (word->value[0] < '0' || word->value[0] > '9' || *end != '\0' ||
        errno != 0 || v > max)
        return not_of_type(w, word, expected);
    phi_meta_set_u(w->meta, word->key, word->type, v, err);
    return -1;
}

static int set_signed(const struct metadata_words *w, const struct word *word,
                      struct phi_err *err)
{
    const unsigned bits = (unsigned)phi_kv_type_size(word->type) * 8;
    const int64_t max = INT64_MAX >> (64 - bits);
    char expected[80];
    long long v;
    char *end;

    errno = 0;
    v = strtoll(word->value, &end, 10);
    snprintf(expected, sizeof(expected),
             "a number from %" PRId64 " to %" PRId64, -max - 1, max);
    if (strchr("-0123456789", word->value[0]) == NULL || end == word->value ||
        *end != '\0' || errno != 0 || v > max || v < -max - 1)
        return not_of_type(w, word, expected);
    phi_meta_set_i(w->meta, word->key, word->type, v, err);
    return -1;
}

static int set_real(const struct metadata_words *w, const struct word *word,
                    struct phi_err *err)
{
    char *end;
    double v;
    bool vanished;

    errno = 0;
    v = strtod(word->value, &end);
    vanished = errno == ERANGE && v == 0;
    if (word->type == PHI_KV_F32) {
        vanished = vanished || (v != 0 && (float)v == 0);
        v = (double)(float)v;
    }
    if (end == word->value || *end != '\0' || !isfinite(v))
        return not_of_type(w, word, "a finite number");
    if (vanished)
        return not_of_type(w, word, "0, or a number that is not rounded to it");
    phi_meta_set_f(w->meta, word->key, word->type, v, err);
    return -1;
}

static int set_bool(const struct metadata_words *w, const struct word *word,
                    struct phi_err *err)
{
    const bool yes = strcmp(word->value, "true") == 0;

    if (!yes && strcmp(word->value, "false") != 0)
        return not_of_type(w, word, "true or false");
    phi_meta_set_u(w->meta, word->key, PHI_KV_BOOL, yes, err);
    return -1;
}

static int set_text(const struct metadata_words *w, const struct word *word,
                    size_t n, struct phi_err *err)
{
    const uint8_t *p = (const uint8_t *)word->value;
    uint32_t c;

    if (strlen(word->value) != n)
        return usage_error(w->cmd, "%s: the text has a NUL in it", word->key);
    for (size_t i = 0; i < n;) {
        const size_t len = phi_utf8_decode(p + i, n - i, &c);

        if (len == 0)
            return usage_error(w->cmd, "%s: byte %zu of the text is no UTF-8",
                               word->key, i);
        i += len;
    }
    phi_meta_set_str(w->meta, word->key, word->value, n, err);
    return -1;
}

/* ["a","b"] */
static int set_texts(const struct metadata_words *w, const struct word *word,
                     size_t n, struct phi_err *err)
{
    struct phi_json_doc *doc = NULL;
    struct phi_json root, item = {0};
    struct phi_kv *kv = NULL;
    size_t i = 0;
    int code = -1;

    if (phi_json_parse(&doc, word->value, n, word->key, err) != PHI_OK) {
        code = usage_error(w->cmd, "%s", err->msg);
        goto out;
    }
    root = phi_json_root(doc);
    if (phi_json_type(&root) != PHI_JSON_ARRAY) {
        code = not_of_type(w, word, "a JSON array such as [\"a\",\"b\"]");
        goto out;
    }
    while (phi_json_next(&root, &item)) {
        if (phi_json_type(&item) != PHI_JSON_STRING) {
            code = not_of_type(w, word, "a JSON array of nothing but texts");
            goto out;
        }
    }
    if (phi_meta_set_strings(w->meta, word->key, phi_json_count(&root), &kv,
                             err) != PHI_OK)
        goto out;
    item = (struct phi_json){0};
    while (phi_json_next(&root, &item)) {
        const char *text = "";

        if (phi_json_str(&item, &text, err) != PHI_OK ||
            phi_str_set(&kv->v.arr.str[i++], text, strlen(text), err) != PHI_OK)
            goto out;
    }
out:
    phi_json_free(doc);
    return code;
}

/* An index must be one of the vocabulary. */
static int check_token(const struct metadata_words *w, const struct word *word)
{
    const struct phi_kv *tokens = NULL;
    const struct phi_kv *kv = phi_meta_find(w->meta, word->key);
    struct phi_err err = {0};

    if (word->rule == NULL || word->rule->change != PHI_GGUF_TOKEN ||
        phi_meta_get_array(w->meta, "tokenizer.ggml.tokens", PHI_KV_STRING,
                           &tokens, &err) != PHI_OK ||
        kv == NULL || kv->v.u < tokens->v.arr.n)
        return -1;
    return usage_error(w->cmd,
                       "%s: is %" PRIu64 ", but the vocabulary has %zu tokens",
                       word->key, kv->v.u, tokens->v.arr.n);
}

static int set_value(const struct metadata_words *w, const struct word *word,
                     size_t n)
{
    struct phi_err err = {0};
    int code;

    switch (word->type) {
    case PHI_KV_U8:
    case PHI_KV_U16:
    case PHI_KV_U32:
    case PHI_KV_U64:
        code = set_unsigned(w, word, &err);
        break;
    case PHI_KV_I8:
    case PHI_KV_I16:
    case PHI_KV_I32:
    case PHI_KV_I64:
        code = set_signed(w, word, &err);
        break;
    case PHI_KV_F32:
    case PHI_KV_F64:
        code = set_real(w, word, &err);
        break;
    case PHI_KV_BOOL:
        code = set_bool(w, word, &err);
        break;
    case PHI_KV_STRING:
        code = set_text(w, word, n, &err);
        break;
    default:
        code = set_texts(w, word, n, &err);
        break;
    }
    if (code != -1)
        return code;
    return err.status != PHI_OK ? report_error(&err) : check_token(w, word);
}

int metadata_set(const struct metadata_words *w, const char *word)
{
    struct word parts = {0};
    int code = read_word(w, word, &parts);

    if (code == -1)
        code = choose_type(w, &parts);
    if (code == -1)
        code = set_value(w, &parts, strlen(parts.value));
    free(parts.key);
    return code;
}

int metadata_set_file(const struct metadata_words *w, const char *word)
{
    struct word parts = {0};
    struct phi_err err = {0};
    uint8_t *bytes = NULL;
    size_t n = 0;
    int code = read_word(w, word, &parts);

    if (code == -1 &&
        phi_file_load(parts.value, MAX_VALUE, &bytes, &n, &err) != PHI_OK)
        code = report_error(&err);
    parts.value = (const char *)bytes;
    if (code == -1)
        code = choose_type(w, &parts);
    if (code == -1)
        code = set_value(w, &parts, n);
    free(bytes);
    free(parts.key);
    return code;
}

int metadata_delete(const struct metadata_words *w, const char *key)
{
    const char *names[256];
    const char *near;
    size_t n = 0;
    int code =
        check_change(w, key, phi_gguf_rule_find(key, architecture_of(w)));

    if (code != -1)
        return code;
    if (phi_meta_find(w->meta, key) != NULL) {
        phi_meta_remove(w->meta, key);
        return -1;
    }
    for (; n < w->meta->n && n < sizeof(names) / sizeof(names[0]); n++)
        names[n] = w->meta->kv[n].key;
    near = nearest_word(key, names, n);
    if (near != NULL)
        return usage_error(w->cmd, "%s: is not in the file, did you mean %s?",
                           key, near);
    return usage_error(w->cmd, "%s: is not in the file", key);
}
