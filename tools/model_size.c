/* SPDX-License-Identifier: MIT */
#include "tools/model_size.h"

#include <stdlib.h>

#include "formats/pack_source.h"
#include "libconv/base/mem.h"

bool *model_shared(const struct phi_source *s, struct phi_err *err)
{
    struct phi_source stored = *s;
    bool *shared = phi_alloc(s->ntensors, sizeof(*shared), err);
    size_t *order;

    /* A packed file holds both where the folder that it is of had one. */
    stored.folder = NULL;
    order = phi_source_by_place(&stored, err);
    if (shared == NULL || order == NULL) {
        free(shared);
        free(order);
        return NULL;
    }
    for (size_t k = 1; k < s->ntensors; k++)
        shared[order[k]] =
            phi_source_is_alias(&stored, order[k - 1], order[k]) &&
            s->tensors[order[k]].nbytes > 0;
    free(order);
    return shared;
}

uint64_t model_file_nbytes(const struct phi_source *s)
{
    const struct phi_pack *pack = phi_pack_of(s);
    uint64_t n = 0;

    /* Its source's file is the GGUF that it stands for. */
    if (pack != NULL)
        return pack->front.nbytes;
    for (size_t i = 0; i < s->nfiles; i++)
        n += s->files[i].nbytes;
    return n;
}
