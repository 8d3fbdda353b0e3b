/* SPDX-License-Identifier: MIT */
#include "libconv/convert/provenance.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/ascii.h"
#include "libconv/base/buf.h"
#include "libconv/base/decimal.h"
#include "libconv/base/mem.h"

#define PREFIX "phiconv."
#define FILES  PREFIX "source.files"
#define HASHES PREFIX "source.sha256"

/* ---- the recipe in words ------------------------------------------------- */

static void put_type(struct phi_buf *b, enum phi_dtype t)
{
    for (const char *p = phi_dtype_info(t)->name; *p != '\0'; p++)
        phi_buf_u8(b, (uint8_t)phi_lower(*p));
}

static void put_override(struct phi_buf *b, const char *what,
                         const struct phi_type_override *o)
{
    if (o == NULL)
        return;
    phi_buf_printf(b, " %s", what);
    put_type(b, o->dtype);
}

char *phi_recipe_text(const struct phi_recipe *r, struct phi_err *err)
{
    struct phi_buf b = {0};
    char *text = NULL;

    phi_buf_text(&b, r->type->name);
    phi_buf_text(&b, r->pure ? " pure" : "");
    phi_buf_text(&b, r->leave_output ? " leave-output" : "");
    put_override(&b, "embedding:", r->embedding);
    put_override(&b, "output:", r->output);
    for (size_t i = 0; i < r->noverrides; i++) {
        const struct phi_type_override *o = &r->overrides[i];
        const char *end = strrchr(o->text, '=');

        phi_buf_text(&b, " tensor:");
        /* Matched in lower case, whatever it was written in. */
        for (const char *c = o->text; c != end && *c != '\0'; c++)
            phi_buf_u8(&b, (uint8_t)phi_lower(*c));
        phi_buf_text(&b, "=");
        put_type(&b, o->dtype);
    }
    if (phi_buf_status(&b, err) == PHI_OK)
        text = phi_strndup((const char *)b.p, b.n, err);
    phi_buf_release(&b);
    return text;
}

/* ---- keys ---------------------------------------------------------------- */

void phi_provenance_remove(struct phi_meta *meta)
{
    phi_meta_remove_all(meta, PREFIX);
}

static enum phi_status set_text(struct phi_meta *meta, const char *key,
                                const char *text, struct phi_err *err)
{
    return phi_meta_set_str(meta, key, text, strlen(text), err);
}

static enum phi_status set_files(struct phi_meta *meta,
                                 const struct phi_source *s,
                                 struct phi_err *err)
{
    char zeros[PHI_SHA256_HEX];
    struct phi_kv *kv;
    enum phi_status st = phi_meta_set_strings(meta, FILES, s->nfiles, &kv, err);

    for (size_t i = 0; st == PHI_OK && i < s->nfiles; i++) {
        /* A name is any bytes; in the file it is text. */
        char name[1024];

        phi_printable(name, sizeof(name), s->files[i].name);
        st = phi_str_set(&kv->v.arr.str[i], name, strlen(name), err);
    }
    if (st == PHI_OK)
        st = phi_meta_set_strings(meta, HASHES, s->nfiles, &kv, err);
    memset(zeros, '0', sizeof(zeros) - 1);
    for (size_t i = 0; st == PHI_OK && i < s->nfiles; i++)
        st = phi_str_set(&kv->v.arr.str[i], zeros, sizeof(zeros) - 1, err);
    return st;
}

static enum phi_status set_adapters(struct phi_meta *meta,
                                    const struct phi_provenance *p,
                                    struct phi_err *err)
{
    static const char *const keys[] = {PREFIX "adapter.sha256",
                                       PREFIX "adapter.config.sha256",
                                       PREFIX "adapter.scale"};
    enum phi_status st = PHI_OK;

    for (size_t k = 0; st == PHI_OK && p->nadapters > 0 && k < 3; k++) {
        struct phi_kv *kv;

        st = phi_meta_set_strings(meta, keys[k], p->nadapters, &kv, err);
        for (size_t i = 0; st == PHI_OK && i < p->nadapters; i++) {
            const struct phi_provenance_adapter *a = &p->adapters[i];
            char scale[PHI_DECIMAL_MAX];
            const char *const texts[] = {a->sha256, a->config_sha256, scale};

            phi_decimal(scale, a->scale);
            st =
                phi_str_set(&kv->v.arr.str[i], texts[k], strlen(texts[k]), err);
        }
    }
    return st;
}

enum phi_status phi_provenance_plan(struct phi_meta *meta,
                                    const struct phi_source *s,
                                    const struct phi_provenance *p,
                                    struct phi_err *err)
{
    char *recipe = phi_recipe_text(p->recipe, err);
    enum phi_status st = recipe != NULL ? PHI_OK : PHI_E_NOMEM;

    phi_provenance_remove(meta);
    if (st == PHI_OK)
        st = set_text(meta, PREFIX "version", p->version, err);
    if (st == PHI_OK)
        st = set_text(meta, PREFIX "recipe", recipe, err);
    if (st == PHI_OK && p->imatrix_sha256 != NULL)
        st = set_text(meta, PREFIX "imatrix.sha256", p->imatrix_sha256, err);
    if (st == PHI_OK)
        st = set_adapters(meta, p, err);
    if (st == PHI_OK)
        st = set_files(meta, s, err);
    free(recipe);
    return st;
}

enum phi_status phi_provenance_fill(struct phi_meta *meta,
                                    const char (*sha256)[PHI_SHA256_HEX],
                                    size_t n, struct phi_err *err)
{
    struct phi_kv *kv;
    enum phi_status st = phi_meta_set_strings(meta, HASHES, n, &kv, err);

    for (size_t i = 0; st == PHI_OK && i < n; i++)
        st = phi_str_set(&kv->v.arr.str[i], sha256[i], PHI_SHA256_HEX - 1, err);
    return st;
}
