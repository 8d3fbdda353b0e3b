/* SPDX-License-Identifier: MIT */
/* The writer of one file, tensor after tensor; see safetensors_layout.h. */
#include <stdlib.h>
#include <string.h>

#include "formats/safetensors.h"
#include "formats/safetensors_layout.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"

struct item {
    size_t entry; /* index in the caller's list */
    char *name;
    uint64_t nbytes;
};

struct phi_st_writer {
    struct phi_output *output;
    char *path;
    struct item *items; /* (n), in the order of the file */
    size_t n;
    size_t k;     /* the item being written */
    uint64_t had; /* its bytes so far */
};

/* The file's head, and the items in its order. */
static enum phi_status lay_out(struct phi_st_writer *w,
                               struct phi_st_layout *layout,
                               const struct phi_st_entry *entries, size_t n,
                               const char *const *metadata, struct phi_err *err)
{
    const struct phi_st_entry **sorted = phi_alloc(n, sizeof(*sorted), err);
    enum phi_status st = PHI_E_NOMEM;

    w->items = phi_alloc(n, sizeof(*w->items), err);
    if (w->items == NULL || sorted == NULL)
        goto out;
    for (size_t i = 0; i < n; i++)
        sorted[i] = &entries[i];
    phi_st_sort(sorted, n);
    st = phi_st_layout_init(layout, sorted, n, metadata, err);
    if (st != PHI_OK && st != PHI_E_NOMEM)
        phi_err_prefix(err, "%s", w->path);
    for (size_t i = 0; st == PHI_OK && i < n; i++) {
        struct item *item = &w->items[w->n++];

        item->entry = (size_t)(sorted[i] - entries);
        item->nbytes = layout->at[i + 1] - layout->at[i];
        item->name = phi_strdup(sorted[i]->name, err);
        if (item->name == NULL)
            st = PHI_E_NOMEM;
    }
out:
    free(sorted);
    return st;
}

enum phi_status phi_st_create(struct phi_st_writer **out, const char *path,
                              const struct phi_st_entry *entries, size_t n,
                              const char *const *metadata, bool replace,
                              struct phi_err *err)
{
    struct phi_st_writer *w = phi_alloc(1, sizeof(*w), err);
    struct phi_output_options options = {.replace = replace};
    struct phi_st_layout layout = {0};
    enum phi_status st = PHI_E_NOMEM;

    if (w == NULL)
        return st;
    w->path = phi_strdup(path, err);
    if (w->path == NULL)
        goto out;
    st = lay_out(w, &layout, entries, n, metadata, err);
    if (st != PHI_OK)
        goto out;
    options.size = layout.at[n];
    st = phi_output_open(&w->output, path, &options, err);
    if (st == PHI_OK)
        st = phi_output_write(w->output, layout.header.p, layout.header.n, err);
    if (st != PHI_OK)
        goto out;
    *out = w;
    w = NULL;
out:
    phi_st_layout_release(&layout);
    phi_st_writer_close(w);
    return st;
}

size_t phi_st_order(const struct phi_st_writer *w, size_t k)
{
    return w->items[k].entry;
}

/* Steps over items that are complete. */
static void advance(struct phi_st_writer *w)
{
    while (w->k < w->n && w->had == w->items[w->k].nbytes) {
        w->k++;
        w->had = 0;
    }
}

enum phi_status phi_st_write(struct phi_st_writer *w, size_t i,
                             const void *bytes, size_t n, struct phi_err *err)
{
    enum phi_status st;

    if (n == 0)
        return PHI_OK;
    advance(w);
    if (w->k == w->n || w->items[w->k].entry != i ||
        n > w->items[w->k].nbytes - w->had)
        return phi_fail(err, PHI_E_ARG,
                        "%s: tensor %zu: %zu bytes out of order", w->path, i,
                        n);
    st = phi_output_write(w->output, bytes, n, err);
    if (st == PHI_OK)
        w->had += n;
    return st;
}

enum phi_status phi_st_commit(struct phi_st_writer *w, struct phi_err *err)
{
    advance(w);
    if (w->k < w->n)
        return phi_fail(err, PHI_E_ARG,
                        "%s: tensor \"%.*s\": has %llu bytes of %llu", w->path,
                        PHI_ERR_NAME, w->items[w->k].name,
                        (unsigned long long)w->had,
                        (unsigned long long)w->items[w->k].nbytes);
    return phi_output_commit(w->output, err);
}

void phi_st_writer_close(struct phi_st_writer *w)
{
    if (w == NULL)
        return;
    phi_output_close(w->output);
    for (size_t i = 0; i < w->n; i++)
        free(w->items[i].name);
    free(w->items);
    free(w->path);
    free(w);
}
