/* SPDX-License-Identifier: MIT */
#include "formats/gguf_read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gguf_kv.h"
#include "formats/gguf_stream.h"
#include "formats/magic.h"
#include "libconv/base/map.h"
#include "libconv/base/mem.h"
#include "libconv/base/size.h"

/* Smallest entries: an 8-byte length, then what cannot be left out. */
#define LEAST_KEY    13
#define LEAST_TENSOR 24

struct reader {
    struct phi_gguf_stream s;
    struct phi_gguf *g;
    uint64_t nkeys;
    uint64_t ntensors;
    uint64_t align;
    struct phi_map seen; /* tensor names */
};

void phi_gguf_release(struct phi_gguf *g)
{
    for (size_t i = 0; i < g->ntensors; i++)
        free(g->tensors[i].name);
    free(g->tensors);
    phi_meta_release(&g->meta);
    *g = (struct phi_gguf){0};
}

static enum phi_status check_version(uint32_t v, struct phi_err *err)
{
    enum phi_status st;

    if (v == 2 || v == 3)
        return PHI_OK;
    if (v == 1) {
        st = phi_fail(err, PHI_E_UNSUPPORTED,
                      "is GGUF version 1, expected 2 "
                      "or 3");
        phi_hint(err, "convert the model again with a current converter");
        return st;
    }
    /* The format has no mark for it; llama.cpp looks at the same bytes. */
    if ((v & 0xffff) == 0 && v != 0) {
        st = phi_fail(err, PHI_E_UNSUPPORTED,
                      "is a big-endian GGUF file (version 0x%08" PRIx32
                      "), expected a little-endian one",
                      v);
        phi_hint(err, "gguf-convert-endian of the gguf package converts it");
        return st;
    }
    return phi_fail(err, v > 3 ? PHI_E_UNSUPPORTED : PHI_E_FORMAT,
                    "is GGUF version %" PRIu32 ", expected 2 or 3", v);
}

static enum phi_status read_counts(struct reader *r, struct phi_err *err)
{
    char magic[4];
    uint32_t version = 0;
    enum phi_status st;

    if ((st = phi_gguf_stream_bytes(&r->s, magic, 4, "magic", err)) ||
        (st = phi_gguf_stream_u32(&r->s, &version, "version", err)) ||
        (st = check_version(version, err)) ||
        (st = phi_gguf_stream_count(&r->s, LEAST_TENSOR, &r->ntensors,
                                    "number of tensors", err)) ||
        (st = phi_gguf_stream_count(&r->s, LEAST_KEY, &r->nkeys,
                                    "number of keys", err)))
        return st;
    r->g->version = version;
    if (r->ntensors > PHI_GGUF_MAX_ITEMS)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "number of tensors is %" PRIu64 ", expected at most %u",
                        r->ntensors, PHI_GGUF_MAX_ITEMS);
    if (r->nkeys > PHI_GGUF_MAX_ITEMS)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "number of keys is %" PRIu64 ", expected at most %u",
                        r->nkeys, PHI_GGUF_MAX_ITEMS);
    return PHI_OK;
}

/* Rank and dimensions; their product goes to *n. */
static enum phi_status read_shape(struct reader *r, struct phi_gguf_tensor *t,
                                  uint64_t *n, struct phi_err *err)
{
    enum phi_status st = phi_gguf_stream_u32(&r->s, &t->rank, "rank", err);

    if (st != PHI_OK)
        return st;
    if (t->rank > PHI_GGUF_MAX_RANK)
        return phi_fail(err, PHI_E_FORMAT,
                        "has %" PRIu32 " dimensions, expected at most %u",
                        t->rank, PHI_GGUF_MAX_RANK);
    *n = 1;
    for (uint32_t i = 0; i < t->rank; i++) {
        uint64_t d = 0;

        st = phi_gguf_stream_u64(&r->s, &d, "dimension", err);
        if (st != PHI_OK)
            return st;
        /* ggml keeps dimensions in an int64_t. */
        if (d == 0 || d > INT64_MAX)
            return phi_fail(err, PHI_E_FORMAT,
                            "dimension %" PRIu32 " is %" PRIu64
                            ", expected 1 to 2^63 - 1",
                            i, d);
        t->dim[t->rank - 1 - i] = d;
        if (!phi_mul_u64(*n, d, n) || *n > INT64_MAX)
            return phi_fail(err, PHI_E_FORMAT,
                            "has 2^63 elements or more: its dimensions 0 to "
                            "%" PRIu32 " overflow, the last is %" PRIu64,
                            i, d);
    }
    return PHI_OK;
}

static enum phi_status read_type(struct reader *r, struct phi_gguf_tensor *t,
                                 uint64_t n, struct phi_err *err)
{
    uint32_t id = 0;
    const uint64_t cols = t->rank > 0 ? t->dim[t->rank - 1] : 1;
    const struct phi_dtype_info *d;
    enum phi_status st = phi_gguf_stream_u32(&r->s, &id, "type", err);

    if (st != PHI_OK)
        return st;
    if (!phi_dtype_from_ggml(id, &t->dtype))
        return phi_fail(
            err, PHI_E_UNSUPPORTED,
            "is of type %" PRIu32 ", which %s, expected one of "
            "the types 0 to 42",
            id, id <= 42 ? "was removed from the format" : "is not known");
    d = phi_dtype_info(t->dtype);
    if (cols % d->block != 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "has rows of %" PRIu64 " elements of type %s, expected "
                        "a multiple of %" PRIu32,
                        cols, d->name, d->block);
    if (!phi_dtype_nbytes(t->dtype, n, &t->nbytes) || t->nbytes > INT64_MAX)
        return phi_fail(err, PHI_E_FORMAT,
                        "has %" PRIu64 " elements of type %s, too many to be "
                        "counted in bytes",
                        n, d->name);
    return PHI_OK;
}

/* *at is where the data of this tensor must be, then of the next one. */
static enum phi_status read_offset(struct reader *r, struct phi_gguf_tensor *t,
                                   uint64_t *at, struct phi_err *err)
{
    uint64_t padded;
    enum phi_status st = phi_gguf_stream_u64(&r->s, &t->offset, "offset", err);

    if (st != PHI_OK)
        return st;
    if (t->offset != *at)
        return phi_fail(err, PHI_E_FORMAT,
                        "offset is %" PRIu64 ", expected %" PRIu64
                        " (the padded sizes of the tensors before it)",
                        t->offset, *at);
    if (!phi_align_u64(t->nbytes, r->align, &padded) ||
        !phi_add_u64(*at, padded, at) || *at > INT64_MAX)
        return phi_fail(err, PHI_E_FORMAT,
                        "ends beyond byte 2^63 of the data: %" PRIu64
                        " bytes at %" PRIu64,
                        t->nbytes, t->offset);
    return PHI_OK;
}

static enum phi_status read_name(struct reader *r, struct phi_gguf_tensor *t,
                                 struct phi_err *err)
{
    const size_t i = r->g->ntensors;
    struct phi_str name = {0};
    bool added = false;
    enum phi_status st =
        phi_gguf_stream_str(&r->s, PHI_GGUF_MAX_NAME, &name, "name", err);

    if (st != PHI_OK)
        goto out;
    /* The list owns it from here. */
    t->name = name.p;
    r->g->ntensors++;
    if (name.n == 0 || strlen(name.p) != name.n) {
        st = phi_fail(
            err, PHI_E_FORMAT, "name %s, expected a text of 1 to %u bytes",
            name.n == 0 ? "is empty" : "has a NUL in it", PHI_GGUF_MAX_NAME);
        goto out;
    }
    st = phi_map_add(&r->seen, name.p, name.n, 0, &added, err);
    if (st == PHI_OK && !added)
        return phi_fail(err, PHI_E_FORMAT,
                        "tensor \"%.*s\": is there twice, expected once",
                        PHI_ERR_NAME, name.p);
out:
    if (st == PHI_E_FORMAT)
        phi_err_prefix(err, "tensor %zu", i);
    return st;
}

static enum phi_status read_tensors(struct reader *r, struct phi_err *err)
{
    struct phi_gguf *g = r->g;
    size_t cap = 0;
    uint64_t at = 0;

    while (g->ntensors < r->ntensors) {
        void *p = g->tensors;
        struct phi_gguf_tensor *t;
        uint64_t n = 0;
        enum phi_status st =
            phi_grow(&p, &cap, g->ntensors + 1, sizeof(*g->tensors), err);

        if (st != PHI_OK)
            return st;
        g->tensors = p;
        t = &g->tensors[g->ntensors];
        if ((st = read_name(r, t, err)) != PHI_OK)
            return st;
        if ((st = read_shape(r, t, &n, err)) != PHI_OK ||
            (st = read_type(r, t, n, err)) != PHI_OK ||
            (st = read_offset(r, t, &at, err)) != PHI_OK) {
            if (st == PHI_E_FORMAT || st == PHI_E_UNSUPPORTED)
                phi_err_prefix(err, "tensor \"%.*s\"", PHI_ERR_NAME, t->name);
            return st;
        }
    }
    return PHI_OK;
}

/* Offsets become those of the file; the data must end where the file does. */
static enum phi_status place_tensors(struct reader *r, struct phi_err *err)
{
    const uint64_t size = r->s.size;
    struct phi_gguf *g = r->g;
    uint64_t start = r->s.at;
    uint64_t end;

    /* Headers are far below 2^63, and all offsets are checked to be. */
    phi_align_u64(start, r->align, &start);
    g->listed = r->s.at;
    g->data = start;
    end = start;
    for (size_t i = 0; i < g->ntensors; i++) {
        struct phi_gguf_tensor *t = &g->tensors[i];

        t->offset += start;
        end = t->offset + t->nbytes;
        if (end > size)
            return phi_fail(err, PHI_E_FORMAT,
                            "tensor \"%.*s\": its %" PRIu64
                            " bytes end at byte %" PRIu64
                            ", but the file has %" PRIu64 " bytes",
                            PHI_ERR_NAME, t->name, t->nbytes, end, size);
    }
    phi_align_u64(end, r->align, &end);
    if (size > end)
        return phi_fail(err, PHI_E_FORMAT,
                        "has %" PRIu64 " bytes, expected it to end after %s at "
                        "byte %" PRIu64,
                        size, g->ntensors > 0 ? "the last tensor" : "the keys",
                        end);
    return PHI_OK;
}

static bool has_magic(const struct phi_file *f, struct phi_err *err,
                      enum phi_status *st)
{
    char magic[4];

    *st = PHI_OK;
    if (phi_file_size(f) < sizeof(magic))
        return false;
    *st = phi_file_read(f, 0, magic, sizeof(magic), err);
    return *st == PHI_OK && memcmp(magic, PHI_GGUF_MAGIC, sizeof(magic)) == 0;
}

/* All of it, from the stream's beginning; ends the reader. */
static enum phi_status read_head(struct reader *r, const char *path,
                                 struct phi_err *err)
{
    struct phi_gguf *g = r->g;
    enum phi_status st;

    if ((st = read_counts(r, err)) == PHI_OK &&
        (st = phi_gguf_kv_read(&r->s, r->nkeys, &g->meta, err)) == PHI_OK &&
        (st = phi_gguf_alignment(&g->meta, &r->align, err)) == PHI_OK &&
        (st = read_tensors(r, err)) == PHI_OK)
        st = place_tensors(r, err);
    if (st == PHI_E_FORMAT || st == PHI_E_UNSUPPORTED)
        phi_err_prefix(err, "%s", path);
    if (st != PHI_OK)
        phi_gguf_release(g);
    phi_map_release(&r->seen);
    phi_gguf_stream_release(&r->s);
    return st;
}

enum phi_status phi_gguf_read(struct phi_gguf *out, const struct phi_file *f,
                              struct phi_err *err)
{
    struct reader r = {.g = out};
    enum phi_status st;

    *out = (struct phi_gguf){0};
    if (!has_magic(f, err, &st))
        return st != PHI_OK ? st : phi_magic_refuse(f, "a GGUF file", err);
    st = phi_gguf_stream_init(&r.s, f, err);
    return st == PHI_OK ? read_head(&r, phi_file_path(f), err) : st;
}

enum phi_status phi_gguf_read_bytes(struct phi_gguf *out, const uint8_t *head,
                                    size_t n, uint64_t size, const char *path,
                                    struct phi_err *err)
{
    struct reader r = {.g = out};
    enum phi_status st;

    *out = (struct phi_gguf){0};
    if (n < 4 || memcmp(head, PHI_GGUF_MAGIC, 4) != 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: the head does not begin with " PHI_GGUF_MAGIC,
                        path);
    st = phi_gguf_stream_init_bytes(&r.s, head, n, size, err);
    return st == PHI_OK ? read_head(&r, path, err) : st;
}
