/* SPDX-License-Identifier: MIT */
/* Which tensors of the base hold a module, fused or split. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "libconv/lora/merge_parts.h"

static size_t find_tensor(const struct phi_merge_maker *m, const char *module,
                          const char *suffix)
{
    char name[PHI_MAX_NAME + 16];
    const uint32_t *i;

    snprintf(name, sizeof(name), "%s.%s", module, suffix);
    i = phi_map_find(&m->names, name, strlen(name));
    return i != NULL ? *i : PHI_MERGE_NONE;
}

/*
 * What the adapter's shapes are held against: a bias and a norm are vectors,
 * all else matrices, and parts of one module have the same columns.
 */
static enum phi_status check_parts(const struct phi_merge_maker *m,
                                   const struct phi_lora_place *place,
                                   bool bias, struct phi_merge_parts *out,
                                   struct phi_err *err)
{
    const bool vector = bias || place->shape == PHI_SHAPE_NORM;
    const uint32_t rank = vector ? 1 : 2;

    for (size_t i = 0; i < out->n; i++) {
        const struct phi_tensor *t = phi_merge_base(m, out->part[i].source);
        const uint64_t cols = vector ? 1 : phi_tensor_cols(t);

        if (t->rank != rank)
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: tensor \"%.*s\": has %u dimensions, expected "
                            "%u to merge into",
                            t->file, PHI_ERR_NAME, t->origin, t->rank, rank);
        if (i > 0 && cols != out->cols)
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: tensor \"%.*s\": has %" PRIu64
                            " columns, expected %" PRIu64 ", as many as \"%s\"",
                            t->file, PHI_ERR_NAME, t->origin, cols, out->cols,
                            phi_merge_base(m, out->part[0].source)->name);
        out->cols = cols;
    }
    return PHI_OK;
}

static void add_part(struct phi_merge_parts *out, size_t source, uint64_t row,
                     uint64_t nrows)
{
    out->part[out->n++] =
        (struct phi_merge_part){source, row, nrows, out->rows};
    out->rows += nrows;
}

/* "blk.3." in front of every name of the layer. */
static void layer_name(char out[PHI_MAX_NAME + 1], uint64_t layer,
                       const char *module)
{
    snprintf(out, PHI_MAX_NAME + 1, "blk.%" PRIu64 ".%s", layer, module);
}

/* The module is a part of a fused tensor: rows of query, key, then value. */
static enum phi_status find_in_fused(const struct phi_merge_maker *m,
                                     const struct phi_lora_place *place,
                                     size_t which, size_t fused,
                                     struct phi_merge_parts *out,
                                     struct phi_err *err)
{
    const uint64_t rows = phi_merge_length(phi_merge_base(m, fused));
    char name[PHI_MAX_NAME + 1];
    uint64_t query;
    uint64_t key;
    size_t output;

    layer_name(name, place->layer, "attn_output");
    output = find_tensor(m, name, "weight");
    if (output == PHI_MERGE_NONE)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: tensor \"%s.weight\": is missing, expected beside "
                        "\"%s\"",
                        m->out->source->path, name,
                        phi_merge_base(m, fused)->name);
    query = phi_tensor_cols(phi_merge_base(m, output));
    if (query >= rows || (rows - query) % 2 != 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: tensor \"%.*s\": has %" PRIu64
                        " rows, expected more than the %" PRIu64
                        " of the query and two equal parts",
                        m->out->source->path, PHI_ERR_NAME,
                        phi_merge_base(m, fused)->origin, rows, query);
    key = (rows - query) / 2;
    add_part(out, fused, which == 0 ? 0 : query + (which - 1) * key,
             which == 0 ? query : key);
    return PHI_OK;
}

enum phi_status phi_merge_find(const struct phi_merge_maker *m,
                               const struct phi_lora_place *place, bool bias,
                               struct phi_merge_parts *out, struct phi_err *err)
{
    static const char *const thirds[] = {"attn_q", "attn_k", "attn_v"};
    const char *suffix = bias ? "bias" : "weight";
    const char *last = strrchr(place->name, '.');
    char name[PHI_MAX_NAME + 1];
    size_t found = find_tensor(m, place->name, suffix);

    *out = (struct phi_merge_parts){0};
    if (found != PHI_MERGE_NONE) {
        add_part(out, found, 0, phi_merge_length(phi_merge_base(m, found)));
    } else if (last != NULL && strcmp(last + 1, "attn_qkv") == 0) {
        for (size_t i = 0; i < 3; i++) {
            layer_name(name, place->layer, thirds[i]);
            found = find_tensor(m, name, suffix);
            if (found == PHI_MERGE_NONE) {
                *out = (struct phi_merge_parts){0};
                return PHI_OK;
            }
            add_part(out, found, 0, phi_merge_length(phi_merge_base(m, found)));
        }
    } else {
        for (size_t i = 0; last != NULL && i < 3; i++) {
            enum phi_status st;

            if (strcmp(last + 1, thirds[i]) != 0)
                continue;
            layer_name(name, place->layer, "attn_qkv");
            found = find_tensor(m, name, suffix);
            if (found == PHI_MERGE_NONE)
                return PHI_OK;
            st = find_in_fused(m, place, i, found, out, err);
            if (st != PHI_OK)
                return st;
        }
    }
    return check_parts(m, place, bias, out, err);
}
