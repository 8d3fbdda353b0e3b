/* SPDX-License-Identifier: MIT */
#include "formats/safetensors_layout.h"

#include <stdlib.h>
#include <string.h>

#include "formats/json_write.h"
#include "libconv/base/bytes.h"
#include "libconv/base/map.h"
#include "libconv/base/mem.h"
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

static int by_type_and_name(const void *pa, const void *pb)
{
    const struct phi_st_entry *a = *(const struct phi_st_entry *const *)pa;
    const struct phi_st_entry *b = *(const struct phi_st_entry *const *)pb;

    if (a->dtype != b->dtype)
        return type_rank[a->dtype] > type_rank[b->dtype] ? -1 : 1;
    return strcmp(a->name, b->name);
}

void phi_st_sort(const struct phi_st_entry **entries, size_t n)
{
    if (n > 1)
        qsort(entries, n, sizeof(const struct phi_st_entry *),
              by_type_and_name);
}

/* Every name once, and none that the header uses itself. */
static enum phi_status check_names(const struct phi_st_entry *const *entries,
                                   size_t n, struct phi_err *err)
{
    struct phi_map seen = {0};
    enum phi_status st = phi_map_add(&seen, "__metadata__", 12, 0, NULL, err);

    for (size_t i = 0; st == PHI_OK && i < n; i++) {
        const char *name = entries[i]->name;
        bool added;

        st = phi_map_add(&seen, name, strlen(name), 0, &added, err);
        if (st == PHI_OK && !added)
            st = phi_fail(err, PHI_E_ARG, "tensor \"%.*s\": its name is taken",
                          PHI_ERR_NAME, name);
    }
    phi_map_release(&seen);
    return st;
}

/* l->at, as if the file began with the data. */
static enum phi_status place(struct phi_st_layout *l,
                             const struct phi_st_entry *const *entries,
                             struct phi_err *err)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct phi_st_entry *e = entries[i];
        bool fits = e->rank <= PHI_MAX_RANK && type_rank[e->dtype] > 0;
        uint64_t count = 1;
        uint64_t nbytes;

        for (uint32_t d = 0; fits && d < e->rank; d++)
            fits = phi_mul_u64(count, e->dim[d], &count);
        if (!fits || !phi_dtype_nbytes(e->dtype, count, &nbytes))
            return phi_fail(err, PHI_E_ARG,
                            "tensor \"%.*s\": its type or shape cannot be "
                            "written to safetensors",
                            PHI_ERR_NAME, e->name);
        if (!phi_add_u64(l->at[i], nbytes, &l->at[i + 1]))
            return phi_fail(err, PHI_E_ARG, "its size overflows");
    }
    return PHI_OK;
}

static void put_entry(struct phi_buf *b, const struct phi_st_entry *e,
                      uint64_t begin, uint64_t end)
{
    phi_json_put_string(b, e->name);
    phi_buf_printf(b, ":{\"dtype\":\"%s\",\"shape\":[",
                   phi_dtype_info(e->dtype)->safetensors);
    for (uint32_t d = 0; d < e->rank; d++)
        phi_buf_printf(b, "%s%llu", d > 0 ? "," : "",
                       (unsigned long long)e->dim[d]);
    phi_buf_printf(b, "],\"data_offsets\":[%llu,%llu]}",
                   (unsigned long long)begin, (unsigned long long)end);
}

static void put_metadata(struct phi_buf *b, const char *const *metadata)
{
    phi_buf_text(b, "\"__metadata__\":{");
    for (size_t i = 0; metadata[i] != NULL; i += 2) {
        phi_buf_text(b, i > 0 ? "," : "");
        phi_json_put_string(b, metadata[i]);
        phi_buf_text(b, ":");
        phi_json_put_string(b, metadata[i + 1]);
    }
    phi_buf_text(b, "}");
}

static enum phi_status put_header(struct phi_st_layout *l,
                                  const struct phi_st_entry *const *entries,
                                  const char *const *metadata,
                                  struct phi_err *err)
{
    const bool has_metadata = metadata != NULL && metadata[0] != NULL;
    struct phi_buf *b = &l->header;
    enum phi_status st;

    phi_buf_u64(b, 0);
    phi_buf_text(b, "{");
    if (has_metadata)
        put_metadata(b, metadata);
    for (size_t i = 0; i < l->n; i++) {
        phi_buf_text(b, i > 0 || has_metadata ? "," : "");
        put_entry(b, entries[i], l->at[i], l->at[i + 1]);
    }
    phi_buf_text(b, "}");
    while (b->n % 8 != 0 && !b->failed)
        phi_buf_text(b, " ");
    st = phi_buf_status(b, err);
    if (st != PHI_OK)
        return st;
    if (b->n - 8 > PHI_ST_MAX_HEADER)
        return phi_fail(err, PHI_E_ARG,
                        "the header has %zu bytes, the limit is %u", b->n - 8,
                        PHI_ST_MAX_HEADER);
    phi_store_u64(b->p, b->n - 8);
    return PHI_OK;
}

enum phi_status phi_st_layout_init(struct phi_st_layout *out,
                                   const struct phi_st_entry *const *entries,
                                   size_t n, const char *const *metadata,
                                   struct phi_err *err)
{
    enum phi_status st;

    *out = (struct phi_st_layout){.n = n};
    out->at = phi_alloc(n + 1, sizeof(*out->at), err);
    if (out->at == NULL)
        return PHI_E_NOMEM;
    st = place(out, entries, err);
    if (st == PHI_OK)
        st = check_names(entries, n, err);
    if (st == PHI_OK)
        st = put_header(out, entries, metadata, err);
    if (st != PHI_OK)
        return st;
    if (!phi_add_u64(out->at[n], out->header.n, &out->at[n]))
        return phi_fail(err, PHI_E_ARG, "its size overflows");
    for (size_t i = 0; i < n; i++)
        out->at[i] += out->header.n;
    return PHI_OK;
}

void phi_st_layout_release(struct phi_st_layout *l)
{
    phi_buf_release(&l->header);
    free(l->at);
    *l = (struct phi_st_layout){0};
}
