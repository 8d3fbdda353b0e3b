/* SPDX-License-Identifier: MIT */
#include "formats/pack_source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gguf_reserve.h"
#include "formats/magic.h"
#include "formats/pack_origin.h"
#include "formats/pack_rooms.h"
#include "libconv/base/crc32.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"

struct pack_source {
    struct phi_source base;
    char *path;
    struct phi_file *file; /* or NULL: */
    uint8_t *bytes;        /* up to the data, from a stream */
    struct phi_pack_input in;
    struct phi_pack pack;
    struct phi_pack_origin origin;
    struct phi_tensor *tensors;
    struct phi_source_file one;
    atomic_uchar *seen; /* (pack.nchunks) whose checksum was looked at */
    phi_crc32_fn crc32;
    struct phi_pack_rooms rooms;
};

static const struct pack_source *self(const struct phi_source *s)
{
    return (const struct pack_source *)s;
}

/* Which reading fills, whatever is const. */
static struct phi_pack_rooms *rooms_of(const struct pack_source *s)
{
    return &((struct pack_source *)s)->rooms;
}

/* ---- arranged bytes ------------------------------------------------------ */

/* Bytes that are read and summed while they are in the cache. */
#define PIECE ((size_t)64 << 10)

/* The same as phi_pack_input_read(), and the bytes' CRC-32. */
static enum phi_status read_summed(const struct pack_source *s, uint64_t offset,
                                   uint8_t *to, size_t n, uint32_t *crc,
                                   struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    *crc = 0;
    for (size_t at = 0; st == PHI_OK && at < n; at += PIECE) {
        const size_t now = n - at < PIECE ? n - at : PIECE;

        st = phi_pack_input_read(&s->in, offset + at, to + at, now, err);
        if (st == PHI_OK)
            *crc = s->crc32(*crc, to + at, now);
    }
    return st;
}

/* Stored bytes of a chunk to `to`, checked if nobody has done that. */
static enum phi_status read_chunk(const struct pack_source *s, size_t i,
                                  uint64_t k, uint8_t *to, struct phi_err *err)
{
    const struct phi_pack_chunk c = phi_pack_chunk_of(&s->pack, i, k);
    atomic_uchar *seen = &s->seen[s->pack.tensors[i].chunk + k];
    enum phi_status st;
    uint32_t crc;

    if (atomic_load_explicit(seen, memory_order_relaxed))
        return phi_pack_input_read(&s->in, c.offset, to, c.stored, err);
    if ((st = read_summed(s, c.offset, to, c.stored, &crc, err)) != PHI_OK)
        return st;
    if (crc != c.crc)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: tensor \"%.*s\": chunk %" PRIu64 " of %" PRIu64
                        " is damaged (%zu bytes at %" PRIu64
                        "): its CRC-32 is %08" PRIx32 ", expected %08" PRIx32,
                        s->path, PHI_ERR_NAME, s->base.tensors[i].name, k,
                        s->pack.tensors[i].nchunks, c.stored, c.offset, crc,
                        c.crc);
    atomic_store_explicit(seen, 1, memory_order_relaxed);
    return PHI_OK;
}

/* Bytes [lo, hi) of chunk k where more than these must be looked at; it is
 * held as was promised. */
static enum phi_status read_through(const struct pack_source *s, size_t i,
                                    uint64_t k, size_t lo, size_t hi,
                                    uint8_t *to, struct phi_pack_held *promise,
                                    struct phi_err *err)
{
    const struct phi_pack_chunk c = phi_pack_chunk_of(&s->pack, i, k);
    uint8_t *room = phi_pack_rooms_take(rooms_of(s), err);
    const uint8_t *plain = NULL;
    enum phi_status st =
        room != NULL ? read_chunk(s, i, k, room, err) : PHI_E_NOMEM;

    if (st == PHI_OK) {
        st = phi_pack_chunk_plain(&s->pack, i, &c, room, room + PHI_PACK_CHUNK,
                                  room + 2 * PHI_PACK_CHUNK, &plain, err);
        if (st == PHI_E_FORMAT)
            phi_err_prefix(err, "%s: tensor \"%.*s\": chunk %" PRIu64, s->path,
                           PHI_ERR_NAME, s->base.tensors[i].name, k);
    }
    if (st == PHI_OK) {
        if (hi > lo)
            memcpy(to, plain + lo, hi - lo);
        phi_pack_rooms_keep(rooms_of(s), promise, room, plain);
    } else {
        phi_pack_rooms_give(rooms_of(s), room);
        phi_pack_rooms_keep(rooms_of(s), promise, NULL, NULL);
    }
    return st;
}

/* Arranged bytes [offset, offset + n) of tensor i. */
static enum phi_status read_arranged(const struct pack_source *s, size_t i,
                                     uint64_t offset, uint8_t *to, size_t n,
                                     struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    while (st == PHI_OK && n > 0) {
        const uint64_t k = offset / PHI_PACK_CHUNK;
        const struct phi_pack_chunk c = phi_pack_chunk_of(&s->pack, i, k);
        const size_t lo = (size_t)(offset % PHI_PACK_CHUNK);
        const size_t left = c.plain - lo;
        const size_t now = n < left ? n : left;
        const uint64_t at = s->pack.tensors[i].chunk + k;
        const bool seen =
            atomic_load_explicit(&s->seen[at], memory_order_relaxed) != 0;
        const bool direct = c.stored == c.plain && (seen || now == c.plain);
        struct phi_pack_held *promise = NULL;

        if (phi_pack_rooms_copy(rooms_of(s), at, lo, lo + now, to,
                                direct ? NULL : &promise))
            st = PHI_OK;
        else if (direct && seen)
            st = phi_pack_input_read(&s->in, c.offset + lo, to, now, err);
        else if (direct)
            st = read_chunk(s, i, k, to, err);
        else
            st = read_through(s, i, k, lo, lo + now, to, promise, err);
        offset += now;
        to += now;
        n -= now;
    }
    return st;
}

/*
 * Panels are read in order: whoever is first in chunk k looks at the next one
 * now, while others still have work in this one. What is wrong with it is
 * told to who comes to use it.
 */
static void look_ahead(const struct pack_source *s, size_t i, uint64_t k)
{
    const uint64_t at = s->pack.tensors[i].chunk + k + 1;
    struct phi_pack_held *promise;

    if (k + 1 >= s->pack.tensors[i].nchunks ||
        atomic_load_explicit(&s->seen[at], memory_order_relaxed) != 0)
        return;
    promise = phi_pack_rooms_promise(rooms_of(s), at);
    if (promise != NULL)
        (void)read_through(s, i, k + 1, 0, 0, NULL, promise, NULL);
}

static enum phi_status source_read_panels(const struct phi_source *base,
                                          size_t i, uint64_t offset, void *to,
                                          size_t n, struct phi_err *err)
{
    const struct pack_source *s = self(base);
    const enum phi_status st = read_arranged(s, i, offset, to, n, err);

    if (st == PHI_OK && n > 0)
        look_ahead(s, i, (offset + n - 1) / PHI_PACK_CHUNK);
    return st;
}

/* ---- bytes as in GGUF ---------------------------------------------------- */

/* Bytes [lo, hi) of a panel of rows, to be found in its arranged bytes. */
static void pick(const struct phi_panels *a, const uint8_t *panel, size_t n,
                 size_t lo, size_t hi, uint8_t *to)
{
    const size_t row = a->row_nbytes;

    while (lo < hi) {
        const size_t from = lo % row;
        const size_t left = hi - lo;
        const bool whole = from == 0 && left >= row;
        const struct phi_panel_part part = {
            .n = n,
            .first = lo / row,
            .count = whole ? left / row : 1,
            .from = from,
            .to = whole || left > row - from ? row : from + left};
        const size_t took = part.count * (part.to - part.from);

        phi_panels_to_rows(to, row, panel, a, &part);
        lo += took;
        to += took;
    }
}

static enum phi_status read_tensor(const struct pack_source *s, size_t i,
                                   uint64_t offset, uint8_t *to, size_t n,
                                   struct phi_err *err)
{
    const struct phi_panels *a = &s->pack.tensors[i].arrangement;
    const uint64_t step = (uint64_t)a->rows * a->row_nbytes;
    uint8_t *panel;
    enum phi_status st = PHI_OK;

    if (a->rows == 0)
        return read_arranged(s, i, offset, to, n, err);
    panel = phi_alloc_aligned((size_t)step, 1, err);
    if (panel == NULL)
        return PHI_E_NOMEM;
    while (st == PHI_OK && n > 0) {
        const uint64_t p = offset / step;
        const size_t nrows = phi_panels_rows(a, p);
        const size_t nbytes = nrows * a->row_nbytes;
        const size_t lo = (size_t)(offset - p * step);
        const size_t now = n < nbytes - lo ? n : nbytes - lo;

        st = read_arranged(s, i, p * step, panel, nbytes, err);
        if (st == PHI_OK)
            pick(a, panel, nrows, lo, lo + now, to);
        offset += now;
        to += now;
        n -= now;
    }
    free(panel);
    return st;
}

/* The last tensor that begins at or before `offset`, which one does. */
static size_t tensor_at(const struct phi_gguf *g, uint64_t offset)
{
    size_t lo = 0;
    size_t hi = g->ntensors;

    while (hi - lo > 1) {
        const size_t mid = lo + (hi - lo) / 2;

        if (g->tensors[mid].offset <= offset)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* Of the GGUF file: as many of n bytes as are of one kind. */
static enum phi_status read_some(const struct pack_source *s, uint64_t offset,
                                 uint8_t *to, size_t n, size_t *took,
                                 struct phi_err *err)
{
    const struct phi_pack *p = &s->pack;
    const struct phi_gguf *g = &p->gguf;
    uint64_t end = p->head_nbytes;
    size_t i;

    if (offset < end) {
        *took = n < end - offset ? n : (size_t)(end - offset);
        memcpy(to, p->head + offset, *took);
        return PHI_OK;
    }
    i = g->ntensors > 0 ? tensor_at(g, offset) : 0;
    if (i < g->ntensors) {
        end = g->tensors[i].offset + g->tensors[i].nbytes;
        if (offset < end) {
            *took = n < end - offset ? n : (size_t)(end - offset);
            return read_tensor(s, i, offset - g->tensors[i].offset, to, *took,
                               err);
        }
    }
    end = i + 1 < g->ntensors ? g->tensors[i + 1].offset : p->gguf_nbytes;
    *took = n < end - offset ? n : (size_t)(end - offset);
    memset(to, 0, *took);
    return PHI_OK;
}

static enum phi_status source_read(const struct phi_source *s, size_t i,
                                   uint64_t offset, void *to, size_t n,
                                   struct phi_err *err)
{
    uint8_t *p = to;
    enum phi_status st = PHI_OK;

    (void)i; /* there is one file */
    while (st == PHI_OK && n > 0) {
        size_t took = n;

        st = read_some(self(s), offset, p, n, &took, err);
        offset += took;
        p += took;
        n -= took;
    }
    return st;
}

/* ---- the source ---------------------------------------------------------- */

static enum phi_status source_unchanged(const struct phi_source *s,
                                        struct phi_err *err)
{
    return self(s)->file != NULL ? phi_file_unchanged(self(s)->file, err)
                                 : PHI_OK;
}

static enum phi_status source_not_input(const struct phi_source *s,
                                        const char *path, struct phi_err *err)
{
    if (self(s)->file == NULL)
        return PHI_OK;
    return phi_output_not_input(path, phi_file_identity(self(s)->file), err);
}

static void source_close(struct phi_source *base)
{
    struct pack_source *s = (struct pack_source *)base;

    phi_pack_origin_release(&s->origin);
    phi_meta_release(&s->base.meta);
    phi_pack_release(&s->pack);
    phi_file_close(s->file);
    free(s->bytes);
    phi_pack_rooms_release(&s->rooms);
    free((void *)s->seen);
    free(s->tensors);
    free(s->path);
    free(s);
}

static const struct phi_source_ops ops = {source_read, source_unchanged,
                                          source_not_input, source_close};

const struct phi_pack *phi_pack_of(const struct phi_source *s)
{
    return s->ops == &ops ? &self(s)->pack : NULL;
}

const struct phi_pack_input *phi_pack_input_of(const struct phi_source *s)
{
    return s->ops == &ops ? &self(s)->in : NULL;
}

void phi_pack_use_crc32(struct phi_source *s, phi_crc32_fn crc32)
{
    if (s->ops == &ops)
        ((struct pack_source *)s)->crc32 = crc32;
}

static enum phi_status list_tensors(struct pack_source *s, struct phi_err *err)
{
    const struct phi_gguf *g = &s->pack.gguf;

    s->tensors = phi_alloc(g->ntensors, sizeof(*s->tensors), err);
    s->seen = phi_alloc((size_t)s->pack.nchunks, sizeof(*s->seen), err);
    if (s->tensors == NULL || s->seen == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < g->ntensors; i++) {
        const struct phi_gguf_tensor *from = &g->tensors[i];
        struct phi_tensor *t = &s->tensors[i];

        t->name = t->origin = from->name;
        t->file = s->path;
        t->dtype = from->dtype;
        t->rank = from->rank;
        memcpy(t->dim, from->dim, sizeof(from->dim));
        t->nbytes = from->nbytes;
        t->offset = from->offset;
        t->panel_rows = s->pack.tensors[i].arrangement.rows;
    }
    s->one =
        (struct phi_source_file){phi_path_base(s->path), s->pack.gguf_nbytes};
    s->base.files = &s->one;
    s->base.nfiles = 1;
    s->base.tensors = s->tensors;
    s->base.ntensors = g->ntensors;
    return PHI_OK;
}

static enum phi_status read_origin(struct pack_source *s, struct phi_err *err)
{
    const struct phi_pack_front *f = &s->pack.front;
    uint8_t *bytes = NULL;
    enum phi_status st;

    if (f->origin == PHI_PACK_NO_SECTION)
        return PHI_OK;
    st = phi_pack_section_load(f, &s->in, f->origin, &bytes, err);
    if (st == PHI_OK)
        st = phi_pack_origin_read(&s->origin, bytes,
                                  (size_t)f->sections[f->origin].plain,
                                  s->pack.gguf.ntensors, s->path, err);
    if (st == PHI_OK)
        s->base.folder = &s->origin.folder;
    free(bytes);
    return st;
}

static enum phi_status new_source(struct pack_source **out, const char *path,
                                  struct phi_err *err)
{
    struct pack_source *s = phi_alloc(1, sizeof(*s), err);

    if (s == NULL)
        return PHI_E_NOMEM;
    *out = s;
    s->base.ops = &ops;
    s->base.format = "phipack";
    s->base.read_panels = source_read_panels;
    s->crc32 = phi_crc32;
    s->base.path = s->path = phi_strdup(path, err);
    return s->path != NULL ? phi_pack_rooms_init(&s->rooms, err) : PHI_E_NOMEM;
}

/* Once s->in is there. */
static enum phi_status finish(struct phi_source **out, struct pack_source *s,
                              enum phi_status st, struct phi_err *err)
{
    if (st == PHI_OK && (st = phi_pack_read(&s->pack, &s->in, err)) == PHI_OK &&
        (st = read_origin(s, err)) == PHI_OK)
        st = list_tensors(s, err);
    if (st == PHI_OK) {
        s->base.meta = s->pack.gguf.meta;
        s->pack.gguf.meta = (struct phi_meta){0};
        phi_gguf_reserve_remove(&s->base.meta);
        *out = &s->base;
    } else if (s != NULL) {
        source_close(&s->base);
    }
    return st;
}

enum phi_status phi_pack_open(struct phi_source **out, const char *path,
                              struct phi_err *err)
{
    struct pack_source *s = NULL;
    uint8_t magic[8] = {0};
    enum phi_status st = new_source(&s, path, err);

    if (st == PHI_OK)
        st = phi_file_open(&s->file, path, err);
    if (st == PHI_OK && phi_file_size(s->file) >= sizeof(magic))
        st = phi_file_read(s->file, 0, magic, sizeof(magic), err);
    if (st == PHI_OK && memcmp(magic, PHI_PACK_MAGIC, sizeof(magic)) != 0)
        st = phi_magic_refuse(s->file, "a packed file", err);
    if (st == PHI_OK)
        s->in = (struct phi_pack_input){
            .file = s->file, .n = phi_file_size(s->file), .path = s->path};
    return finish(out, s, st, err);
}

/* ---- from a stream ------------------------------------------------------- */

/* Appends what is missing of n bytes; memory grows with what arrives. */
static enum phi_status take(struct phi_buf *b, FILE *in, uint64_t n,
                            const char *name, struct phi_err *err)
{
    uint8_t piece[65536];

    while (b->n < n) {
        const uint64_t left = n - b->n;
        const size_t want = left < sizeof(piece) ? (size_t)left : sizeof(piece);
        const size_t got = fread(piece, 1, want, in);

        phi_buf_put(b, piece, got);
        if (b->failed)
            return phi_buf_status(b, err);
        if (got < want && ferror(in))
            return phi_fail_sys(err, errno, "%s: cannot be read", name);
        if (got == 0)
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: ends after %zu bytes, expected at least "
                            "%" PRIu64,
                            name, b->n, n);
    }
    return PHI_OK;
}

/* Header, then table, then everything before the data. */
static enum phi_status take_front(struct phi_buf *b, FILE *in, const char *name,
                                  struct phi_err *err)
{
    struct phi_pack_front f = {0};
    struct phi_pack_input input = {.path = name};
    uint64_t nbytes = 0;
    enum phi_status st = take(b, in, PHI_PACK_HEADER, name, err);

    if (st == PHI_OK && memcmp(b->p, PHI_PACK_MAGIC, 8) != 0)
        st = phi_fail(err, PHI_E_FORMAT,
                      "%s: does not begin like a packed file, and nothing "
                      "else is read from a pipe",
                      name);
    if (st == PHI_OK)
        st = phi_pack_header_read(&f, &nbytes, b->p, name, err);
    if (st == PHI_OK)
        st = take(b, in, nbytes, name, err);
    if (st != PHI_OK)
        return st;
    input.bytes = b->p;
    input.n = b->n;
    st = phi_pack_front_read(&f, &input, err);
    if (st == PHI_OK)
        st = take(b, in, f.sections[f.data].offset, name, err);
    phi_pack_front_release(&f);
    return st;
}

enum phi_status phi_pack_open_stream(struct phi_source **out, FILE *in,
                                     const char *name, struct phi_err *err)
{
    struct pack_source *s = NULL;
    struct phi_buf b = {0};
    enum phi_status st = new_source(&s, name, err);

    if (st == PHI_OK)
        st = take_front(&b, in, name, err);
    if (st == PHI_OK) {
        s->bytes = b.p;
        s->in =
            (struct phi_pack_input){.bytes = b.p, .n = b.n, .path = s->path};
    } else {
        phi_buf_release(&b);
    }
    return finish(out, s, st, err);
}

/* ---- the folder's other files -------------------------------------------- */

static enum phi_status inflate_file(uint8_t **out, const void *from, size_t i,
                                    struct phi_err *err)
{
    const struct pack_source *s = from;

    return phi_pack_section_load(&s->pack.front, &s->in, i, out, err);
}

/* Those that are looked into on the way; the others are only passed on. */
static bool is_read(const char *name)
{
    return strcmp(name, "config.json") == 0;
}

enum phi_status phi_pack_side_files(struct phi_hf_side_files *out,
                                    const struct phi_source *base,
                                    struct phi_err *err)
{
    const struct pack_source *s = self(base);
    const struct phi_pack_front *f = &s->pack.front;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < f->n; i++) {
        struct phi_hf_side_file file = {.maker = {inflate_file, s, i}};
        uint8_t *bytes = NULL;

        if (f->sections[i].kind != PHI_PACK_KIND_FILE)
            continue;
        file.name = f->sections[i].name + strlen(PHI_PACK_FILES);
        file.nbytes = (size_t)f->sections[i].plain;
        if (is_read(file.name))
            st = inflate_file(&bytes, s, i, err);
        file.bytes = bytes;
        if (st == PHI_OK)
            st = phi_hf_side_files_set(out, &file, err);
        free(bytes);
    }
    return st;
}
