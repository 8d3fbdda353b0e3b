/* SPDX-License-Identifier: MIT */
#include "formats/tokenizer_rest.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/ascii.h"
#include "libconv/base/mem.h"
#include "libconv/tensor/meta_match.h"

#define GGML     "tokenizer.ggml."
#define TEMPLATE "tokenizer.chat_template"

static bool is_role(const struct phi_kv *kv)
{
    static const char end[] = "_token_id";
    const size_t n = strlen(kv->key);

    return kv->type == PHI_KV_U32 && phi_begins(kv->key, GGML) &&
           n >= sizeof(end) &&
           strcmp(kv->key + n - (sizeof(end) - 1), end) == 0;
}

static bool is_flag(const struct phi_kv *kv)
{
    return kv->type == PHI_KV_BOOL && phi_begins(kv->key, GGML "add_");
}

/* The text of a token, or NULL. */
static const struct phi_str *token_of(const struct phi_meta *m, uint64_t id)
{
    const struct phi_kv *kv = NULL;

    if (phi_meta_get_array(m, GGML "tokens", PHI_KV_STRING, &kv, NULL) !=
            PHI_OK ||
        id >= kv->v.arr.n)
        return NULL;
    return &kv->v.arr.str[id];
}

/* The id of a role is still the same token; one that was none is no role. */
static enum phi_status check_role(const struct phi_kv *kv, bool *keep,
                                  const struct phi_meta *meta,
                                  const struct phi_meta *base, const char *from,
                                  struct phi_err *err)
{
    const struct phi_str *was = token_of(base, kv->v.u);
    const struct phi_str *is = token_of(meta, kv->v.u);

    *keep = was != NULL;
    if (was == NULL ||
        (is != NULL && is->n == was->n && memcmp(is->p, was->p, is->n) == 0))
        return PHI_OK;
    if (is == NULL)
        phi_fail(err, PHI_E_FORMAT,
                 "%s: its tokenizer has no token %llu, which is the base's %s, "
                 "expected \"%.*s\"",
                 from, (unsigned long long)kv->v.u, kv->key, PHI_ERR_NAME,
                 was->p);
    else
        phi_fail(err, PHI_E_FORMAT,
                 "%s: its token %llu is \"%.*s\", which is the base's %s, "
                 "expected \"%.*s\"",
                 from, (unsigned long long)kv->v.u, PHI_ERR_NAME, is->p,
                 kv->key, PHI_ERR_NAME, was->p);
    return phi_hint(err, "a tokenizer_config.json beside it says which tokens "
                         "have a role");
}

static bool has_template(const struct phi_meta *m)
{
    bool found = false;

    for (size_t i = 0; i < m->n; i++)
        found = found || phi_begins(m->kv[i].key, TEMPLATE);
    return found;
}

enum phi_status phi_tokenizer_rest(struct phi_meta *meta,
                                   const struct phi_meta *base,
                                   const char *from, struct phi_err *err)
{
    const bool templates = !has_template(meta);
    /* Entries of base, which stay its own. */
    struct phi_meta rest = {.kv = phi_alloc(base->n, sizeof(*rest.kv), err)};
    size_t *place = NULL; /* in meta */
    enum phi_status st = PHI_E_NOMEM;

    if (rest.kv != NULL && (place = phi_meta_match(base, meta, err)) != NULL)
        st = PHI_OK;
    for (size_t i = 0; st == PHI_OK && i < base->n; i++) {
        const struct phi_kv *kv = &base->kv[i];
        bool keep = is_flag(kv) || (templates && phi_begins(kv->key, TEMPLATE));

        if (place[i] != PHI_META_NONE)
            continue;
        if (is_role(kv))
            st = check_role(kv, &keep, meta, base, from, err);
        if (keep)
            rest.kv[rest.n++] = *kv;
    }
    if (st == PHI_OK)
        st = phi_meta_copy(meta, &rest, err);
    free(rest.kv);
    free(place);
    return st;
}
