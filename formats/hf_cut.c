/* SPDX-License-Identifier: MIT */
#include "formats/hf_cut.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/hf_names.h"
#include "formats/hf_shards.h"
#include "formats/json_write.h"
#include "formats/safetensors_layout.h"
#include "libconv/base/map.h"
#include "libconv/base/mem.h"
#include "libconv/base/size.h"

#define HEAD "output.weight"

/* What makes the list of stored tensors. */
struct maker {
    struct phi_hf_cut *cut;
    const struct phi_source *base;
    struct phi_map by_name;                /* the base's tensors */
    const struct phi_sink_tensor *tensors; /* (n) */
    size_t n;
    bool folder; /* the base is one, */
    bool old;    /* with the old naming */
    bool tied;
    bool head; /* the base stores an output.weight of its own */
    struct phi_err *err;
};

static const struct phi_hf_stored *stored_of(const struct phi_st_entry *e)
{
    return (const struct phi_hf_stored *)e;
}

static bool find(const struct maker *m, const char *name, size_t *i)
{
    const uint32_t *found = phi_map_find(&m->by_name, name, strlen(name));

    if (found != NULL)
        *i = *found;
    return found != NULL;
}

/* ---- which tensors ------------------------------------------------------- */

/* Fills the next stored tensor: `rows` of the sink's tensor i. */
static enum phi_status add(struct maker *m, const struct phi_sink_tensor *t,
                           size_t i, const char *name, uint64_t rows)
{
    struct phi_hf_stored *s = &m->cut->stored[m->cut->n];
    struct phi_hf_place place;
    uint64_t count = rows;

    if (!phi_hf_place_of(&place, name, m->old))
        return phi_fail(m->err, PHI_E_ARG,
                        "tensor \"%.*s\": is no part of a Phi", PHI_ERR_NAME,
                        name);
    memcpy(s->origin, place.origin, sizeof(s->origin));
    s->order = place.order;
    s->tensor = i;
    s->entry.name = s->origin;
    s->entry.dtype = t->dtype;
    s->entry.rank = t->rank;
    for (uint32_t d = 0; d < t->rank; d++) {
        s->entry.dim[d] = d == 0 ? rows : t->dim[d];
        if (d > 0 && !phi_mul_u64(count, t->dim[d], &count))
            return phi_fail(m->err, PHI_E_ARG,
                            "tensor \"%s\": its size overflows", name);
    }
    if (!phi_dtype_nbytes(t->dtype, count, &s->nbytes) ||
        !phi_add_u64(m->cut->nbytes, s->nbytes, &m->cut->nbytes))
        return phi_fail(m->err, PHI_E_ARG, "tensor \"%s\": its size overflows",
                        name);
    m->cut->n++;
    return PHI_OK;
}

/*
 * Query, key and value of "blk.N.attn_qkv.weight", rows one after the other;
 * the query has as many as the embedding has columns.
 */
static enum phi_status add_fused(struct maker *m,
                                 const struct phi_sink_tensor *t, size_t i,
                                 uint64_t hidden)
{
    static const char *const parts[] = {"attn_q", "attn_k", "attn_v"};
    const char *at = strstr(t->name, "attn_qkv");
    enum phi_status st = PHI_OK;

    if (t->dim[0] <= hidden || (t->dim[0] - hidden) % 2 != 0)
        return phi_fail(m->err, PHI_E_ARG,
                        "tensor \"%s\": has %llu rows, expected %llu of the "
                        "query and the same number twice",
                        t->name, (unsigned long long)t->dim[0],
                        (unsigned long long)hidden);
    for (size_t k = 0; st == PHI_OK && k < 3; k++) {
        char *name = phi_sprintf(m->err, "%.*s%s%s", (int)(at - t->name),
                                 t->name, parts[k], at + strlen("attn_qkv"));

        if (name == NULL)
            return PHI_E_NOMEM;
        st = add(m, t, i, name, k == 0 ? hidden : (t->dim[0] - hidden) / 2);
        free(name);
    }
    return st;
}

/* The columns of the embedding; 0 if it is not there. */
static uint64_t hidden_of(const struct maker *m)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct phi_sink_tensor *t = &m->tensors[i];

        if (strcmp(t->name, "token_embd.weight") == 0 && t->rank == 2)
            return t->dim[1];
    }
    return 0;
}

static enum phi_status check_tensor(const struct maker *m,
                                    const struct phi_sink_tensor *t)
{
    const bool is_head = strcmp(t->name, HEAD) == 0;
    uint64_t count = 1;
    uint64_t nbytes;
    bool fits = t->rank >= 1 && t->rank <= 4;
    size_t k;

    for (uint32_t d = 0; fits && d < t->rank; d++)
        fits = phi_mul_u64(count, t->dim[d], &count);
    if (!fits || !phi_dtype_nbytes(t->dtype, count, &nbytes) ||
        nbytes != t->nbytes)
        return phi_fail(m->err, PHI_E_ARG,
                        "tensor \"%.*s\": has %llu bytes, expected those of "
                        "its type and shape",
                        PHI_ERR_NAME, t->name, (unsigned long long)t->nbytes);
    if (is_head && m->tied && !m->head)
        return phi_fail(m->err, PHI_E_ARG,
                        "tensor \"%s\": is there, but it is the embedding, "
                        "which is stored once",
                        t->name);
    if (!is_head && !find(m, t->name, &k))
        return phi_fail(m->err, PHI_E_ARG,
                        "tensor \"%.*s\": is not one of the base model's",
                        PHI_ERR_NAME, t->name);
    if (!is_head || !m->tied)
        m->cut->weights += count;
    return PHI_OK;
}

static enum phi_status add_all(struct maker *m)
{
    const uint64_t hidden = hidden_of(m);

    for (size_t i = 0; i < m->n; i++) {
        const struct phi_sink_tensor *t = &m->tensors[i];
        enum phi_status st = check_tensor(m, t);

        if (st != PHI_OK)
            return st;
        if (!m->old && strstr(t->name, ".attn_qkv.") != NULL)
            st = add_fused(m, t, i, hidden);
        else
            st = add(m, t, i, t->name, t->dim[0]);
        if (st != PHI_OK)
            return st;
    }
    return PHI_OK;
}

/* Every tensor of the base is in the list, and so is an untied head. */
static enum phi_status check_complete(const struct maker *m)
{
    struct phi_map have = {0};
    const char *missing = NULL;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < m->n; i++) {
        const char *name = m->tensors[i].name;
        bool added;

        st = phi_map_add(&have, name, strlen(name), 0, &added, m->err);
        if (st == PHI_OK && !added)
            st = phi_fail(m->err, PHI_E_ARG, "tensor \"%.*s\": is there twice",
                          PHI_ERR_NAME, name);
    }
    for (size_t i = 0; i < m->base->ntensors; i++) {
        const char *name = m->base->tensors[i].name;

        if (phi_map_find(&have, name, strlen(name)) == NULL &&
            strcmp(name, HEAD) != 0)
            missing = name;
    }
    if (!m->tied && phi_map_find(&have, HEAD, strlen(HEAD)) == NULL)
        missing = HEAD;
    phi_map_release(&have);
    if (st == PHI_OK && missing != NULL)
        st = phi_fail(m->err, PHI_E_ARG, "tensor \"%s\": is missing", missing);
    return st;
}

/* What the base is. */
static void look(struct maker *m)
{
    const struct phi_source *base = m->base;
    size_t e, o;

    m->folder = base->folder != NULL;
    for (size_t i = 0; m->folder && i < base->ntensors; i++)
        m->old = m->old || phi_hf_is_old(base->folder->places[i].name);
    m->head = find(m, HEAD, &o) && !(find(m, "token_embd.weight", &e) &&
                                     phi_source_is_alias(base, o, e));
}

/* ---- which files --------------------------------------------------------- */

/* The same tensors with the same types and shapes. */
static bool is_same(const struct maker *m)
{
    size_t stored = m->base->ntensors;
    size_t k;

    if (!m->head && find(m, HEAD, &k))
        stored--;
    if (!m->folder || m->n != stored)
        return false;
    for (size_t i = 0; i < m->n; i++) {
        const struct phi_sink_tensor *t = &m->tensors[i];
        const struct phi_tensor *b;

        if (!find(m, t->name, &k))
            return false;
        b = &m->base->tensors[k];
        if (t->dtype != b->dtype || t->rank != b->rank ||
            memcmp(t->dim, b->dim, t->rank * sizeof(t->dim[0])) != 0 ||
            m->base->folder->places[k].file == PHI_NO_PLACE)
            return false;
    }
    return true;
}

static int by_file_and_order(const void *pa, const void *pb)
{
    const struct phi_hf_stored *a =
        stored_of(*(const struct phi_st_entry *const *)pa);
    const struct phi_hf_stored *b =
        stored_of(*(const struct phi_st_entry *const *)pb);

    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static void sort(struct phi_hf_cut *cut)
{
    if (cut->n > 1)
        qsort(cut->order, cut->n, sizeof(const struct phi_st_entry *),
              by_file_and_order);
}

/* The i-th in order, to be changed. */
static struct phi_hf_stored *own(struct phi_hf_cut *cut, size_t i)
{
    return &cut->stored[stored_of(cut->order[i]) - cut->stored];
}

/* In the base's files, at the base's places. A file without tensors goes. */
static enum phi_status keep_files(struct maker *m)
{
    struct phi_hf_cut *cut = m->cut;
    size_t last = SIZE_MAX;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < cut->n; i++) {
        struct phi_hf_stored *s = &cut->stored[i];
        size_t k = 0;

        find(m, m->tensors[s->tensor].name, &k);
        s->file = m->base->folder->places[k].file;
        s->order = m->base->folder->places[k].place;
    }
    sort(cut);
    for (size_t i = 0; st == PHI_OK && i < cut->n; i++) {
        struct phi_hf_stored *s = own(cut, i);

        if (s->file != last) {
            last = s->file;
            st = phi_names_add(&cut->names, m->base->folder->files[last].name,
                               m->err);
        }
        if (st == PHI_OK) {
            s->file = cut->names.n - 1;
            cut->end[s->file] = i + 1;
        }
    }
    return st;
}

/*
 * Gives each tensor a file as split_torch_state_dict_into_shards() of
 * huggingface_hub does: one that is larger than a file may be has its own,
 * and the file before it goes on after it. Numbers are given when a file is
 * full. number: (n), to work in. Returns how many files there are.
 */
static size_t assign(struct phi_hf_cut *cut, uint64_t max, size_t *number)
{
    uint64_t room = 0;
    size_t current = SIZE_MAX;
    size_t begun = 0, full = 0;

    for (size_t i = 0; i < cut->n; i++) {
        struct phi_hf_stored *s = own(cut, i);

        if (s->nbytes > max) {
            number[begun] = full++;
            s->file = begun++;
            continue;
        }
        if (current == SIZE_MAX || s->nbytes > room) {
            if (current != SIZE_MAX)
                number[current] = full++;
            current = begun++;
            room = max;
        }
        s->file = current;
        room -= s->nbytes;
    }
    if (current != SIZE_MAX)
        number[current] = full++;
    for (size_t i = 0; i < cut->n; i++)
        own(cut, i)->file = number[own(cut, i)->file];
    return full;
}

static enum phi_status cut_files(struct maker *m, uint64_t max)
{
    struct phi_hf_cut *cut = m->cut;
    size_t *number = phi_alloc(cut->n, sizeof(*number), m->err);
    size_t nfiles;
    enum phi_status st = PHI_OK;

    if (number == NULL)
        return PHI_E_NOMEM;
    sort(cut);
    nfiles = assign(cut, max, number);
    free(number);
    sort(cut);
    for (size_t i = 0; i < cut->n; i++)
        cut->end[own(cut, i)->file] = i + 1;
    for (size_t k = 0; st == PHI_OK && k < nfiles; k++) {
        const size_t first = k > 0 ? cut->end[k - 1] : 0;
        char name[64];

        phi_st_sort(cut->order + first, cut->end[k] - first);
        snprintf(name, sizeof(name), "model-%05zu-of-%05zu.safetensors", k + 1,
                 nfiles);
        st = phi_names_add(&cut->names, nfiles > 1 ? name : PHI_HF_SINGLE,
                           m->err);
    }
    return st;
}

/* The rest, once there is memory. */
static enum phi_status make(struct maker *m,
                            const struct phi_hf_cut_options *options)
{
    struct phi_hf_cut *cut = m->cut;
    enum phi_status st = phi_source_index(m->base, &m->by_name, m->err);

    if (st == PHI_OK) {
        look(m);
        st = check_complete(m);
    }
    if (st == PHI_OK)
        st = add_all(m);
    if (st != PHI_OK)
        return st;
    for (size_t i = 0; i < cut->n; i++)
        cut->order[i] = &cut->stored[i].entry;
    cut->same = is_same(m);
    if (cut->same)
        return keep_files(m);
    return cut_files(m, options->max_shard > 0 ? options->max_shard
                                               : PHI_HF_MAX_SHARD);
}

enum phi_status phi_hf_cut_make(struct phi_hf_cut *out,
                                const struct phi_source *base,
                                const struct phi_sink_tensor *tensors, size_t n,
                                const struct phi_hf_cut_options *options,
                                struct phi_err *err)
{
    struct maker m = {.cut = out,
                      .base = base,
                      .tensors = tensors,
                      .n = n,
                      .tied = options->tied,
                      .err = err};
    size_t most;
    enum phi_status st = PHI_E_NOMEM;

    *out = (struct phi_hf_cut){0};
    /* A fused tensor becomes three. */
    if (!phi_mul_size(n, 3, &most))
        return phi_fail(err, PHI_E_NOMEM, "too many tensors");
    out->stored = phi_alloc(most, sizeof(*out->stored), err);
    out->order = phi_alloc(most, sizeof(*out->order), err);
    out->end = phi_alloc(most, sizeof(*out->end), err);
    if (out->stored != NULL && out->order != NULL && out->end != NULL)
        st = make(&m, options);
    phi_map_release(&m.by_name);
    return st;
}

void phi_hf_cut_release(struct phi_hf_cut *cut)
{
    phi_names_release(&cut->names);
    free(cut->stored);
    free(cut->order);
    free(cut->end);
    *cut = (struct phi_hf_cut){0};
}

/* ---- the index ----------------------------------------------------------- */

bool phi_hf_cut_has_index(const struct phi_hf_cut *cut)
{
    return cut->names.n != 1 || strcmp(cut->names.v[0], PHI_HF_SINGLE) != 0;
}

static int by_name(const void *pa, const void *pb)
{
    return strcmp((*(const struct phi_st_entry *const *)pa)->name,
                  (*(const struct phi_st_entry *const *)pb)->name);
}

/* json.dumps(index, indent=2, sort_keys=True) and an end of line. */
enum phi_status phi_hf_cut_index(const struct phi_hf_cut *cut,
                                 struct phi_buf *text, struct phi_err *err)
{
    const struct phi_st_entry **sorted =
        phi_alloc(cut->n, sizeof(*sorted), err);

    if (sorted == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < cut->n; i++)
        sorted[i] = cut->order[i];
    if (cut->n > 1)
        qsort(sorted, cut->n, sizeof(*sorted), by_name);
    phi_buf_printf(text,
                   "{\n  \"metadata\": {\n    \"total_parameters\": %llu,\n"
                   "    \"total_size\": %llu\n  },\n  \"weight_map\": {",
                   (unsigned long long)cut->weights,
                   (unsigned long long)cut->nbytes);
    for (size_t i = 0; i < cut->n; i++) {
        phi_buf_text(text, i > 0 ? ",\n    " : "\n    ");
        phi_json_put_string(text, sorted[i]->name);
        phi_buf_text(text, ": ");
        phi_json_put_string(text, cut->names.v[stored_of(sorted[i])->file]);
    }
    phi_buf_text(text, "\n  }\n}\n");
    free(sorted);
    return phi_buf_status(text, err);
}
