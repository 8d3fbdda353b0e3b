/* SPDX-License-Identifier: MIT */
#include "formats/sink_files.h"

#include <inttypes.h>
#include <stdlib.h>

#include "libconv/base/mem.h"
#include "libconv/base/size.h"

enum phi_status phi_sink_files_init(struct phi_sink_files *out,
                                    const char *path,
                                    const struct phi_sink_tensor *tensors,
                                    size_t n, size_t nfiles,
                                    struct phi_err *err)
{
    *out = (struct phi_sink_files){0};
    out->path = phi_strdup(path, err);
    out->entries = phi_alloc(n, sizeof(*out->entries), err);
    out->outputs = phi_alloc(nfiles, sizeof(*out->outputs), err);
    if (out->path == NULL || out->entries == NULL || out->outputs == NULL)
        return PHI_E_NOMEM;
    out->nfiles = nfiles;
    for (size_t i = 0; i < n; i++) {
        struct phi_sink_entry *e = &out->entries[out->n++];

        e->nbytes = tensors[i].nbytes;
        e->name = phi_strdup(tensors[i].name, err);
        if (e->name == NULL)
            return PHI_E_NOMEM;
    }
    return PHI_OK;
}

void phi_sink_files_release(struct phi_sink_files *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->entries[i].name);
    free(f->entries);
    free(f->outputs);
    free(f->pieces);
    free(f->path);
    *f = (struct phi_sink_files){0};
}

enum phi_status phi_sink_files_place(struct phi_sink_files *f, size_t i,
                                     uint64_t nbytes, size_t file, uint64_t at,
                                     struct phi_err *err)
{
    struct phi_sink_entry *e = &f->entries[i];
    void *list = f->pieces;
    const enum phi_status st =
        phi_grow(&list, &f->cap, f->npieces + 1, sizeof(*f->pieces), err);
    struct phi_sink_piece *p;

    f->pieces = list;
    if (st != PHI_OK)
        return st;
    p = &f->pieces[f->npieces];
    *p = (struct phi_sink_piece){0, nbytes, file, at};
    if (e->npieces == 0)
        e->piece = f->npieces;
    else
        p->first = p[-1].first + p[-1].nbytes;
    e->npieces++;
    f->npieces++;
    return PHI_OK;
}

/* The piece that byte `offset` of the tensor is in; its last for the end. */
static const struct phi_sink_piece *find(const struct phi_sink_files *f,
                                         size_t i, uint64_t offset)
{
    const struct phi_sink_entry *e = &f->entries[i];
    size_t k = e->piece + e->npieces - 1;

    while (k > e->piece && f->pieces[k].first > offset)
        k--;
    return &f->pieces[k];
}

enum phi_status phi_sink_files_write(const struct phi_sink_files *f, size_t i,
                                     uint64_t offset, const void *bytes,
                                     size_t n, struct phi_err *err)
{
    const struct phi_sink_entry *e;
    const uint8_t *p = bytes;

    if (i >= f->n)
        return phi_fail(err, PHI_E_ARG,
                        "%s: tensor %zu was written, expected one of %zu",
                        f->path, i, f->n);
    e = &f->entries[i];
    if (offset > e->nbytes || n > e->nbytes - offset)
        return phi_fail(err, PHI_E_ARG,
                        "%s: tensor \"%s\": %zu bytes were written at "
                        "%" PRIu64 ", expected %" PRIu64 " in all",
                        f->path, e->name, n, offset, e->nbytes);
    while (n > 0) {
        const struct phi_sink_piece *piece = find(f, i, offset);
        const uint64_t skip = offset - piece->first;
        const uint64_t left = piece->nbytes - skip;
        const size_t now = n < left ? n : (size_t)left;
        const enum phi_status st = phi_output_put(
            f->outputs[piece->file], piece->at + skip, p, now, err);

        if (st != PHI_OK)
            return st;
        p += now;
        n -= now;
        offset += now;
    }
    return PHI_OK;
}

uint64_t phi_sink_files_position(const struct phi_sink_files *f, size_t i,
                                 uint64_t offset)
{
    const struct phi_sink_piece *piece = find(f, i, offset);

    return piece->at + (offset - piece->first);
}

enum phi_status phi_sink_files_finish(const struct phi_sink_files *f,
                                      size_t file, const struct phi_buf *head,
                                      uint64_t align, struct phi_err *err)
{
    struct phi_output *o = f->outputs[file];
    enum phi_status st = phi_output_put(o, 0, head->p, head->n, err);

    for (size_t i = 0; st == PHI_OK && i < f->n; i++) {
        const struct phi_sink_entry *e = &f->entries[i];

        for (size_t k = 0; st == PHI_OK && k < e->npieces; k++) {
            const struct phi_sink_piece *p = &f->pieces[e->piece + k];
            uint64_t have, padded;

            if (p->file != file)
                continue;
            have = phi_output_count(o, p->at, p->nbytes);
            if (have < p->nbytes)
                return phi_fail(err, PHI_E_ARG,
                                "%s: tensor \"%s\": has %" PRIu64
                                " bytes at the end, expected %" PRIu64,
                                f->path, e->name, have, p->nbytes);
            /* The layout was made with the same sums, checked. */
            phi_align_u64(p->nbytes, align, &padded);
            st =
                phi_output_zeros(o, p->at + p->nbytes, padded - p->nbytes, err);
        }
    }
    return st;
}
