/* SPDX-License-Identifier: MIT */
#include "libconv/quant/difference.h"

#include <math.h>
#include <string.h>

#include "libconv/kernels/quant_kernels.h"

/*
 * Elements at a time. Every block length divides it, so that a piece begins
 * with a block in both types, and four pieces of at most 8 bytes an element
 * fit the room.
 */
#define PIECE ((size_t)1 << 15)

_Static_assert(PIECE * 8 * 2 + PIECE * 4 * 2 <= PHI_DIFFERENCE_ROOM,
               "pieces of both tensors, as stored and widened, fit");

struct sums {
    double square; /* of differences */
    double norm;   /* of a's values */
    double max;
    uint64_t differing;
    bool odd; /* a difference that is no number */
};

static void add_piece(struct sums *s, const float *a, const float *b, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        const double d = (double)a[k] - (double)b[k];

        s->norm += (double)a[k] * (double)a[k];
        if (a[k] == b[k] || (isnan(a[k]) && isnan(b[k])))
            continue;
        s->differing++;
        if (!isfinite(d)) {
            s->odd = true;
            continue;
        }
        s->square += d * d;
        if (fabs(d) > s->max)
            s->max = fabs(d);
    }
}

static void finish(struct phi_difference *out, const struct sums *s, uint64_t n)
{
    out->compared = true;
    out->differing = s->differing;
    if (s->differing == 0)
        return;
    if (s->odd) {
        out->rmse = out->max_abs = out->relative = (double)NAN;
        return;
    }
    out->rmse = sqrt(s->square / (double)n);
    out->max_abs = s->max;
    /* Of zeros every difference is infinitely far. */
    out->relative = sqrt(s->square / s->norm);
}

/* Bytes of n elements; both are checked with the tensor. */
static size_t bytes_of(enum phi_dtype t, uint64_t n)
{
    uint64_t nbytes = 0;

    (void)phi_dtype_nbytes(t, n, &nbytes);
    return (size_t)nbytes;
}

/* The same type: whether the bytes differ anywhere; *same is the answer. */
static enum phi_status same_bytes(bool *same,
                                  const struct phi_difference_pair *p,
                                  uint8_t *room, struct phi_tally *tally,
                                  struct phi_err *err)
{
    const size_t half = PHI_DIFFERENCE_ROOM / 2;
    const uint64_t nbytes = p->a->tensors[p->i].nbytes;

    *same = true;
    for (uint64_t at = 0; *same && at < nbytes;) {
        const uint64_t left = nbytes - at;
        const size_t n = left < half ? (size_t)left : half;
        enum phi_status st = phi_source_read(p->a, p->i, at, room, n, err);

        if (st == PHI_OK)
            st = phi_source_read(p->b, p->j, at, room + half, n, err);
        if (st != PHI_OK)
            return st;
        if (phi_tally_add(tally, p->item, 2 * n) != PHI_OK)
            return phi_tally_status(tally, err);
        *same = memcmp(room, room + half, n) == 0;
        at += n;
    }
    return PHI_OK;
}

static enum phi_status values(struct phi_difference *out,
                              const struct phi_difference_pair *p,
                              uint8_t *room, struct phi_tally *tally,
                              struct phi_err *err)
{
    const struct phi_tensor *a = &p->a->tensors[p->i];
    const struct phi_tensor *b = &p->b->tensors[p->j];
    const phi_widen_fn widen_a = phi_widen_kernel(p->features, a->dtype);
    const phi_widen_fn widen_b = phi_widen_kernel(p->features, b->dtype);
    const uint64_t count = phi_tensor_count(a);
    uint8_t *const raw_a = room;
    uint8_t *const raw_b = room + PIECE * 8;
    float *const va = (float *)(void *)(room + PIECE * 16);
    float *const vb = va + PIECE;
    struct sums sums = {0};
    uint64_t at_a = 0;
    uint64_t at_b = 0;

    if (widen_a == NULL || widen_b == NULL)
        return PHI_OK;
    for (uint64_t k = 0; k < count; k += PIECE) {
        const size_t n = count - k < PIECE ? (size_t)(count - k) : PIECE;
        const size_t na = bytes_of(a->dtype, n);
        const size_t nb = bytes_of(b->dtype, n);
        enum phi_status st = phi_source_read(p->a, p->i, at_a, raw_a, na, err);

        if (st == PHI_OK)
            st = phi_source_read(p->b, p->j, at_b, raw_b, nb, err);
        if (st != PHI_OK)
            return st;
        if (phi_tally_add(tally, p->item, na + nb) != PHI_OK)
            return phi_tally_status(tally, err);
        widen_a(va, raw_a, n / phi_dtype_info(a->dtype)->block);
        widen_b(vb, raw_b, n / phi_dtype_info(b->dtype)->block);
        add_piece(&sums, va, vb, n);
        at_a += na;
        at_b += nb;
    }
    finish(out, &sums, count);
    return PHI_OK;
}

enum phi_status phi_difference_of(struct phi_difference *out,
                                  const struct phi_difference_pair *p,
                                  void *room, struct phi_tally *tally,
                                  struct phi_err *err)
{
    const struct phi_tensor *a = &p->a->tensors[p->i];
    const struct phi_tensor *b = &p->b->tensors[p->j];
    enum phi_status st = PHI_OK;

    *out = (struct phi_difference){0};
    if (phi_tensor_count(a) != phi_tensor_count(b))
        return PHI_OK;
    if (a->dtype == b->dtype) {
        st = same_bytes(&out->same_bytes, p, room, tally, err);
        out->compared = out->same_bytes;
    }
    if (st == PHI_OK && !out->same_bytes)
        st = values(out, p, room, tally, err);
    return st;
}
