/* SPDX-License-Identifier: MIT */
#include "formats/hf_folder_sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/hf_config.h"
#include "formats/hf_cut.h"
#include "formats/hf_index.h"
#include "formats/json.h"
#include "formats/json_write.h"
#include "formats/pack_source.h"
#include "formats/safetensors_layout.h"
#include "formats/sink_files.h"
#include "libconv/base/map.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"
#include "libconv/base/output_folder.h"
#include "libconv/base/size.h"

#define CONFIG "config.json"

struct hf_sink {
    struct phi_sink base;
    struct phi_output_folder *folder;
    struct phi_hf_side_files side;
    struct phi_hf_cut cut;
    struct phi_st_layout *layouts; /* (cut.names.n) */
    struct phi_sink_files files;   /* the same */
};

static struct hf_sink *hf_of(struct phi_sink *s)
{
    return (struct hf_sink *)s;
}

/* ---- the sink ------------------------------------------------------------ */

static enum phi_status sink_write(struct phi_sink *s, size_t i, uint64_t offset,
                                  const void *bytes, size_t n,
                                  struct phi_err *err)
{
    return phi_sink_files_write(&hf_of(s)->files, i, offset, bytes, n, err);
}

static uint64_t sink_position(const struct phi_sink *s, size_t i,
                              uint64_t offset)
{
    return phi_sink_files_position(&((const struct hf_sink *)s)->files, i,
                                   offset);
}

static enum phi_status sink_set_meta(struct phi_sink *s,
                                     const struct phi_meta *meta,
                                     struct phi_err *err)
{
    (void)meta;
    return phi_fail(err, PHI_E_ARG, "%s: a folder takes no metadata",
                    hf_of(s)->files.path);
}

static enum phi_status sink_sync(struct phi_sink *s, struct phi_err *err)
{
    struct hf_sink *h = hf_of(s);
    enum phi_status st = PHI_OK;

    for (size_t k = 0; st == PHI_OK && k < h->files.nfiles; k++)
        st = phi_sink_files_finish(&h->files, k, &h->layouts[k].header, 1, err);
    return st == PHI_OK ? phi_output_folder_sync(h->folder, err) : st;
}

static enum phi_status sink_publish(struct phi_sink *s, struct phi_err *err)
{
    return phi_output_folder_publish(hf_of(s)->folder, err);
}

static enum phi_status sink_settle(struct phi_sink *s, struct phi_err *err)
{
    return phi_output_folder_settle(hf_of(s)->folder, err);
}

static void sink_retract(struct phi_sink *s)
{
    phi_output_folder_retract(hf_of(s)->folder);
}

static void sink_close(struct phi_sink *s)
{
    struct hf_sink *h = hf_of(s);

    phi_output_folder_close(h->folder);
    for (size_t k = 0; h->layouts != NULL && k < h->cut.names.n; k++)
        phi_st_layout_release(&h->layouts[k]);
    free(h->layouts);
    phi_sink_files_release(&h->files);
    phi_hf_side_files_release(&h->side);
    phi_hf_cut_release(&h->cut);
    free(h);
}

static const struct phi_sink_ops ops = {
    sink_write,   sink_position, sink_set_meta, sink_sync,
    sink_publish, sink_settle,   sink_retract,  sink_close};

/* ---- config.json --------------------------------------------------------- */

/* What transformers calls a type; NULL: nothing. */
static const char *torch_name(enum phi_dtype t)
{
    static const struct {
        enum phi_dtype dtype;
        const char *name;
    } names[] = {
        {PHI_F32, "\"float32\""},           {PHI_F16, "\"float16\""},
        {PHI_BF16, "\"bfloat16\""},         {PHI_F64, "\"float64\""},
        {PHI_F8_E4M3, "\"float8_e4m3fn\""}, {PHI_F8_E5M2, "\"float8_e5m2\""}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].dtype == t)
            return names[i].name;
    }
    return NULL;
}

/* What a sink is made from. */
struct order {
    const char *path;
    const struct phi_source *base;
    const struct phi_sink_tensor *tensors; /* (n) */
    size_t n;
    const struct phi_hf_folder_options *opt;
};

static bool is_from_folder(const struct phi_source *s)
{
    return s->folder != NULL;
}

static bool is_packed(const struct phi_source *s)
{
    return is_from_folder(s) && phi_pack_of(s) != NULL;
}

struct config {
    struct phi_buf text;
    struct phi_json_doc *doc; /* of the text before it changes */
    bool untie;
    bool tied; /* as it will be */
};

static void config_release(struct config *c)
{
    phi_json_free(c->doc);
    phi_buf_release(&c->text);
}

/* What is wrong with config.json of a packed file: which one. */
static enum phi_status of_base(const struct order *o, enum phi_status st,
                               struct phi_err *err)
{
    if (st != PHI_OK && st != PHI_E_NOMEM && is_packed(o->base))
        phi_err_prefix(err, "%s", o->base->path);
    return st;
}

/* The text of config.json, and parsed. */
static enum phi_status load_config(struct config *c, const struct hf_sink *h,
                                   const struct order *o, struct phi_err *err)
{
    const struct phi_hf_side_item *item =
        phi_hf_side_files_find(&h->side, CONFIG);
    struct phi_json root;
    enum phi_status st = PHI_OK;

    if (item == NULL)
        return phi_fail(err, PHI_E_ARG, "%s: has no " CONFIG ", expected one",
                        o->path);
    if (item->path != NULL)
        st = phi_file_load(item->path, PHI_JSON_MAX_CONFIG, &c->text.p,
                           &c->text.n, err);
    else
        phi_buf_put(&c->text, item->bytes, (size_t)item->nbytes);
    if (st == PHI_OK)
        st = phi_buf_status(&c->text, err);
    if (st == PHI_OK)
        st = phi_json_parse(&c->doc, (const char *)c->text.p, c->text.n,
                            item->path != NULL ? item->path : CONFIG, err);
    if (st != PHI_OK)
        return st;
    root = phi_json_root(c->doc);
    st = phi_json_expect(&root, PHI_JSON_OBJECT, err);
    if (st == PHI_OK)
        st = phi_json_opt_bool(&root, "tie_word_embeddings", &c->tied, err);
    c->untie = c->tied && o->opt->untie;
    c->tied = c->tied && !o->opt->untie;
    return st;
}

static const char *const dtype_keys[] = {"torch_dtype", "dtype"};

/* The embedding is the first tensor of the model and names its type. */
static enum phi_status set_dtype(struct phi_buf *text,
                                 const struct phi_json *root,
                                 enum phi_dtype dtype, struct phi_err *err)
{
    const char *name = torch_name(dtype);
    struct phi_json v;
    enum phi_status st = PHI_OK;

    if (name == NULL)
        return phi_fail(err, PHI_E_ARG,
                        "tensor \"token_embd.weight\": is %s, expected a float",
                        phi_dtype_info(dtype)->name);
    /* Without the key, loaders look at the tensors. */
    for (size_t i = 0; st == PHI_OK && i < 2; i++) {
        if (phi_json_find(root, dtype_keys[i], &v))
            st = phi_json_set(text, dtype_keys[i], name, err);
    }
    return st;
}

static enum phi_status set_rows(struct phi_buf *text,
                                const struct phi_json *root, uint64_t rows,
                                struct phi_err *err)
{
    uint64_t had = PHI_HF_VOCAB;
    char number[24];
    enum phi_status st =
        phi_json_opt_uint(root, "vocab_size", 0, PHI_JSON_MAX_INT, &had, err);

    if (st != PHI_OK || had == rows)
        return st;
    snprintf(number, sizeof(number), "%llu", (unsigned long long)rows);
    return phi_json_set(text, "vocab_size", number, err);
}

/* Whether a tensor has another type than in the base. */
static enum phi_status types_differ(const struct order *o, bool *differ,
                                    struct phi_err *err)
{
    struct phi_map by_name = {0};
    enum phi_status st = PHI_OK;

    *differ = !is_from_folder(o->base);
    if (!*differ)
        st = phi_source_index(o->base, &by_name, err);
    for (size_t i = 0; st == PHI_OK && !*differ && i < o->n; i++) {
        const char *name = o->tensors[i].name;
        const uint32_t *k = phi_map_find(&by_name, name, strlen(name));

        *differ =
            k != NULL && o->base->tensors[*k].dtype != o->tensors[i].dtype;
    }
    phi_map_release(&by_name);
    return st;
}

/*
 * Whether the tensors of a packed file are what the folder had: laid out anew,
 * each begins where it did. With most other types they would not, nor with one
 * of the same size, whose name in the head is longer or shorter.
 */
static bool is_as_it_was(const struct hf_sink *h)
{
    const struct phi_hf_cut *cut = &h->cut;
    size_t i = 0;

    if (!cut->same)
        return false;
    for (size_t k = 0; k < cut->names.n; k++) {
        const size_t first = i;

        for (; i < cut->end[k]; i++) {
            const struct phi_hf_stored *s =
                (const struct phi_hf_stored *)cut->order[i];

            if (s->order != h->layouts[k].at[i - first]) /* its place */
                return false;
        }
    }
    return true;
}

/* Whether config.json has a word for the model's type, and it is another. */
static bool says_other(const struct phi_json *root, enum phi_dtype dtype)
{
    const char *name = torch_name(dtype);
    struct phi_json v;
    const char *word;

    for (size_t i = 0; i < 2; i++) {
        if (!phi_json_find(root, dtype_keys[i], &v) ||
            phi_json_str(&v, &word, NULL) != PHI_OK ||
            strcmp(word, "auto") == 0)
            continue;
        if (name == NULL || strlen(word) != strlen(name) - 2 ||
            strncmp(word, name + 1, strlen(word)) != 0)
            return true;
    }
    return false;
}

/*
 * Brings the text up to what the tensors are. A folder's own says what the
 * base is; that of a packed file says what the folder was, before tensors got
 * other types, and maybe more rows, on their way into the file.
 */
static enum phi_status edit_config(const struct hf_sink *h,
                                   const struct order *o, struct config *c,
                                   struct phi_err *err)
{
    const struct phi_json root = phi_json_root(c->doc);
    enum phi_status st = PHI_OK;
    size_t k;

    for (size_t i = 0; st == PHI_OK && i < o->n; i++) {
        const struct phi_sink_tensor *t = &o->tensors[i];
        bool differ;

        if (strcmp(t->name, "token_embd.weight") != 0)
            continue;
        st = types_differ(o, &differ, err);
        if (st == PHI_OK && !differ && is_packed(o->base))
            differ = says_other(&root, t->dtype) && !is_as_it_was(h);
        if (st == PHI_OK && differ)
            st = set_dtype(&c->text, &root, t->dtype, err);
        if (st == PHI_OK &&
            (is_packed(o->base) || !phi_source_find(o->base, t->name, &k) ||
             o->base->tensors[k].dim[0] != t->dim[0]))
            st = set_rows(&c->text, &root, t->dim[0], err);
    }
    if (st == PHI_OK && c->untie)
        st = phi_json_set(&c->text, "tie_word_embeddings", "false", err);
    return st;
}

/* Puts what config.json becomes among the side files. */
static enum phi_status make_config(struct hf_sink *h, const struct order *o,
                                   struct config *c, struct phi_err *err)
{
    struct phi_hf_side_file file = {.name = CONFIG};
    const enum phi_status st = edit_config(h, o, c, err);

    if (st != PHI_OK)
        return of_base(o, st, err);
    file.bytes = c->text.p;
    file.nbytes = c->text.n;
    return phi_hf_side_files_set(&h->side, &file, err);
}

/* ---- the beginning ------------------------------------------------------- */

/* The files beside the weights, but for the index. */
static enum phi_status collect(struct hf_sink *h, const struct order *o,
                               struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    if (is_from_folder(o->base) && phi_source_is_folder(o->base))
        st = phi_hf_side_files_scan(&h->side, o->base->path, err);
    else if (is_from_folder(o->base) && phi_pack_of(o->base) != NULL)
        st = phi_pack_side_files(&h->side, o->base, err);
    if (st == PHI_OK && o->opt->tokenizer != NULL)
        st = phi_hf_side_files_tokenizer(&h->side, o->opt->tokenizer, err);
    for (size_t i = 0; st == PHI_OK && i < o->opt->nside; i++)
        st = phi_hf_side_files_set(&h->side, &o->opt->side[i], err);
    return st;
}

static enum phi_status add_index(struct hf_sink *h, struct phi_err *err)
{
    struct phi_hf_side_file file = {.name = PHI_HF_INDEX};
    struct phi_buf text = {0};
    enum phi_status st = phi_hf_cut_index(&h->cut, &text, err);

    file.bytes = text.p;
    file.nbytes = text.n;
    if (st == PHI_OK)
        st = phi_hf_side_files_set(&h->side, &file, err);
    phi_buf_release(&text);
    return st;
}

/* The head of each file, and the place of each tensor. */
static enum phi_status lay_out(struct hf_sink *h, struct phi_err *err)
{
    static const char *const metadata[] = {"format", "pt", NULL};
    const struct phi_hf_cut *cut = &h->cut;
    uint64_t *at = phi_alloc(cut->n, sizeof(*at), err); /* of each stored */
    enum phi_status st = at != NULL ? PHI_OK : PHI_E_NOMEM;

    for (size_t k = 0; st == PHI_OK && k < cut->names.n; k++) {
        const size_t first = k > 0 ? cut->end[k - 1] : 0;
        struct phi_st_layout *l = &h->layouts[k];

        st = phi_st_layout_init(l, cut->order + first, cut->end[k] - first,
                                metadata, err);
        for (size_t i = first; st == PHI_OK && i < cut->end[k]; i++)
            at[(const struct phi_hf_stored *)cut->order[i] - cut->stored] =
                l->at[i - first];
        if (st == PHI_OK &&
            !phi_add_u64(h->base.nbytes, l->at[l->n], &h->base.nbytes))
            st = phi_fail(err, PHI_E_ARG, "its size overflows");
    }
    for (size_t i = 0; st == PHI_OK && i < cut->n; i++) {
        const struct phi_hf_stored *s = &cut->stored[i];

        st = phi_sink_files_place(&h->files, s->tensor, s->nbytes, s->file,
                                  at[i], err);
    }
    free(at);
    return st;
}

static enum phi_status make_files(struct hf_sink *h, const struct order *o,
                                  bool tied, struct phi_err *err)
{
    const struct phi_hf_cut_options options = {o->opt->max_shard, tied};
    enum phi_status st =
        phi_hf_cut_make(&h->cut, o->base, o->tensors, o->n, &options, err);

    if (st == PHI_OK)
        st = phi_sink_files_init(&h->files, o->path, o->tensors, o->n,
                                 h->cut.names.n, err);
    if (st != PHI_OK)
        return st;
    h->layouts = phi_alloc(h->cut.names.n, sizeof(*h->layouts), err);
    if (h->layouts == NULL)
        return PHI_E_NOMEM;
    st = lay_out(h, err);
    if (st == PHI_OK && phi_hf_cut_has_index(&h->cut))
        st = add_index(h, err);
    return st;
}

/* Everything but the files. */
static enum phi_status sink_new(struct hf_sink **out, const struct order *o,
                                struct phi_err *err)
{
    struct hf_sink *h = phi_alloc(1, sizeof(*h), err);
    struct config c = {0};
    enum phi_status st;

    if (h == NULL)
        return PHI_E_NOMEM;
    *out = h;
    h->base.ops = &ops;
    st = collect(h, o, err);
    if (st == PHI_OK)
        st = of_base(o, load_config(&c, h, o, err), err);
    if (st != PHI_OK)
        goto out;
    st = make_files(h, o, c.tied, err);
    if (st == PHI_OK && (st = make_config(h, o, &c, err)) != PHI_OK)
        goto out; /* it names its own file */
    for (size_t i = 0; st == PHI_OK && i < h->side.n; i++) {
        if (!phi_add_u64(h->base.nbytes, h->side.v[i].nbytes, &h->base.nbytes))
            st = phi_fail(err, PHI_E_ARG, "its size overflows");
    }
    if (st != PHI_OK && st != PHI_E_NOMEM)
        phi_err_prefix(err, "%s", o->path);
out:
    config_release(&c);
    return st;
}

/* Nothing in a folder that may go is an input. */
static enum phi_status check_inputs(const struct order *o, struct phi_err *err)
{
    struct phi_names names = {0};
    enum phi_status st = PHI_OK;

    if (phi_path_may_be(o->path, PHI_PATH_DIR))
        st = phi_folder_list(&names, o->path, err);
    for (size_t i = 0; st == PHI_OK && i < names.n; i++) {
        char *path = phi_path_join(o->path, names.v[i], err);

        if (path == NULL) {
            st = PHI_E_NOMEM;
            break;
        }
        st = phi_source_not_input(o->base, path, err);
        for (size_t k = 0; st == PHI_OK && k < o->opt->ninputs; k++)
            st = phi_output_not_input(path, o->opt->inputs[k], err);
        free(path);
    }
    phi_names_release(&names);
    return st;
}

static enum phi_status open_files(struct hf_sink *h, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t k = 0; st == PHI_OK && k < h->files.nfiles; k++)
        st = phi_output_folder_file(&h->files.outputs[k], h->folder,
                                    h->cut.names.v[k],
                                    h->layouts[k].at[h->layouts[k].n], err);
    if (st == PHI_OK)
        st = phi_hf_side_files_write(&h->side, h->folder, err);
    return st;
}

enum phi_status phi_hf_folder_sink_open(struct phi_sink **out, const char *path,
                                        const struct phi_source *base,
                                        const struct phi_sink_tensor *tensors,
                                        size_t n,
                                        const struct phi_hf_folder_options *opt,
                                        struct phi_err *err)
{
    const struct order o = {path, base, tensors, n, opt};
    const struct phi_output_folder_options options = {opt->replace, CONFIG};
    struct hf_sink *h = NULL;
    enum phi_status st = sink_new(&h, &o, err);

    if (st == PHI_OK)
        st = check_inputs(&o, err);
    if (st == PHI_OK)
        st = phi_output_folder_open(&h->folder, path, &options, err);
    if (st == PHI_OK)
        st = open_files(h, err);
    if (st == PHI_OK)
        *out = &h->base;
    else if (h != NULL)
        sink_close(&h->base);
    return st;
}

enum phi_status phi_hf_folder_sink_size(uint64_t *out, const char *path,
                                        const struct phi_source *base,
                                        const struct phi_sink_tensor *tensors,
                                        size_t n,
                                        const struct phi_hf_folder_options *opt,
                                        struct phi_err *err)
{
    const struct order o = {path, base, tensors, n, opt};
    struct hf_sink *h = NULL;
    const enum phi_status st = sink_new(&h, &o, err);

    if (st == PHI_OK)
        *out = h->base.nbytes;
    if (h != NULL)
        sink_close(&h->base);
    return st;
}
