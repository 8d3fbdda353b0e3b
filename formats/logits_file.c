/* SPDX-License-Identifier: MIT */
#include "formats/logits_file.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "formats/magic.h"
#include "libconv/base/bytes.h"
#include "libconv/base/file.h"
#include "libconv/base/half.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"
#include "libconv/base/size.h"

#define HEAD_SIZE 20
#define ROW_HEAD  8
#define STEPS     65535.0f
#define DEPTH     16.0f

/* ln 1, and what rounding may add to it. */
#define HIGHEST 0.001f

/* Bytes at its beginning. */
static const char begins[8] = {'_', 'l', 'o', 'g', 'i', 't', 's', '_'};

/* Values that are read at a time. */
#define CHUNK 2048

/* Where things are, from the start of the file. */
struct layout {
    uint64_t rows;
    uint64_t row_size;
    uint64_t size;
};

/* False if the sizes are those of no file. */
static bool lay_out(struct layout *l, const struct phi_logits_head *h)
{
    uint64_t ntokens, n, nbytes;

    l->row_size = ROW_HEAD + 2 * ((uint64_t)h->n_vocab + h->n_vocab % 2);
    return phi_mul_u64(h->nwindows, h->n_ctx, &ntokens) &&
           phi_mul_u64(ntokens, 4, &nbytes) &&
           phi_add_u64(HEAD_SIZE, nbytes, &l->rows) &&
           phi_mul_u64(h->nwindows, phi_logits_per_window(h), &n) &&
           phi_mul_u64(n, l->row_size, &nbytes) &&
           phi_add_u64(l->rows, nbytes, &l->size) && l->size <= INT64_MAX;
}

/* ---- reading ------------------------------------------------------------- */

struct logits_source {
    struct phi_source base;
    struct phi_file *file;
    char *path;
    struct phi_source_file part;
    struct phi_logits_head head;
    struct layout layout;
    uint32_t *tokens;
};

static const struct logits_source *of(const struct phi_source *s)
{
    return (const struct logits_source *)s;
}

static enum phi_status source_read(const struct phi_source *s, size_t i,
                                   uint64_t offset, void *to, size_t n,
                                   struct phi_err *err)
{
    (void)i; /* there is one file */
    return phi_file_read(of(s)->file, offset, to, n, err);
}

static enum phi_status source_unchanged(const struct phi_source *s,
                                        struct phi_err *err)
{
    return phi_file_unchanged(of(s)->file, err);
}

static enum phi_status source_not_input(const struct phi_source *s,
                                        const char *path, struct phi_err *err)
{
    return phi_output_not_input(path, phi_file_identity(of(s)->file), err);
}

static void source_close(struct phi_source *s)
{
    struct logits_source *l = (struct logits_source *)s;

    phi_meta_release(&l->base.meta);
    phi_file_close(l->file);
    free(l->path);
    free(l->tokens);
    free(l);
}

static const struct phi_source_ops ops = {source_read, source_unchanged,
                                          source_not_input, source_close};

static enum phi_status check_between(const struct logits_source *s,
                                     const char *what, uint32_t v, uint32_t lo,
                                     uint32_t hi, struct phi_err *err)
{
    if (v >= lo && v <= hi)
        return PHI_OK;
    return phi_fail(err, PHI_E_FORMAT, "%s: %s is %ld, expected %lu to %lu",
                    s->path, what, (long)(int32_t)v, (unsigned long)lo,
                    (unsigned long)hi);
}

static enum phi_status read_head(struct logits_source *s, struct phi_err *err)
{
    const uint64_t size = phi_file_size(s->file);
    struct phi_logits_head *h = &s->head;
    uint8_t b[HEAD_SIZE] = {0};
    enum phi_status st;

    st = phi_file_read(s->file, 0, b,
                       size < HEAD_SIZE ? (size_t)size : HEAD_SIZE, err);
    if (st != PHI_OK)
        return st;
    if (memcmp(b, begins, sizeof(begins)) != 0)
        return phi_magic_refuse(s->file, "a logits file of llama.cpp", err);
    if (size < HEAD_SIZE)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: has %llu bytes, expected at least %d", s->path,
                        (unsigned long long)size, HEAD_SIZE);
    *h = (struct phi_logits_head){phi_load_u32(b + 8), phi_load_u32(b + 12),
                                  phi_load_u32(b + 16)};
    st = check_between(s, "n_ctx", h->n_ctx, PHI_LOGITS_MIN_CTX,
                       PHI_LOGITS_MAX_CTX, err);
    if (st == PHI_OK)
        st = check_between(s, "n_vocab", h->n_vocab, 1, PHI_LOGITS_MAX_VOCAB,
                           err);
    if (st == PHI_OK &&
        (h->nwindows == 0 || h->nwindows > PHI_LOGITS_MAX_TOKENS / h->n_ctx))
        st = phi_fail(err, PHI_E_FORMAT,
                      "%s: n_chunk is %ld, expected 1 to %lu, for %lu "
                      "tokens at most",
                      s->path, (long)(int32_t)h->nwindows,
                      (unsigned long)(PHI_LOGITS_MAX_TOKENS / h->n_ctx),
                      (unsigned long)PHI_LOGITS_MAX_TOKENS);
    if (st != PHI_OK)
        return st;
    if (!lay_out(&s->layout, h))
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: n_chunk is %lu, which no file can hold", s->path,
                        (unsigned long)h->nwindows);
    if (size == s->layout.size)
        return PHI_OK;
    phi_fail(err, PHI_E_FORMAT,
             "%s: has %llu bytes, expected %llu for %lu windows of %lu tokens",
             s->path, (unsigned long long)size,
             (unsigned long long)s->layout.size, (unsigned long)h->nwindows,
             (unsigned long)h->n_ctx);
    if (size < s->layout.size)
        phi_hint(err, "it was cut off: the run that wrote it did not end, or "
                      "was not copied whole");
    return PHI_E_FORMAT;
}

static enum phi_status read_tokens(struct logits_source *s, struct phi_err *err)
{
    const size_t n = (size_t)s->head.nwindows * s->head.n_ctx;
    enum phi_status st;

    s->tokens = phi_alloc(n, sizeof(*s->tokens), err);
    if (s->tokens == NULL)
        return PHI_E_NOMEM;
    st = phi_file_read(s->file, HEAD_SIZE, s->tokens, n * 4, err);
    for (size_t i = 0; st == PHI_OK && i < n; i++) {
        s->tokens[i] = phi_load_u32((const uint8_t *)&s->tokens[i]);
        if (s->tokens[i] >= s->head.n_vocab)
            st = phi_fail(err, PHI_E_FORMAT,
                          "%s: window %zu, position %zu: token %lu, expected "
                          "one below %lu",
                          s->path, i / s->head.n_ctx, i % s->head.n_ctx,
                          (unsigned long)s->tokens[i],
                          (unsigned long)s->head.n_vocab);
    }
    return st;
}

enum phi_status phi_logits_probe(const char *path, bool *is,
                                 struct phi_err *err)
{
    struct phi_file *f = NULL;
    char magic[8] = "";
    enum phi_status st;

    *is = false;
    if (!phi_path_may_be(path, PHI_PATH_FILE))
        return PHI_OK;
    st = phi_file_open(&f, path, err);
    if (st == PHI_OK && phi_file_size(f) >= sizeof(magic)) {
        st = phi_file_read(f, 0, magic, sizeof(magic), err);
        *is = st == PHI_OK && memcmp(magic, begins, sizeof(magic)) == 0;
    }
    phi_file_close(f);
    return st;
}

enum phi_status phi_logits_open(struct phi_source **out, const char *path,
                                struct phi_err *err)
{
    struct logits_source *s = phi_alloc(1, sizeof(*s), err);
    enum phi_status st;

    if (s == NULL)
        return PHI_E_NOMEM;
    s->base.ops = &ops;
    s->base.format = PHI_LOGITS_FORMAT;
    s->base.path = s->path = phi_strdup(path, err);
    st = s->path != NULL ? phi_file_open(&s->file, path, err) : PHI_E_NOMEM;
    if (st == PHI_OK)
        st = read_head(s, err);
    if (st == PHI_OK)
        st = read_tokens(s, err);
    if (st != PHI_OK) {
        source_close(&s->base);
        return st;
    }
    s->part = (struct phi_source_file){phi_path_base(s->path),
                                       phi_file_size(s->file)};
    s->base.files = &s->part;
    s->base.nfiles = 1;
    *out = &s->base;
    return PHI_OK;
}

const struct phi_logits_head *phi_logits_head(const struct phi_source *s)
{
    return &of(s)->head;
}

const uint32_t *phi_logits_tokens(const struct phi_source *s)
{
    return of(s)->tokens;
}

static uint64_t row_at(const struct logits_source *s, size_t window, size_t i)
{
    const uint64_t row = (uint64_t)window * phi_logits_per_window(&s->head) + i;

    return s->layout.rows + row * s->layout.row_size;
}

/* The start of a row. Comparisons with NaN are false: it is refused. */
static enum phi_status row_head(const struct logits_source *s, size_t window,
                                size_t i, float *scale, float *least,
                                struct phi_err *err)
{
    uint8_t b[ROW_HEAD];
    const enum phi_status st =
        phi_file_read(s->file, row_at(s, window, i), b, ROW_HEAD, err);

    if (st != PHI_OK)
        return st;
    *scale = phi_bits_f32(phi_load_u32(b));
    *least = phi_bits_f32(phi_load_u32(b + 4));
    if (*scale >= 0 && *scale * STEPS + *least <= HIGHEST && isfinite(*scale) &&
        isfinite(*least))
        return PHI_OK;
    return phi_fail(err, PHI_E_FORMAT,
                    "%s: window %zu, position %zu: scale %g and least "
                    "log-probability %g, expected finite numbers that end "
                    "at 0 or below",
                    s->path, window, s->head.n_ctx / 2 + i, (double)*scale,
                    (double)*least);
}

enum phi_status phi_logits_check(const struct phi_source *s, size_t nwindows,
                                 struct phi_err *err)
{
    const size_t per_window = phi_logits_per_window(&of(s)->head);
    enum phi_status st = PHI_OK;
    float scale, least;

    for (size_t w = 0; st == PHI_OK && w < nwindows; w++) {
        for (size_t i = 0; st == PHI_OK && i < per_window; i++)
            st = row_head(of(s), w, i, &scale, &least, err);
    }
    return st;
}

enum phi_status phi_logits_read(const struct phi_source *s, size_t window,
                                size_t i, size_t first, size_t n, float *to,
                                struct phi_err *err)
{
    const uint64_t at = row_at(of(s), window, i) + ROW_HEAD;
    uint8_t b[2 * CHUNK];
    float scale, least;
    enum phi_status st = row_head(of(s), window, i, &scale, &least, err);

    for (size_t done = 0; st == PHI_OK && done < n;) {
        const size_t m = n - done < CHUNK ? n - done : CHUNK;

        st = phi_file_read(of(s)->file, at + 2 * (uint64_t)(first + done), b,
                           2 * m, err);
        for (size_t k = 0; st == PHI_OK && k < m; k++)
            to[done + k] = scale * (float)phi_load_u16(b + 2 * k) + least;
        done += m;
    }
    return st;
}

/* ---- writing ------------------------------------------------------------- */

struct phi_logits_writer {
    struct phi_output *output;
    struct phi_logits_head head;
    struct layout layout;
    uint8_t *row;
};

static enum phi_status write_head(struct phi_logits_writer *w,
                                  const uint32_t *tokens, struct phi_err *err)
{
    const struct phi_logits_head *h = &w->head;
    const size_t n = (size_t)h->nwindows * h->n_ctx;
    uint8_t b[4 * CHUNK];
    enum phi_status st;

    memcpy(b, begins, sizeof(begins));
    phi_store_u32(b + 8, h->n_ctx);
    phi_store_u32(b + 12, h->n_vocab);
    phi_store_u32(b + 16, h->nwindows);
    st = phi_output_write(w->output, b, HEAD_SIZE, err);
    for (size_t done = 0; st == PHI_OK && done < n;) {
        const size_t m = n - done < CHUNK ? n - done : CHUNK;

        for (size_t k = 0; k < m; k++)
            phi_store_u32(b + 4 * k, tokens[done + k]);
        st = phi_output_write(w->output, b, 4 * m, err);
        done += m;
    }
    return st;
}

enum phi_status phi_logits_create(struct phi_logits_writer **out,
                                  const char *path,
                                  const struct phi_logits_head *head,
                                  const uint32_t *tokens, bool replace,
                                  struct phi_err *err)
{
    struct phi_logits_writer *w = phi_alloc(1, sizeof(*w), err);
    struct phi_output_options options = {.replace = replace};
    enum phi_status st;

    if (w == NULL)
        return PHI_E_NOMEM;
    w->head = *head;
    if (head->nwindows > PHI_LOGITS_MAX_TOKENS / head->n_ctx ||
        !lay_out(&w->layout, head)) {
        st =
            phi_fail(err, PHI_E_ARG,
                     "%s: a logits file holds at most %lu tokens, the text "
                     "has %lu windows of %lu",
                     path, (unsigned long)PHI_LOGITS_MAX_TOKENS,
                     (unsigned long)head->nwindows, (unsigned long)head->n_ctx);
        goto out;
    }
    w->row = phi_alloc((size_t)w->layout.row_size, 1, err);
    if (w->row == NULL) {
        st = PHI_E_NOMEM;
        goto out;
    }
    options.size = w->layout.size;
    st = phi_output_open(&w->output, path, &options, err);
    if (st == PHI_OK)
        st = write_head(w, tokens, err);
out:
    if (st == PHI_OK)
        *out = w;
    else
        phi_logits_writer_close(w);
    return st;
}

/* To the nearest, halves to even, as x + 1.5 * 2^23 leaves it in its bits. */
static uint16_t nearest(float x)
{
    return (uint16_t)phi_f32_bits(x + 12582912.0f);
}

enum phi_status phi_logits_add(struct phi_logits_writer *w, const float *logits,
                               float lse, struct phi_err *err)
{
    const size_t n = w->head.n_vocab;
    float max = logits[0];
    float min = logits[0];
    float scale;

    for (size_t k = 1; k < n; k++) {
        max = logits[k] > max ? logits[k] : max;
        min = logits[k] < min ? logits[k] : min;
    }
    min = min > max - DEPTH ? min : max - DEPTH;
    scale = (max - min) / STEPS;
    if (scale < FLT_MIN)
        scale = 0; /* all are the same, as far as it can be told */
    phi_store_u32(w->row, phi_f32_bits(scale));
    phi_store_u32(w->row + 4, phi_f32_bits(min - max - lse));
    for (size_t k = 0; k < n; k++) {
        const uint16_t q = scale > 0 && logits[k] > min
                               ? nearest(1 / scale * (logits[k] - min))
                               : 0;

        phi_store_u16(w->row + ROW_HEAD + 2 * k, q);
    }
    return phi_output_write(w->output, w->row, (size_t)w->layout.row_size, err);
}

enum phi_status phi_logits_commit(struct phi_logits_writer *w,
                                  struct phi_err *err)
{
    return phi_output_commit(w->output, err);
}

void phi_logits_writer_close(struct phi_logits_writer *w)
{
    if (w == NULL)
        return;
    phi_output_close(w->output);
    free(w->row);
    free(w);
}
