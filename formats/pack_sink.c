/* SPDX-License-Identifier: MIT */
#include "formats/pack_sink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/pack_sink_parts.h"
#include "libconv/base/bytes.h"
#include "libconv/base/deflate.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"
#include "libconv/base/par.h"
#include "libconv/base/spool.h"
#include "libconv/base/tally.h"

static struct phi_pack_sink *pack_of(struct phi_sink *s)
{
    return (struct phi_pack_sink *)s;
}

/* ---- chunks -------------------------------------------------------------- */

/* The stored bytes of a whole chunk: its own, or planes of them in `room`. */
static enum phi_status encode(const struct phi_pack_entry *e,
                              const uint8_t *bytes, size_t n, uint8_t *room,
                              const uint8_t **stored, size_t *nstored,
                              struct phi_err *err)
{
    uint8_t *const deflated = room + PHI_PACK_CHUNK;
    size_t made = 0;
    enum phi_status st;

    *stored = bytes;
    *nstored = n;
    if (e->codec != PHI_PACK_PLANES)
        return PHI_OK;
    phi_pack_split(room, bytes, n, e->arrangement.block_nbytes);
    st = phi_deflate_even(deflated, n - 1, &made, room, n, err);
    if (st == PHI_OK && made > 0) {
        *stored = deflated;
        *nstored = made;
    }
    return st;
}

/* Chunk c, the k-th of tensor e, is whole: its sums, and to the disk. */
static enum phi_status finish_chunk(struct phi_pack_sink *s,
                                    const struct phi_pack_entry *e, uint64_t c,
                                    const uint8_t *bytes, struct phi_err *err)
{
    const uint64_t k = c - e->chunk;
    const size_t n = phi_pack_chunk_nbytes(e->nbytes, k);
    uint8_t *leaf = s->leaves + c * PHI_PACK_LEAF;
    const uint8_t *stored = bytes;
    size_t nstored = n;
    uint8_t *room = NULL;
    enum phi_status st = PHI_OK;

    if (e->codec == PHI_PACK_PLANES) {
        room = phi_alloc_aligned(2, PHI_PACK_CHUNK, err);
        st = room == NULL ? PHI_E_NOMEM
                          : encode(e, bytes, n, room, &stored, &nstored, err);
    }
    if (st == PHI_OK) {
        phi_store_u32(leaf, (uint32_t)nstored);
        phi_store_u32(leaf + 4, s->crc32(0, stored, nstored));
        st = phi_pack_leaf(leaf + 8, stored, nstored, err);
    }
    if (st == PHI_OK && s->spool != NULL)
        st = phi_spool_add(s->spool, stored, nstored, &s->spooled[c], err);
    else if (st == PHI_OK)
        st = phi_output_put(s->output, s->data + e->offset + k * PHI_PACK_CHUNK,
                            stored, nstored, err);
    free(room);
    return st;
}

/* n bytes of chunk c are written; if it is whole now, it goes. */
static enum phi_status add(struct phi_pack_sink *s,
                           const struct phi_pack_entry *e, uint64_t c, size_t n,
                           struct phi_err *err)
{
    uint8_t *whole = NULL;
    enum phi_status st = phi_pack_stage_add(&s->stage, c, n, &whole, err);

    if (st == PHI_E_ARG)
        phi_err_prefix(err, "%s: tensor \"%s\"", s->path, e->name);
    if (whole == NULL)
        return st;
    st = finish_chunk(s, e, c, whole, err);
    phi_pack_stage_done(&s->stage, whole);
    return st;
}

/* Row after row: bytes are where they were. */
static enum phi_status put_rows(struct phi_pack_sink *s,
                                const struct phi_pack_entry *e, uint64_t offset,
                                const uint8_t *bytes, size_t n,
                                struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    while (st == PHI_OK && n > 0) {
        const uint64_t k = offset / PHI_PACK_CHUNK;
        const size_t at = (size_t)(offset % PHI_PACK_CHUNK);
        const size_t left = phi_pack_chunk_nbytes(e->nbytes, k) - at;
        const size_t now = n < left ? n : left;
        uint8_t *chunk = NULL;

        st = phi_pack_stage_get(&s->stage, e->chunk + k, &chunk, err);
        if (st != PHI_OK)
            return st;
        memcpy(chunk + at, bytes, now);
        st = add(s, e, e->chunk + k, now, err);
        offset += now;
        bytes += now;
        n -= now;
    }
    return st;
}

/* A part of panel p, to all chunks that the panel has bytes in. */
static enum phi_status put_part(struct phi_pack_sink *s,
                                const struct phi_pack_entry *e, uint64_t p,
                                const struct phi_panel_part *part,
                                const uint8_t *rows, struct phi_err *err)
{
    const struct phi_panels *a = &e->arrangement;
    const uint64_t begin = p * a->rows * a->row_nbytes;
    const uint64_t end = begin + (uint64_t)part->n * a->row_nbytes;
    enum phi_status st = PHI_OK;

    for (uint64_t k = begin / PHI_PACK_CHUNK;
         st == PHI_OK && k * PHI_PACK_CHUNK < end; k++) {
        const uint64_t first = k * PHI_PACK_CHUNK;
        const uint64_t lo = first > begin ? first : begin;
        const uint64_t hi =
            first + PHI_PACK_CHUNK < end ? first + PHI_PACK_CHUNK : end;
        const size_t at = (size_t)(lo - begin);
        const size_t room = (size_t)(hi - lo);
        uint8_t *chunk = NULL;
        size_t n;

        /* A chunk that others fill may be done, and is not begun again. */
        if (!phi_panels_touch(at, room, a, part))
            continue;
        st = phi_pack_stage_get(&s->stage, e->chunk + k, &chunk, err);
        if (st != PHI_OK)
            return st;
        n = phi_panels_from_rows(chunk + (lo - first), at, room, rows,
                                 a->row_nbytes, a, part);
        st = add(s, e, e->chunk + k, n, err);
    }
    return st;
}

/* Whole rows of a panel at once, and parts of rows one by one. */
static enum phi_status put_panels(struct phi_pack_sink *s,
                                  const struct phi_pack_entry *e,
                                  uint64_t offset, const uint8_t *bytes,
                                  size_t n, struct phi_err *err)
{
    const struct phi_panels *a = &e->arrangement;
    const size_t row = a->row_nbytes;
    enum phi_status st = PHI_OK;

    while (st == PHI_OK && n > 0) {
        const uint64_t r = offset / row;
        const size_t from = (size_t)(offset % row);
        const uint64_t p = r / a->rows;
        const size_t first = (size_t)(r % a->rows);
        const size_t rows = phi_panels_rows(a, p);
        const bool whole = from == 0 && n >= row;
        const size_t have = whole ? n / row : 1;
        const struct phi_panel_part part = {
            .n = rows,
            .first = first,
            .count = have < rows - first ? have : rows - first,
            .from = from,
            .to = whole || n > row - from ? row : from + n};
        const size_t took = part.count * (part.to - part.from);

        st = put_part(s, e, p, &part, bytes, err);
        offset += took;
        bytes += took;
        n -= took;
    }
    return st;
}

static enum phi_status sink_write(struct phi_sink *base, size_t i,
                                  uint64_t offset, const void *bytes, size_t n,
                                  struct phi_err *err)
{
    struct phi_pack_sink *s = pack_of(base);
    const struct phi_pack_entry *e;

    if (i >= s->n)
        return phi_fail(err, PHI_E_ARG,
                        "%s: tensor %zu was written, expected one of %zu",
                        s->path, i, s->n);
    e = &s->entries[i];
    if (offset > e->nbytes || n > e->nbytes - offset)
        return phi_fail(err, PHI_E_ARG,
                        "%s: tensor \"%s\": %zu bytes were written at "
                        "%" PRIu64 ", expected %" PRIu64 " in all",
                        s->path, e->name, n, offset, e->nbytes);
    return e->arrangement.rows == 0 ? put_rows(s, e, offset, bytes, n, err)
                                    : put_panels(s, e, offset, bytes, n, err);
}

static uint64_t sink_position(const struct phi_sink *base, size_t i,
                              uint64_t offset)
{
    const struct phi_pack_sink *s = (const struct phi_pack_sink *)base;

    return s->data + s->entries[i].offset + offset;
}

static enum phi_status sink_set_meta(struct phi_sink *base,
                                     const struct phi_meta *meta,
                                     struct phi_err *err)
{
    struct phi_pack_sink *s = pack_of(base);
    struct phi_pack_head head;
    enum phi_status st;

    if (s->copied)
        return phi_fail(err, PHI_E_ARG,
                        "%s: metadata that are copied do not change", s->path);
    st = phi_pack_head_make(&head, meta, s->tensors, s->n, s->reserve, err);
    if (st == PHI_OK && (head.plain.n != s->head.plain.n ||
                         head.deflated.n != s->head.deflated.n))
        st = phi_fail(err, PHI_E_ARG,
                      "%s: the metadata changed from %zu to %zu bytes, "
                      "deflated from %zu to %zu",
                      s->path, s->head.plain.n, head.plain.n,
                      s->head.deflated.n, head.deflated.n);
    if (st == PHI_OK) {
        const struct phi_pack_head old = s->head;

        s->head = head;
        head = old;
    }
    phi_pack_head_release(&head);
    return st;
}

static enum phi_status sink_sync(struct phi_sink *base, struct phi_err *err)
{
    struct phi_pack_sink *s = pack_of(base);
    const enum phi_status st = phi_pack_sink_finish(s, err);

    return st == PHI_OK ? phi_output_sync(s->output, err) : st;
}

static enum phi_status sink_publish(struct phi_sink *s, struct phi_err *err)
{
    return phi_output_publish(pack_of(s)->output, err);
}

static enum phi_status sink_settle(struct phi_sink *s, struct phi_err *err)
{
    return phi_output_settle(pack_of(s)->output, err);
}

static void sink_retract(struct phi_sink *s)
{
    phi_output_retract(pack_of(s)->output);
}

static void sink_close(struct phi_sink *base)
{
    struct phi_pack_sink *s = pack_of(base);

    phi_output_close(s->output);
    phi_spool_close(s->spool);
    phi_pack_stage_release(&s->stage);
    phi_pack_extras_release(&s->extras);
    phi_pack_head_release(&s->head);
    for (size_t i = 0; s->entries != NULL && i < s->n; i++)
        free(s->entries[i].name);
    free(s->entries);
    free(s->tensors);
    free(s->order);
    free(s->leaves);
    free(s->spooled);
    free(s->path);
    free(s);
}

static const struct phi_sink_ops ops = {
    sink_write,   sink_position, sink_set_meta, sink_sync,
    sink_publish, sink_settle,   sink_retract,  sink_close};

struct phi_pack_saving phi_pack_sink_saving(const struct phi_sink *base)
{
    const struct phi_pack_sink *s = (const struct phi_pack_sink *)base;
    struct phi_pack_saving v = {0};

    for (size_t i = 0; i < s->n; i++) {
        if (s->entries[i].codec == PHI_PACK_PLANES) {
            v.plain += s->entries[i].nbytes;
            v.stored += s->entries[i].stored;
        }
    }
    return v;
}

uint64_t phi_pack_sink_memory(size_t nthreads)
{
    /* A thread's rows may end and begin in chunks, and panels of them in
     * chunks again, that others are to fill. */
    return (uint64_t)nthreads * 8 * PHI_PACK_CHUNK;
}

/* ---- the beginning ------------------------------------------------------- */

static enum phi_status make_entries(struct phi_pack_sink *s,
                                    const struct phi_sink_tensor *tensors,
                                    struct phi_err *err)
{
    enum phi_status st;

    s->entries = phi_alloc(s->n, sizeof(*s->entries), err);
    s->tensors = phi_alloc(s->n, sizeof(*s->tensors), err);
    s->order = phi_alloc(s->n, sizeof(*s->order), err);
    if (s->entries == NULL || s->tensors == NULL || s->order == NULL)
        return PHI_E_NOMEM;
    st = phi_pack_entries_make(s->entries, &s->nchunks, tensors, s->n,
                               s->planes, err);
    if (st != PHI_OK)
        return st;
    for (size_t i = 0; i < s->n; i++) {
        s->tensors[i] = tensors[i];
        s->tensors[i].name = s->entries[i].name;
    }
    s->leaves = phi_alloc((size_t)s->nchunks, PHI_PACK_LEAF, err);
    return s->leaves != NULL ? PHI_OK : PHI_E_NOMEM;
}

/* Where the data begins, and the whole length. */
static enum phi_status lay_out(struct phi_pack_sink *s, struct phi_err *err)
{
    const uint64_t data = phi_pack_entries_place(s->entries, s->n, s->order);
    const struct phi_buf list = {
        .n = PHI_PACK_LIST + s->n * PHI_PACK_TENSOR}; /* only its size */
    struct phi_pack_part *parts = NULL;
    size_t n = 0;
    const enum phi_status st =
        phi_pack_sink_parts(s, &list, data, &parts, &n, err);

    if (st != PHI_OK)
        return st;
    s->data = phi_pack_parts_place(parts, n);
    s->base.nbytes = s->data + data;
    free(parts);
    return PHI_OK;
}

/* What is deflated before there are tensors. */
struct deflating {
    struct phi_pack_sink *s;
    const struct phi_meta *meta;
    const struct phi_sink_tensor *tensors;
    const struct phi_pack_options *opt;
    struct phi_tally tally;
};

static enum phi_status deflate_head(struct deflating *d, struct phi_err *err)
{
    const struct phi_pack_options *opt = d->opt;
    struct phi_pack_sink *s = d->s;

    if (s->copied)
        return phi_pack_head_copy(&s->head, opt->head, opt->head_nbytes,
                                  opt->gguf_nbytes, d->tensors, s->n, err);
    return phi_pack_head_make(&s->head, d->meta, d->tensors, s->n, s->reserve,
                              err);
}

/* Item 0 is the head, item 1 + i file i. */
static void deflate_some(void *ctx, size_t first, size_t count, size_t worker)
{
    struct deflating *d = ctx;

    (void)worker;
    for (size_t i = first; i < first + count; i++) {
        struct phi_err err = {0};
        enum phi_status st;

        if (phi_tally_status(&d->tally, NULL) == PHI_E_CANCELLED)
            return;
        st = i == 0 ? deflate_head(d, &err)
                    : phi_pack_extras_deflate(&d->s->extras, i - 1, &d->tally,
                                              &err);

        if (st != PHI_OK)
            phi_tally_fail(&d->tally, i, &err);
    }
}

static enum phi_status deflate_all(struct phi_pack_sink *s,
                                   const struct phi_meta *meta,
                                   const struct phi_sink_tensor *tensors,
                                   const struct phi_pack_options *opt,
                                   struct phi_err *err)
{
    struct deflating d = {s, meta, tensors, opt, {0}};
    enum phi_status st = phi_pack_extras_list(
        &s->extras, opt->origin, opt->published, tensors, s->n, err);

    if (st == PHI_OK &&
        (st = phi_tally_init(&d.tally, opt->monitor, 0, err)) == PHI_OK) {
        phi_par_for(opt->nthreads > 0 ? opt->nthreads : 1, 1 + s->extras.nfiles,
                    1, deflate_some, &d);
        st = phi_tally_status(&d.tally, err);
        phi_tally_release(&d.tally);
    }
    return st;
}

/* Everything but the file. */
static enum phi_status sink_new(struct phi_pack_sink **out, const char *path,
                                const struct phi_meta *meta,
                                const struct phi_sink_tensor *tensors, size_t n,
                                const struct phi_pack_options *opt,
                                struct phi_err *err)
{
    struct phi_pack_sink *s = phi_alloc(1, sizeof(*s), err);
    enum phi_status st;

    if (s == NULL)
        return PHI_E_NOMEM;
    *out = s;
    s->base.ops = &ops;
    s->crc32 = opt->crc32 != NULL ? opt->crc32 : phi_crc32;
    s->monitor = opt->monitor;
    s->planes = opt->planes;
    s->replace = opt->replace;
    s->copied = opt->head != NULL;
    s->reserve = opt->reserve;
    s->path = phi_strdup(path, err);
    s->n = n;
    if (s->path == NULL)
        return PHI_E_NOMEM;
    st = deflate_all(s, meta, tensors, opt, err);
    if (st == PHI_E_ARG)
        phi_err_prefix(err, "%s", path);
    if (st == PHI_OK)
        st = make_entries(s, tensors, err);
    return st == PHI_OK ? lay_out(s, err) : st;
}

static enum phi_status open_files(struct phi_pack_sink *s, struct phi_err *err)
{
    const struct phi_output_options options = {
        .size = s->planes ? 0 : s->base.nbytes, .replace = s->replace};
    enum phi_status st = phi_output_open(&s->output, s->path, &options, err);

    if (st == PHI_OK)
        st = phi_pack_stage_init(&s->stage, s->nchunks, err);
    for (size_t i = 0; st == PHI_OK && i < s->n; i++) {
        const struct phi_pack_entry *e = &s->entries[i];

        for (uint64_t k = 0; k < e->nchunks; k++)
            s->stage.chunks[e->chunk + k].left =
                phi_pack_chunk_nbytes(e->nbytes, k);
    }
    if (st != PHI_OK || !s->planes)
        return st;
    s->spooled = phi_alloc((size_t)s->nchunks, sizeof(*s->spooled), err);
    if (s->spooled == NULL)
        return PHI_E_NOMEM;
    return phi_spool_open(&s->spool, s->path, err);
}

enum phi_status phi_pack_sink_plan(struct phi_sink **out, const char *path,
                                   const struct phi_meta *meta,
                                   const struct phi_sink_tensor *tensors,
                                   size_t n, const struct phi_pack_options *opt,
                                   struct phi_err *err)
{
    struct phi_pack_sink *s = NULL;
    const enum phi_status st = sink_new(&s, path, meta, tensors, n, opt, err);

    if (st == PHI_OK)
        *out = &s->base;
    else if (s != NULL)
        sink_close(&s->base);
    return st;
}

enum phi_status phi_pack_sink_rename(struct phi_sink *base, const char *path,
                                     struct phi_err *err)
{
    struct phi_pack_sink *s = pack_of(base);
    char *copy = phi_strdup(path, err);

    if (copy == NULL)
        return PHI_E_NOMEM;
    free(s->path);
    s->path = copy;
    return PHI_OK;
}

enum phi_status phi_pack_sink_begin(struct phi_sink *s, struct phi_err *err)
{
    return open_files(pack_of(s), err);
}

enum phi_status phi_pack_sink_open(struct phi_sink **out, const char *path,
                                   const struct phi_meta *meta,
                                   const struct phi_sink_tensor *tensors,
                                   size_t n, const struct phi_pack_options *opt,
                                   struct phi_err *err)
{
    struct phi_sink *s = NULL;
    enum phi_status st =
        phi_pack_sink_plan(&s, path, meta, tensors, n, opt, err);

    if (st == PHI_OK)
        st = phi_pack_sink_begin(s, err);
    if (st == PHI_OK)
        *out = s;
    else
        phi_sink_close(s);
    return st;
}
