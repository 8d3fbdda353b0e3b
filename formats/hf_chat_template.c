/* SPDX-License-Identifier: MIT */
/* Chat templates: one text, or several with names. */
#define _POSIX_C_SOURCE 200809L /* opendir() */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/hf_tokenizer.h"
#include "formats/hf_tokenizer_parts.h"
#include "libconv/base/ascii.h"
#include "libconv/base/file.h"
#include "libconv/base/map.h"
#include "libconv/base/mem.h"
#include "libconv/base/utf8.h"

#define KEY "tokenizer.chat_template"

/* A template is a page of text; the largest published ones have 20 KiB. */
#define MAX_TEMPLATE ((uint64_t)4 << 20)
#define MAX_NAME     64

struct named {
    char *name; /* letters, digits and '_', owned */
    char *text; /* n bytes, owned */
    size_t n;
};

struct templates {
    struct named *t; /* (n) */
    size_t n;
    size_t cap;
    struct phi_map names;
    struct phi_err *err;
};

static void release(struct templates *all)
{
    for (size_t i = 0; i < all->n; i++) {
        free(all->t[i].name);
        free(all->t[i].text);
    }
    free(all->t);
    phi_map_release(&all->names);
}

/*
 * Takes text, which the list then owns. Other characters of a name become
 * '_', as in gguf-py, which also leaves out a template without name.
 */
static enum phi_status add(struct templates *all, const char *name, char *text,
                           size_t n)
{
    void *p = all->t;
    struct named *t;
    size_t len = 0;
    bool fresh = false;
    enum phi_status st;

    if (name[0] == '\0') {
        free(text);
        return PHI_OK;
    }
    if (phi_grow(&p, &all->cap, all->n + 1, sizeof(*t), all->err) != PHI_OK) {
        free(text);
        return PHI_E_NOMEM;
    }
    all->t = p;
    t = &all->t[all->n++];
    *t = (struct named){.text = text, .n = n};
    t->name = phi_alloc(MAX_NAME + 1, 1, all->err);
    if (t->name == NULL)
        return PHI_E_NOMEM;
    for (const char *c = name; *c != '\0'; c++) {
        const bool plain = (*c >= '0' && *c <= '9') || phi_is_letter(*c);

        if (len == MAX_NAME)
            return phi_fail(all->err, PHI_E_UNSUPPORTED,
                            "name \"%.*s\" of a chat template has more than %d "
                            "characters",
                            PHI_ERR_NAME, name, MAX_NAME);
        if (((unsigned char)*c & 0xc0) != 0x80) /* one '_' a character */
            t->name[len++] = plain ? *c : '_';
    }
    st = phi_map_add(&all->names, t->name, len, 0, &fresh, all->err);
    if (st == PHI_OK && !fresh)
        st = phi_fail(all->err, PHI_E_FORMAT,
                      "two chat templates are called \"%s\"", t->name);
    return st;
}

static enum phi_status add_copy(struct templates *all, const char *name,
                                const char *text)
{
    char *copy = phi_strdup(text, all->err);

    if (copy == NULL)
        return PHI_E_NOMEM;
    return add(all, name, copy, strlen(text));
}

/* [{"name": .., "template": ..}, ...]; one without template is left out. */
static enum phi_status add_list(struct templates *all,
                                const struct phi_json *list)
{
    struct phi_json item = {0};
    enum phi_status st = PHI_OK;

    while (st == PHI_OK && phi_json_next(list, &item)) {
        const char *name = "";
        const char *text = NULL;

        st = phi_json_expect(&item, PHI_JSON_OBJECT, all->err);
        if (st == PHI_OK)
            st = phi_json_opt_str(&item, "name", &name, all->err);
        if (st == PHI_OK)
            st = phi_json_opt_str(&item, "template", &text, all->err);
        if (st == PHI_OK && text != NULL) {
            st = add_copy(all, name, text);
            if (st != PHI_OK)
                phi_err_prefix(all->err, "%s", phi_json_name(list));
        }
    }
    return st;
}

/* A value of "chat_template": text or list. */
static enum phi_status add_value(struct templates *all,
                                 const struct phi_json *v)
{
    const char *text;
    enum phi_status st;

    if (phi_json_type(v) == PHI_JSON_NULL)
        return PHI_OK;
    if (phi_json_type(v) == PHI_JSON_ARRAY)
        return add_list(all, v);
    st = phi_json_str(v, &text, all->err);
    return st == PHI_OK ? add_copy(all, "default", text) : st;
}

static enum phi_status add_file(struct templates *all, const char *path,
                                const char *name)
{
    uint8_t *text = NULL;
    size_t n = 0;
    enum phi_status st = phi_file_load(path, MAX_TEMPLATE, &text, &n, all->err);

    if (st != PHI_OK)
        return st;
    if (phi_utf8_valid(text, n) != n) {
        free(text);
        return phi_fail(all->err, PHI_E_FORMAT, "%s: is not UTF-8 text", path);
    }
    st = add(all, name, (char *)text, n);
    return st == PHI_OK ? st : phi_err_prefix(all->err, "%s", path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the *.jinja in a folder, sorted; to be freed one by one. */
static enum phi_status list_jinja(const char *path, char ***out, size_t *n,
                                  struct phi_err *err)
{
    const char *const suffix = ".jinja";
    DIR *dir = opendir(path);
    const struct dirent *entry;
    void *names = NULL;
    size_t cap = 0;
    enum phi_status st = PHI_OK;

    *n = 0;
    if (dir == NULL)
        return phi_fail_sys(err, errno, "%s: cannot be listed", path);
    while (st == PHI_OK && (errno = 0, entry = readdir(dir)) != NULL) {
        const size_t len = strlen(entry->d_name);
        const size_t cut = strlen(suffix);

        if (len <= cut || strcmp(entry->d_name + len - cut, suffix) != 0)
            continue;
        st = phi_grow(&names, &cap, *n + 1, sizeof(char *), err);
        if (st != PHI_OK)
            break;
        ((char **)names)[*n] = phi_strndup(entry->d_name, len - cut, err);
        if (((char **)names)[*n] == NULL)
            st = PHI_E_NOMEM;
        else
            (*n)++;
    }
    if (st == PHI_OK && errno != 0)
        st = phi_fail_sys(err, errno, "%s: cannot be listed", path);
    closedir(dir);
    if (*n > 0)
        qsort(names, *n, sizeof(char *), by_name);
    *out = names;
    return st;
}

static enum phi_status add_folder(struct templates *all, const char *path)
{
    char **names = NULL;
    size_t n = 0;
    enum phi_status st = PHI_OK;

    if (phi_path_may_be(path, PHI_PATH_DIR))
        st = list_jinja(path, &names, &n, all->err);
    for (size_t i = 0; i < n; i++) {
        char *file = phi_sprintf(all->err, "%s/%s.jinja", path, names[i]);

        if (st == PHI_OK)
            st = file != NULL ? add_file(all, file, names[i]) : PHI_E_NOMEM;
        free(file);
        free(names[i]);
    }
    free(names);
    return st;
}

static enum phi_status add_json_file(struct templates *all, const char *path)
{
    struct phi_json_doc *doc = NULL;
    struct phi_json root;
    struct phi_json v;
    enum phi_status st =
        phi_json_load(&doc, path, PHI_JSON_MAX_CONFIG, all->err);

    if (st != PHI_OK)
        return st;
    root = phi_json_root(doc);
    if (phi_json_find(&root, "chat_template", &v))
        st = add_value(all, &v);
    phi_json_free(doc);
    return st;
}

/* For where tokenizer_config.json says nothing. */
static enum phi_status add_files(struct templates *all, const char *dir)
{
    char *jinja = phi_path_join(dir, "chat_template.jinja", all->err);
    char *folder = phi_path_join(dir, "additional_chat_templates", all->err);
    char *json = phi_path_join(dir, "chat_template.json", all->err);
    enum phi_status st = PHI_OK;

    if (jinja == NULL || folder == NULL || json == NULL) {
        st = PHI_E_NOMEM;
    } else if (phi_path_kind(jinja) != PHI_PATH_NONE) {
        st = add_file(all, jinja, "default");
        if (st == PHI_OK)
            st = add_folder(all, folder);
    } else if (phi_path_kind(json) != PHI_PATH_NONE) {
        st = add_json_file(all, json);
    }
    free(jinja);
    free(folder);
    free(json);
    return st;
}

static const struct named *find(const struct templates *all, const char *name)
{
    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->t[i].name, name) == 0)
            return &all->t[i];
    }
    return NULL;
}

bool phi_hf_same_template(const char *a, size_t na, const char *b, size_t nb)
{
    size_t i = 0;
    size_t k = 0;

    na -= na > 0 && a[na - 1] == '\n';
    na -= na > 0 && a[na - 1] == '\r';
    nb -= nb > 0 && b[nb - 1] == '\n';
    nb -= nb > 0 && b[nb - 1] == '\r';
    while (i < na && k < nb) {
        i += a[i] == '\r' && i + 1 < na && a[i + 1] == '\n';
        k += b[k] == '\r' && k + 1 < nb && b[k + 1] == '\n';
        if (a[i++] != b[k++])
            return false;
    }
    return i == na && k == nb;
}

/* The first template of a that b lacks or has with another text, or NULL. */
static const char *first_other(const struct templates *a,
                               const struct templates *b)
{
    for (size_t i = 0; i < a->n; i++) {
        const struct named *t = find(b, a->t[i].name);

        if (t == NULL ||
            !phi_hf_same_template(t->text, t->n, a->t[i].text, a->t[i].n))
            return a->t[i].name;
    }
    return NULL;
}

/*
 * Where tokenizer_config.json and files of their own both have templates,
 * transformers takes the files and gguf-py the key. A fine-tune may have new
 * files and the key that its base left: neither reading is taken for granted.
 */
static enum phi_status check_same(const struct templates *all,
                                  const struct phi_hf_files *files)
{
    struct templates other = {.err = all->err};
    char *jinja = phi_path_join(files->dir, "chat_template.jinja", all->err);
    const char *name = NULL;
    enum phi_status st = PHI_OK;

    if (jinja == NULL)
        return PHI_E_NOMEM;
    if (phi_path_kind(jinja) != PHI_PATH_NONE) {
        st = add_files(&other, files->dir);
        if (st == PHI_OK)
            name = first_other(&other, all);
        if (st == PHI_OK && name == NULL)
            name = first_other(all, &other);
    }
    if (name != NULL) {
        st = phi_fail(all->err, PHI_E_FORMAT,
                      "%s: template \"%s\" differs from that of key "
                      "\"chat_template\" of %s, expected the same or one of "
                      "them",
                      jinja, name, phi_json_name(&files->options));
        phi_hint(all->err, "transformers takes the file: if it is the new "
                           "one, remove the key, else the file");
    }
    release(&other);
    free(jinja);
    return st;
}

static enum phi_status write_named(struct phi_meta *meta,
                                   const struct templates *all, size_t nnamed)
{
    struct phi_kv *kv;
    size_t n = 0;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < all->n && st == PHI_OK; i++) {
        char key[sizeof(KEY) + 1 + MAX_NAME];

        if (strcmp(all->t[i].name, "default") == 0)
            continue;
        snprintf(key, sizeof(key), "%s.%s", KEY, all->t[i].name);
        st = phi_meta_add_str(meta, key, all->t[i].text, all->t[i].n, all->err);
    }
    if (st == PHI_OK)
        st = phi_meta_set_strings(meta, KEY "s", nnamed, &kv, all->err);
    for (size_t i = 0; i < all->n && st == PHI_OK; i++) {
        const char *name = all->t[i].name;

        if (strcmp(name, "default") != 0)
            st = phi_str_set(&kv->v.arr.str[n++], name, strlen(name), all->err);
    }
    return st;
}

enum phi_status phi_hf_chat_template(struct phi_meta *meta,
                                     const struct phi_hf_files *files,
                                     struct phi_err *err)
{
    struct templates all = {.err = err};
    const struct named *main_one;
    struct phi_json v;
    enum phi_status st = PHI_OK;

    if (files->options.node != NULL &&
        phi_json_find(&files->options, "chat_template", &v))
        st = add_value(&all, &v);
    if (st == PHI_OK)
        st = all.n > 0 ? check_same(&all, files) : add_files(&all, files->dir);
    main_one = find(&all, "default");
    if (st == PHI_OK && all.n > (main_one != NULL))
        st = write_named(meta, &all, all.n - (main_one != NULL));
    if (st == PHI_OK && main_one != NULL)
        st = phi_meta_set_str(meta, KEY, main_one->text, main_one->n, err);
    release(&all);
    return st;
}
