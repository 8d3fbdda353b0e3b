/* SPDX-License-Identifier: MIT */
#include "formats/pack_spares.h"

#include <stdlib.h>

#include "libconv/base/mem.h"

void *phi_pack_spares_take(struct phi_pack_spares *s)
{
    return s->n > 0 ? s->v[--s->n] : NULL;
}

void phi_pack_spares_give(struct phi_pack_spares *s, void *buffer)
{
    void *list = s->v;

    if (phi_grow(&list, &s->cap, s->n + 1, sizeof(*s->v), NULL) != PHI_OK) {
        free(buffer);
        return;
    }
    s->v = list;
    s->v[s->n++] = buffer;
}

void phi_pack_spares_release(struct phi_pack_spares *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i]);
    free(s->v);
    *s = (struct phi_pack_spares){0};
}
