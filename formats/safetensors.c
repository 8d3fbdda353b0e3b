/* SPDX-License-Identifier: MIT */
/* The reader; the writer is in safetensors_write.c. */
#include "formats/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json.h"
#include "formats/magic.h"
#include "libconv/base/bytes.h"
#include "libconv/base/mem.h"
#include "libconv/base/size.h"

static const char cut_short[] = "the file was cut short: download it again";

/* Fails with file and tensor in front of the text. */
static enum phi_status fail_tensor(const struct phi_st *st,
                                   const struct phi_st_tensor *t,
                                   struct phi_err *err, enum phi_status status,
                                   const char *text)
{
    return phi_fail(err, status, "%s: tensor \"%.*s\": %s",
                    phi_file_path(st->file), PHI_ERR_NAME, t->name, text);
}

/*
 * Fails because the header cannot be where it should; `text` says why. Only
 * here the first bytes matter: 0x80 may well begin an honest length.
 */
static enum phi_status fail_length(const struct phi_file *f, const char *text,
                                   struct phi_err *err)
{
    if (phi_magic_is_other(f, "a safetensors file", err))
        return PHI_E_FORMAT;
    return phi_fail(err, PHI_E_FORMAT, "%s: %s", phi_file_path(f), text);
}

/* Reads N and checks it against the limit and the file. */
static enum phi_status read_length(const struct phi_file *f, uint64_t *out,
                                   struct phi_err *err)
{
    const uint64_t size = phi_file_size(f);
    uint8_t head[8];
    char text[160];
    enum phi_status st;

    if (size < 8) {
        snprintf(text, sizeof(text),
                 "has %llu bytes, expected at least 8 for the length of the "
                 "header",
                 (unsigned long long)size);
        return fail_length(f, text, err);
    }
    st = phi_file_read(f, 0, head, sizeof(head), err);
    if (st != PHI_OK)
        return st;
    *out = phi_load_u64(head);
    if (*out > PHI_ST_MAX_HEADER) {
        snprintf(text, sizeof(text),
                 "the header has %llu bytes (at byte 0), the limit is %u",
                 (unsigned long long)*out, PHI_ST_MAX_HEADER);
        return fail_length(f, text, err);
    }
    if (*out > size - 8) {
        snprintf(text, sizeof(text),
                 "the header ends at byte %llu, but the file has %llu bytes",
                 (unsigned long long)*out + 8, (unsigned long long)size);
        st = fail_length(f, text, err);
        if (err != NULL && err->hint[0] == '\0')
            phi_hint(err, "%s", cut_short);
        return st;
    }
    return PHI_OK;
}

/* Reads and parses the header of n bytes. */
static enum phi_status read_header(struct phi_st *st, size_t n,
                                   struct phi_err *err)
{
    char *text = phi_alloc(n, 1, err);
    char *name = phi_sprintf(err, "%s: header", phi_file_path(st->file));
    enum phi_status status = PHI_E_NOMEM;

    if (text != NULL && name != NULL)
        status = phi_file_read(st->file, 8, text, n, err);
    if (status == PHI_OK)
        status = phi_json_parse(&st->header, text, n, name, err);
    free(name);
    free(text);
    return status;
}

/* "shape": at most PHI_MAX_RANK dimensions. */
static enum phi_status read_shape(const struct phi_json *entry,
                                  struct phi_st_tensor *t, struct phi_err *err)
{
    struct phi_json shape, item = {0};
    enum phi_status st =
        phi_json_get(entry, "shape", PHI_JSON_ARRAY, &shape, err);

    if (st != PHI_OK)
        return st;
    while (phi_json_next(&shape, &item)) {
        if (t->rank == PHI_MAX_RANK)
            return phi_json_refuse(&shape, PHI_E_UNSUPPORTED, err,
                                   "has %zu dimensions, the limit is %d",
                                   phi_json_count(&shape), PHI_MAX_RANK);
        st = phi_json_uint(&item, 0, PHI_JSON_MAX_INT, &t->dim[t->rank++], err);
        if (st != PHI_OK)
            return st;
    }
    return PHI_OK;
}

/* "data_offsets": t->begin relative to the data, and t->nbytes. */
static enum phi_status read_offsets(const struct phi_json *entry,
                                    struct phi_st_tensor *t,
                                    struct phi_err *err)
{
    struct phi_json pair, item = {0};
    uint64_t offset[2];
    size_t n = 0;
    enum phi_status st =
        phi_json_get(entry, "data_offsets", PHI_JSON_ARRAY, &pair, err);

    if (st != PHI_OK)
        return st;
    if (phi_json_count(&pair) != 2)
        return phi_json_refuse(&pair, PHI_E_FORMAT, err,
                               "has %zu numbers, expected 2",
                               phi_json_count(&pair));
    while (phi_json_next(&pair, &item)) {
        st = phi_json_uint(&item, 0, PHI_JSON_MAX_INT, &offset[n++], err);
        if (st != PHI_OK)
            return st;
    }
    if (offset[1] < offset[0])
        return phi_json_refuse(
            &pair, PHI_E_FORMAT, err, "ends at %llu before it begins at %llu",
            (unsigned long long)offset[1], (unsigned long long)offset[0]);
    t->begin = offset[0];
    t->nbytes = offset[1] - offset[0];
    return PHI_OK;
}

/* The bytes that type and shape ask for are those of the range. */
static enum phi_status check_size(const struct phi_st *st,
                                  const struct phi_st_tensor *t,
                                  struct phi_err *err)
{
    const struct phi_dtype_info *type = phi_dtype_info(t->dtype);
    uint64_t n = 1, nbytes, nbits;
    char shape[200], text[320];

    phi_shape_text(shape, sizeof(shape), t->dim, t->rank);
    for (uint32_t i = 0; i < t->rank; i++) {
        if (!phi_mul_u64(n, t->dim[i], &n)) {
            snprintf(text, sizeof(text), "shape %s overflows", shape);
            return fail_tensor(st, t, err, PHI_E_FORMAT, text);
        }
    }
    if (!phi_dtype_nbytes(t->dtype, n, &nbytes)) {
        snprintf(text, sizeof(text), "shape %s of %s %s", shape, type->name,
                 phi_mul_u64(n, type->bits, &nbits) ? "is not whole bytes"
                                                    : "overflows");
        return fail_tensor(st, t, err, PHI_E_FORMAT, text);
    }
    if (nbytes != t->nbytes) {
        snprintf(text, sizeof(text),
                 "data_offsets hold %llu bytes, but shape %s of %s needs %llu",
                 (unsigned long long)t->nbytes, shape, type->name,
                 (unsigned long long)nbytes);
        return fail_tensor(st, t, err, PHI_E_FORMAT, text);
    }
    return PHI_OK;
}

static enum phi_status read_tensor(const struct phi_st *st,
                                   const struct phi_json *entry,
                                   struct phi_st_tensor *t, struct phi_err *err)
{
    struct phi_json dtype, item = {0};
    const char *name;
    char text[120];
    enum phi_status status = phi_json_expect(entry, PHI_JSON_OBJECT, err);

    if (status != PHI_OK)
        return status;
    t->name = phi_json_key(entry);
    if (strlen(t->name) > PHI_ST_MAX_NAME) {
        snprintf(text, sizeof(text), "its name has %zu bytes, the limit is %d",
                 strlen(t->name), PHI_ST_MAX_NAME);
        return fail_tensor(st, t, err, PHI_E_UNSUPPORTED, text);
    }
    while (phi_json_next(entry, &item)) {
        const char *key = phi_json_key(&item);

        if (strcmp(key, "dtype") != 0 && strcmp(key, "shape") != 0 &&
            strcmp(key, "data_offsets") != 0)
            return phi_json_refuse(&item, PHI_E_UNSUPPORTED, err,
                                   "is not known, expected dtype, shape and "
                                   "data_offsets");
    }
    status = phi_json_get(entry, "dtype", PHI_JSON_STRING, &dtype, err);
    if (status == PHI_OK)
        status = phi_json_str(&dtype, &name, err);
    if (status != PHI_OK)
        return status;
    if (!phi_dtype_from_safetensors(name, &t->dtype))
        return phi_json_refuse(&dtype, PHI_E_UNSUPPORTED, err,
                               "is \"%.*s\", expected a type that safetensors "
                               "knows",
                               PHI_ERR_NAME, name);
    status = read_shape(entry, t, err);
    if (status == PHI_OK)
        status = read_offsets(entry, t, err);
    return status == PHI_OK ? check_size(st, t, err) : status;
}

static enum phi_status check_metadata(const struct phi_json *metadata,
                                      struct phi_err *err)
{
    struct phi_json item = {0};
    enum phi_status st = phi_json_expect(metadata, PHI_JSON_OBJECT, err);

    while (st == PHI_OK && phi_json_next(metadata, &item))
        st = phi_json_expect(&item, PHI_JSON_STRING, err);
    return st;
}

static int by_offset(const void *pa, const void *pb)
{
    const struct phi_st_tensor *a = pa, *b = pb;

    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    if (a->nbytes != b->nbytes)
        return a->nbytes < b->nbytes ? -1 : 1;
    return strcmp(a->name, b->name);
}

/*
 * The sorted ranges tile the data exactly, which also keeps one range from
 * serving two tensors; `data` is where they start in the file.
 */
static enum phi_status check_tiling(struct phi_st *st, uint64_t data,
                                    struct phi_err *err)
{
    const uint64_t have = phi_file_size(st->file) - data;
    uint64_t at = 0;
    char text[200];

    for (size_t i = 0; i < st->n; i++) {
        struct phi_st_tensor *t = &st->tensors[i];

        if (t->begin != at) {
            snprintf(text, sizeof(text),
                     "data_offsets begin at %llu, expected %llu: %s",
                     (unsigned long long)t->begin, (unsigned long long)at,
                     t->begin > at ? "bytes that belong to no tensor"
                                   : "tensors overlap");
            return fail_tensor(st, t, err, PHI_E_FORMAT, text);
        }
        /* at stays below 2^54: the sum of two checked integers. */
        at += t->nbytes;
        if (at > have) {
            snprintf(text, sizeof(text),
                     "its data ends at byte %llu, but the file has %llu bytes",
                     (unsigned long long)(data + at),
                     (unsigned long long)(data + have));
            fail_tensor(st, t, err, PHI_E_FORMAT, text);
            return phi_hint(err, "%s", cut_short);
        }
        t->begin += data;
    }
    if (at != have)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: the data of the last tensor ends at byte %llu, "
                        "but the file has %llu bytes",
                        phi_file_path(st->file),
                        (unsigned long long)(data + at),
                        (unsigned long long)(data + have));
    return PHI_OK;
}

static enum phi_status read_tensors(struct phi_st *st, struct phi_err *err)
{
    const struct phi_json root = phi_json_root(st->header);
    struct phi_json item = {0};
    enum phi_status status = phi_json_expect(&root, PHI_JSON_OBJECT, err);

    if (status != PHI_OK)
        return status;
    st->tensors = phi_alloc(phi_json_count(&root), sizeof(*st->tensors), err);
    if (st->tensors == NULL)
        return PHI_E_NOMEM;
    while (status == PHI_OK && phi_json_next(&root, &item)) {
        if (strcmp(phi_json_key(&item), "__metadata__") == 0)
            status = check_metadata(&item, err);
        else
            status = read_tensor(st, &item, &st->tensors[st->n++], err);
    }
    if (status == PHI_OK)
        qsort(st->tensors, st->n, sizeof(*st->tensors), by_offset);
    return status;
}

enum phi_status phi_st_open(struct phi_st **out, const char *path,
                            struct phi_err *err)
{
    struct phi_st *st = phi_alloc(1, sizeof(*st), err);
    uint64_t n = 0;
    enum phi_status status = PHI_E_NOMEM;

    if (st == NULL)
        return status;
    status = phi_file_open(&st->file, path, err);
    if (status == PHI_OK)
        status = read_length(st->file, &n, err);
    if (status == PHI_OK)
        status = read_header(st, (size_t)n, err);
    if (status == PHI_OK)
        status = read_tensors(st, err);
    if (status == PHI_OK)
        status = check_tiling(st, 8 + n, err);
    if (status != PHI_OK) {
        phi_st_close(st);
        return status;
    }
    *out = st;
    return PHI_OK;
}

void phi_st_close(struct phi_st *st)
{
    if (st == NULL)
        return;
    free(st->tensors);
    phi_json_free(st->header);
    phi_file_close(st->file);
    free(st);
}

enum phi_status phi_st_read(const struct phi_st *st, size_t i, uint64_t offset,
                            void *to, size_t n, struct phi_err *err)
{
    const struct phi_st_tensor *t = &st->tensors[i];

    if (offset > t->nbytes || n > t->nbytes - offset)
        return fail_tensor(st, t, err, PHI_E_ARG,
                           "more bytes wanted than it has");
    return phi_file_read(st->file, t->begin + offset, to, n, err);
}

const char *phi_st_metadata(const struct phi_st *st, const char *key)
{
    const struct phi_json root = phi_json_root(st->header);
    struct phi_json metadata, v;
    const char *text = NULL;

    if (!phi_json_find(&root, "__metadata__", &metadata) ||
        !phi_json_find(&metadata, key, &v) ||
        phi_json_str(&v, &text, NULL) != PHI_OK)
        return NULL;
    return text;
}
