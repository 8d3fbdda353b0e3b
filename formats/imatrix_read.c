/* SPDX-License-Identifier: MIT */
#include "formats/imatrix_read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gguf_read.h"
#include "formats/gguf_stream.h"
#include "formats/magic.h"
#include "libconv/base/bytes.h"
#include "libconv/base/file.h"
#include "libconv/base/half.h"
#include "libconv/base/map.h"
#include "libconv/base/mem.h"

#define SUMS_END   ".in_sum2"
#define COUNTS_END ".counts"

/* Of the legacy form: four numbers, a name of a byte, a value. */
#define LEAST_ENTRY 17

/* n floats to *out, to be released with free(), from their bytes in place. */
static void decode(float *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t b[4];

        memcpy(b, &v[i], sizeof(b));
        v[i] = phi_bits_f32(phi_load_u32(b));
    }
}

static enum phi_status take_dataset(struct phi_imatrix *m, const char *text,
                                    size_t n, struct phi_err *err)
{
    if (n == 0)
        return PHI_OK;
    m->dataset = phi_strndup(text, n, err);
    return m->dataset != NULL ? PHI_OK : PHI_E_NOMEM;
}

/* --- GGUF ------------------------------------------------------------- */

static enum phi_status read_keys(struct phi_imatrix *m,
                                 const struct phi_meta *meta,
                                 struct phi_err *err)
{
    const char *type = "imatrix";
    const struct phi_kv *sets = NULL;
    uint64_t chunks = 0;
    uint64_t size = 0;
    enum phi_status st = phi_meta_opt_str(meta, "general.type", &type, err);

    if (st == PHI_OK && strcmp(type, "imatrix") != 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "key \"general.type\": is \"%.*s\", expected "
                        "\"imatrix\"",
                        PHI_ERR_NAME, type);
    if (st != PHI_OK ||
        (st = phi_meta_get_array(meta, "imatrix.datasets", PHI_KV_STRING, &sets,
                                 err)) != PHI_OK ||
        (st = phi_meta_get_uint(meta, "imatrix.chunk_count", INT32_MAX, &chunks,
                                err)) != PHI_OK ||
        (st = phi_meta_get_uint(meta, "imatrix.chunk_size", INT32_MAX, &size,
                                err)) != PHI_OK)
        return st;
    m->nchunks = (uint32_t)chunks;
    if (sets->v.arr.n > 0)
        st = take_dataset(m, sets->v.arr.str[0].p, sets->v.arr.str[0].n, err);
    return st;
}

/* *out (*n) is to be released with free(). */
static enum phi_status read_tensor(const struct phi_file *f,
                                   const struct phi_gguf_tensor *t, float **out,
                                   size_t *n, struct phi_err *err)
{
    enum phi_status st;

    if (t->dtype != PHI_F32)
        return phi_fail(err, PHI_E_FORMAT,
                        "tensor \"%.*s\": is of type %s, expected F32",
                        PHI_ERR_NAME, t->name, phi_dtype_info(t->dtype)->name);
    /* Bounded by the file's size, which was compared with it. */
    *n = (size_t)t->nbytes / sizeof(float);
    *out = phi_alloc(*n, sizeof(float), err);
    if (*out == NULL)
        return PHI_E_NOMEM;
    st = phi_file_read(f, t->offset, *out, *n * sizeof(float), err);
    decode(*out, *n);
    return st;
}

/* Bytes of `name` before `end`, or 0 if it ends otherwise. */
static size_t stem(const char *name, const char *end)
{
    const size_t n = strlen(name);
    const size_t m = strlen(end);

    return n > m && strcmp(name + n - m, end) == 0 ? n - m : 0;
}

/* Sets *i to the tensor that is called as `stem` bytes of name and `end`. */
static enum phi_status find_other(const struct phi_map *names, const char *name,
                                  size_t n, const char *end, uint32_t *i,
                                  struct phi_err *err)
{
    char *other = phi_sprintf(err, "%.*s%s", (int)n, name, end);
    const uint32_t *at;

    if (other == NULL)
        return PHI_E_NOMEM;
    at = phi_map_find(names, other, strlen(other));
    free(other);
    if (at == NULL)
        return phi_fail(err, PHI_E_FORMAT,
                        "tensor \"%.*s\": there is no \"%.*s%s\" with it",
                        PHI_ERR_NAME, name,
                        n < PHI_ERR_NAME ? (int)n : PHI_ERR_NAME, name, end);
    *i = *at;
    return PHI_OK;
}

static enum phi_status add_pair(struct phi_imatrix *m, const struct phi_file *f,
                                const struct phi_gguf_tensor *sums,
                                const struct phi_gguf_tensor *counts,
                                struct phi_err *err)
{
    struct phi_imatrix_sums s = {.name = sums->name,
                                 .nname = stem(sums->name, SUMS_END)};
    float *sum = NULL;
    float *count = NULL;
    enum phi_status st;

    if ((st = read_tensor(f, sums, &sum, &s.n, err)) == PHI_OK &&
        (st = read_tensor(f, counts, &count, &s.ncounts, err)) == PHI_OK) {
        s.sums = sum;
        s.counts = count;
        st = phi_imatrix_add(m, &s, err);
    }
    free(sum);
    free(count);
    return st;
}

/* Tensors that are neither sums nor counts say nothing to llama-quantize. */
static enum phi_status read_pairs(struct phi_imatrix *m,
                                  const struct phi_file *f,
                                  const struct phi_gguf *g,
                                  const struct phi_map *names,
                                  struct phi_err *err)
{
    enum phi_status st = PHI_OK;
    uint32_t other = 0;

    for (size_t i = 0; st == PHI_OK && i < g->ntensors; i++) {
        const char *name = g->tensors[i].name;
        size_t n;

        if ((n = stem(name, SUMS_END)) > 0) {
            st = find_other(names, name, n, COUNTS_END, &other, err);
            if (st == PHI_OK)
                st = add_pair(m, f, &g->tensors[i], &g->tensors[other], err);
        } else if ((n = stem(name, COUNTS_END)) > 0) {
            st = find_other(names, name, n, SUMS_END, &other, err);
        }
    }
    return st;
}

static enum phi_status read_gguf(struct phi_imatrix *m,
                                 const struct phi_file *f, struct phi_err *err)
{
    struct phi_gguf g;
    struct phi_map names = {0};
    enum phi_status st = phi_gguf_read(&g, f, err);

    if (st != PHI_OK) /* the message has the file */
        return st;
    for (size_t i = 0; st == PHI_OK && i < g.ntensors; i++)
        st = phi_map_add(&names, g.tensors[i].name, strlen(g.tensors[i].name),
                         (uint32_t)i, NULL, err);
    if (st == PHI_OK)
        st = read_keys(m, &g.meta, err);
    if (st == PHI_OK)
        st = read_pairs(m, f, &g, &names, err);
    if (st == PHI_E_FORMAT || st == PHI_E_UNSUPPORTED)
        phi_err_prefix(err, "%s", phi_file_path(f));
    phi_map_release(&names);
    phi_gguf_release(&g);
    return st;
}

/* --- legacy ----------------------------------------------------------- */

/* A number in [least, INT32_MAX]. */
static enum phi_status read_i32(struct phi_gguf_stream *s, uint32_t least,
                                uint32_t *out, const char *what,
                                struct phi_err *err)
{
    const enum phi_status st = phi_gguf_stream_u32(s, out, what, err);

    if (st == PHI_OK && (*out > INT32_MAX || *out < least))
        return phi_fail(err, PHI_E_FORMAT,
                        "%s at byte %" PRIu64 " is %" PRId64
                        ", expected at least %" PRIu32,
                        what, s->at - 4,
                        *out > INT32_MAX ? (int64_t)*out - ((int64_t)1 << 32)
                                         : (int64_t)*out,
                        least);
    return st;
}

/* A length in [least, ...] of items of `size` bytes that are still to come. */
static enum phi_status read_length(struct phi_gguf_stream *s, uint32_t least,
                                   uint32_t size, uint32_t *out,
                                   const char *what, struct phi_err *err)
{
    const enum phi_status st = read_i32(s, least, out, what, err);

    if (st == PHI_OK && *out > phi_gguf_stream_left(s) / size)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s at byte %" PRIu64 " is %" PRIu32
                        ", but only %" PRIu64 " bytes follow",
                        what, s->at - 4, *out, phi_gguf_stream_left(s));
    return st;
}

/* A length and as many bytes; *text is to be released with free(). */
static enum phi_status read_text(struct phi_gguf_stream *s, uint32_t least,
                                 char **text, uint32_t *n, const char *what,
                                 struct phi_err *err)
{
    const enum phi_status st = read_length(s, least, 1, n, what, err);

    if (st != PHI_OK)
        return st;
    *text = phi_alloc((size_t)*n + 1, 1, err);
    if (*text == NULL)
        return PHI_E_NOMEM;
    return phi_gguf_stream_bytes(s, *text, *n, what, err);
}

static enum phi_status read_entry(struct phi_imatrix *m,
                                  struct phi_gguf_stream *s,
                                  struct phi_err *err)
{
    struct phi_imatrix_sums sums = {.ncounts = 1};
    char *name = NULL;
    float *values = NULL;
    uint32_t nname = 0;
    uint32_t calls = 0;
    uint32_t n = 0;
    float count;
    enum phi_status st;

    if ((st = read_text(s, 1, &name, &nname, "length of the name", err)) !=
            PHI_OK ||
        (st = read_i32(s, 0, &calls, "number of calls", err)) != PHI_OK ||
        (st = read_length(s, 1, 4, &n, "number of values", err)) != PHI_OK)
        goto out;
    values = phi_alloc(n, sizeof(*values), err);
    if (values == NULL) {
        st = PHI_E_NOMEM;
        goto out;
    }
    st = phi_gguf_stream_bytes(s, values, (size_t)n * 4, "values", err);
    if (st != PHI_OK)
        goto out;
    decode(values, n);
    /* Without calls the sums are taken as they are. */
    count = calls > 0 ? (float)calls : 1;
    sums.name = name;
    sums.nname = nname;
    sums.sums = values;
    sums.n = n;
    sums.counts = &count;
    st = phi_imatrix_add(m, &sums, err);
out:
    free(name);
    free(values);
    return st;
}

/* Where the chunks and the data set are said, or only the chunks. */
static enum phi_status read_trailer(struct phi_imatrix *m,
                                    struct phi_gguf_stream *s,
                                    struct phi_err *err)
{
    char *text = NULL;
    uint32_t n = 0;
    enum phi_status st;

    if (phi_gguf_stream_left(s) == 0)
        return PHI_OK;
    st = read_i32(s, 0, &m->nchunks, "number of chunks", err);
    if (st != PHI_OK || phi_gguf_stream_left(s) == 0)
        return st;
    st = read_text(s, 0, &text, &n, "length of the data set's name", err);
    if (st == PHI_OK)
        st = take_dataset(m, text, n, err);
    if (st == PHI_OK && phi_gguf_stream_left(s) > 0)
        st = phi_fail(err, PHI_E_FORMAT,
                      "has %" PRIu64 " bytes more than its data at byte "
                      "%" PRIu64,
                      phi_gguf_stream_left(s), s->at);
    free(text);
    return st;
}

static enum phi_status read_legacy(struct phi_imatrix *m,
                                   const struct phi_file *f,
                                   struct phi_err *err)
{
    struct phi_gguf_stream s = {0};
    uint32_t n = 0;
    enum phi_status st;

    st = phi_gguf_stream_init(&s, f, err);
    if (st == PHI_OK)
        st = read_length(&s, 1, LEAST_ENTRY, &n, "number of entries", err);
    for (uint32_t i = 0; st == PHI_OK && i < n; i++) {
        st = read_entry(m, &s, err);
        if (st == PHI_E_FORMAT && m->nentries == i)
            phi_err_prefix(err, "entry %" PRIu32, i);
    }
    if (st == PHI_OK)
        st = read_trailer(m, &s, err);
    if (st == PHI_E_FORMAT) {
        /* Any four bytes may begin this form: asked only now. */
        if (!phi_magic_is_other(f, "an importance matrix", err))
            phi_err_prefix(err, "%s", phi_file_path(f));
        phi_hint(err, "llama-imatrix makes importance matrices");
    }
    phi_gguf_stream_release(&s);
    return st;
}

/* --- either ----------------------------------------------------------- */

static enum phi_status hash_file(const struct phi_file *f,
                                 char hex[PHI_SHA256_HEX], struct phi_err *err)
{
    uint8_t bytes[1 << 14];
    const uint64_t size = phi_file_size(f);
    struct phi_sha256 *h = NULL;
    enum phi_status st = phi_sha256_new(&h, err);

    for (uint64_t at = 0; st == PHI_OK && at < size;) {
        const size_t n =
            size - at < sizeof(bytes) ? (size_t)(size - at) : sizeof(bytes);

        st = phi_file_read(f, at, bytes, n, err);
        if (st == PHI_OK)
            st = phi_sha256_add(h, bytes, n, err);
        at += n;
    }
    if (st == PHI_OK)
        st = phi_sha256_hex(h, hex, err);
    phi_sha256_free(h);
    return st;
}

static enum phi_status read_file(struct phi_imatrix *m,
                                 const struct phi_file *f, struct phi_err *err)
{
    const uint64_t size = phi_file_size(f);
    char magic[4] = "";
    enum phi_status st;

    if (size < sizeof(magic) || size > PHI_IMATRIX_MAX_BYTES)
        return phi_fail(err, size > 4 ? PHI_E_UNSUPPORTED : PHI_E_FORMAT,
                        "%s: has %" PRIu64 " bytes, expected an importance "
                        "matrix of 4 to %u bytes",
                        phi_file_path(f), size, PHI_IMATRIX_MAX_BYTES);
    st = phi_file_read(f, 0, magic, sizeof(magic), err);
    if (st != PHI_OK)
        return st;
    st = memcmp(magic, PHI_GGUF_MAGIC, sizeof(magic)) == 0
             ? read_gguf(m, f, err)
             : read_legacy(m, f, err);
    if (st != PHI_OK)
        return st;
    if (m->nentries == 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: has no entries, expected tensors NAME" SUMS_END
                        " and NAME" COUNTS_END,
                        phi_file_path(f));
    st = hash_file(f, m->sha256, err);
    return st == PHI_OK ? phi_file_unchanged(f, err) : st;
}

enum phi_status phi_imatrix_read(struct phi_imatrix *out, const char *path,
                                 struct phi_err *err)
{
    struct phi_file *f = NULL;
    enum phi_status st = phi_file_open(&f, path, err);

    *out = (struct phi_imatrix){0};
    if (st == PHI_OK) {
        out->id = phi_file_identity(f);
        out->path = phi_strdup(path, err);
        st = out->path != NULL ? read_file(out, f, err) : PHI_E_NOMEM;
    }
    if (st != PHI_OK)
        phi_imatrix_release(out);
    phi_file_close(f);
    return st;
}
