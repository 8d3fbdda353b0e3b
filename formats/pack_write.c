/* SPDX-License-Identifier: MIT */
#include "formats/pack_write.h"

#include <inttypes.h>
#include <string.h>

#include "formats/gguf_read.h"
#include "formats/gguf_reserve.h"
#include "formats/gguf_write.h"
#include "libconv/base/crc32.h"
#include "libconv/base/deflate.h"
#include "libconv/base/mem.h"
#include "libconv/base/size.h"

/* ---- the head ------------------------------------------------------------ */

/* Bytes of a value in GGUF, without its type. */
static size_t value_nbytes(const struct phi_kv *kv)
{
    size_t n = 8;

    if (kv->type == PHI_KV_STRING)
        return n + kv->v.str.n;
    if (kv->type != PHI_KV_ARRAY)
        return phi_kv_type_size(kv->type);
    n = 4 + 8; /* type and count */
    if (kv->v.arr.type != PHI_KV_STRING)
        return n + kv->v.arr.n * phi_kv_type_size(kv->v.arr.type);
    for (size_t i = 0; i < kv->v.arr.n; i++)
        n += 8 + kv->v.arr.str[i].n;
    return n;
}

/* Where in a head the keys phiconv.* are, from the first to the last. */
static void find_late(const struct phi_meta *m, size_t *from, size_t *to)
{
    size_t at = 4 + 4 + 8 + 8; /* magic, version, counts */

    *from = *to = 0;
    for (size_t i = 0; i < m->n; i++) {
        const size_t n = 8 + strlen(m->kv[i].key) + 4 + value_nbytes(&m->kv[i]);

        if (strncmp(m->kv[i].key, "phiconv.", 8) == 0 &&
            !phi_gguf_reserve_is(&m->kv[i], PHI_GGUF_RESERVE)) {
            if (*to == 0)
                *from = at;
            *to = at + n;
        }
        at += n;
    }
}

static enum phi_status check_size(const struct phi_pack_head *h,
                                  struct phi_err *err)
{
    return h->plain.n <= PHI_PACK_MAX_PLAIN
               ? PHI_OK
               : phi_fail(err, PHI_E_ARG,
                          "metadata and names have %zu bytes, at most %u can "
                          "be packed",
                          h->plain.n, PHI_PACK_MAX_PLAIN);
}

enum phi_status phi_pack_head_make(struct phi_pack_head *out,
                                   const struct phi_meta *meta,
                                   const struct phi_sink_tensor *tensors,
                                   size_t n, bool reserve, struct phi_err *err)
{
    struct phi_gguf_layout l;
    struct phi_meta own = {0};
    size_t from = 0, to = 0;
    enum phi_status st = phi_meta_copy(&own, meta, err);

    *out = (struct phi_pack_head){0};
    if (st == PHI_OK && reserve)
        st = phi_gguf_reserve_add(&own, 0, err);
    if (st == PHI_OK)
        st = phi_gguf_layout_init(&l, &own, tensors, n, err);
    if (st == PHI_OK)
        find_late(&own, &from, &to);
    phi_meta_release(&own);
    if (st != PHI_OK)
        return st;
    out->plain = l.header;
    out->gguf_nbytes = l.nbytes;
    st = check_size(out, err);
    return st == PHI_OK ? phi_deflate(&out->deflated, out->plain.p,
                                      out->plain.n, from, to, NULL, err)
                        : st;
}

/* The head lists these tensors. */
static enum phi_status check_list(const struct phi_pack_head *h,
                                  const struct phi_sink_tensor *tensors,
                                  size_t n, struct phi_err *err)
{
    struct phi_gguf g;
    enum phi_status st = phi_gguf_read_bytes(&g, h->plain.p, h->plain.n,
                                             h->gguf_nbytes, "head", err);

    if (st != PHI_OK)
        return st;
    if (g.ntensors != n)
        st = phi_fail(err, PHI_E_ARG,
                      "the head of %zu bytes has %zu tensors, expected %zu",
                      h->plain.n, g.ntensors, n);
    else if (g.data != h->plain.n) /* a file without tensors may end so */
        st = phi_fail(err, PHI_E_ARG,
                      "cannot be packed: the head has %zu bytes, expected "
                      "%" PRIu64 " with the padding in front of the data",
                      h->plain.n, g.data);
    for (size_t i = 0; st == PHI_OK && i < n; i++) {
        if (strcmp(g.tensors[i].name, tensors[i].name) != 0 ||
            g.tensors[i].dtype != tensors[i].dtype ||
            g.tensors[i].nbytes != tensors[i].nbytes)
            st = phi_fail(err, PHI_E_ARG,
                          "tensor %zu of the head is \"%.*s\", expected "
                          "\"%.*s\"",
                          i, PHI_ERR_NAME, g.tensors[i].name, PHI_ERR_NAME,
                          tensors[i].name);
    }
    phi_gguf_release(&g);
    return st;
}

enum phi_status phi_pack_head_copy(struct phi_pack_head *out,
                                   const uint8_t *head, size_t nbytes,
                                   uint64_t gguf_nbytes,
                                   const struct phi_sink_tensor *tensors,
                                   size_t n, struct phi_err *err)
{
    enum phi_status st;

    *out = (struct phi_pack_head){.gguf_nbytes = gguf_nbytes};
    phi_buf_put(&out->plain, head, nbytes);
    if ((st = phi_buf_status(&out->plain, err)) != PHI_OK ||
        (st = check_size(out, err)) != PHI_OK ||
        (st = check_list(out, tensors, n, err)) != PHI_OK)
        return st;
    return phi_deflate(&out->deflated, out->plain.p, out->plain.n, 0, 0, NULL,
                       err);
}

void phi_pack_head_release(struct phi_pack_head *h)
{
    phi_buf_release(&h->plain);
    phi_buf_release(&h->deflated);
    *h = (struct phi_pack_head){0};
}

/* ---- tensors ------------------------------------------------------------- */

/* Rows of a panel: none for what is looked up row by row, has too long rows,
 * or is of a type that no kernel reads. */
static uint32_t choose_rows(const struct phi_sink_tensor *t, uint64_t row,
                            bool has_output)
{
    const enum phi_dtype_class cls = phi_dtype_info(t->dtype)->cls;
    const uint32_t rows = phi_pack_panel_rows(t->dtype);

    if (cls == PHI_CLASS_CARRIED || cls == PHI_CLASS_OTHER || t->rank != 2 ||
        row > PHI_PACK_CHUNK / rows)
        return 0;
    return has_output && strcmp(t->name, "token_embd.weight") == 0 ? 0 : rows;
}

enum phi_status phi_pack_entries_make(struct phi_pack_entry *out,
                                      uint64_t *nchunks,
                                      const struct phi_sink_tensor *tensors,
                                      size_t n, bool planes,
                                      struct phi_err *err)
{
    bool has_output = false;

    *nchunks = 0;
    for (size_t i = 0; i < n; i++)
        has_output =
            has_output || strcmp(tensors[i].name, "output.weight") == 0;
    for (size_t i = 0; i < n; i++) {
        const struct phi_sink_tensor *t = &tensors[i];
        struct phi_pack_entry *e = &out[i];
        uint64_t row = 0;

        /* The head was made of them: rows are whole blocks. */
        phi_dtype_nbytes(t->dtype, phi_sink_tensor_cols(t), &row);
        e->nbytes = e->stored = t->nbytes;
        e->chunk = *nchunks;
        e->nchunks = phi_pack_nchunks(t->nbytes);
        *nchunks += e->nchunks;
        e->arrangement = (struct phi_panels){
            .nrows = phi_sink_tensor_rows(t),
            .row_nbytes = (size_t)row,
            .block_nbytes = phi_dtype_info(t->dtype)->bits / 8,
            .rows = choose_rows(t, row, has_output)};
        if (planes && phi_pack_has_planes(t->dtype) &&
            t->nbytes >= PHI_PACK_SMALL)
            e->codec = PHI_PACK_PLANES;
        e->name = phi_strdup(t->name, err);
        if (e->name == NULL)
            return PHI_E_NOMEM;
    }
    return PHI_OK;
}

uint64_t phi_pack_entries_place(struct phi_pack_entry *entries, size_t n,
                                size_t *order)
{
    uint64_t at = 0;
    size_t k = 0;

    for (int large = 0; large < 2; large++) {
        for (size_t i = 0; i < n; i++) {
            struct phi_pack_entry *e = &entries[i];

            if ((e->nbytes >= PHI_PACK_SMALL) != (large == 1))
                continue;
            /* Fewer than 2^63 bytes in all: the head was made of them. */
            phi_align_u64(at, phi_pack_align(e->nbytes), &at);
            e->offset = at;
            at += e->stored;
            order[k++] = i;
        }
    }
    return at;
}

/* ---- header and table ---------------------------------------------------- */

static uint64_t table_nbytes(const struct phi_pack_part *parts, size_t n,
                             uint64_t *names)
{
    *names = 0;
    for (size_t i = 0; i < n; i++)
        *names += strlen(parts[i].head.name);
    return (uint64_t)n * PHI_PACK_ENTRY + *names;
}

uint64_t phi_pack_parts_place(struct phi_pack_part *parts, size_t n)
{
    uint64_t names;
    uint64_t at = PHI_PACK_HEADER + table_nbytes(parts, n, &names);

    for (size_t i = 0; i < n; i++) {
        const bool data = parts[i].head.kind == PHI_PACK_KIND_DATA;

        phi_align_u64(at, data ? PHI_PACK_LARGE_ALIGN : PHI_PACK_SECTION, &at);
        parts[i].head.offset = at;
        at += parts[i].head.stored;
    }
    return parts[n - 1].head.offset;
}

static void put_table(struct phi_buf *b, const struct phi_pack_part *parts,
                      size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct phi_pack_section *s = &parts[i].head;

        phi_buf_u32(b, s->kind);
        phi_buf_u32(b, s->codec);
        phi_buf_u64(b, s->offset);
        phi_buf_u64(b, s->stored);
        phi_buf_u64(b, s->plain);
        phi_buf_u32(b, s->crc);
        phi_buf_u32(b, (uint32_t)strlen(s->name));
        phi_buf_u64(b, 0);
    }
    for (size_t i = 0; i < n; i++)
        phi_buf_text(b, parts[i].head.name);
}

static void put_header(struct phi_buf *b, const struct phi_pack_part *parts,
                       size_t n, const uint8_t root[PHI_SHA256_NBYTES],
                       const struct phi_buf *table)
{
    const struct phi_pack_section *last = &parts[n - 1].head;
    uint64_t names;

    table_nbytes(parts, n, &names);
    phi_buf_put(b, PHI_PACK_MAGIC, 8);
    phi_buf_u16(b, PHI_PACK_MAJOR);
    phi_buf_u16(b, PHI_PACK_MINOR);
    phi_buf_u32(b, 0); /* flags */
    phi_buf_u64(b, last->offset + last->stored);
    phi_buf_u32(b, (uint32_t)n);
    phi_buf_u32(b, (uint32_t)names);
    phi_buf_put(b, root, PHI_SHA256_NBYTES);
    phi_buf_u32(b, phi_crc32(0, table->p, table->n));
    phi_buf_zeros(b, 56);
    if (!b->failed)
        phi_buf_u32(b, phi_crc32(0, b->p, PHI_PACK_HEADER - 4));
}

enum phi_status phi_pack_parts_write(struct phi_buf *out,
                                     struct phi_pack_part *parts, size_t n,
                                     const uint8_t root[PHI_SHA256_NBYTES],
                                     struct phi_err *err)
{
    struct phi_buf table = {0};
    enum phi_status st;

    for (size_t i = 0; i < n; i++) {
        struct phi_pack_section *s = &parts[i].head;

        if (s->kind != PHI_PACK_KIND_DATA)
            s->crc = phi_crc32(0, parts[i].bytes, (size_t)s->stored);
    }
    put_table(&table, parts, n);
    st = phi_buf_status(&table, err);
    if (st == PHI_OK) {
        put_header(out, parts, n, root, &table);
        phi_buf_put(out, table.p, table.n);
        for (size_t i = 0; i < n; i++) {
            const struct phi_pack_section *s = &parts[i].head;

            phi_buf_zeros(out, (size_t)(s->offset - out->n));
            if (s->kind != PHI_PACK_KIND_DATA)
                phi_buf_put(out, parts[i].bytes, (size_t)s->stored);
        }
        st = phi_buf_status(out, err);
    }
    phi_buf_release(&table);
    return st;
}
