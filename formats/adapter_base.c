/* SPDX-License-Identifier: MIT */
#include "formats/adapter_base.h"

#include <stdlib.h>
#include <string.h>

#include "formats/json.h"
#include "formats/pack.h"
#include "libconv/base/ascii.h"
#include "libconv/base/file.h"

/* Names that agree so far are the same name. */
#define PLAIN_BYTES 200

/* The last part of a name or path, n bytes of it. */
static const char *last_part(const char *name, size_t *n)
{
    static const char mark[] = "models--";
    static const char *const endings[] = {".gguf", PHI_PACK_SUFFIX};
    const char *cached = strstr(name, mark);
    const char *end;
    const char *from;

    if (cached != NULL) {
        from = cached + strlen(mark);
        end = from + strcspn(from, "/\\");
        for (const char *c = from; c + 1 < end; c++) {
            if (c[0] == '-' && c[1] == '-')
                from = c + 2;
        }
    } else {
        end = name + strlen(name);
        while (end > name && (end[-1] == '/' || end[-1] == '\\'))
            end--;
        from = end;
        while (from > name && from[-1] != '/' && from[-1] != '\\')
            from--;
        for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
            const ptrdiff_t len = (ptrdiff_t)strlen(endings[i]);

            if (end - from > len &&
                strncmp(end - len, endings[i], (size_t)len) == 0)
                end -= len;
        }
    }
    *n = (size_t)(end - from);
    return from;
}

/* Letters and digits of the last part, in lower case. */
static void make_plain(char out[PLAIN_BYTES + 1], const char *name)
{
    size_t n = 0;
    size_t len = 0;
    const char *part = last_part(name, &n);

    for (size_t i = 0; i < n && len < PLAIN_BYTES; i++) {
        const char c = part[i];

        if ((c >= '0' && c <= '9') || phi_is_letter(c) ||
            (unsigned char)c >= 0x80)
            out[len++] = phi_lower(c);
    }
    out[len] = '\0';
}

static bool is_same(const char *plain, const char *name)
{
    char other[PLAIN_BYTES + 1];

    make_plain(other, name);
    return strcmp(plain, other) == 0;
}

/* Whether a key says what the model, or what it was made from, is called. */
static bool is_name(const char *key)
{
    static const char *const of_it[] = {
        "general.name", "general.url", "general.repo_url", "general.source.url",
        "general.source.repo_url"};

    for (size_t i = 0; i < sizeof(of_it) / sizeof(of_it[0]); i++) {
        if (strcmp(key, of_it[i]) == 0)
            return true;
    }
    return phi_begins(key, "general.base_model.") &&
           (phi_ends(key, ".name") || phi_ends(key, "url"));
}

/* A card that has a name hides that of config.json. */
static enum phi_status is_in_config(bool *yes, const char *dir,
                                    const char *plain, struct phi_err *err)
{
    char *path = phi_path_join(dir, "config.json", err);
    struct phi_json_doc *doc = NULL;
    const char *name = NULL;
    enum phi_status st = PHI_E_NOMEM;

    if (path != NULL)
        st = phi_json_load(&doc, path, PHI_JSON_MAX_CONFIG, err);
    if (st == PHI_OK) {
        const struct phi_json root = phi_json_root(doc);

        st = phi_json_opt_str(&root, "_name_or_path", &name, err);
    }
    *yes = st == PHI_OK && name != NULL && is_same(plain, name);
    phi_json_free(doc);
    free(path);
    return st;
}

enum phi_status phi_adapter_base_agrees(bool *agrees,
                                        const struct phi_source *base,
                                        const char *name, struct phi_err *err)
{
    char plain[PLAIN_BYTES + 1];

    make_plain(plain, name);
    *agrees = plain[0] == '\0' || is_same(plain, base->path);
    for (size_t i = 0; i < base->meta.n && !*agrees; i++) {
        const struct phi_kv *kv = &base->meta.kv[i];

        /* Found by its place: there may be very many keys. */
        *agrees = kv->type == PHI_KV_STRING && is_name(kv->key) &&
                  is_same(plain, kv->v.str.p);
    }
    if (*agrees || !phi_source_is_folder(base))
        return PHI_OK;
    return is_in_config(agrees, base->path, plain, err);
}
