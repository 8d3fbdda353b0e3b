/* SPDX-License-Identifier: MIT */
/* See hf_card.h. */
#define _XOPEN_SOURCE 700 /* realpath() */
#include "formats/hf_card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/front_matter.h"
#include "formats/hf_license.h"
#include "formats/hf_naming.h"
#include "formats/hf_sampling.h"
#include "libconv/base/ascii.h"
#include "libconv/base/buf.h"
#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "libconv/base/utf8.h"

/* Texts in the order in which they are written, with their names in a card. */
enum { NAME, AUTHOR, VERSION, ORGANIZATION, FINETUNE, BASENAME };
enum { SIZE_LABEL = BASENAME + 2, LICENSE, LICENSE_NAME, LICENSE_LINK };
enum { NTEXTS = LICENSE_LINK + 5 };

#define ALIASES 3

static const struct {
    const char *key;
    const char *card[ALIASES]; /* the first that is there counts */
} texts[NTEXTS] = {
    {"general.name", {"name", "model_name"}},
    {"general.author", {"author", "model_author", "model_creator"}},
    {"general.version", {"version", "model_version"}},
    {"general.organization", {"organization", "model_organization"}},
    {"general.finetune", {"finetune", "model_finetune"}},
    {"general.basename", {"basename", "model_basename", "model_type"}},
    {"general.description", {"description", "model_description"}},
    {"general.size_label", {"size_label", "model_size_label"}},
    {"general.license", {"license"}},
    {"general.license.name", {"license_name"}},
    {"general.license.link", {"license_link"}},
    {"general.source.url", {"url", "model_url"}},
    {"general.source.doi", {"doi", "model_doi"}},
    {"general.source.uuid", {"uuid", "model_uuid"}},
    {"general.source.repo_url", {"repo_url", "model_repo_url"}},
};

/* Models or datasets that this one was made from. */
static const struct {
    const char *key;
    const char *card[ALIASES];
} origins[] = {
    {"general.base_model", {"base_model", "base_models", "base_model_sources"}},
    {"general.dataset", {"datasets", "dataset", "dataset_sources"}},
};

/* What is written of each, in this order. */
enum { O_NAME, O_VERSION = 2, O_ORGANIZATION, O_REPO_URL = 8, NORIGIN };

static const char *const origin_keys[NORIGIN] = {
    "name", "author", "version", "organization", "description",
    "url",  "doi",    "uuid",    "repo_url"};

/* Lists, each from all of its fields in turn. */
static const struct {
    const char *key;
    const char *card[2];
} lists[] = {
    {"general.tags", {"tags", "pipeline_tag"}},
    {"general.languages", {"languages", "language"}},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* One write to the metadata. */
struct card {
    struct phi_meta *meta;
    struct phi_front_matter *fm;
    uint64_t nparams;
    char *text[NTEXTS]; /* owned, or NULL */
    struct phi_err *err;
};

static enum phi_status set_text(struct card *c, const char *key,
                                const char *text)
{
    return phi_meta_set_str(c->meta, key, text, strlen(text), c->err);
}

/* A text about an origin, whose number makes its key a new one. */
static enum phi_status add_text(struct card *c, const char *key,
                                const char *text)
{
    return phi_meta_add_str(c->meta, key, text, strlen(text), c->err);
}

/* The first of the fields that is there, and its name; NULL if none is. */
static enum phi_status first_field(struct card *c, const char *const *names,
                                   const char **name,
                                   const struct phi_card_value **out)
{
    *out = NULL;
    for (size_t i = 0; i < ALIASES && names[i] != NULL && *out == NULL; i++) {
        const enum phi_status st =
            phi_front_matter_get(c->fm, names[i], out, c->err);

        if (st != PHI_OK)
            return st;
        *name = names[i];
    }
    return PHI_OK;
}

static enum phi_status expect_text(struct card *c, const char *field,
                                   const struct phi_card_value *v)
{
    static const char *const kinds[] = {"nothing", "text", "a list", "a map"};

    if (v->kind == PHI_CARD_TEXT)
        return PHI_OK;
    return phi_front_matter_refuse(c->fm, field, c->err,
                                   "holds %s, expected text", kinds[v->kind]);
}

/* Text, or for licenses, which may be several, a list of texts with commas. */
static enum phi_status take_text(struct card *c, const char *field,
                                 const struct phi_card_value *v, bool many,
                                 char **out)
{
    const bool list = many && v->kind == PHI_CARD_LIST;
    struct phi_buf b = {0};
    enum phi_status st = PHI_OK;

    for (const struct phi_card_value *item = list ? v->child : v;
         item != NULL && st == PHI_OK; item = list ? item->next : NULL) {
        st = expect_text(c, field, item);
        if (st != PHI_OK)
            break;
        if (b.n > 0)
            phi_buf_text(&b, ",");
        phi_buf_text(&b, item->text);
    }
    if (st == PHI_OK && b.n > 0)
        phi_buf_put(&b, "", 1);
    if (st == PHI_OK) /* without memory it is empty, too */
        st = phi_buf_status(&b, c->err);
    if (st == PHI_OK) {
        *out = (char *)b.p; /* NULL: empty text says nothing */
        b.p = NULL;
    }
    phi_buf_release(&b);
    return st;
}

static enum phi_status take_card_texts(struct card *c)
{
    for (size_t i = 0; i < NTEXTS; i++) {
        const struct phi_card_value *v;
        const char *name = NULL;
        enum phi_status st = first_field(c, texts[i].card, &name, &v);

        if (st == PHI_OK && v != NULL)
            st = take_text(c, name, v,
                           strcmp(texts[i].key, "general.license") == 0,
                           &c->text[i]);
        if (st != PHI_OK)
            return st;
    }
    return PHI_OK;
}

/* Fills one text that is still open; a title if it is a name. */
static enum phi_status fill(struct card *c, size_t i, const char *text,
                            bool title)
{
    if (c->text[i] != NULL || text == NULL)
        return PHI_OK;
    c->text[i] =
        title ? phi_model_id_title(text, c->err) : phi_strdup(text, c->err);
    return c->text[i] != NULL ? PHI_OK : PHI_E_NOMEM;
}

static enum phi_status fill_from_id(struct card *c, const char *name)
{
    struct phi_model_id id = {0};
    enum phi_status st = phi_model_id_parse(&id, name, c->nparams, c->err);

    if (st == PHI_OK)
        st = fill(c, NAME, id.name, true);
    if (st == PHI_OK)
        st = fill(c, ORGANIZATION, id.org, true);
    if (st == PHI_OK)
        st = fill(c, BASENAME, id.basename, false);
    if (st == PHI_OK)
        st = fill(c, FINETUNE, id.finetune, false);
    if (st == PHI_OK)
        st = fill(c, VERSION, id.version, false);
    if (st == PHI_OK)
        st = fill(c, SIZE_LABEL, id.size_label, false);
    phi_model_id_release(&id);
    return st;
}

/* More than one '/' is a path on the computer where the config was made. */
static enum phi_status fill_from_config(struct card *c,
                                        const struct phi_json *config)
{
    const char *name = NULL;
    const enum phi_status st =
        phi_json_opt_str(config, "_name_or_path", &name, c->err);

    if (st != PHI_OK || name == NULL)
        return st;
    if (strchr(name, '/') != strrchr(name, '/'))
        return PHI_OK;
    return fill_from_id(c, name);
}

/* Cuts the last component off path and returns it; "" if there is none. */
static const char *pop(char *path)
{
    size_t n = strlen(path);
    char *slash;

    while (n > 0 && path[n - 1] == '/')
        path[--n] = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL)
        return path;
    *slash = '\0';
    return slash + 1;
}

/*
 * The Hub's cache calls a folder by its commit: the name is above it.
 *   models--microsoft--phi-2/snapshots/<40 hex digits>
 * id becomes "microsoft/phi-2"; false if the folder is no such one.
 */
static bool cached_id(char *path, const char *last, char **id)
{
    const char *const mark = "models--";
    char *dashes;
    char *model;

    if (last == path || strlen(last) != 40 ||
        strspn(last, "0123456789abcdef") != 40 ||
        strcmp(pop(path), "snapshots") != 0)
        return false;
    model = strrchr(path, '/');
    model = model != NULL ? model + 1 : path;
    if (!phi_begins(model, mark))
        return false;
    model += strlen(mark);
    dashes = strstr(model, "--");
    if (dashes != NULL) {
        dashes[0] = '/';
        memmove(dashes + 1, dashes + 2, strlen(dashes + 2) + 1);
    }
    *id = model;
    return true;
}

static enum phi_status fill_from_folder(struct card *c, const char *dir)
{
    char *path = phi_strdup(dir, c->err);
    char *real = NULL;
    char *cached;
    const char *last;
    enum phi_status st = PHI_OK;

    if (path == NULL)
        return PHI_E_NOMEM;
    last = pop(path);
    if (last[0] == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0) {
        real = realpath(dir, NULL);
        if (real == NULL)
            goto out;
        free(path);
        path = real;
        last = pop(path);
    }
    if (phi_utf8_valid((const uint8_t *)last, strlen(last)) != strlen(last))
        goto out;
    if (cached_id(path, last, &cached))
        last = cached;
    st = fill_from_id(c, last);
out:
    free(path);
    return st;
}

/* The LICENSE file, where the card says nothing about the license. */
static enum phi_status fill_from_license(struct card *c, const char *dir)
{
    struct phi_hf_license license;
    enum phi_status st;

    if (c->text[LICENSE] != NULL || c->text[LICENSE_NAME] != NULL ||
        c->text[LICENSE_LINK] != NULL)
        return PHI_OK;
    st = phi_hf_license(&license, dir, c->err);
    if (st == PHI_OK)
        st = fill(c, LICENSE, license.id, false);
    if (st == PHI_OK && license.id != NULL && strcmp(license.id, "other") == 0)
        st = fill(c, LICENSE_LINK, license.file, false);
    return st;
}

static enum phi_status write_texts(struct card *c)
{
    for (size_t i = 0; i < NTEXTS; i++) {
        if (c->text[i] != NULL &&
            set_text(c, texts[i].key, c->text[i]) != PHI_OK)
            return PHI_E_NOMEM;
    }
    return PHI_OK;
}

/* Writes the members of an origin that a card spells out. */
static enum phi_status write_origin_map(struct card *c, const char *key,
                                        const char *field,
                                        const struct phi_card_value *map)
{
    for (size_t i = 0; i < NORIGIN; i++) {
        const struct phi_card_value *found = NULL;
        char name[128];
        enum phi_status st;

        for (const struct phi_card_value *m = map->child; m; m = m->next) {
            if (strcmp(m->key, origin_keys[i]) != 0)
                continue;
            if (found != NULL)
                return phi_front_matter_refuse(c->fm, field, c->err,
                                               "gives \"%s\" twice", m->key);
            found = m;
        }
        if (found == NULL || found->kind == PHI_CARD_NULL)
            continue;
        st = expect_text(c, field, found);
        if (st != PHI_OK)
            return st;
        snprintf(name, sizeof(name), "%s.%s", key, origin_keys[i]);
        if (add_text(c, name, found->text) != PHI_OK)
            return PHI_E_NOMEM;
    }
    return PHI_OK;
}

/* The Hub's id of a model in its address, or NULL. */
static const char *id_in_url(const char *url)
{
    const char *const hub = "://huggingface.co/";
    const char *id = strstr(url, hub);
    const char *slash;

    if (id == NULL || (!phi_begins(url, "http://huggingface.co/") &&
                       !phi_begins(url, "https://huggingface.co/")))
        return NULL;
    id += strlen(hub);
    slash = strchr(id, '/');
    if (slash == NULL || slash == id || slash[1] == '\0' ||
        strchr(slash + 1, '/') != NULL)
        return NULL;
    return id;
}

/* Writes what an address or an id says about an origin. */
static enum phi_status write_origin_id(struct card *c, const char *key,
                                       const char *text)
{
    const bool is_url = phi_begins(text, "http://") ||
                        phi_begins(text, "https://") ||
                        phi_begins(text, "ssh://");
    const char *plain = is_url ? id_in_url(text) : text;
    struct phi_model_id id = {0};
    char *parts[NORIGIN] = {NULL};
    enum phi_status st = PHI_OK;

    if (plain != NULL)
        st = phi_model_id_parse(&id, plain, c->nparams, c->err);
    if (st != PHI_OK)
        return st;
    if (id.name != NULL)
        parts[O_NAME] = phi_model_id_title(id.name, c->err);
    if (id.version != NULL)
        parts[O_VERSION] = phi_strdup(id.version, c->err);
    if (id.org != NULL)
        parts[O_ORGANIZATION] = phi_model_id_title(id.org, c->err);
    if (is_url)
        parts[O_REPO_URL] = phi_strdup(text, c->err);
    else if (id.org != NULL)
        parts[O_REPO_URL] = phi_sprintf(c->err, "https://huggingface.co/%s/%s",
                                        id.org, id.name);
    if ((id.name != NULL && parts[O_NAME] == NULL) ||
        (id.version != NULL && parts[O_VERSION] == NULL) ||
        (id.org != NULL && parts[O_ORGANIZATION] == NULL) ||
        ((is_url || id.org != NULL) && parts[O_REPO_URL] == NULL))
        st = PHI_E_NOMEM;
    for (size_t i = 0; i < NORIGIN && st == PHI_OK; i++) {
        char name[128];

        snprintf(name, sizeof(name), "%s.%s", key, origin_keys[i]);
        if (parts[i] != NULL)
            st = add_text(c, name, parts[i]);
    }
    for (size_t i = 0; i < NORIGIN; i++)
        free(parts[i]);
    phi_model_id_release(&id);
    return st;
}

static enum phi_status write_origins(struct card *c, size_t which)
{
    const char *const key = origins[which].key;
    const struct phi_card_value *v;
    const struct phi_card_value *item;
    const char *field = NULL;
    char name[96];
    uint64_t n = 0;
    enum phi_status st = first_field(c, origins[which].card, &field, &v);

    if (st != PHI_OK || v == NULL)
        return st;
    if (v->kind == PHI_CARD_MAP)
        return expect_text(c, field, v);
    item = v->kind == PHI_CARD_LIST ? v->child : v;
    for (const struct phi_card_value *i = item; i != NULL; i = i->next)
        n++;
    if (n == 0)
        return PHI_OK;
    snprintf(name, sizeof(name), "%s.count", key);
    st = phi_meta_set_u(c->meta, name, PHI_KV_U32, n, c->err);
    n = 0;
    for (; item != NULL && st == PHI_OK; item = item->next, n++) {
        snprintf(name, sizeof(name), "%s.%llu", key, (unsigned long long)n);
        if (item->kind == PHI_CARD_MAP) {
            st = write_origin_map(c, name, field, item);
        } else {
            st = expect_text(c, field, item);
            if (st == PHI_OK)
                st = write_origin_id(c, name, item->text);
        }
    }
    return st;
}

/* Visits the texts of a list's fields: counts them if kv is NULL. */
static enum phi_status visit_list(struct card *c, size_t which,
                                  struct phi_kv *kv, size_t *n)
{
    enum phi_status st = PHI_OK;

    *n = 0;
    for (size_t i = 0; i < COUNT(lists[which].card) && st == PHI_OK; i++) {
        const char *field = lists[which].card[i];
        const struct phi_card_value *v;

        st = phi_front_matter_get(c->fm, field, &v, c->err);
        if (st == PHI_OK && v != NULL && v->kind == PHI_CARD_LIST)
            v = v->child;
        for (; st == PHI_OK && v != NULL; v = v->next, (*n)++) {
            st = expect_text(c, field, v);
            if (st == PHI_OK && kv != NULL)
                st = phi_str_set(&kv->v.arr.str[*n], v->text, strlen(v->text),
                                 c->err);
        }
    }
    return st;
}

static enum phi_status write_list(struct card *c, size_t which)
{
    struct phi_kv *kv;
    size_t n;
    enum phi_status st = visit_list(c, which, NULL, &n);

    if (st != PHI_OK || n == 0)
        return st;
    st = phi_meta_set_strings(c->meta, lists[which].key, n, &kv, c->err);
    if (st == PHI_OK)
        st = visit_list(c, which, kv, &n);
    return st;
}

static enum phi_status take_texts(struct card *c, const char *dir,
                                  const struct phi_json *config)
{
    char label[PHI_SIZE_LABEL_MAX];
    enum phi_status st = take_card_texts(c);

    if (st == PHI_OK)
        st = fill_from_config(c, config);
    if (st == PHI_OK)
        st = fill_from_folder(c, dir);
    if (st == PHI_OK)
        st = fill_from_license(c, dir);
    if (st == PHI_OK)
        st = fill(c, NAME, "model", false); /* the folder is "/" */
    if (st == PHI_OK && c->nparams > 0)
        st = fill(c, SIZE_LABEL, phi_size_label_format(label, c->nparams),
                  false);
    return st;
}

enum phi_status phi_hf_general(struct phi_meta *meta, const char *dir,
                               const struct phi_json *config, uint64_t nparams,
                               struct phi_err *err)
{
    struct card c = {.meta = meta, .nparams = nparams, .err = err};
    char *path = phi_path_join(dir, "README.md", err);
    enum phi_status st = PHI_E_NOMEM;

    if (path == NULL)
        goto out;
    st = phi_hf_sampling(meta, dir, err);
    if (st == PHI_OK)
        st = phi_front_matter_load(&c.fm, path, err);
    if (st == PHI_OK)
        st = take_texts(&c, dir, config);
    if (st == PHI_OK)
        st = write_texts(&c);
    for (size_t i = 0; i < COUNT(origins) && st == PHI_OK; i++)
        st = write_origins(&c, i);
    for (size_t i = 0; i < COUNT(lists) && st == PHI_OK; i++)
        st = write_list(&c, i);
out:
    for (size_t i = 0; i < NTEXTS; i++)
        free(c.text[i]);
    phi_front_matter_free(c.fm);
    free(path);
    return st;
}
