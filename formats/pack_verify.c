/* SPDX-License-Identifier: MIT */
#include "formats/pack_verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/pack_source.h"
#include "libconv/base/lock.h"
#include "libconv/base/mem.h"
#include "libconv/base/par.h"
#include "libconv/base/tally.h"

struct job {
    const struct phi_source *source;
    const struct phi_pack *pack;
    const struct phi_pack_input *in;
    const struct phi_pack_verify_options *options;
    phi_crc32_fn crc32;
    struct phi_pack_verified *out;
    struct phi_lock *lock; /* of out */
    struct phi_tally tally;
    size_t *owner; /* (pack->nchunks) tensor of each chunk */
    uint8_t *room; /* (threads, ROOM) */
};

void phi_pack_verified_release(struct phi_pack_verified *v)
{
    free(v->damage);
    *v = (struct phi_pack_verified){0};
}

static bool is_wanted(const struct job *j, uint64_t from, uint64_t n)
{
    const struct phi_pack_verify_options *o = j->options;

    return o->to == 0 || (from < o->to && from + n > o->from);
}

static int by_offset(const void *pa, const void *pb)
{
    const struct phi_pack_damage *a = pa, *b = pb;

    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* The list keeps those that come first in the file. */
static void add_damage(struct job *j, uint64_t offset,
                       const struct phi_err *err)
{
    struct phi_pack_verified *v = j->out;
    size_t at;

    phi_lock_take(j->lock);
    v->all++;
    at = v->ndamage < PHI_PACK_MAX_DAMAGE ? v->ndamage++
                                          : PHI_PACK_MAX_DAMAGE - 1;
    if (v->all <= PHI_PACK_MAX_DAMAGE || v->damage[at].offset > offset) {
        v->damage[at].offset = offset;
        v->damage[at].err = *err;
        if (at == PHI_PACK_MAX_DAMAGE - 1)
            qsort(v->damage, v->ndamage, sizeof(*v->damage), by_offset);
    }
    phi_lock_give(j->lock);
}

/* Bytes [from, to) of the file are zero: they pad `what`. */
static enum phi_status check_gap(struct job *j, uint64_t from, uint64_t to,
                                 const char *what, const char *name,
                                 struct phi_err *err)
{
    uint8_t gap[PHI_PACK_LARGE_ALIGN];
    const size_t n = (size_t)(to - from); /* less than an alignment */
    enum phi_status st;

    if (n == 0 || !is_wanted(j, from, n))
        return PHI_OK;
    st = phi_pack_input_read(j->in, from, gap, n, err);
    for (size_t i = 0; st == PHI_OK && i < n; i++) {
        struct phi_err found = {0};

        if (gap[i] == 0)
            continue;
        phi_fail(&found, PHI_E_FORMAT,
                 "%s: padding before %s \"%.*s\": byte %" PRIu64
                 " is 0x%02x, expected 0",
                 j->in->path, what, PHI_ERR_NAME, name, from + i, gap[i]);
        add_damage(j, from + i, &found);
        break;
    }
    return st;
}

/* ---- sections ------------------------------------------------------------ */

static uint64_t table_end(const struct phi_pack_front *f)
{
    uint64_t at = PHI_PACK_HEADER + (uint64_t)f->n * PHI_PACK_ENTRY;

    for (size_t i = 0; i < f->n; i++)
        at += strlen(f->sections[i].name);
    return at;
}

/* Those that nobody has looked at, and what is between all of them. */
static enum phi_status check_sections(struct job *j, struct phi_err *err)
{
    const struct phi_pack_front *f = &j->pack->front;
    uint64_t at = table_end(f);
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < f->n; i++) {
        const struct phi_pack_section *s = &f->sections[i];
        uint8_t *bytes = NULL;
        struct phi_err found = {0};

        st = check_gap(j, at, s->offset, "section", s->name, err);
        at = s->offset + s->stored;
        if (st != PHI_OK || i == f->data || !is_wanted(j, s->offset, s->stored))
            continue;
        j->out->sections++;
        j->out->nbytes += s->stored;
        if (s->kind < PHI_PACK_KIND_FILE)
            continue; /* the source was made of it */
        found.status = phi_pack_section_load(f, j->in, i, &bytes, &found);
        free(bytes);
        if (found.status == PHI_E_FORMAT) {
            add_damage(j, s->offset, &found);
        } else if (found.status != PHI_OK) {
            if (err != NULL)
                *err = found;
            st = found.status;
        }
    }
    return st;
}

/* ---- chunks -------------------------------------------------------------- */

/* Bytes that are read, hashed and summed while they are in the cache. */
#define PIECE ((size_t)64 << 10)

/* Room of a thread: two chunks, and what those of planes are made in. */
#define ROOM (4 * PHI_PACK_CHUNK)

/* A chunk that is looked at; two at a time are hashed faster. */
struct chunk_check {
    size_t i; /* tensor */
    uint64_t k;
    struct phi_pack_chunk c;
    uint8_t *room; /* of a chunk */
    struct phi_sha256 *h;
    uint32_t crc;
    uint8_t leaf[PHI_SHA256_NBYTES];
};

static bool is_deflated(const struct phi_pack_chunk *c)
{
    return c->stored != c->plain;
}

/* The next piece, from byte `at` on: where it is and its length, which is 0
 * behind the end. Only what is to be inflated is kept as a whole. */
static enum phi_status read_piece(const struct job *j,
                                  struct chunk_check *check, size_t at,
                                  const uint8_t **bytes, size_t *n,
                                  struct phi_err *err)
{
    const size_t left = at < check->c.stored ? check->c.stored - at : 0;
    uint8_t *to = check->room + (is_deflated(&check->c) ? at : 0);
    enum phi_status st;

    *n = left < PIECE ? left : PIECE;
    *bytes = to;
    if (*n == 0)
        return PHI_OK;
    st = phi_pack_input_read(j->in, check->c.offset + at, to, *n, err);
    if (st == PHI_OK)
        check->crc = j->crc32(check->crc, to, *n);
    return st;
}

/* Both chunks piece by piece; b may have no bytes. */
static enum phi_status read_both(const struct job *j, struct chunk_check *a,
                                 struct chunk_check *b, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t at = 0; st == PHI_OK && (at < a->c.stored || at < b->c.stored);
         at += PIECE) {
        const uint8_t *pa;
        const uint8_t *pb;
        size_t na, nb, both;

        st = read_piece(j, a, at, &pa, &na, err);
        if (st == PHI_OK)
            st = read_piece(j, b, at, &pb, &nb, err);
        if (st != PHI_OK)
            return st;
        both = na < nb ? na : nb;
        st = phi_sha256_add_pair(a->h, b->h, pa, pb, both,
                                 j->options->sha256_pair, err);
        if (st == PHI_OK)
            st = phi_sha256_add(a->h, pa + both, na - both, err);
        if (st == PHI_OK)
            st = phi_sha256_add(b->h, pb + both, nb - both, err);
    }
    return st;
}

/* Judges a chunk whose bytes went through both sums. */
static void judge(struct job *j, struct chunk_check *check, uint8_t *room)
{
    struct phi_err found = {0};
    const uint8_t *plain;

    if (check->crc != check->c.crc)
        phi_fail(&found, PHI_E_FORMAT,
                 "its CRC-32 is %08" PRIx32 ", expected %08" PRIx32, check->crc,
                 check->c.crc);
    else if (memcmp(check->leaf, check->c.leaf, sizeof(check->leaf)) != 0)
        phi_fail(&found, PHI_E_FORMAT,
                 "its SHA-256 is not that of the section \"chunks\"");
    else if (is_deflated(&check->c))
        phi_pack_chunk_plain(j->pack, check->i, &check->c, check->room, room,
                             room + PHI_PACK_CHUNK, &plain, &found);
    if (found.status == PHI_OK)
        return;
    phi_err_prefix(&found,
                   "%s: tensor \"%.*s\": chunk %" PRIu64 " of %" PRIu64
                   " is damaged (%zu bytes at %" PRIu64 ")",
                   j->in->path, PHI_ERR_NAME, j->source->tensors[check->i].name,
                   check->k, j->pack->tensors[check->i].nchunks,
                   check->c.stored, check->c.offset);
    add_damage(j, check->c.offset, &found);
}

/* One chunk or two. */
static enum phi_status check_pair(struct job *j, struct chunk_check checks[2],
                                  size_t n, uint8_t *room, struct phi_err *err)
{
    static const uint8_t tag = 0;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < 2; i++) {
        checks[i].room = room + i * PHI_PACK_CHUNK;
        st = phi_sha256_new(&checks[i].h, err);
        if (st == PHI_OK)
            st = phi_sha256_add(checks[i].h, &tag, 1, err);
    }
    if (st == PHI_OK)
        st = read_both(j, &checks[0], &checks[1], err);
    for (size_t i = 0; st == PHI_OK && i < n; i++) {
        st = phi_sha256_digest(checks[i].h, checks[i].leaf, err);
        if (st == PHI_OK)
            judge(j, &checks[i], room + 2 * PHI_PACK_CHUNK);
    }
    phi_sha256_free(checks[0].h);
    phi_sha256_free(checks[1].h);
    return st;
}

static void check_some(void *ctx, size_t first, size_t count, size_t worker)
{
    struct job *j = ctx;

    for (size_t c = first; c < first + count;) {
        struct chunk_check checks[2] = {{0}};
        struct phi_err err = {0};
        uint64_t nbytes = 0;
        size_t n = 0;

        for (; c < first + count && n < 2; c++) {
            struct chunk_check *check = &checks[n];

            check->i = j->owner[c];
            check->k = c - j->pack->tensors[check->i].chunk;
            check->c = phi_pack_chunk_of(j->pack, check->i, check->k);
            if (is_wanted(j, check->c.offset, check->c.stored)) {
                nbytes += check->c.stored;
                n++;
            }
        }
        if (n < 2)
            checks[n] = (struct chunk_check){0};
        if (n > 0 &&
            check_pair(j, checks, n, j->room + worker * ROOM, &err) != PHI_OK)
            phi_tally_fail(&j->tally, c, &err);
        if (phi_tally_add(&j->tally, c, nbytes) != PHI_OK)
            return;
    }
}

static enum phi_status check_chunks(struct job *j, struct phi_err *err)
{
    const struct phi_pack *p = j->pack;
    const size_t n = (size_t)p->nchunks;
    uint64_t total = 0;
    enum phi_status st;

    j->owner = phi_alloc(n, sizeof(*j->owner), err);
    j->room = phi_alloc_aligned(j->options->nthreads, ROOM, err);
    if (j->owner == NULL || j->room == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < p->gguf.ntensors; i++) {
        for (uint64_t k = 0; k < p->tensors[i].nchunks; k++) {
            const struct phi_pack_chunk c = phi_pack_chunk_of(p, i, k);

            j->owner[p->tensors[i].chunk + k] = i;
            if (is_wanted(j, c.offset, c.stored)) {
                j->out->chunks++;
                total += c.stored;
            }
        }
    }
    j->out->nbytes += total;
    st = phi_tally_init(&j->tally, j->options->monitor, total, err);
    if (st == PHI_OK) {
        phi_par_for(j->options->nthreads, n, 4, check_some, j);
        st = phi_tally_status(&j->tally, err);
    }
    phi_tally_release(&j->tally);
    return st;
}

/* ---- what is of everything ----------------------------------------------- */

/* Gaps between tensors, and the sum of all of the data by those of chunks. */
static enum phi_status check_data(struct job *j, struct phi_err *err)
{
    static const uint8_t zeros[PHI_PACK_LARGE_ALIGN];
    const struct phi_pack *p = j->pack;
    const struct phi_pack_section *data = &p->front.sections[p->front.data];
    uint64_t at = data->offset;
    uint32_t crc = 0;
    struct phi_err found = {0};
    enum phi_status st = PHI_OK;

    for (size_t n = 0; st == PHI_OK && n < p->gguf.ntensors; n++) {
        const size_t i = p->order[n];
        const struct phi_pack_tensor *t = &p->tensors[i];

        st =
            check_gap(j, at, t->offset, "tensor", p->gguf.tensors[i].name, err);
        crc = phi_crc32(crc, zeros, (size_t)(t->offset - at));
        for (uint64_t k = 0; k < t->nchunks; k++) {
            const struct phi_pack_chunk c = phi_pack_chunk_of(p, i, k);

            crc = phi_crc32_combine(crc, c.crc, c.stored);
        }
        at = t->offset + t->stored;
    }
    if (st != PHI_OK || crc == data->crc || j->options->to != 0)
        return st;
    phi_fail(&found, PHI_E_FORMAT,
             "%s: section \"data\": its CRC-32 is %08" PRIx32
             " by those of its chunks, expected %08" PRIx32,
             j->in->path, crc, data->crc);
    add_damage(j, data->offset, &found);
    return PHI_OK;
}

static enum phi_status check_root(struct job *j, struct phi_err *err)
{
    const struct phi_pack *p = j->pack;
    const struct phi_pack_tree tree = {.head = p->head,
                                       .head_nbytes = p->head_nbytes,
                                       .tensors = p->list,
                                       .tensors_nbytes = p->list_nbytes,
                                       .chunks = p->chunks,
                                       .nchunks = p->nchunks};
    uint8_t root[PHI_SHA256_NBYTES] = {0};
    char have[PHI_SHA256_HEX];
    char want[PHI_SHA256_HEX];
    struct phi_err found = {0};
    const enum phi_status st = phi_pack_root(root, &tree, err);

    if (st != PHI_OK || memcmp(root, p->front.root, sizeof(root)) == 0)
        return st;
    phi_sha256_text(have, root);
    phi_sha256_text(want, p->front.root);
    phi_fail(&found, PHI_E_FORMAT, "%s: header: the root is %s, expected %s",
             j->in->path, want, have);
    add_damage(j, 0, &found);
    return PHI_OK;
}

enum phi_status phi_pack_verify(struct phi_pack_verified *out,
                                const struct phi_source *s,
                                const struct phi_pack_verify_options *options,
                                struct phi_err *err)
{
    struct job j = {.source = s,
                    .pack = phi_pack_of(s),
                    .in = phi_pack_input_of(s),
                    .options = options,
                    .crc32 =
                        options->crc32 != NULL ? options->crc32 : phi_crc32,
                    .out = out};
    enum phi_status st;

    *out = (struct phi_pack_verified){0};
    if (j.pack == NULL)
        return phi_fail(err, PHI_E_ARG, "%s: is no packed file", s->path);
    out->damage = phi_alloc(PHI_PACK_MAX_DAMAGE, sizeof(*out->damage), err);
    if (out->damage == NULL)
        return PHI_E_NOMEM;
    if ((st = phi_lock_new(&j.lock, err)) == PHI_OK &&
        (st = check_sections(&j, err)) == PHI_OK &&
        (st = check_chunks(&j, err)) == PHI_OK &&
        (st = check_data(&j, err)) == PHI_OK && options->to == 0)
        st = check_root(&j, err);
    if (st == PHI_OK)
        st = phi_source_unchanged(s, err);
    qsort(out->damage, out->ndamage, sizeof(*out->damage), by_offset);
    if (st == PHI_OK && out->ndamage > 0) {
        if (err != NULL)
            *err = out->damage[0].err;
        st = PHI_E_FORMAT;
    }
    phi_lock_free(j.lock);
    free(j.owner);
    free(j.room);
    return st;
}
