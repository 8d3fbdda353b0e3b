/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "formats/front_matter.h"
#include "formats/hf_export.h"
#include "formats/hf_naming.h"
#include "formats/hf_sampling.h"
#include "formats/json_write.h"
#include "formats/yaml_write.h"
#include "libconv/base/ascii.h"
#include "libconv/base/mem.h"
#include "libconv/base/utf8.h"

/* Texts, and their names in a card: hf_card.c's table the other way round. */
static const struct {
    const char *key;
    const char *field;
} texts[] = {
    {"general.license", "license"},
    {"general.license.name", "license_name"},
    {"general.license.link", "license_link"},
    {"general.name", "name"},
    {"general.author", "author"},
    {"general.version", "version"},
    {"general.organization", "organization"},
    {"general.finetune", "finetune"},
    {"general.basename", "basename"},
    {"general.description", "description"},
    {"general.size_label", "size_label"},
    {"general.source.url", "url"},
    {"general.source.doi", "doi"},
    {"general.source.uuid", "uuid"},
    {"general.source.repo_url", "repo_url"},
};

static const struct {
    const char *key;
    const char *field;
} lists[] = {
    {"general.languages", "language"},
    {"general.tags", "tags"},
};

/* Models or data that this one was made from: ids of the Hub, or else maps. */
static const struct origin {
    const char *prefix;
    const char *count;
    const char *ids;
    const char *maps;
} origins[] = {
    {"general.base_model.", "general.base_model.count", "base_model",
     "base_model_sources"},
    {"general.dataset.", "general.dataset.count", "datasets",
     "dataset_sources"},
};

enum { O_NAME, O_VERSION = 2, O_ORGANIZATION, O_REPO_URL = 8, NORIGIN };

static const char *const origin_keys[NORIGIN] = {
    "name", "author", "version", "organization", "description",
    "url",  "doi",    "uuid",    "repo_url"};

/* What is of the GGUF file, or in the other files that are made from it. */
static const char *const elsewhere[] = {"general.architecture",
                                        "general.type",
                                        "general.file_type",
                                        "general.quantization_version",
                                        "general.alignment",
                                        "phi2.",
                                        "tokenizer.",
                                        "split.",
                                        "phiconv.",
                                        "quantize.imatrix."};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define HUB          "https://huggingface.co/"

struct card {
    struct phi_buf *out;
    const struct phi_meta *meta;
    bool *used; /* (meta->n) */
};

/* ---- scalars ------------------------------------------------------------- */

/* What YAML takes in quotes: no bytes, no controls. */
static bool can_be_said(const struct phi_str *s)
{
    size_t at = 0;

    while (at < s->n) {
        uint32_t c = 0;
        const size_t n =
            phi_utf8_decode((const uint8_t *)s->p + at, s->n - at, &c);

        if (n == 0 || c == 0 || (c >= 0x7f && c < 0xa0) ||
            (c & 0xfffe) == 0xfffe)
            return false;
        at += n;
    }
    return s->n > 0;
}

static bool is_text(const struct phi_kv *kv)
{
    return kv->type == PHI_KV_STRING && can_be_said(&kv->v.str);
}

static void put_scalar(struct phi_buf *b, const char *text)
{
    if (phi_yaml_is_plain(text))
        phi_buf_text(b, text);
    else
        phi_json_put_string(b, text);
}

static void put_item(struct phi_buf *b, const char *text)
{
    phi_buf_text(b, "- ");
    put_scalar(b, text);
    phi_buf_text(b, "\n");
}

/* ---- texts and lists ----------------------------------------------------- */

/* Several licences have commas between them, and are a list in a card. */
static bool are_licenses(const char *text)
{
    const char *c = text;

    if (strchr(text, ',') == NULL)
        return false;
    while (*c != '\0') {
        const size_t n = strcspn(c, ", ");

        if (n == 0 || c[n] == ' ' || (c[n] == ',' && c[n + 1] == '\0'))
            return false;
        c += n + (c[n] == ',');
    }
    return true;
}

static void put_licenses(struct phi_buf *b, char *text)
{
    for (char *c = text; c != NULL;) {
        char *comma = strchr(c, ',');

        if (comma != NULL)
            *comma = '\0';
        put_item(b, c);
        c = comma != NULL ? comma + 1 : NULL;
    }
}

static enum phi_status put_text(struct card *c, size_t i, struct phi_err *err)
{
    const struct phi_kv *kv = phi_meta_find(c->meta, texts[i].key);
    char *copy;

    if (kv == NULL || !is_text(kv))
        return PHI_OK;
    c->used[kv - c->meta->kv] = true;
    phi_buf_printf(c->out, "%s:", texts[i].field);
    if (strcmp(texts[i].field, "license") == 0 && are_licenses(kv->v.str.p)) {
        copy = phi_strdup(kv->v.str.p, err);
        if (copy == NULL)
            return PHI_E_NOMEM;
        phi_buf_text(c->out, "\n");
        put_licenses(c->out, copy);
        free(copy);
        return PHI_OK;
    }
    phi_buf_text(c->out, " ");
    put_scalar(c->out, kv->v.str.p);
    phi_buf_text(c->out, "\n");
    return PHI_OK;
}

static void put_list(struct card *c, size_t which)
{
    const struct phi_kv *kv = phi_meta_find(c->meta, lists[which].key);
    bool all = kv != NULL && kv->type == PHI_KV_ARRAY &&
               kv->v.arr.type == PHI_KV_STRING && kv->v.arr.n > 0;

    for (size_t i = 0; all && i < kv->v.arr.n; i++)
        all = can_be_said(&kv->v.arr.str[i]);
    if (!all)
        return;
    c->used[kv - c->meta->kv] = true;
    phi_buf_printf(c->out, "%s:\n", lists[which].field);
    for (size_t i = 0; i < kv->v.arr.n; i++)
        put_item(c->out, kv->v.arr.str[i].p);
}

/* ---- origins ------------------------------------------------------------- */

/* "general.base_model.INDEX.FIELD", a text. */
static bool is_origin(const struct phi_kv *kv, const struct origin *o,
                      uint64_t *index, size_t *field)
{
    const char *at = kv->key + strlen(o->prefix);
    size_t digits;

    if (!phi_begins(kv->key, o->prefix) || !is_text(kv))
        return false;
    digits = strspn(at, "0123456789");
    if (digits == 0 || digits > 9 || (at[0] == '0' && digits > 1) ||
        at[digits] != '.')
        return false;
    *index = strtoull(at, NULL, 10);
    for (*field = 0; *field < NORIGIN; ++*field) {
        if (strcmp(at + digits + 1, origin_keys[*field]) == 0)
            return true;
    }
    return false;
}

/* The fields of the n-th, from *at on: its keys follow each other. */
static bool next_origin(struct card *c, const struct origin *o, size_t *at,
                        uint64_t n, const char *fields[NORIGIN])
{
    bool any = false;

    for (size_t i = 0; i < NORIGIN; i++)
        fields[i] = NULL;
    for (; *at < c->meta->n; ++*at) {
        const struct phi_kv *kv = &c->meta->kv[*at];
        uint64_t index;
        size_t field;

        if (!is_origin(kv, o, &index, &field))
            continue;
        if (index == n) {
            any = true;
            fields[field] = kv->v.str.p;
            c->used[*at] = true;
        } else if (any) {
            break;
        }
    }
    return any;
}

/* Whether a text is the title that is made of a part of an id; or both none. */
static enum phi_status is_title(bool *yes, const char *text, const char *part,
                                struct phi_err *err)
{
    char *title;

    if (text == NULL || part == NULL) {
        *yes = *yes && text == part;
        return PHI_OK;
    }
    title = phi_model_id_title(part, err);
    if (title == NULL)
        return PHI_E_NOMEM;
    *yes = *yes && strcmp(text, title) == 0;
    free(title);
    return PHI_OK;
}

/* Whether the id in its address says all that is said of an origin. */
static enum phi_status is_id(bool *yes, const char *const fields[NORIGIN],
                             struct phi_err *err)
{
    const char *url = fields[O_REPO_URL];
    struct phi_model_id id = {0};
    enum phi_status st;

    *yes = url != NULL && phi_begins(url, HUB);
    for (size_t i = 0; i < NORIGIN; i++) {
        *yes = *yes && (fields[i] == NULL || i == O_NAME || i == O_VERSION ||
                        i == O_ORGANIZATION || i == O_REPO_URL);
    }
    if (!*yes)
        return PHI_OK;
    st = phi_model_id_parse(&id, url + strlen(HUB), 0, err);
    *yes = id.org != NULL && id.name != NULL &&
           strlen(url) == strlen(HUB) + strlen(id.org) + 1 + strlen(id.name) &&
           (fields[O_VERSION] == NULL) == (id.version == NULL) &&
           (id.version == NULL || strcmp(id.version, fields[O_VERSION]) == 0);
    if (st == PHI_OK)
        st = is_title(yes, fields[O_NAME], id.name, err);
    if (st == PHI_OK)
        st = is_title(yes, fields[O_ORGANIZATION], id.org, err);
    phi_model_id_release(&id);
    return st;
}

static void put_map(struct phi_buf *b, const char *const fields[NORIGIN])
{
    const char *lead = "- ";

    for (size_t i = 0; i < NORIGIN; i++) {
        if (fields[i] == NULL)
            continue;
        phi_buf_printf(b, "%s%s: ", lead, origin_keys[i]);
        put_scalar(b, fields[i]);
        phi_buf_text(b, "\n");
        lead = "  ";
    }
}

static enum phi_status put_origins(struct card *c, const struct origin *o,
                                   struct phi_err *err)
{
    const struct phi_kv *count = phi_meta_find(c->meta, o->count);
    const char *fields[NORIGIN];
    uint64_t said = UINT64_MAX;
    uint64_t n = 0;
    bool ids = true;
    enum phi_status st = PHI_OK;

    for (size_t at = 0; st == PHI_OK && next_origin(c, o, &at, n, fields);
         n++) {
        bool one = false;

        if (ids)
            st = is_id(&one, fields, err);
        ids = one;
    }
    if (st != PHI_OK || n == 0)
        return st;
    if (phi_meta_opt_uint(c->meta, o->count, UINT32_MAX, &said, NULL) ==
            PHI_OK &&
        said == n)
        c->used[count - c->meta->kv] = true;
    n = 0;
    phi_buf_printf(c->out, "%s:\n", ids ? o->ids : o->maps);
    for (size_t at = 0; next_origin(c, o, &at, n, fields); n++) {
        if (ids)
            put_item(c->out, fields[O_REPO_URL] + strlen(HUB));
        else
            put_map(c->out, fields);
    }
    return PHI_OK;
}

/* ---- the whole ----------------------------------------------------------- */

static bool is_elsewhere(const char *key)
{
    bool found = phi_hf_sampling_is(key);

    for (size_t i = 0; i < COUNT(elsewhere); i++) {
        const size_t n = strlen(elsewhere[i]);

        found = found ||
                (elsewhere[i][n - 1] == '.' ? phi_begins(key, elsewhere[i])
                                            : strcmp(key, elsewhere[i]) == 0);
    }
    return found;
}

static enum phi_status put_card(struct card *c, struct phi_names *left,
                                struct phi_err *err)
{
    const size_t begin = c->out->n;
    size_t empty;
    enum phi_status st = PHI_OK;

    phi_buf_text(c->out, "---\n");
    empty = c->out->n;
    for (size_t i = 0; st == PHI_OK && i < COUNT(texts); i++)
        st = put_text(c, i, err);
    for (size_t i = 0; st == PHI_OK && i < COUNT(lists); i++)
        put_list(c, i);
    for (size_t i = 0; st == PHI_OK && i < COUNT(origins); i++)
        st = put_origins(c, &origins[i], err);
    for (size_t i = 0; st == PHI_OK && i < c->meta->n; i++) {
        if (!c->used[i] && !is_elsewhere(c->meta->kv[i].key))
            st = phi_names_add(left, c->meta->kv[i].key, err);
    }
    if (st == PHI_OK)
        st = phi_buf_status(c->out, err);
    if (st != PHI_OK)
        return st;
    if (c->out->n == empty) {
        c->out->n = begin;
        return PHI_OK;
    }
    phi_buf_text(c->out, "---\n");
    if (c->out->n - begin > PHI_FRONT_MATTER_MAX)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "README.md: its front matter would have %zu bytes, at "
                        "most %zu are read",
                        c->out->n - begin, PHI_FRONT_MATTER_MAX);
    return phi_buf_status(c->out, err);
}

enum phi_status phi_hf_export_card(struct phi_buf *out, struct phi_names *left,
                                   const struct phi_meta *meta,
                                   struct phi_err *err)
{
    struct card c = {.out = out, .meta = meta};
    enum phi_status st = PHI_E_NOMEM;

    c.used = phi_alloc(meta->n, sizeof(*c.used), err);
    if (c.used != NULL)
        st = put_card(&c, left, err);
    free(c.used);
    return st;
}
