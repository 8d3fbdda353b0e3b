/* SPDX-License-Identifier: MIT */
#include "formats/merged_identity.h"

#include <string.h>

#include "libconv/base/ascii.h"
#include "libconv/base/mem.h"

#define NAME  "general.name"
#define BASES "general.base_model."
#define COUNT "general.base_model.count"

/* What is said of the base, in GGUF's order, and what was said before: of the
 * checkpoint, or else of a file made from it. */
static const struct {
    const char *base;
    const char *said[2];
} moved[] = {
    {BASES "0.name", {NAME}},
    {BASES "0.author", {"general.author"}},
    {BASES "0.version", {"general.version"}},
    {BASES "0.organization", {"general.organization"}},
    {BASES "0.description", {"general.description"}},
    {BASES "0.url", {"general.source.url", "general.url"}},
    {BASES "0.doi", {"general.source.doi", "general.doi"}},
    {BASES "0.uuid", {"general.source.uuid", "general.uuid"}},
    {BASES "0.repo_url", {"general.source.repo_url", "general.repo_url"}},
};

#define NMOVED (sizeof(moved) / sizeof(moved[0]))

/* ---- names --------------------------------------------------------------- */

void phi_adapter_label(struct phi_buf *b, const char *path)
{
    size_t n = strlen(path);
    const char *from;

    while (n > 1 && path[n - 1] == '/')
        n--;
    from = path + n;
    while (from > path && from[-1] != '/')
        from--;
    n -= (size_t)(from - path);
    if (n > 5 && strncmp(from + n - 5, ".gguf", 5) == 0)
        n -= 5;
    phi_buf_put(b, from, n);
}

char *phi_merged_name(const struct phi_meta *base, const char *const *adapters,
                      size_t n, struct phi_err *err)
{
    const char *name = "model";
    struct phi_buf b = {0};
    char *out = NULL;

    if (phi_meta_opt_str(base, NAME, &name, err) != PHI_OK)
        return NULL;
    phi_buf_text(&b, name);
    for (size_t i = 0; i < n; i++) {
        phi_buf_text(&b, " + ");
        phi_adapter_label(&b, adapters[i]);
    }
    phi_buf_put(&b, "", 1);
    if (phi_buf_status(&b, err) == PHI_OK)
        out = phi_alloc(PHI_ERR_MAX, 1, err);
    if (out != NULL)
        phi_printable(out, PHI_ERR_MAX, (const char *)b.p);
    phi_buf_release(&b);
    return out;
}

/* ---- metadata ------------------------------------------------------------ */

/* Where what is said of bases begins: after the texts about the model. */
static size_t place_of_bases(const struct phi_meta *m)
{
    static const char *const after[] = {"general.dataset.", "general.tags",
                                        "general.languages"};
    size_t i = 0;

    while (i < m->n && strcmp(m->kv[i].key, NAME) != 0)
        i++;
    if (i == m->n) /* nameless: where general.* ends */
        i = 0;
    for (; i < m->n && phi_begins(m->kv[i].key, "general."); i++) {
        for (size_t k = 0; k < sizeof(after) / sizeof(after[0]); k++) {
            if (phi_begins(m->kv[i].key, after[k]))
                return i;
        }
    }
    return i;
}

/* The text that is said of the base, or NULL. */
static const char *said_of(const struct phi_meta *m, size_t which)
{
    const char *text = NULL;

    for (size_t k = 0; k < 2 && moved[which].said[k] != NULL && text == NULL;
         k++)
        phi_meta_opt_str(m, moved[which].said[k], &text, NULL);
    return text;
}

static enum phi_status put_base(struct phi_meta *to,
                                const struct phi_meta *from,
                                struct phi_err *err)
{
    enum phi_status st = phi_meta_set_u(to, COUNT, PHI_KV_U32, 1, err);

    for (size_t i = 0; st == PHI_OK && i < NMOVED; i++) {
        const char *text = said_of(from, i);

        if (text != NULL)
            st = phi_meta_set_str(to, moved[i].base, text, strlen(text), err);
    }
    return st;
}

static void remove_said(struct phi_meta *m)
{
    for (size_t i = 0; i < NMOVED; i++) {
        for (size_t k = 0; k < 2 && moved[i].said[k] != NULL; k++) {
            if (strcmp(moved[i].said[k], NAME) != 0) /* it keeps its place */
                phi_meta_remove(m, moved[i].said[k]);
        }
    }
}

enum phi_status phi_merged_identity(struct phi_meta *meta, const char *name,
                                    struct phi_err *err)
{
    struct phi_meta rest = {0};
    struct phi_meta before;
    struct phi_meta out = {0};
    enum phi_status st = phi_meta_copy(&rest, meta, err);

    if (st != PHI_OK)
        goto out;
    phi_meta_remove_all(&rest, BASES);
    before = (struct phi_meta){rest.kv, place_of_bases(&rest), 0};
    if ((st = phi_meta_copy(&out, &before, err)) != PHI_OK ||
        (st = put_base(&out, meta, err)) != PHI_OK ||
        (st = phi_meta_copy(&out, &rest, err)) != PHI_OK) /* what is missing */
        goto out;
    remove_said(&out);
    st = phi_meta_set_str(&out, NAME, name, strlen(name), err);
out:
    phi_meta_release(&rest);
    phi_meta_release(st == PHI_OK ? meta : &out);
    if (st == PHI_OK)
        *meta = out;
    return st;
}
