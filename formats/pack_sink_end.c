/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>

#include "formats/pack_sink_parts.h"
#include "libconv/base/bytes.h"
#include "libconv/base/mem.h"

static size_t stored_of(const struct phi_pack_sink *s, uint64_t c)
{
    return phi_load_u32(s->leaves + c * PHI_PACK_LEAF);
}

/* With planes: stored lengths are known, and with them all places. */
static void measure(struct phi_pack_sink *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct phi_pack_entry *e = &s->entries[i];

        e->stored = 0;
        for (uint64_t k = 0; k < e->nchunks; k++)
            e->stored += stored_of(s, e->chunk + k);
    }
}

/* What was put aside goes to its place: all of the file once more, after the
 * last question of those who write. */
static enum phi_status unspool(struct phi_pack_sink *s, struct phi_err *err)
{
    uint8_t *room = phi_alloc_pages(PHI_PACK_CHUNK, err);
    enum phi_status st = room != NULL ? PHI_OK : PHI_E_NOMEM;

    for (size_t i = 0; st == PHI_OK && i < s->n; i++) {
        const struct phi_pack_entry *e = &s->entries[s->order[i]];
        uint64_t at = s->data + e->offset;

        for (uint64_t k = 0; st == PHI_OK && k < e->nchunks; k++) {
            const size_t n = stored_of(s, e->chunk + k);

            st = phi_spool_read(s->spool, s->spooled[e->chunk + k], room, n,
                                err);
            if (st == PHI_OK)
                st = phi_output_put(s->output, at, room, n, err);
            if (st == PHI_OK)
                st = phi_monitor_tick(s->monitor, 0, 0, NULL, err);
            at += n;
        }
    }
    free(room);
    return st;
}

/* Zeros between tensors, and the sum of all of the data. */
static enum phi_status fill_gaps(struct phi_pack_sink *s, uint32_t *crc,
                                 struct phi_err *err)
{
    static const uint8_t zeros[PHI_PACK_LARGE_ALIGN];
    uint64_t at = 0;
    enum phi_status st = PHI_OK;

    *crc = 0;
    for (size_t i = 0; st == PHI_OK && i < s->n; i++) {
        const struct phi_pack_entry *e = &s->entries[s->order[i]];
        const size_t gap = (size_t)(e->offset - at);

        *crc = phi_crc32(*crc, zeros, gap);
        if (gap > 0)
            st = phi_output_put(s->output, s->data + at, zeros, gap, err);
        for (uint64_t k = 0; k < e->nchunks; k++) {
            const uint8_t *leaf = s->leaves + (e->chunk + k) * PHI_PACK_LEAF;

            *crc = phi_crc32_combine(*crc, phi_load_u32(leaf + 4),
                                     phi_load_u32(leaf));
        }
        at = e->offset + e->stored;
    }
    return st;
}

static enum phi_status make_list(const struct phi_pack_sink *s,
                                 struct phi_buf *b, struct phi_err *err)
{
    phi_buf_u64(b, s->head.gguf_nbytes);
    phi_buf_u32(b, (uint32_t)s->n);
    phi_buf_u32(b, 0);
    for (size_t i = 0; i < s->n; i++) {
        const struct phi_pack_entry *e = &s->entries[i];

        phi_buf_u64(b, e->offset);
        phi_buf_u64(b, e->stored);
        phi_buf_u32(b, e->arrangement.rows);
        phi_buf_u32(b, e->codec);
        phi_buf_u32(b, (uint32_t)e->nchunks);
        phi_buf_u32(b, 0);
    }
    return phi_buf_status(b, err);
}

/* All parts in their order; `list` is the section tensors. */
enum phi_status phi_pack_sink_parts(const struct phi_pack_sink *s,
                                    const struct phi_buf *list, uint64_t data,
                                    struct phi_pack_part **out, size_t *n,
                                    struct phi_err *err)
{
    const struct phi_pack_extras *x = &s->extras;
    struct phi_pack_part *p = phi_alloc(x->n + 4, sizeof(*p), err);
    const uint64_t leaves = s->nchunks * PHI_PACK_LEAF;

    if (p == NULL)
        return PHI_E_NOMEM;
    p[0] =
        (struct phi_pack_part){{PHI_PACK_KIND_HEAD, PHI_PACK_ZLIB, 0,
                                s->head.deflated.n, s->head.plain.n, 0, "head"},
                               s->head.deflated.p};
    p[1] = (struct phi_pack_part){{PHI_PACK_KIND_TENSORS, PHI_PACK_PLAIN, 0,
                                   list->n, list->n, 0, "tensors"},
                                  list->p};
    p[2] = (struct phi_pack_part){
        {PHI_PACK_KIND_CHUNKS, PHI_PACK_PLAIN, 0, leaves, leaves, 0, "chunks"},
        s->leaves};
    for (size_t i = 0; i < x->n; i++)
        p[3 + i] = x->parts[i];
    p[3 + x->n] = (struct phi_pack_part){
        {PHI_PACK_KIND_DATA, PHI_PACK_PLAIN, 0, data, data, 0, "data"}, NULL};
    *out = p;
    *n = x->n + 4;
    return PHI_OK;
}

/* Everything but the data. */
static enum phi_status write_front(struct phi_pack_sink *s, uint64_t data,
                                   uint32_t crc, struct phi_err *err)
{
    struct phi_pack_tree tree = {.head = s->head.plain.p,
                                 .head_nbytes = s->head.plain.n,
                                 .chunks = s->leaves,
                                 .nchunks = s->nchunks};
    uint8_t root[PHI_SHA256_NBYTES];
    struct phi_pack_part *parts = NULL;
    struct phi_buf list = {0};
    struct phi_buf front = {0};
    size_t n = 0;
    enum phi_status st;

    st = make_list(s, &list, err);
    tree.tensors = list.p;
    tree.tensors_nbytes = list.n;
    if (st == PHI_OK && (st = phi_pack_root(root, &tree, err)) == PHI_OK &&
        (st = phi_pack_sink_parts(s, &list, data, &parts, &n, err)) == PHI_OK) {
        phi_pack_parts_place(parts, n);
        parts[n - 1].head.crc = crc;
        st = phi_pack_parts_write(&front, parts, n, root, err);
    }
    if (st == PHI_OK)
        st = phi_output_put(s->output, 0, front.p, front.n, err);
    phi_buf_release(&front);
    phi_buf_release(&list);
    free(parts);
    return st;
}

static enum phi_status check_whole(const struct phi_pack_sink *s,
                                   struct phi_err *err)
{
    const uint64_t c = phi_pack_stage_missing(&s->stage);
    size_t i = 0;

    if (c == s->nchunks)
        return PHI_OK;
    while (c >= s->entries[i].chunk + s->entries[i].nchunks)
        i++;
    return phi_fail(err, PHI_E_ARG,
                    "%s: tensor \"%s\": chunk %" PRIu64
                    " has not all bytes at the end",
                    s->path, s->entries[i].name, c - s->entries[i].chunk);
}

enum phi_status phi_pack_sink_finish(struct phi_pack_sink *s,
                                     struct phi_err *err)
{
    uint32_t crc = 0;
    uint64_t data;
    enum phi_status st = check_whole(s, err);

    if (st != PHI_OK)
        return st;
    if (s->spool != NULL)
        measure(s);
    data = phi_pack_entries_place(s->entries, s->n, s->order);
    if (s->spool != NULL)
        st = unspool(s, err);
    if (st == PHI_OK)
        st = fill_gaps(s, &crc, err);
    if (st == PHI_OK)
        st = write_front(s, data, crc, err);
    if (st == PHI_OK)
        s->base.nbytes = s->data + data;
    return st;
}
