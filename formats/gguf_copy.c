/* SPDX-License-Identifier: MIT */
#include "formats/gguf_copy.h"

#include <stdlib.h>
#include <string.h>

#include "formats/gguf_head.h"
#include "libconv/base/mem.h"

/* Whether every tensor stays what it is, in a file that has the same bytes. */
static bool is_copy(const struct phi_source *s, bool packed,
                    const struct phi_sink_tensor *tensors, const size_t *map,
                    size_t n)
{
    if (n != s->ntensors || !phi_gguf_has_head(s) ||
        (strcmp(s->format, "gguf") == 0 && !packed))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (tensors[i].dtype != s->tensors[map[i]].dtype)
            return false;
    }
    return true;
}

enum phi_status phi_gguf_copy_make(struct phi_gguf_copy *out,
                                   const struct phi_source *s, bool packed,
                                   const struct phi_sink_tensor *tensors,
                                   size_t *map, size_t n, struct phi_err *err)
{
    struct phi_gguf_copy c = {.map = map};
    enum phi_status st = PHI_OK;

    if (!is_copy(s, packed, tensors, map, n))
        goto out;
    c.listed = phi_alloc(n, sizeof(*c.listed), err);
    st = c.listed != NULL ? phi_gguf_head_load(s, &c.head, &c.head_nbytes,
                                               &c.gguf_nbytes, err)
                          : PHI_E_NOMEM;
    if (st != PHI_OK)
        goto out;
    for (size_t i = 0; i < n; i++)
        c.listed[map[i]] = tensors[i];
    *out = c;
    return PHI_OK;
out:
    phi_gguf_copy_release(&c);
    return st;
}

void phi_gguf_copy_release(struct phi_gguf_copy *c)
{
    free(c->head);
    free(c->map);
    free(c->listed);
    *c = (struct phi_gguf_copy){0};
}
