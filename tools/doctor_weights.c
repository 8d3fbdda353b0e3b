/* SPDX-License-Identifier: MIT */
/*
 * The values: every tensor is read once, in pieces, a tensor a thread. Of
 * embedding and output also which rows are constant or the same as another.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/base/par.h"
#include "libconv/base/tally.h"
#include "libconv/kernels/quant_kernels.h"
#include "libconv/quant/value_scan.h"
#include "tools/doctor.h"
#include "tools/progress.h"

/* Elements at a time. */
#define PIECE ((size_t)1 << 15)

/* Of a piece as it is stored and widened. */
#define ROOM (PIECE * (8 + 4))

/* Rows that are looked at one by one; larger vocabularies are not. */
#define MAX_ROWS ((uint64_t)1 << 21)

struct row_mark {
    uint64_t hash; /* of its bytes */
    uint32_t row;
    bool constant;
};

struct item {
    const struct doctor_shard *shard;
    size_t tensor;
    struct phi_value_scan scan;
    struct row_mark *rows; /* (dim[0]) or NULL */
};

struct work {
    const struct doctor *d;
    struct item *items; /* (n) */
    size_t n;
    uint8_t *room; /* (threads, ROOM) */
    struct phi_tally tally;
};

static const struct phi_st_tensor *tensor_of(const struct item *it)
{
    return &it->shard->st->tensors[it->tensor];
}

/* FNV-1a, 64 bits, over 8 bytes at a time where there are so many. */
static uint64_t hash_bytes(uint64_t h, const uint8_t *p, size_t n)
{
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t v;

        memcpy(&v, p, sizeof(v));
        h = (h ^ v) * UINT64_C(0x100000001b3);
        h ^= h >> 29;
    }
    for (; n > 0; n--, p++)
        h = (h ^ *p) * UINT64_C(0x100000001b3);
    return h;
}

/* n elements from `at` on, as stored and widened, into room. */
static enum phi_status read_piece(struct work *w, const struct item *it,
                                  uint64_t at, size_t n, uint8_t *room,
                                  struct phi_err *err)
{
    const struct phi_st_tensor *t = tensor_of(it);
    const phi_widen_fn widen = phi_widen_kernel(w->d->features, t->dtype);
    const size_t size = phi_dtype_info(t->dtype)->bits / 8;
    enum phi_status st =
        phi_st_read(it->shard->st, it->tensor, at * size, room, n * size, err);

    if (st != PHI_OK)
        return st;
    widen((float *)(void *)(room + PIECE * 8), room, n);
    return phi_tally_add(&w->tally, (size_t)(it - w->items), n * size);
}

static uint64_t count_of(const struct phi_st_tensor *t)
{
    return t->nbytes / (phi_dtype_info(t->dtype)->bits / 8);
}

static enum phi_status scan_all(struct work *w, struct item *it, uint8_t *room,
                                struct phi_err *err)
{
    const uint64_t total = count_of(tensor_of(it));
    enum phi_status st = PHI_OK;

    for (uint64_t at = 0; st == PHI_OK && at < total;) {
        const uint64_t left = total - at;
        const size_t n = left < PIECE ? (size_t)left : PIECE;

        st = read_piece(w, it, at, n, room, err);
        if (st == PHI_OK)
            phi_value_scan_add(
                &it->scan, (const float *)(const void *)(room + PIECE * 8), n);
        at += n;
    }
    return st;
}

static enum phi_status scan_rows(struct work *w, struct item *it, uint8_t *room,
                                 struct phi_err *err)
{
    const struct phi_st_tensor *t = tensor_of(it);
    const size_t size = phi_dtype_info(t->dtype)->bits / 8;
    const uint64_t cols = t->dim[1];
    enum phi_status st = PHI_OK;

    for (uint64_t r = 0; st == PHI_OK && r < t->dim[0]; r++) {
        struct phi_value_scan row = {0};
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (uint64_t c = 0; st == PHI_OK && c < cols;) {
            const uint64_t left = cols - c;
            const size_t n = left < PIECE ? (size_t)left : PIECE;
            const float *x = (const float *)(const void *)(room + PIECE * 8);

            st = read_piece(w, it, r * cols + c, n, room, err);
            if (st != PHI_OK)
                break;
            hash = hash_bytes(hash, room, n * size);
            phi_value_scan_add(&row, x, n);
            phi_value_scan_add(&it->scan, x, n);
            c += n;
        }
        it->rows[r] = (struct row_mark){hash, (uint32_t)r, !row.varied};
    }
    return st;
}

static void scan_some(void *ctx, size_t first, size_t count, size_t worker)
{
    struct work *w = ctx;

    for (size_t i = first; i < first + count; i++) {
        struct item *it = &w->items[i];
        uint8_t *room = w->room + worker * ROOM;
        struct phi_err err = {0};
        const enum phi_status st = it->rows != NULL
                                       ? scan_rows(w, it, room, &err)
                                       : scan_all(w, it, room, &err);

        /* Without a message: another has stopped the work. */
        if (st != PHI_OK && err.status != PHI_OK)
            phi_tally_fail(&w->tally, i, &err);
    }
}

/* ---- findings ----------------------------------------------------------- */

/* "NAME" row R column C: where element `at` is. */
static char *element_text(char out[PHI_ERR_MAX], const struct phi_st_tensor *t,
                          uint64_t at)
{
    const uint64_t cols = t->rank > 0 ? t->dim[t->rank - 1] : 1;

    if (t->rank > 1)
        snprintf(out, PHI_ERR_MAX, "\"%.*s\" row %llu column %llu",
                 PHI_ERR_NAME, t->name, (unsigned long long)(at / cols),
                 (unsigned long long)(at % cols));
    else
        snprintf(out, PHI_ERR_MAX, "\"%.*s\" element %llu", PHI_ERR_NAME,
                 t->name, (unsigned long long)at);
    return out;
}

static enum phi_status report_values(struct doctor *d, const struct item *it,
                                     struct phi_err *err)
{
    const struct phi_st_tensor *t = tensor_of(it);
    const struct phi_value_scan *s = &it->scan;
    const char *file = it->shard->name;
    char at[PHI_ERR_MAX];
    enum phi_status st = PHI_OK;

    if (s->nan > 0)
        st = doctor_add(d, CHECK_NAN, err, file,
                        "%llu of %llu values are NaN, the first is %s",
                        (unsigned long long)s->nan, (unsigned long long)s->n,
                        element_text(at, t, s->first_nan));
    if (st == PHI_OK && s->infinite > 0)
        st = doctor_add(d, CHECK_INFINITE, err, file,
                        "%llu of %llu values are infinite, the first is %s",
                        (unsigned long long)s->infinite,
                        (unsigned long long)s->n,
                        element_text(at, t, s->first_infinite));
    if (st == PHI_OK && s->large > 0)
        st =
            doctor_add(d, CHECK_F16_RANGE, err, file,
                       "%llu of %llu values are infinite in f16, the first "
                       "is %s, the largest magnitude is %g",
                       (unsigned long long)s->large, (unsigned long long)s->n,
                       element_text(at, t, s->first_large), (double)s->max_abs);
    if (st != PHI_OK || s->n < 2 || s->varied || s->nan > 0)
        return st;
    if (d->adapter) /* lora_B begins as zeros; other things are as they are */
        return strstr(t->name, "lora_B") != NULL && s->value == 0
                   ? doctor_add(d, CHECK_ADAPTER_UNTRAINED, err, file,
                                "tensor \"%.*s\" is all zeros", PHI_ERR_NAME,
                                t->name)
                   : PHI_OK;
    /* Norms are ones and biases zeros where nothing was learned. */
    if (t->rank < 2)
        return PHI_OK;
    return doctor_add(d, CHECK_CONSTANT, err, file,
                      "all %llu values of tensor \"%.*s\" are %g",
                      (unsigned long long)s->n, PHI_ERR_NAME, t->name,
                      (double)s->value);
}

static int by_hash(const void *pa, const void *pb)
{
    const struct row_mark *a = pa, *b = pb;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->row < b->row ? -1 : 1;
}

/* Which rows have a token; NULL if no tokenizer says it. */
static bool *find_used(const struct doctor *d, uint64_t rows,
                       struct phi_err *err)
{
    bool *used = phi_alloc((size_t)rows, sizeof(*used), err);

    for (size_t i = 0; used != NULL && i < d->tokens.nslots; i++) {
        const struct phi_map_slot *slot = &d->tokens.slots[i];

        if (slot->key != NULL && slot->value < rows)
            used[slot->value] = true;
    }
    return used;
}

/*
 * Rows of tokens that were never learned: of one value, or the bytes of
 * another token's. Rows without a token are padding and may be anything.
 */
static enum phi_status report_rows(struct doctor *d, struct item *it,
                                   struct phi_err *err)
{
    const struct phi_st_tensor *t = tensor_of(it);
    const uint64_t rows = t->dim[0];
    uint64_t nconstant = 0, nsame = 0;
    uint32_t constant = 0, same = 0, as = 0;
    struct row_mark *m = it->rows;
    bool *used = find_used(d, rows, err);
    size_t n = 0;
    enum phi_status st = PHI_OK;

    if (used == NULL)
        return PHI_E_NOMEM;
    for (uint64_t r = 0; r < rows; r++) {
        if (!used[r])
            continue;
        if (m[r].constant) {
            constant = nconstant++ == 0 ? (uint32_t)r : constant;
            continue;
        }
        m[n++] = m[r];
    }
    qsort(m, n, sizeof(*m), by_hash);
    for (size_t k = 1; k < n; k++) {
        if (m[k].hash != m[k - 1].hash)
            continue;
        if (nsame++ == 0 || m[k].row < same) {
            same = m[k].row;
            as = m[k - 1].row;
        }
    }
    if (nconstant > 0)
        st = doctor_add(d, CHECK_CONSTANT_ROWS, err, it->shard->name,
                        "%llu token%s of \"%.*s\" ha%s a row of one value, "
                        "the first is %lu",
                        (unsigned long long)nconstant,
                        nconstant == 1 ? "" : "s", PHI_ERR_NAME, t->name,
                        nconstant == 1 ? "s" : "ve", (unsigned long)constant);
    if (st == PHI_OK && nsame > 0)
        st = doctor_add(d, CHECK_SAME_ROWS, err, it->shard->name,
                        "%llu token%s of \"%.*s\" ha%s the row of another, "
                        "the first is %lu, the same as %lu",
                        (unsigned long long)nsame, nsame == 1 ? "" : "s",
                        PHI_ERR_NAME, t->name, nsame == 1 ? "s" : "ve",
                        (unsigned long)same, (unsigned long)as);
    free(used);
    return st;
}

/* ---- all ---------------------------------------------------------------- */

static bool has_tokens(const struct doctor *d, const struct phi_st_tensor *t)
{
    return !d->adapter && d->ntokens > 0 && t->rank == 2 &&
           t->dim[0] <= MAX_ROWS &&
           (t == doctor_embedding(d) || strcmp(t->name, "lm_head.weight") == 0);
}

static enum phi_status list_items(struct work *w, struct doctor *d,
                                  uint64_t *nbytes, struct phi_err *err)
{
    size_t most = 0;

    for (size_t s = 0; s < d->nshards; s++)
        most += d->shards[s].st->n;
    w->items = phi_alloc(most, sizeof(*w->items), err);
    if (w->items == NULL)
        return PHI_E_NOMEM;
    for (size_t s = 0; s < d->nshards; s++) {
        for (size_t i = 0; i < d->shards[s].st->n; i++) {
            const struct phi_st_tensor *t = &d->shards[s].st->tensors[i];
            struct item *it = &w->items[w->n];

            if (phi_widen_kernel(0, t->dtype) == NULL)
                continue; /* quantized, which was said */
            *it = (struct item){.shard = &d->shards[s], .tensor = i};
            w->n++;
            *nbytes += t->nbytes;
            if (!has_tokens(d, t))
                continue;
            it->rows = phi_alloc((size_t)t->dim[0], sizeof(*it->rows), err);
            if (it->rows == NULL)
                return PHI_E_NOMEM;
        }
    }
    return PHI_OK;
}

enum phi_status doctor_weights(struct doctor *d, struct phi_err *err)
{
    const size_t nthreads = (size_t)d->common->threads;
    struct progress progress;
    struct phi_monitor monitor;
    struct work w = {.d = d};
    uint64_t nbytes = 0;
    enum phi_status st = list_items(&w, d, &nbytes, err);

    if (st == PHI_OK) {
        w.room = phi_alloc_aligned(nthreads, ROOM, err);
        st = w.room != NULL ? PHI_OK : PHI_E_NOMEM;
    }
    progress_begin(&progress, d->common->progress, "read", "B");
    monitor = progress_monitor(&progress);
    if (st == PHI_OK)
        st = phi_tally_init(&w.tally, &monitor, nbytes, err);
    if (st == PHI_OK) {
        phi_par_for(nthreads, w.n, 1, scan_some, &w);
        st = phi_tally_status(&w.tally, err);
    }
    phi_tally_release(&w.tally);
    progress_end(&progress);
    for (size_t i = 0; st == PHI_OK && i < d->nshards; i++)
        st = phi_file_unchanged(d->shards[i].st->file, err);
    for (size_t i = 0; st == PHI_OK && i < w.n; i++) {
        st = report_values(d, &w.items[i], err);
        if (st == PHI_OK && w.items[i].rows != NULL)
            st = report_rows(d, &w.items[i], err);
    }
    d->read = nbytes;
    d->ntensors = w.n;
    for (size_t i = 0; i < w.n; i++)
        free(w.items[i].rows);
    free(w.items);
    free(w.room);
    return st;
}
