/* SPDX-License-Identifier: MIT */
#include "formats/pack_stage.h"

#include <stdlib.h>

#include "formats/pack.h"
#include "libconv/base/mem.h"

enum phi_status phi_pack_stage_init(struct phi_pack_stage *s, uint64_t n,
                                    struct phi_err *err)
{
    *s = (struct phi_pack_stage){.n = n};
    s->chunks = phi_alloc((size_t)n, sizeof(*s->chunks), err);
    if (s->chunks == NULL)
        return PHI_E_NOMEM;
    return phi_lock_new(&s->lock, err);
}

void phi_pack_stage_release(struct phi_pack_stage *s)
{
    for (uint64_t c = 0; s->chunks != NULL && c < s->n; c++)
        free(s->chunks[c].bytes);
    free(s->chunks);
    phi_pack_spares_release(&s->spares);
    phi_lock_free(s->lock);
    *s = (struct phi_pack_stage){0};
}

enum phi_status phi_pack_stage_get(struct phi_pack_stage *s, uint64_t c,
                                   uint8_t **out, struct phi_err *err)
{
    phi_lock_take(s->lock);
    if (s->chunks[c].bytes == NULL)
        s->chunks[c].bytes = phi_pack_spares_take(&s->spares);
    if (s->chunks[c].bytes == NULL)
        s->chunks[c].bytes = phi_alloc_pages(PHI_PACK_CHUNK, err);
    *out = s->chunks[c].bytes;
    phi_lock_give(s->lock);
    return *out != NULL ? PHI_OK : PHI_E_NOMEM;
}

enum phi_status phi_pack_stage_add(struct phi_pack_stage *s, uint64_t c,
                                   size_t n, uint8_t **whole,
                                   struct phi_err *err)
{
    bool fits;

    *whole = NULL;
    phi_lock_take(s->lock);
    fits = n <= s->chunks[c].left;
    if (fits)
        s->chunks[c].left -= n;
    if (fits && s->chunks[c].left == 0) {
        *whole = s->chunks[c].bytes;
        s->chunks[c].bytes = NULL;
    }
    phi_lock_give(s->lock);
    return fits ? PHI_OK
                : phi_fail(err, PHI_E_ARG, "bytes of it were written twice");
}

void phi_pack_stage_done(struct phi_pack_stage *s, uint8_t *bytes)
{
    phi_lock_take(s->lock);
    phi_pack_spares_give(&s->spares, bytes);
    phi_lock_give(s->lock);
}

uint64_t phi_pack_stage_missing(const struct phi_pack_stage *s)
{
    uint64_t c = 0;

    while (c < s->n && s->chunks[c].left == 0)
        c++;
    return c;
}
