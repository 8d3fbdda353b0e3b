/* SPDX-License-Identifier: MIT */
#include "formats/pack_read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/bytes.h"
#include "libconv/base/deflate.h"
#include "libconv/base/mem.h"
#include "libconv/base/size.h"

void phi_pack_release(struct phi_pack *p)
{
    phi_pack_front_release(&p->front);
    phi_gguf_release(&p->gguf);
    free(p->head);
    free(p->list);
    free(p->tensors);
    free(p->chunks);
    free(p->places);
    free(p->order);
    *p = (struct phi_pack){0};
}

/* What is being read. */
struct reader {
    struct phi_pack *p;
    const struct phi_pack_input *in;
};

static enum phi_status wrong(const struct reader *r, size_t i, const char *what,
                             uint64_t got, uint64_t expected,
                             struct phi_err *err)
{
    return phi_fail(err, PHI_E_FORMAT,
                    "%s: section \"tensors\": tensor \"%.*s\": %s is %" PRIu64
                    ", expected %" PRIu64,
                    r->in->path, PHI_ERR_NAME, r->p->gguf.tensors[i].name, what,
                    got, expected);
}

/* ---- the head ------------------------------------------------------------ */

static enum phi_status check_head(struct reader *r, struct phi_err *err)
{
    const struct phi_pack *p = r->p;

    if (p->gguf.data != p->head_nbytes)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: section \"head\": has %zu bytes, expected %" PRIu64
                        " up to the first tensor",
                        r->in->path, p->head_nbytes, p->gguf.data);
    for (uint64_t at = p->gguf.listed; at < p->gguf.data; at++) {
        if (p->head[at] != 0)
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: section \"head\": byte %" PRIu64
                            " is %u, expected 0: it is padding",
                            r->in->path, at, p->head[at]);
    }
    return PHI_OK;
}

static enum phi_status read_head(struct reader *r, struct phi_err *err)
{
    struct phi_pack *p = r->p;
    const struct phi_pack_section *head = &p->front.sections[p->front.head];
    const struct phi_pack_section *list = &p->front.sections[p->front.tensors];
    char *path;
    enum phi_status st;

    if (list->plain < PHI_PACK_LIST)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: section \"tensors\": has %" PRIu64
                        " bytes, expected at least %u",
                        r->in->path, list->plain, PHI_PACK_LIST);
    p->gguf_nbytes = phi_load_u64(p->list);
    p->head_nbytes = (size_t)head->plain;
    path = phi_sprintf(err, "%s: section \"head\"", r->in->path);
    if (path == NULL)
        return PHI_E_NOMEM;
    st = phi_pack_section_load(&p->front, r->in, p->front.head, &p->head, err);
    if (st == PHI_OK)
        st = phi_gguf_read_bytes(&p->gguf, p->head, p->head_nbytes,
                                 p->gguf_nbytes, path, err);
    free(path);
    return st == PHI_OK ? check_head(r, err) : st;
}

/* ---- tensors ------------------------------------------------------------- */

static enum phi_status read_arrangement(struct reader *r, size_t i,
                                        uint32_t rows, struct phi_err *err)
{
    const struct phi_gguf_tensor *t = &r->p->gguf.tensors[i];
    struct phi_panels *a = &r->p->tensors[i].arrangement;
    const uint64_t cols = t->rank > 0 ? t->dim[t->rank - 1] : 1;
    uint64_t row = 0;

    if (rows != 0 && (rows != phi_pack_panel_rows(t->dtype) || t->rank != 2))
        return wrong(r, i, "the number of rows of a panel", rows,
                     t->rank == 2 ? phi_pack_panel_rows(t->dtype) : 0, err);
    /* The head was checked: rows are whole blocks and there is one. */
    phi_dtype_nbytes(t->dtype, cols, &row);
    if (rows != 0 && row > PHI_PACK_CHUNK / rows)
        return wrong(r, i, "the number of rows of a panel", rows, 0, err);
    *a = (struct phi_panels){.nrows = t->nbytes / row,
                             .row_nbytes = (size_t)row,
                             .block_nbytes = phi_dtype_info(t->dtype)->bits / 8,
                             .rows = rows};
    return PHI_OK;
}

static enum phi_status read_tensor(struct reader *r, size_t i,
                                   struct phi_err *err)
{
    const uint8_t *e = r->p->list + PHI_PACK_LIST + i * PHI_PACK_TENSOR;
    const struct phi_gguf_tensor *g = &r->p->gguf.tensors[i];
    struct phi_pack_tensor *t = &r->p->tensors[i];
    const bool planes =
        phi_pack_has_planes(g->dtype) && g->nbytes >= PHI_PACK_SMALL;

    t->offset = phi_load_u64(e);
    t->stored = phi_load_u64(e + 8);
    t->codec = phi_load_u32(e + 20);
    t->nchunks = phi_pack_nchunks(g->nbytes);
    t->chunk = r->p->nchunks;
    if (t->codec > (planes ? PHI_PACK_PLANES : PHI_PACK_PLAIN))
        return wrong(r, i, "the codec", t->codec, planes ? 1 : 0, err);
    if (t->codec == PHI_PACK_PLAIN && t->stored != g->nbytes)
        return wrong(r, i, "the stored length", t->stored, g->nbytes, err);
    if (phi_load_u32(e + 24) != t->nchunks)
        return wrong(r, i, "the number of chunks", phi_load_u32(e + 24),
                     t->nchunks, err);
    if (phi_load_u32(e + 28) != 0)
        return wrong(r, i, "the last field", phi_load_u32(e + 28), 0, err);
    r->p->nchunks += t->nchunks; /* of fewer than 2^63 bytes in all */
    return read_arrangement(r, i, phi_load_u32(e + 16), err);
}

/* Small tensors, then large ones, each at the next multiple. */
static enum phi_status check_places(struct reader *r, struct phi_err *err)
{
    struct phi_pack *p = r->p;
    const struct phi_pack_section *data = &p->front.sections[p->front.data];
    uint64_t at = 0;
    size_t n = 0;

    for (int large = 0; large < 2; large++) {
        for (size_t i = 0; i < p->gguf.ntensors; i++) {
            const uint64_t nbytes = p->gguf.tensors[i].nbytes;
            struct phi_pack_tensor *t = &p->tensors[i];

            if ((nbytes >= PHI_PACK_SMALL) != (large == 1))
                continue;
            if (!phi_align_u64(at, phi_pack_align(nbytes), &at) ||
                t->offset != at)
                return wrong(r, i, "the offset", t->offset, at, err);
            if (!phi_add_u64(at, t->stored, &at) || at > data->stored)
                return phi_fail(err, PHI_E_FORMAT,
                                "%s: section \"tensors\": tensor \"%.*s\": "
                                "%" PRIu64 " bytes at %" PRIu64
                                " end beyond the data's %" PRIu64,
                                r->in->path, PHI_ERR_NAME,
                                p->gguf.tensors[i].name, t->stored, t->offset,
                                data->stored);
            t->offset += data->offset;
            p->order[n++] = i;
        }
    }
    if (at != data->stored)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: section \"data\": has %" PRIu64
                        " bytes, expected %" PRIu64 " by the tensors",
                        r->in->path, data->stored, at);
    return PHI_OK;
}

static enum phi_status read_tensors(struct reader *r, struct phi_err *err)
{
    struct phi_pack *p = r->p;
    const struct phi_pack_section *s = &p->front.sections[p->front.tensors];
    const size_t n = p->gguf.ntensors;
    enum phi_status st = PHI_OK;

    if (phi_load_u32(p->list + 8) != n || phi_load_u32(p->list + 12) != 0 ||
        s->plain != PHI_PACK_LIST + (uint64_t)n * PHI_PACK_TENSOR)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: section \"tensors\": has %" PRIu64
                        " bytes for %" PRIu32 " tensors, expected %" PRIu64
                        " for %zu",
                        r->in->path, s->plain, phi_load_u32(p->list + 8),
                        PHI_PACK_LIST + (uint64_t)n * PHI_PACK_TENSOR, n);
    p->tensors = phi_alloc(n, sizeof(*p->tensors), err);
    p->order = phi_alloc(n, sizeof(*p->order), err);
    if (p->tensors == NULL || p->order == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; st == PHI_OK && i < n; i++)
        st = read_tensor(r, i, err);
    return st == PHI_OK ? check_places(r, err) : st;
}

/* ---- chunks -------------------------------------------------------------- */

static enum phi_status check_chunks(struct reader *r, size_t i,
                                    struct phi_err *err)
{
    struct phi_pack *p = r->p;
    const struct phi_pack_tensor *t = &p->tensors[i];
    uint64_t at = t->offset;

    for (uint64_t k = 0; k < t->nchunks; k++) {
        const size_t plain =
            phi_pack_chunk_nbytes(p->gguf.tensors[i].nbytes, k);
        const uint32_t n =
            phi_load_u32(p->chunks + (t->chunk + k) * PHI_PACK_LEAF);

        if (n == 0 || n > plain || (t->codec == PHI_PACK_PLAIN && n != plain))
            return phi_fail(
                err, PHI_E_FORMAT,
                "%s: section \"chunks\": tensor \"%.*s\", chunk "
                "%" PRIu64 ": the stored length is %" PRIu32 ", expected %zu%s",
                r->in->path, PHI_ERR_NAME, p->gguf.tensors[i].name, k, n, plain,
                t->codec == PHI_PACK_PLAIN ? "" : " at most");
        p->places[t->chunk + k] = at;
        at += n;
    }
    if (at != t->offset + t->stored)
        return wrong(r, i, "the stored length", t->stored, at - t->offset, err);
    return PHI_OK;
}

static enum phi_status read_chunks(struct reader *r, struct phi_err *err)
{
    struct phi_pack *p = r->p;
    const struct phi_pack_section *s = &p->front.sections[p->front.chunks];
    enum phi_status st = PHI_OK;

    if (s->plain / PHI_PACK_LEAF != p->nchunks || s->plain % PHI_PACK_LEAF != 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: section \"chunks\": has %" PRIu64
                        " bytes, expected %u for each of %" PRIu64 " chunks",
                        r->in->path, s->plain, PHI_PACK_LEAF, p->nchunks);
    st = phi_pack_section_load(&p->front, r->in, p->front.chunks, &p->chunks,
                               err);
    if (st != PHI_OK)
        return st;
    p->places = phi_alloc((size_t)p->nchunks, sizeof(*p->places), err);
    if (p->places == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; st == PHI_OK && i < p->gguf.ntensors; i++)
        st = check_chunks(r, i, err);
    return st;
}

struct phi_pack_chunk phi_pack_chunk_of(const struct phi_pack *p, size_t i,
                                        uint64_t k)
{
    const uint64_t c = p->tensors[i].chunk + k;
    const uint8_t *e = p->chunks + c * PHI_PACK_LEAF;

    return (struct phi_pack_chunk){
        .offset = p->places[c],
        .stored = phi_load_u32(e),
        .plain = phi_pack_chunk_nbytes(p->gguf.tensors[i].nbytes, k),
        .crc = phi_load_u32(e + 4),
        .leaf = e + 8,
    };
}

enum phi_status phi_pack_chunk_plain(const struct phi_pack *p, size_t i,
                                     const struct phi_pack_chunk *c,
                                     const uint8_t *stored, uint8_t *room,
                                     uint8_t *planes, const uint8_t **out,
                                     struct phi_err *err)
{
    enum phi_status st;

    *out = stored;
    if (c->stored == c->plain)
        return PHI_OK;
    st = phi_inflate(planes, c->plain, stored, c->stored, err);
    if (st != PHI_OK)
        return st;
    phi_pack_join(room, planes, c->plain,
                  p->tensors[i].arrangement.block_nbytes);
    *out = room;
    return PHI_OK;
}

enum phi_status phi_pack_read(struct phi_pack *out,
                              const struct phi_pack_input *in,
                              struct phi_err *err)
{
    struct reader r = {.p = out, .in = in};
    enum phi_status st;

    *out = (struct phi_pack){0};
    st = phi_pack_front_read(&out->front, in, err);
    if (st == PHI_OK)
        st = phi_pack_section_load(&out->front, in, out->front.tensors,
                                   &out->list, err);
    if (st == PHI_OK)
        out->list_nbytes =
            (size_t)out->front.sections[out->front.tensors].plain;
    if (st == PHI_OK && (st = read_head(&r, err)) == PHI_OK &&
        (st = read_tensors(&r, err)) == PHI_OK)
        st = read_chunks(&r, err);
    return st;
}
