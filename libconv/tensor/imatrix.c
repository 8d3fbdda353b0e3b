/* SPDX-License-Identifier: MIT */
#include "libconv/tensor/imatrix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"

static enum phi_status check_number(const char *what, size_t i, float v,
                                    struct phi_err *err)
{
    if (isfinite(v) && v >= 0)
        return PHI_OK;
    return phi_fail(err, PHI_E_FORMAT,
                    "%s %zu is %g, expected a finite number of 0 or more", what,
                    i, (double)v);
}

/* Fills e->importance, (s->n), from checked sizes. */
static enum phi_status divide(struct phi_imatrix_entry *e,
                              const struct phi_imatrix_sums *s,
                              struct phi_err *err)
{
    const size_t width = s->n / s->ncounts;
    enum phi_status st = PHI_OK;

    for (size_t k = 0; st == PHI_OK && k < s->ncounts; k++) {
        /* Counts are whole; llama-quantize rounds what is not. */
        const float count = roundf(s->counts[k]);

        if ((st = check_number("count", k, s->counts[k], err)) != PHI_OK)
            break;
        for (size_t i = k * width; i < (k + 1) * width; i++) {
            if ((st = check_number("sum", i, s->sums[i], err)) != PHI_OK)
                break;
            e->importance[i] = count > 0 ? s->sums[i] / count : 1;
        }
    }
    return st;
}

static enum phi_status check_shape(const struct phi_imatrix_sums *s,
                                   struct phi_err *err)
{
    if (s->nname == 0 || memchr(s->name, '\0', s->nname) != NULL)
        return phi_fail(err, PHI_E_FORMAT,
                        "name %s, expected the name of a tensor",
                        s->nname == 0 ? "is empty" : "has a NUL in it");
    if (s->n == 0 || s->ncounts == 0 || s->n % s->ncounts != 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "has %zu sums and %zu counts, expected as many sums "
                        "for each count",
                        s->n, s->ncounts);
    return PHI_OK;
}

enum phi_status phi_imatrix_add(struct phi_imatrix *m,
                                const struct phi_imatrix_sums *sums,
                                struct phi_err *err)
{
    struct phi_imatrix_entry e = {.n = sums->n};
    void *p = m->entries;
    bool added = false;
    enum phi_status st = check_shape(sums, err);

    if (st == PHI_OK)
        st = phi_grow(&p, &m->cap, m->nentries + 1, sizeof(*m->entries), err);
    m->entries = p;
    if (st != PHI_OK)
        goto out;
    e.name = phi_strndup(sums->name, sums->nname, err);
    e.importance = phi_alloc(e.n, sizeof(*e.importance), err);
    if (e.name == NULL || e.importance == NULL) {
        st = PHI_E_NOMEM;
        goto out;
    }
    if ((st = divide(&e, sums, err)) != PHI_OK)
        goto out;
    st = phi_map_add(&m->by_name, e.name, sums->nname, (uint32_t)m->nentries,
                     &added, err);
    if (st == PHI_OK && !added)
        st = phi_fail(err, PHI_E_FORMAT, "is there twice, expected once");
out:
    if (st != PHI_OK) {
        free(e.name);
        free(e.importance);
    } else {
        m->entries[m->nentries++] = e;
    }
    if (st == PHI_E_FORMAT)
        phi_err_prefix(err, "entry \"%.*s\"",
                       sums->nname < PHI_ERR_NAME ? (int)sums->nname
                                                  : PHI_ERR_NAME,
                       sums->name);
    return st;
}

const struct phi_imatrix_entry *phi_imatrix_find(const struct phi_imatrix *m,
                                                 const char *name)
{
    const uint32_t *i = phi_map_find(&m->by_name, name, strlen(name));

    return i != NULL ? &m->entries[*i] : NULL;
}

void phi_imatrix_release(struct phi_imatrix *m)
{
    for (size_t i = 0; i < m->nentries; i++) {
        free(m->entries[i].name);
        free(m->entries[i].importance);
    }
    free(m->entries);
    free(m->path);
    free(m->dataset);
    phi_map_release(&m->by_name);
    *m = (struct phi_imatrix){0};
}
