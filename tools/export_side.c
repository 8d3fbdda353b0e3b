/* SPDX-License-Identifier: MIT */
#include "tools/export_side.h"

#include <string.h>

#include "formats/hf_export.h"
#include "formats/hf_index.h"
#include "libconv/base/utf8.h"
#include "libconv/engine/hparams.h"
#include "tools/report.h"

/* Adds a file of that name, empty; its text is to be filled. */
static struct phi_buf *add(struct export_side *side, const char *name)
{
    side->files[side->n].name = name;
    return &side->texts[side->n++];
}

/* Whether a name is one of the model's own weights, which are written. */
static bool is_model(const struct phi_source *s, const char *name)
{
    bool found = strcmp(name, PHI_HF_INDEX) == 0;

    for (size_t i = 0; i < s->nfiles; i++)
        found = found || strcmp(s->files[i].name, name) == 0;
    return found;
}

static enum phi_status list_left(struct export_side *side,
                                 const struct phi_source *s,
                                 struct phi_err *err)
{
    struct phi_hf_side_files found = {0};
    enum phi_status st = phi_hf_side_files_scan(&found, s->path, err);

    for (size_t i = 0; st == PHI_OK && i < found.left.n; i++) {
        if (!is_model(s, found.left.v[i]))
            st = phi_names_add(&side->left, found.left.v[i], err);
    }
    phi_hf_side_files_release(&found);
    return st;
}

static enum phi_status read_config(struct phi_hf_config *c,
                                   const struct phi_source *s,
                                   struct phi_err *err)
{
    struct phi_hparams h;
    size_t i;
    const enum phi_status st = phi_hparams_read(&h, s, err);

    if (st != PHI_OK)
        return st;
    *c = (struct phi_hf_config){
        .hidden = h.n_embd,
        .inner = h.n_ff,
        .layers = h.n_layer,
        .heads = h.n_head,
        .kv_heads = h.n_head_kv,
        .head_dim = h.head_dim,
        .rotary = h.n_rot,
        .vocab = h.n_vocab,
        .context = h.n_ctx,
        .eps = h.norm_eps,
        .theta = h.rope_base,
        .factor = h.rope_factor,
        .tied = !phi_source_find(s, "output.weight", &i),
    };
    return PHI_OK;
}

/* tokenizer.chat_template, bytes as they are; there are none with names. */
static enum phi_status add_template(struct export_side *side,
                                    const struct phi_meta *m,
                                    struct phi_err *err)
{
    static const char key[] = "tokenizer.chat_template";
    const struct phi_kv *kv = phi_meta_find(m, key);
    const char *text = NULL;
    enum phi_status st;

    for (size_t i = 0; i < m->n; i++) {
        const char *other = m->kv[i].key;

        if (strncmp(other, key, sizeof(key) - 1) == 0 &&
            strcmp(other, key) != 0)
            return phi_fail(err, PHI_E_UNSUPPORTED,
                            "key \"%.*s\": several chat templates are not "
                            "exported",
                            PHI_ERR_NAME, other);
    }
    st = phi_meta_opt_str(m, key, &text, err);
    if (st != PHI_OK || text == NULL)
        return st;
    if (strlen(text) != kv->v.str.n ||
        phi_utf8_valid((const uint8_t *)text, kv->v.str.n) < kv->v.str.n)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "key \"%s\": is no text in UTF-8, expected one", key);
    phi_buf_text(add(side, "chat_template.jinja"), text);
    return PHI_OK;
}

/* The licence and whatever else the metadata say about the model. */
static enum phi_status add_card(struct export_side *side,
                                const struct phi_meta *m, struct phi_err *err)
{
    const enum phi_status st =
        phi_hf_export_card(add(side, "README.md"), &side->left, m, err);

    if (st == PHI_OK && side->texts[side->n - 1].n == 0)
        phi_buf_release(&side->texts[--side->n]);
    return st;
}

static enum phi_status make(struct export_side *side,
                            const struct phi_source *s, struct phi_err *err)
{
    struct phi_hf_config c;
    enum phi_status st = read_config(&c, s, err);

    if (st == PHI_OK)
        st = phi_hf_export_check(s, &c, err);
    if (st == PHI_OK)
        st = phi_hf_export_config(add(side, "config.json"), &c, &s->meta, err);
    if (st == PHI_OK)
        st = phi_hf_export_generation(add(side, "generation_config.json"),
                                      &s->meta, err);
    if (st == PHI_OK) {
        struct phi_buf *tokenizer = add(side, "tokenizer.json");

        st = phi_hf_export_tokenizer(tokenizer,
                                     add(side, "tokenizer_config.json"),
                                     &s->meta, c.context, err);
    }
    if (st == PHI_OK)
        st = add_template(side, &s->meta, err);
    if (st == PHI_OK)
        st = add_card(side, &s->meta, err);
    for (size_t i = 0; st == PHI_OK && i < side->n; i++) {
        st = phi_buf_status(&side->texts[i], err);
        side->files[i].bytes = side->texts[i].p;
        side->files[i].nbytes = side->texts[i].n;
    }
    return st;
}

enum phi_status export_side_make(struct export_side *side,
                                 const struct phi_source *s,
                                 struct phi_err *err)
{
    enum phi_status st;

    if (phi_source_is_folder(s))
        return list_left(side, s, err);
    if (s->folder != NULL) /* a packed one: its files are in it */
        return PHI_OK;
    side->keys = true;
    st = make(side, s, err);
    if (st != PHI_OK && st != PHI_E_NOMEM &&
        strncmp(err->msg, s->path, strlen(s->path)) != 0)
        phi_err_prefix(err, "%s", s->path);
    return st;
}

void export_side_notes(const struct export_side *side, bool verbose)
{
    const size_t n = side->left.n;

    if (n > 0 && side->keys && !verbose)
        report_note("%zu key%s of the metadata %s no place in a folder (-v "
                    "names %s)",
                    n, n > 1 ? "s" : "", n > 1 ? "have" : "has",
                    n > 1 ? "them" : "it");
    for (size_t i = 0; verbose && i < n; i++) {
        if (side->keys)
            report_note("key \"%s\": has no place in a folder",
                        side->left.v[i]);
        else
            report_note("%s: is not copied", side->left.v[i]);
    }
}

void export_side_release(struct export_side *side)
{
    for (size_t i = 0; i < side->n; i++)
        phi_buf_release(&side->texts[i]);
    phi_names_release(&side->left);
}
