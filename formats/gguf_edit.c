/* SPDX-License-Identifier: MIT */
#include "formats/gguf_edit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gguf_kv.h"
#include "formats/gguf_reserve.h"
#include "formats/gguf_write.h"
#include "libconv/base/bytes.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"
#include "libconv/base/patch.h"
#include "libconv/base/size.h"
#include "libconv/tensor/meta_match.h"

/* Places in a head. The array of the first key begins at a fixed one. */
#define NKEYS_AT 16u
#define KEYS_AT  24u
#define ROOM_AT  (KEYS_AT + 8 + (sizeof(PHI_GGUF_RESERVE) - 1) + 4 + 4 + 8)
#define COUNT_AT (ROOM_AT - 8)

/* What the head of the other half takes, without its bytes. */
#define END_NBYTES (8 + (sizeof(PHI_GGUF_RESERVE_END) - 1) + 4 + 4 + 8)

/* Data is copied in pieces of this, to be stopped in between. */
#define PIECE ((uint64_t)64 << 20)

#define PAGE 4096u

struct phi_gguf_edit_parts {
    struct phi_buf old;   /* the head as it is, to the data */
    struct phi_buf image; /* the head as it will be, to the data */
    uint64_t data;        /* where the data begin now */
    size_t *at;           /* (gguf.meta.n + 1) where keys begin, and end */
    size_t fill;          /* written first, in the room */
    size_t fill_n;
    size_t flip; /* then this, in one sector */
    size_t flip_n;
    size_t room_end; /* and then all of the room, from ROOM_AT */
};

/* ---- opening ------------------------------------------------------------- */

static enum phi_status load_head(struct phi_gguf_edit *e, struct phi_err *err)
{
    struct phi_gguf_edit_parts *p = e->parts;
    const struct phi_gguf *g = &e->gguf;

    p->data = g->ntensors > 0 ? g->tensors[0].offset : phi_file_size(e->file);
    if (p->data > PHI_GGUF_MAX_HEADER)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: its head has %" PRIu64
                        " bytes, expected at most %u",
                        phi_file_path(e->file), p->data, PHI_GGUF_MAX_HEADER);
    phi_buf_zeros(&p->old, (size_t)p->data);
    if (phi_buf_status(&p->old, err) != PHI_OK)
        return PHI_E_NOMEM;
    return phi_file_read(e->file, 0, p->old.p, p->old.n, err);
}

/* Where the keys lie: they are encoded as they were read. */
static enum phi_status locate(struct phi_gguf_edit *e, struct phi_err *err)
{
    struct phi_gguf_edit_parts *p = e->parts;
    const struct phi_meta *m = &e->gguf.meta;
    struct phi_buf b = {0};
    enum phi_status st = PHI_OK;

    p->at = phi_alloc(m->n + 1, sizeof(*p->at), err);
    if (p->at == NULL)
        return PHI_E_NOMEM;
    p->at[0] = KEYS_AT;
    for (size_t i = 0; st == PHI_OK && i < m->n; i++) {
        st = phi_gguf_put_key(&b, &m->kv[i], err);
        p->at[i + 1] = KEYS_AT + b.n;
    }
    if (st == PHI_OK)
        st = phi_buf_status(&b, err);
    if (st == PHI_OK && b.n > 0 &&
        (KEYS_AT + b.n > p->old.n || memcmp(b.p, p->old.p + KEYS_AT, b.n) != 0))
        st = phi_fail(err, PHI_E_UNSUPPORTED,
                      "%s: its keys are not written the usual way",
                      phi_file_path(e->file));
    phi_buf_release(&b);
    return st;
}

/* Without the room. */
static size_t count_keys(const struct phi_meta *m)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n; i++)
        n += !phi_gguf_reserve_is(&m->kv[i], PHI_GGUF_RESERVE) &&
             !phi_gguf_reserve_is(&m->kv[i], PHI_GGUF_RESERVE_END);
    return n;
}

/* Reads what out->file, which is open, begins with. */
static enum phi_status read_head(struct phi_gguf_edit *out, struct phi_err *err)
{
    const char *path = phi_file_path(out->file);
    enum phi_status st = phi_gguf_read(&out->gguf, out->file, err);

    if (st == PHI_OK && count_keys(&out->gguf.meta) > PHI_GGUF_EDIT_MAX_KEYS)
        st = phi_fail(err, PHI_E_UNSUPPORTED,
                      "%s: has %zu keys, expected at most %u", path,
                      count_keys(&out->gguf.meta), PHI_GGUF_EDIT_MAX_KEYS);
    if (st == PHI_OK) {
        st = phi_gguf_reserve_check(&out->gguf.meta, err);
        if (st != PHI_OK)
            phi_err_prefix(err, "%s", path);
    }
    if (st != PHI_OK)
        return st;
    out->parts = phi_alloc(1, sizeof(*out->parts), err);
    if (out->parts == NULL)
        return PHI_E_NOMEM;
    if ((st = load_head(out, err)) != PHI_OK ||
        (st = locate(out, err)) != PHI_OK ||
        (st = phi_meta_copy(&out->meta, &out->gguf.meta, err)) != PHI_OK)
        return st;
    phi_gguf_reserve_remove(&out->meta);
    return PHI_OK;
}

enum phi_status phi_gguf_edit_open(struct phi_gguf_edit *out, const char *path,
                                   struct phi_err *err)
{
    enum phi_status st = phi_file_open(&out->file, path, err);

    if (st == PHI_OK)
        st = phi_file_lock(out->file, err);
    return st == PHI_OK ? read_head(out, err) : st;
}

void phi_gguf_edit_release(struct phi_gguf_edit *e)
{
    if (e->parts != NULL) {
        phi_buf_release(&e->parts->old);
        phi_buf_release(&e->parts->image);
        free(e->parts->at);
        free(e->parts);
    }
    phi_meta_release(&e->meta);
    phi_gguf_release(&e->gguf);
    phi_file_close(e->file);
    *e = (struct phi_gguf_edit){0};
}

/* ---- encoding ------------------------------------------------------------ */

/* Appends the entries of m whose names are, or are not, in `list` from first
 * to the end; *n counts them. */
static enum phi_status put_chosen(struct phi_buf *b, const struct phi_meta *m,
                                  const struct phi_meta *list, size_t first,
                                  bool in, size_t *n, struct phi_err *err)
{
    /* An empty list has no entries to point at. */
    const struct phi_meta part = {first < list->n ? list->kv + first : NULL,
                                  list->n - first, 0};
    size_t *at = phi_meta_match(m, &part, err);
    enum phi_status st = at != NULL ? PHI_OK : PHI_E_NOMEM;

    for (size_t i = 0; st == PHI_OK && i < m->n; i++) {
        if ((at[i] != PHI_META_NONE) != in)
            continue;
        ++*n;
        st = phi_gguf_put_key(b, &m->kv[i], err);
    }
    free(at);
    return st == PHI_OK ? phi_buf_status(b, err) : st;
}

static enum phi_status put_all(struct phi_buf *b, const struct phi_meta *m,
                               struct phi_err *err)
{
    static const struct phi_meta none = {0};
    size_t n = 0;

    return put_chosen(b, m, &none, 0, false, &n, err);
}

static bool same_bytes(const struct phi_buf *a, const struct phi_buf *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

/* Bytes of the list of tensors, without the padding behind it. */
static size_t list_nbytes(const struct phi_gguf *g)
{
    size_t n = 0;

    for (size_t i = 0; i < g->ntensors; i++)
        n += 8 + strlen(g->tensors[i].name) + 4 + 8 * g->tensors[i].rank + 12;
    return n;
}

/* ---- in place ------------------------------------------------------------ */

static enum phi_status image_of_old(struct phi_gguf_edit_parts *p,
                                    struct phi_err *err)
{
    phi_buf_release(&p->image);
    phi_buf_put(&p->image, p->old.p, p->old.n);
    return phi_buf_status(&p->image, err);
}

/* The same keys in the same order, and bytes that differ in one sector. */
static enum phi_status try_sector(struct phi_gguf_edit *e, bool *done,
                                  struct phi_err *err)
{
    struct phi_gguf_edit_parts *p = e->parts;
    const struct phi_meta *old = &e->gguf.meta;
    struct phi_buf b = {0};
    size_t *at = phi_meta_match(old, &e->meta, err);
    enum phi_status st = at != NULL ? PHI_OK : PHI_E_NOMEM;
    size_t taken = 0;
    size_t first = 0;
    size_t last;

    for (size_t i = 0; st == PHI_OK && i < old->n; i++) {
        const bool room =
            phi_gguf_reserve_is(&old->kv[i], PHI_GGUF_RESERVE) ||
            phi_gguf_reserve_is(&old->kv[i], PHI_GGUF_RESERVE_END);

        if (at[i] == PHI_META_NONE && !room)
            goto out;
        taken += !room;
        st = phi_gguf_put_key(&b, room ? &old->kv[i] : &e->meta.kv[at[i]], err);
    }
    if (st == PHI_OK)
        st = phi_buf_status(&b, err);
    if (st != PHI_OK || taken != e->meta.n || KEYS_AT + b.n != p->at[old->n] ||
        (st = image_of_old(p, err)) != PHI_OK)
        goto out;
    memcpy(p->image.p + KEYS_AT, b.p, b.n);
    while (first < p->old.n && p->old.p[first] == p->image.p[first])
        first++;
    if (first == p->old.n)
        goto out;
    for (last = p->old.n; p->old.p[last - 1] == p->image.p[last - 1]; last--)
        ;
    if (!phi_patch_is_atomic(first, last - first))
        goto out;
    p->flip = first;
    p->flip_n = last - first;
    e->nbytes = p->flip_n;
    *done = true;
out:
    free(at);
    phi_buf_release(&b);
    return st;
}

/* The new small keys at `start`, room before and after them. */
static enum phi_status place_small(struct phi_gguf_edit *e, size_t start,
                                   size_t large, const struct phi_buf *small,
                                   size_t nkeys, struct phi_err *err)
{
    struct phi_gguf_edit_parts *p = e->parts;
    const size_t end = start + small->n;
    enum phi_status st = image_of_old(p, err);
    uint8_t *h = p->image.p;

    if (st != PHI_OK)
        return st;
    memset(h + ROOM_AT, 0, large - ROOM_AT);
    if (small->n > 0)
        memcpy(h + start, small->p, small->n);
    phi_store_u64(h + COUNT_AT, start - ROOM_AT);
    p->fill = start;
    p->fill_n = small->n;
    if (end < large) {
        struct phi_buf b = {0};

        phi_buf_u64(&b, sizeof(PHI_GGUF_RESERVE_END) - 1);
        phi_buf_text(&b, PHI_GGUF_RESERVE_END);
        phi_buf_u32(&b, PHI_KV_ARRAY);
        phi_buf_u32(&b, PHI_KV_U8);
        phi_buf_u64(&b, large - end - END_NBYTES);
        st = phi_buf_status(&b, err);
        if (st == PHI_OK)
            memcpy(h + end, b.p, b.n);
        p->fill_n += b.n;
        nkeys++;
        phi_buf_release(&b);
    }
    phi_store_u64(h + NKEYS_AT, nkeys);
    p->flip = NKEYS_AT;
    p->flip_n = ROOM_AT - NKEYS_AT;
    p->room_end = large;
    e->nbytes = p->fill_n + p->flip_n;
    return st;
}

/* The small keys once more, at the end of the room where they are not. */
static enum phi_status try_room(struct phi_gguf_edit *e, bool *done,
                                struct phi_err *err)
{
    const struct phi_gguf_edit_parts *p = e->parts;
    const struct phi_meta *old = &e->gguf.meta;
    struct phi_buf small = {0};
    struct phi_buf large = {0};
    enum phi_status st = PHI_OK;
    size_t i = 1;
    size_t nkeys = 1; /* the room itself */
    size_t begin, end, edge;

    if (old->n == 0 || !phi_gguf_reserve_is(&old->kv[0], PHI_GGUF_RESERVE))
        return PHI_OK;
    while (i < old->n &&
           !phi_gguf_reserve_is(&old->kv[i], PHI_GGUF_RESERVE_END) &&
           !phi_gguf_reserve_large(&old->kv[i]))
        i++;
    begin = p->at[1];
    end = p->at[i];
    if (i < old->n && phi_gguf_reserve_is(&old->kv[i], PHI_GGUF_RESERVE_END))
        i++;
    edge = p->at[i];
    if ((st = put_chosen(&small, &e->meta, old, i, false, &nkeys, err)) !=
            PHI_OK ||
        (st = put_chosen(&large, &e->meta, old, i, true, &nkeys, err)) !=
            PHI_OK)
        goto out;
    /* The large keys stay where they are. */
    if (large.n != p->at[old->n] - edge ||
        (large.n > 0 && memcmp(large.p, p->old.p + edge, large.n) != 0))
        goto out;
    *done = true;
    if (ROOM_AT + small.n + END_NBYTES <= begin)
        st = place_small(e, ROOM_AT, edge, &small, nkeys, err);
    else if (edge > end && edge - end >= END_NBYTES + small.n)
        st = place_small(e, edge - small.n, edge, &small, nkeys, err);
    else
        *done = false;
out:
    phi_buf_release(&small);
    phi_buf_release(&large);
    return st;
}

/* ---- rewritten ----------------------------------------------------------- */

static enum phi_status encode_new(struct phi_gguf_edit *e,
                                  const struct phi_meta *m, uint64_t align,
                                  struct phi_err *err)
{
    struct phi_gguf_edit_parts *p = e->parts;
    struct phi_buf *b = &p->image;
    const size_t keys_end = p->at[e->gguf.meta.n];
    uint64_t start = 0;
    enum phi_status st;

    phi_buf_release(b);
    phi_buf_put(b, p->old.p, NKEYS_AT);
    phi_buf_u64(b, m->n);
    if ((st = put_all(b, m, err)) != PHI_OK)
        return st;
    phi_buf_put(b, p->old.p + keys_end, list_nbytes(&e->gguf));
    phi_align_u64(b->n, align, &start);
    phi_buf_zeros(b, (size_t)(start - b->n));
    return phi_buf_status(b, err);
}

static enum phi_status plan_rewrite(struct phi_gguf_edit *e,
                                    struct phi_err *err)
{
    struct phi_gguf_edit_parts *p = e->parts;
    struct phi_meta m = {0};
    uint64_t align = 0;
    enum phi_status st = phi_gguf_alignment(&e->gguf.meta, &align, err);

    if (st == PHI_OK)
        st = phi_meta_copy(&m, &e->meta, err);
    if (st == PHI_OK)
        st = phi_gguf_reserve_add(&m, 0, err);
    if (st == PHI_OK)
        st = encode_new(e, &m, align, err);
    if (st == PHI_OK && align <= PAGE) {
        const size_t more = (size_t)(p->data - p->image.n) % PAGE;

        st = phi_gguf_reserve_add(&m, more, err);
        if (st == PHI_OK)
            st = encode_new(e, &m, align, err);
    }
    if (st == PHI_OK && p->image.n > PHI_GGUF_MAX_HEADER)
        st = phi_fail(err, PHI_E_ARG,
                      "%s: its head would have %zu bytes, at most %u can be",
                      phi_file_path(e->file), p->image.n, PHI_GGUF_MAX_HEADER);
    e->nbytes = p->image.n + (phi_file_size(e->file) - p->data);
    phi_meta_release(&m);
    return st;
}

enum phi_status phi_gguf_edit_plan(struct phi_gguf_edit *e, bool rewrite,
                                   struct phi_err *err)
{
    struct phi_meta was = {0};
    struct phi_buf a = {0};
    struct phi_buf b = {0};
    bool done = false;
    enum phi_status st = phi_meta_copy(&was, &e->gguf.meta, err);

    phi_gguf_reserve_remove(&was);
    if (st != PHI_OK || (st = put_all(&a, &was, err)) != PHI_OK ||
        (st = put_all(&b, &e->meta, err)) != PHI_OK)
        goto out;
    e->way = PHI_GGUF_AS_IT_IS;
    e->nbytes = 0;
    if (same_bytes(&a, &b) && !rewrite)
        goto out;
    /* What is written could not be opened again. */
    if (e->meta.n > PHI_GGUF_EDIT_MAX_KEYS) {
        st = phi_fail(err, PHI_E_ARG, "would have %zu keys, at most %u can be",
                      e->meta.n, PHI_GGUF_EDIT_MAX_KEYS);
        goto out;
    }
    /* Another name for the file would be changed with it. */
    rewrite = rewrite || phi_file_links(e->file) > 1;
    e->way = PHI_GGUF_IN_PLACE;
    if (!rewrite)
        st = try_sector(e, &done, err);
    if (st == PHI_OK && !rewrite && !done)
        st = try_room(e, &done, err);
    if (st == PHI_OK && !done) {
        e->way = PHI_GGUF_REWRITE;
        st = plan_rewrite(e, err);
    }
out:
    if (st == PHI_E_ARG)
        phi_err_prefix(err, "%s", phi_file_path(e->file));
    phi_buf_release(&a);
    phi_buf_release(&b);
    phi_meta_release(&was);
    return st;
}

/* ---- writing ------------------------------------------------------------- */

/* A failure does not undo what is in the file by now. */
static enum phi_status say_changed(const struct phi_gguf_edit *e,
                                   enum phi_status st, struct phi_err *err)
{
    if (st == PHI_E_IO || st == PHI_E_NOMEM)
        phi_err_prefix(err,
                       "%s: the new metadata are complete and in place, but",
                       phi_file_path(e->file));
    return st;
}

/* Whether both are written with the same bytes. */
static enum phi_status same_key(const struct phi_kv *x, const struct phi_kv *y,
                                bool *same, struct phi_err *err)
{
    struct phi_buf a = {0};
    struct phi_buf b = {0};
    enum phi_status st = phi_gguf_put_key(&a, x, err);

    if (st == PHI_OK)
        st = phi_gguf_put_key(&b, y, err);
    if (st == PHI_OK)
        st = phi_buf_status(&a, err);
    if (st == PHI_OK)
        st = phi_buf_status(&b, err);
    *same = st == PHI_OK && same_bytes(&a, &b);
    phi_buf_release(&a);
    phi_buf_release(&b);
    return st;
}

/* The file that is there now has the metadata that were wanted. */
static enum phi_status check(const struct phi_gguf_edit *e, struct phi_err *err)
{
    const char *path = phi_file_path(e->file);
    struct phi_gguf_edit now = {0};
    enum phi_status st = phi_file_open(&now.file, path, err);
    size_t *at = NULL;
    bool same;

    /* The lock is ours. */
    if (st == PHI_OK)
        st = read_head(&now, err);
    if (st == PHI_OK && (at = phi_meta_match(&e->meta, &now.meta, err)) == NULL)
        st = PHI_E_NOMEM;
    same = st == PHI_OK && now.meta.n == e->meta.n;
    for (size_t i = 0; same && i < e->meta.n; i++) {
        same = at[i] != PHI_META_NONE;
        if (same)
            st = same_key(&now.meta.kv[at[i]], &e->meta.kv[i], &same, err);
    }
    free(at);
    /* What cannot be looked at has been written all the same. */
    if (st != PHI_OK)
        st = say_changed(e, st, err);
    else if (!same)
        st = phi_fail(err, PHI_E_IO,
                      "%s: does not have the metadata that were written", path);
    phi_gguf_edit_release(&now);
    return st;
}

static enum phi_status write_in_place(struct phi_gguf_edit *e,
                                      struct phi_err *err)
{
    const struct phi_gguf_edit_parts *p = e->parts;
    const uint8_t *h = p->image.p;
    struct phi_patch *patch = NULL;
    enum phi_status st = phi_patch_open(&patch, e->file, err);

    if (st == PHI_OK && p->fill_n > 0) {
        st = phi_patch_put(patch, p->fill, h + p->fill, p->fill_n, err);
        if (st == PHI_OK)
            st = phi_patch_sync(patch, err);
    }
    if (st == PHI_OK)
        st = phi_patch_put(patch, p->flip, h + p->flip, p->flip_n, err);
    if (st != PHI_OK)
        goto out;
    st = phi_patch_sync(patch, err);
    /* What was replaced is room now; nothing of it stays readable. */
    if (st == PHI_OK && p->fill_n > 0) {
        st = phi_patch_put(patch, ROOM_AT, h + ROOM_AT, p->room_end - ROOM_AT,
                           err);
        if (st == PHI_OK)
            st = phi_patch_sync(patch, err);
    }
    st = say_changed(e, st, err);
    if (st == PHI_OK)
        st = check(e, err);
out:
    phi_patch_close(patch);
    return st;
}

static enum phi_status rewrite_file(const struct phi_gguf_edit *e,
                                    const struct phi_monitor *m,
                                    struct phi_err *err)
{
    const struct phi_gguf_edit_parts *p = e->parts;
    const struct phi_output_options opt = {.size = e->nbytes, .replace = true};
    const uint64_t n = phi_file_size(e->file) - p->data;
    struct phi_output *o = NULL;
    enum phi_status st = phi_output_open(&o, phi_file_path(e->file), &opt, err);

    if (st == PHI_OK)
        st = phi_output_like(o, e->file, err);
    if (st == PHI_OK)
        st = phi_output_put(o, 0, p->image.p, p->image.n, err);
    for (uint64_t at = 0; st == PHI_OK && at < n;) {
        const uint64_t left = n - at;
        const uint64_t now = left < PIECE ? left : PIECE;

        st = phi_output_copy(o, p->image.n + at, e->file, p->data + at, now,
                             err);
        at += now;
        if (st == PHI_OK)
            st = phi_monitor_tick(m, at, n, NULL, err);
    }
    if (st == PHI_OK)
        st = phi_file_unchanged(e->file, err);
    if (st == PHI_OK)
        st = phi_output_commit(o, err);
    /* Until it is closed, nobody else changes the new file. */
    if (st == PHI_OK)
        st = check(e, err);
    phi_output_close(o);
    return st;
}

enum phi_status phi_gguf_edit_write(struct phi_gguf_edit *e,
                                    const struct phi_monitor *m,
                                    struct phi_err *err)
{
    if (e->way == PHI_GGUF_AS_IT_IS)
        return PHI_OK;
    return e->way == PHI_GGUF_IN_PLACE ? write_in_place(e, err)
                                       : rewrite_file(e, m, err);
}
