/* SPDX-License-Identifier: MIT */
#include "libconv/tensor/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"

bool phi_source_find(const struct phi_source *s, const char *name, size_t *i)
{
    for (size_t k = 0; k < s->ntensors; k++) {
        if (strcmp(s->tensors[k].name, name) == 0) {
            *i = k;
            return true;
        }
    }
    return false;
}

enum phi_status phi_source_index(const struct phi_source *s,
                                 struct phi_map *by_name, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < s->ntensors; i++)
        st = phi_map_add(by_name, s->tensors[i].name,
                         strlen(s->tensors[i].name), (uint32_t)i, NULL, err);
    return st;
}

bool phi_source_is_alias(const struct phi_source *s, size_t i, size_t k)
{
    const struct phi_tensor *a = &s->tensors[i];
    const struct phi_tensor *b = &s->tensors[k];

    if (s->folder != NULL) {
        const struct phi_folder_place *p = &s->folder->places[i];
        const struct phi_folder_place *q = &s->folder->places[k];

        /* What was one tensor is not, once it is rounded in two ways. */
        return p->file != PHI_NO_PLACE && p->file == q->file &&
               p->place == q->place && a->dtype == b->dtype &&
               phi_dtype_info(a->dtype)->cls == PHI_CLASS_FLOAT;
    }
    return a->part == b->part && a->offset == b->offset;
}

/* What tensors that are one have in common. */
struct stored {
    size_t file;
    uint64_t place;
    enum phi_dtype dtype; /* 0 where it does not count */
    size_t i;
};

static int by_place(const void *pa, const void *pb)
{
    const struct stored *a = pa;
    const struct stored *b = pb;

    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    if (a->place != b->place)
        return a->place < b->place ? -1 : 1;
    if (a->dtype != b->dtype)
        return a->dtype < b->dtype ? -1 : 1;
    return a->i < b->i ? -1 : 1;
}

size_t *phi_source_by_place(const struct phi_source *s, struct phi_err *err)
{
    struct stored *list = phi_alloc(s->ntensors, sizeof(*list), err);
    size_t *order = phi_alloc(s->ntensors, sizeof(*order), err);

    for (size_t i = 0; list != NULL && i < s->ntensors; i++) {
        const struct phi_tensor *t = &s->tensors[i];

        list[i] = (struct stored){t->part, t->offset, 0, i};
        if (s->folder != NULL)
            list[i] = (struct stored){s->folder->places[i].file,
                                      s->folder->places[i].place, t->dtype, i};
    }
    if (list != NULL && order != NULL) {
        qsort(list, s->ntensors, sizeof(*list), by_place);
        for (size_t i = 0; i < s->ntensors; i++)
            order[i] = list[i].i;
    } else {
        free(order);
        order = NULL;
    }
    free(list);
    return order;
}

static enum phi_status check_range(const struct phi_source *s, size_t i,
                                   uint64_t offset, size_t n,
                                   struct phi_err *err)
{
    const struct phi_tensor *t = &s->tensors[i];

    if (offset > t->nbytes || n > t->nbytes - offset)
        return phi_fail(err, PHI_E_ARG,
                        "%s: tensor \"%.*s\": %zu bytes wanted at %llu of %llu",
                        s->path, PHI_ERR_NAME, t->origin, n,
                        (unsigned long long)offset,
                        (unsigned long long)t->nbytes);
    return PHI_OK;
}

enum phi_status phi_source_read(const struct phi_source *s, size_t i,
                                uint64_t offset, void *to, size_t n,
                                struct phi_err *err)
{
    const struct phi_tensor *t = &s->tensors[i];
    const enum phi_status st = check_range(s, i, offset, n, err);

    if (st != PHI_OK)
        return st;
    return s->ops->read(s, t->part, t->offset + offset, to, n, err);
}

enum phi_status phi_source_read_panels(const struct phi_source *s, size_t i,
                                       uint64_t offset, void *to, size_t n,
                                       struct phi_err *err)
{
    const enum phi_status st = check_range(s, i, offset, n, err);

    if (st != PHI_OK)
        return st;
    if (!phi_source_has_panels(s, i))
        return phi_fail(err, PHI_E_ARG, "%s: tensor \"%.*s\": has no panels",
                        s->path, PHI_ERR_NAME, s->tensors[i].origin);
    return s->read_panels(s, i, offset, to, n, err);
}

enum phi_status phi_source_read_file(const struct phi_source *s, size_t i,
                                     uint64_t offset, void *to, size_t n,
                                     struct phi_err *err)
{
    const struct phi_source_file *f = &s->files[i];

    if (offset > f->nbytes || n > f->nbytes - offset)
        return phi_fail(err, PHI_E_ARG, "%s: %zu bytes wanted at %llu of %llu",
                        f->name, n, (unsigned long long)offset,
                        (unsigned long long)f->nbytes);
    return s->ops->read(s, i, offset, to, n, err);
}

enum phi_status phi_source_unchanged(const struct phi_source *s,
                                     struct phi_err *err)
{
    return s->ops->unchanged(s, err);
}

enum phi_status phi_source_not_input(const struct phi_source *s,
                                     const char *path, struct phi_err *err)
{
    return s->ops->not_input(s, path, err);
}

void phi_source_close(struct phi_source *s)
{
    if (s != NULL)
        s->ops->close(s);
}

char *phi_shape_text(char *out, size_t n, const uint64_t *dim, uint32_t rank)
{
    size_t at = (size_t)snprintf(out, n, "[");

    for (uint32_t i = 0; i < rank && at < n; i++)
        at += (size_t)snprintf(out + at, n - at, "%s%llu", i > 0 ? ", " : "",
                               (unsigned long long)dim[i]);
    if (at < n)
        snprintf(out + at, n - at, "]");
    return out;
}
