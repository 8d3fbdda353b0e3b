/* SPDX-License-Identifier: MIT */
/* Parsing and walking; the typed getters are in json_get.c. */
#define _POSIX_C_SOURCE 200809L
#include "formats/json.h"

#include <cjson/cJSON.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json_scan.h"
#include "libconv/base/bytes.h"
#include "libconv/base/file.h"
#include "libconv/base/map.h"
#include "libconv/base/mem.h"

struct phi_json_doc {
    char *name;
    cJSON *root;
};

static struct phi_json value(const struct phi_json_doc *doc, const cJSON *node)
{
    return (struct phi_json){doc, node};
}

/* No key of the object may come twice. */
static enum phi_status check_keys(const struct phi_json_doc *doc,
                                  const cJSON *object, struct phi_err *err)
{
    struct phi_map seen = {0};
    enum phi_status st = PHI_OK;

    for (const cJSON *m = object->child; m != NULL; m = m->next) {
        const struct phi_json v = value(doc, m);
        bool added;

        st = phi_map_add(&seen, m->string, strlen(m->string), 0, &added, err);
        if (st == PHI_OK && !added)
            st = phi_json_refuse(&v, PHI_E_FORMAT, err,
                                 "is there twice, expected once");
        if (st != PHI_OK)
            break;
    }
    phi_map_release(&seen);
    return st;
}

/*
 * What the scan could not see: duplicate keys, and numbers beyond a double.
 * valueint, which nothing else uses, becomes 1 in numbers that are written as
 * integers and 0 in others: the tree holds them in the order of the text.
 */
static enum phi_status check_tree(const struct phi_json_doc *doc,
                                  const uint8_t *numbers, struct phi_err *err)
{
    cJSON *up[PHI_JSON_MAX_DEPTH + 1];
    cJSON *node = doc->root;
    size_t depth = 0;

    while (node != NULL) {
        if (cJSON_IsNumber(node)) {
            const uint32_t mark = phi_load_u32(numbers);

            numbers += 4;
            node->valueint = (mark & PHI_JSON_INTEGER) != 0;
            if (!isfinite(node->valuedouble))
                return phi_fail(err, PHI_E_FORMAT,
                                "%s: at byte %u: a number is beyond the range "
                                "of a double",
                                doc->name, mark & ~PHI_JSON_INTEGER);
        } else if (cJSON_IsObject(node)) {
            const enum phi_status st = check_keys(doc, node, err);

            if (st != PHI_OK)
                return st;
        }
        if (node->child != NULL) {
            up[depth++] = node;
            node = node->child;
            continue;
        }
        while (node->next == NULL && depth > 0)
            node = up[--depth];
        node = node->next;
    }
    return PHI_OK;
}

/* The most common stranger among downloaded files. */
static enum phi_status check_pointer(const char *text, size_t n,
                                     const char *name, struct phi_err *err)
{
    static const char pointer[] = "version https://git-lfs";

    if (n < sizeof(pointer) - 1 ||
        memcmp(text, pointer, sizeof(pointer) - 1) != 0)
        return PHI_OK;
    phi_fail(err, PHI_E_FORMAT, "%s: is a Git LFS pointer, expected JSON",
             name);
    phi_hint(err, "the file was not downloaded: run git lfs pull in its "
                  "folder");
    return PHI_E_FORMAT;
}

/*
 * cJSON puts the first byte of the host's decimal point for each point, which
 * is all of a comma, but of no point of two bytes. So this thread, and nobody
 * else, is in another locale meanwhile. NULL without memory.
 */
static cJSON *parse(const char *text, size_t n)
{
    const locale_t c = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    locale_t before;
    cJSON *root;

    if (c == (locale_t)0)
        return NULL;
    before = uselocale(c);
    root = cJSON_ParseWithLengthOpts(text, n, NULL, 0);
    uselocale(before);
    freelocale(c);
    return root;
}

enum phi_status phi_json_parse(struct phi_json_doc **out, const char *text,
                               size_t n, const char *name, struct phi_err *err)
{
    struct phi_json_doc *doc = phi_alloc(1, sizeof(*doc), err);
    struct phi_buf numbers = {0};
    enum phi_status st = PHI_E_NOMEM;

    if (doc == NULL)
        return st;
    doc->name = phi_strdup(name, err);
    if (doc->name == NULL)
        goto out;
    if (n > PHI_JSON_MAX_TOKENIZER) {
        st = phi_fail(err, PHI_E_FORMAT,
                      "%s: has %zu bytes of JSON, the limit is %llu", name, n,
                      (unsigned long long)PHI_JSON_MAX_TOKENIZER);
        goto out;
    }
    st = check_pointer(text, n, name, err);
    if (st != PHI_OK)
        goto out;
    st = phi_json_scan((const uint8_t *)text, n, &numbers, err);
    if (st != PHI_OK) {
        if (st == PHI_E_FORMAT)
            phi_err_prefix(err, "%s", name);
        goto out;
    }
    doc->root = parse(text, n);
    if (doc->root == NULL) {
        /* The grammar has been checked: nothing else can have failed. */
        st = phi_fail(err, PHI_E_NOMEM, "%s: no memory for its JSON", name);
        goto out;
    }
    st = check_tree(doc, numbers.p, err);
    if (st != PHI_OK)
        goto out;
    *out = doc;
    doc = NULL;
out:
    phi_buf_release(&numbers);
    phi_json_free(doc);
    return st;
}

static enum phi_status read_file(struct phi_json_doc **out,
                                 const struct phi_file *file, uint64_t limit,
                                 struct phi_err *err)
{
    const char *path = phi_file_path(file);
    const uint64_t n = phi_file_size(file);
    char *text;
    enum phi_status st;

    if (n > limit)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: has %llu bytes, the limit is %llu", path,
                        (unsigned long long)n, (unsigned long long)limit);
    text = phi_alloc((size_t)n, 1, err);
    if (text == NULL)
        return PHI_E_NOMEM;
    st = phi_file_read(file, 0, text, (size_t)n, err);
    if (st == PHI_OK)
        st = phi_json_parse(out, text, (size_t)n, path, err);
    free(text);
    return st;
}

enum phi_status phi_json_load(struct phi_json_doc **out, const char *path,
                              uint64_t limit, struct phi_err *err)
{
    struct phi_file *file = NULL;
    enum phi_status st = phi_file_open(&file, path, err);

    if (st == PHI_OK)
        st = read_file(out, file, limit, err);
    phi_file_close(file);
    return st;
}

void phi_json_free(struct phi_json_doc *doc)
{
    if (doc == NULL)
        return;
    cJSON_Delete(doc->root);
    free(doc->name);
    free(doc);
}

struct phi_json phi_json_root(const struct phi_json_doc *doc)
{
    return value(doc, doc->root);
}

const char *phi_json_name(const struct phi_json *v)
{
    return v->doc->name;
}

enum phi_json_type phi_json_type(const struct phi_json *v)
{
    switch (v->node->type & 0xff) {
    case cJSON_False:
    case cJSON_True:
        return PHI_JSON_BOOL;
    case cJSON_Number:
        return PHI_JSON_NUMBER;
    case cJSON_String:
        return PHI_JSON_STRING;
    case cJSON_Array:
        return PHI_JSON_ARRAY;
    case cJSON_Object:
        return PHI_JSON_OBJECT;
    default:
        return PHI_JSON_NULL;
    }
}

bool phi_json_next(const struct phi_json *container, struct phi_json *item)
{
    *item = value(container->doc, item->node == NULL ? container->node->child
                                                     : item->node->next);
    return item->node != NULL;
}

size_t phi_json_count(const struct phi_json *container)
{
    struct phi_json item = {0};
    size_t n = 0;

    while (phi_json_next(container, &item))
        n++;
    return n;
}

const char *phi_json_key(const struct phi_json *item)
{
    return item->node->string;
}

bool phi_json_find(const struct phi_json *object, const char *key,
                   struct phi_json *out)
{
    struct phi_json item = {0};

    while (phi_json_next(object, &item)) {
        if (item.node->string != NULL && strcmp(item.node->string, key) == 0) {
            *out = item;
            return true;
        }
    }
    return false;
}
