/* SPDX-License-Identifier: MIT */
/*
 * The writer. Order and padding are the reference's, so that the same tensors
 * give the same bytes as the Python library: types in descending order of its
 * enumeration, then names; the header padded with blanks to eight bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "formats/safetensors.h"
#include "libconv/base/buf.h"
#include "libconv/base/bytes.h"
#include "libconv/base/map.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"
#include "libconv/base/size.h"

/* Rank in the reference's enumeration, ascending; 0: not writable. */
static const uint8_t type_rank[PHI_NDTYPES] = {
    [PHI_BOOL] = 1,         [PHI_F4] = 2,           [PHI_F6_E2M3] = 3,
    [PHI_F6_E3M2] = 4,      [PHI_U8] = 5,           [PHI_I8] = 6,
    [PHI_F8_E5M2] = 7,      [PHI_F8_E4M3] = 8,      [PHI_F8_E8M0] = 9,
    [PHI_F8_E4M3FNUZ] = 10, [PHI_F8_E5M2FNUZ] = 11, [PHI_I16] = 12,
    [PHI_U16] = 13,         [PHI_F16] = 14,         [PHI_BF16] = 15,
    [PHI_I32] = 16,         [PHI_U32] = 17,         [PHI_F32] = 18,
    [PHI_C64] = 19,         [PHI_F64] = 20,         [PHI_I64] = 21,
    [PHI_U64] = 22};

struct item {
    size_t entry; /* index in the caller's list */
    char *name;
    enum phi_dtype dtype;
    uint32_t rank;
    uint64_t dim[PHI_MAX_RANK];
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

static int by_type_and_name(const void *pa, const void *pb)
{
    const struct item *a = pa, *b = pb;

    if (a->dtype != b->dtype)
        return type_rank[a->dtype] > type_rank[b->dtype] ? -1 : 1;
    return strcmp(a->name, b->name);
}

static enum phi_status copy_entries(struct phi_st_writer *w,
                                    const struct phi_st_entry *entries,
                                    size_t n, struct phi_err *err)
{
    w->items = phi_alloc(n, sizeof(*w->items), err);
    if (w->items == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct phi_st_entry *e = &entries[i];
        struct item *item = &w->items[w->n++];
        uint64_t count = 1;
        bool fits = e->rank <= PHI_MAX_RANK && type_rank[e->dtype] > 0;

        item->entry = i;
        item->name = phi_strdup(e->name, err);
        item->dtype = e->dtype;
        if (item->name == NULL)
            return PHI_E_NOMEM;
        for (uint32_t d = 0; fits && d < e->rank; d++) {
            item->dim[item->rank++] = e->dim[d];
            fits = phi_mul_u64(count, e->dim[d], &count);
        }
        if (!fits || !phi_dtype_nbytes(e->dtype, count, &item->nbytes))
            return phi_fail(err, PHI_E_ARG,
                            "%s: tensor \"%.*s\": its type or shape cannot be "
                            "written to safetensors",
                            w->path, PHI_ERR_NAME, e->name);
    }
    qsort(w->items, n, sizeof(*w->items), by_type_and_name);
    return PHI_OK;
}

/* Every name once, and none that the header uses itself. */
static enum phi_status check_names(const struct phi_st_writer *w,
                                   struct phi_err *err)
{
    struct phi_map seen = {0};
    enum phi_status st = phi_map_add(&seen, "__metadata__", 12, 0, NULL, err);

    for (size_t i = 0; st == PHI_OK && i < w->n; i++) {
        const char *name = w->items[i].name;
        bool added;

        st = phi_map_add(&seen, name, strlen(name), 0, &added, err);
        if (st == PHI_OK && !added)
            st = phi_fail(err, PHI_E_ARG,
                          "%s: tensor \"%.*s\": its name is taken", w->path,
                          PHI_ERR_NAME, name);
    }
    phi_map_release(&seen);
    return st;
}

/* A JSON string; escapes what the grammar asks for and nothing else. */
static void put_string(struct phi_buf *b, const char *text)
{
    static const char plain[] = "\b\f\n\r\t\"\\";
    static const char letter[] = "bfnrt\"\\";

    phi_buf_text(b, "\"");
    for (; *text != '\0'; text++) {
        const char *at = strchr(plain, *text);

        if (at != NULL)
            phi_buf_printf(b, "\\%c", letter[at - plain]);
        else if ((uint8_t)*text < 0x20)
            phi_buf_printf(b, "\\u%04x", (unsigned)(uint8_t)*text);
        else
            phi_buf_put(b, text, 1);
    }
    phi_buf_text(b, "\"");
}

static void put_item(struct phi_buf *b, const struct item *t, uint64_t at)
{
    put_string(b, t->name);
    phi_buf_printf(b, ":{\"dtype\":\"%s\",\"shape\":[",
                   phi_dtype_info(t->dtype)->safetensors);
    for (uint32_t d = 0; d < t->rank; d++)
        phi_buf_printf(b, "%s%llu", d > 0 ? "," : "",
                       (unsigned long long)t->dim[d]);
    phi_buf_printf(b, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at,
                   (unsigned long long)(at + t->nbytes));
}

/* Length and header into b; the bytes of all data into *total. */
static enum phi_status build_header(const struct phi_st_writer *w,
                                    const char *const *metadata,
                                    struct phi_buf *b, uint64_t *total,
                                    struct phi_err *err)
{
    bool first = true;
    enum phi_status st;

    *total = 0;
    phi_buf_u64(b, 0);
    phi_buf_text(b, "{");
    if (metadata != NULL && metadata[0] != NULL) {
        phi_buf_text(b, "\"__metadata__\":{");
        for (size_t i = 0; metadata[i] != NULL; i += 2) {
            phi_buf_text(b, i > 0 ? "," : "");
            put_string(b, metadata[i]);
            phi_buf_text(b, ":");
            put_string(b, metadata[i + 1]);
        }
        phi_buf_text(b, "}");
        first = false;
    }
    for (size_t i = 0; i < w->n; i++) {
        const uint64_t at = *total;

        if (!phi_add_u64(at, w->items[i].nbytes, total))
            return phi_fail(err, PHI_E_ARG, "%s: its size overflows", w->path);
        phi_buf_text(b, first ? "" : ",");
        put_item(b, &w->items[i], at);
        first = false;
    }
    phi_buf_text(b, "}");
    while (b->n % 8 != 0 && !b->failed)
        phi_buf_text(b, " ");
    st = phi_buf_status(b, err);
    if (st != PHI_OK)
        return st;
    if (b->n - 8 > PHI_ST_MAX_HEADER || !phi_add_u64(*total, b->n, total))
        return phi_fail(err, PHI_E_ARG,
                        "%s: the header has %zu bytes, the limit is %u",
                        w->path, b->n - 8, PHI_ST_MAX_HEADER);
    *total -= b->n;
    phi_store_u64(b->p, b->n - 8);
    return PHI_OK;
}

enum phi_status phi_st_create(struct phi_st_writer **out, const char *path,
                              const struct phi_st_entry *entries, size_t n,
                              const char *const *metadata, bool replace,
                              struct phi_err *err)
{
    struct phi_st_writer *w = phi_alloc(1, sizeof(*w), err);
    struct phi_output_options options = {.replace = replace};
    struct phi_buf header = {0};
    uint64_t total;
    enum phi_status st = PHI_E_NOMEM;

    if (w == NULL)
        return st;
    w->path = phi_strdup(path, err);
    if (w->path == NULL)
        goto out;
    st = copy_entries(w, entries, n, err);
    if (st == PHI_OK)
        st = check_names(w, err);
    if (st == PHI_OK)
        st = build_header(w, metadata, &header, &total, err);
    if (st != PHI_OK)
        goto out;
    options.size = header.n + total;
    st = phi_output_open(&w->output, path, &options, err);
    if (st == PHI_OK)
        st = phi_output_write(w->output, header.p, header.n, err);
    if (st != PHI_OK)
        goto out;
    *out = w;
    w = NULL;
out:
    phi_buf_release(&header);
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
