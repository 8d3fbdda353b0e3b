/* SPDX-License-Identifier: MIT */
#include "libconv/tensor/source.h"

#include <string.h>

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

enum phi_status phi_source_read(const struct phi_source *s, size_t i,
                                uint64_t offset, void *to, size_t n,
                                struct phi_err *err)
{
    const struct phi_tensor *t = &s->tensors[i];

    if (offset > t->nbytes || n > t->nbytes - offset)
        return phi_fail(err, PHI_E_ARG,
                        "%s: tensor \"%.*s\": %zu bytes wanted at %llu of %llu",
                        s->path, PHI_ERR_NAME, t->origin, n,
                        (unsigned long long)offset,
                        (unsigned long long)t->nbytes);
    return s->ops->read(s, t->part, t->offset + offset, to, n, err);
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
