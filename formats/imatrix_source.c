/* SPDX-License-Identifier: MIT */
#include "formats/imatrix_source.h"

#include <stdlib.h>
#include <string.h>

#include "formats/gguf.h"
#include "formats/gguf_source.h"
#include "formats/imatrix_read.h"
#include "libconv/base/bytes.h"
#include "libconv/base/file.h"
#include "libconv/base/half.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"

struct imatrix_source {
    struct phi_source base;
    struct phi_imatrix m;
    struct phi_file *file; /* kept to tell whether it changes */
    struct phi_tensor *tensors;
    struct phi_source_file part;
    uint8_t *bytes; /* all values, little-endian; tensors are places in it */
    uint64_t nbytes;
};

static const struct imatrix_source *self(const struct phi_source *s)
{
    return (const struct imatrix_source *)s;
}

/* Offsets count in the values, since they are no part of the file. */
static enum phi_status source_read(const struct phi_source *s, size_t i,
                                   uint64_t offset, void *to, size_t n,
                                   struct phi_err *err)
{
    const struct imatrix_source *m = self(s);

    if (i > 0 || offset > m->nbytes || n > m->nbytes - offset)
        return phi_fail(err, PHI_E_ARG, "%s: more values wanted than it has",
                        s->path);
    memcpy(to, m->bytes + offset, n);
    return PHI_OK;
}

static enum phi_status source_unchanged(const struct phi_source *s,
                                        struct phi_err *err)
{
    return phi_file_unchanged(self(s)->file, err);
}

static enum phi_status source_not_input(const struct phi_source *s,
                                        const char *path, struct phi_err *err)
{
    return phi_output_not_input(path, self(s)->m.id, err);
}

static void source_close(struct phi_source *s)
{
    struct imatrix_source *m = (struct imatrix_source *)s;

    phi_meta_release(&m->base.meta);
    phi_imatrix_release(&m->m);
    phi_file_close(m->file);
    free(m->tensors);
    free(m->bytes);
    free(m);
}

static const struct phi_source_ops ops = {source_read, source_unchanged,
                                          source_not_input, source_close};

static enum phi_status list_tensors(struct imatrix_source *s,
                                    struct phi_err *err)
{
    uint64_t at = 0;

    for (size_t i = 0; i < s->m.nentries; i++)
        s->nbytes += (uint64_t)s->m.entries[i].n * 4;
    s->bytes = phi_alloc((size_t)s->nbytes, 1, err);
    s->tensors = phi_alloc(s->m.nentries, sizeof(*s->tensors), err);
    if (s->bytes == NULL || s->tensors == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < s->m.nentries; i++) {
        const struct phi_imatrix_entry *e = &s->m.entries[i];
        struct phi_tensor *t = &s->tensors[i];

        t->name = t->origin = e->name;
        t->file = s->m.path;
        t->offset = at;
        t->dtype = PHI_F32;
        t->rank = 1;
        t->dim[0] = e->n;
        t->nbytes = (uint64_t)e->n * 4;
        for (size_t k = 0; k < e->n; k++)
            phi_store_u32(s->bytes + at + 4 * k,
                          phi_f32_bits(e->importance[k]));
        at += t->nbytes;
    }
    s->part = (struct phi_source_file){phi_path_base(s->m.path),
                                       phi_file_size(s->file)};
    s->base.files = &s->part;
    s->base.nfiles = 1;
    s->base.tensors = s->tensors;
    s->base.ntensors = s->m.nentries;
    return PHI_OK;
}

/* The keys of a GGUF file; for the old form, the same from its trailer. */
static enum phi_status read_meta(struct imatrix_source *s, struct phi_err *err)
{
    struct phi_source *gguf = NULL;
    struct phi_kv *kv;
    char magic[4] = "";
    enum phi_status st = phi_file_read(s->file, 0, magic, 4, err);

    if (st != PHI_OK)
        return st;
    if (memcmp(magic, PHI_GGUF_MAGIC, 4) == 0) {
        st = phi_gguf_open(&gguf, s->m.path, err);
        if (st == PHI_OK)
            st = phi_meta_copy(&s->base.meta, &gguf->meta, err);
        phi_source_close(gguf);
        return st;
    }
    if (s->m.dataset != NULL) {
        st = phi_meta_set_strings(&s->base.meta, "imatrix.datasets", 1, &kv,
                                  err);
        if (st == PHI_OK)
            st = phi_str_set(&kv->v.arr.str[0], s->m.dataset,
                             strlen(s->m.dataset), err);
    }
    if (st == PHI_OK && s->m.nchunks > 0)
        st = phi_meta_set_u(&s->base.meta, "imatrix.chunk_count", PHI_KV_U32,
                            s->m.nchunks, err);
    return st;
}

enum phi_status phi_imatrix_open(struct phi_source **out, const char *path,
                                 struct phi_err *err)
{
    struct imatrix_source *s = phi_alloc(1, sizeof(*s), err);
    enum phi_status st;

    if (s == NULL)
        return PHI_E_NOMEM;
    s->base.ops = &ops;
    s->base.format = "imatrix";
    st = phi_file_open(&s->file, path, err);
    if (st == PHI_OK)
        st = phi_imatrix_read(&s->m, path, err);
    if (st == PHI_OK) {
        s->base.path = s->m.path;
        st = read_meta(s, err);
    }
    if (st == PHI_OK)
        st = list_tensors(s, err);
    if (st != PHI_OK) {
        source_close(&s->base);
        return st;
    }
    *out = &s->base;
    return PHI_OK;
}
