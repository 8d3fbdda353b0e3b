/* SPDX-License-Identifier: MIT */
#include "libconv/tensor/meta_match.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/map.h"
#include "libconv/base/mem.h"

size_t *phi_meta_match(const struct phi_meta *a, const struct phi_meta *b,
                       struct phi_err *err)
{
    struct phi_map keys = {0};
    size_t *at = phi_alloc(a->n, sizeof(*at), err);
    enum phi_status st = at != NULL ? PHI_OK : PHI_E_NOMEM;

    for (size_t i = 0; st == PHI_OK && i < b->n; i++)
        st = phi_map_add(&keys, b->kv[i].key, strlen(b->kv[i].key), (uint32_t)i,
                         NULL, err);
    for (size_t i = 0; st == PHI_OK && i < a->n; i++) {
        const uint32_t *k =
            phi_map_find(&keys, a->kv[i].key, strlen(a->kv[i].key));

        at[i] = k != NULL ? *k : PHI_META_NONE;
    }
    phi_map_release(&keys);
    if (st == PHI_OK)
        return at;
    free(at);
    return NULL;
}
