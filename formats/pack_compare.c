/* SPDX-License-Identifier: MIT */
#include "formats/pack_compare.h"

#include <stdlib.h>
#include <string.h>

#include "formats/pack_sink_parts.h"
#include "formats/pack_source.h"
#include "libconv/base/deflate.h"
#include "libconv/base/mem.h"

/* Both lists, which are in the same order. */
struct walk {
    const struct phi_pack_extras *want;
    const struct phi_pack_front *have;
    const struct phi_pack_input *in;
    size_t i; /* the part at hand */
    size_t k; /* the section */
    phi_pack_unlike_fn tell;
    void *ctx;
};

/* Origin, files, and what is to be ignored: neither the model nor its data. */
static const struct phi_pack_section *next_have(struct walk *w)
{
    for (; w->k < w->have->n; w->k++) {
        const struct phi_pack_section *s = &w->have->sections[w->k];

        if (s->kind >= PHI_PACK_KIND_ORIGIN && s->kind != PHI_PACK_KIND_DATA)
            return s;
    }
    return NULL;
}

/* Whether a is, and comes before b, which may be missing. */
static bool is_before(const struct phi_pack_section *a,
                      const struct phi_pack_section *b)
{
    if (a == NULL || b == NULL)
        return a != NULL;
    return a->kind != b->kind ? a->kind < b->kind
                              : strcmp(a->name, b->name) < 0;
}

/* The plain bytes of a part; *own, if any, is to be released with free(). */
static enum phi_status plain_of(const struct phi_pack_part *p,
                                const uint8_t **out, uint8_t **own,
                                struct phi_err *err)
{
    const size_t n = (size_t)p->head.plain;

    *own = NULL;
    *out = p->bytes;
    if (p->head.codec == PHI_PACK_PLAIN)
        return PHI_OK;
    *own = phi_alloc(n, 1, err);
    *out = *own;
    if (*own == NULL)
        return PHI_E_NOMEM;
    return phi_inflate(*own, n, p->bytes, (size_t)p->head.stored, err);
}

/* A section that both have, of the same length. */
static enum phi_status compare_bytes(struct walk *w, struct phi_err *err)
{
    const struct phi_pack_part *part = &w->want->parts[w->i];
    const size_t n = (size_t)part->head.plain;
    const uint8_t *want = NULL;
    uint8_t *own = NULL;
    uint8_t *have = NULL;
    size_t at = 0;
    enum phi_status st = plain_of(part, &want, &own, err);

    if (st == PHI_OK)
        st = phi_pack_section_load(w->have, w->in, w->k, &have, err);
    while (st == PHI_OK && at < n && want[at] == have[at])
        at++;
    if (st == PHI_OK && at < n)
        st = w->tell(w->ctx, part->head.name, PHI_PACK_UNLIKE_BYTES, at, err);
    free(own);
    free(have);
    return st;
}

enum phi_status phi_pack_compare(const struct phi_sink *planned,
                                 const struct phi_source *file,
                                 phi_pack_unlike_fn tell, void *ctx,
                                 struct phi_err *err)
{
    struct walk w = {.want = &((const struct phi_pack_sink *)planned)->extras,
                     .have = &phi_pack_of(file)->front,
                     .in = phi_pack_input_of(file),
                     .tell = tell,
                     .ctx = ctx};
    enum phi_status st = PHI_OK;

    while (st == PHI_OK) {
        const struct phi_pack_section *want =
            w.i < w.want->n ? &w.want->parts[w.i].head : NULL;
        const struct phi_pack_section *have = next_have(&w);
        const bool missing = is_before(want, have);
        const bool more = is_before(have, want);

        if (missing)
            st = tell(ctx, want->name, PHI_PACK_UNLIKE_MISSING, 0, err);
        else if (more)
            st = tell(ctx, have->name, PHI_PACK_UNLIKE_MORE, 0, err);
        else if (want == NULL || have == NULL)
            return PHI_OK;
        else if (want->plain != have->plain)
            st =
                tell(ctx, want->name, PHI_PACK_UNLIKE_LENGTH, have->plain, err);
        else
            st = compare_bytes(&w, err);
        w.i += !more;
        w.k += !missing;
    }
    return st;
}
