/* SPDX-License-Identifier: MIT */
#include "formats/gguf_write.h"

#include <inttypes.h>
#include <string.h>

#include "formats/gguf.h"
#include "formats/gguf_kv.h"
#include "libconv/base/map.h"
#include "libconv/base/size.h"

static void put_string(struct phi_buf *b, const char *p, size_t n)
{
    phi_buf_u64(b, n);
    phi_buf_put(b, p, n);
}

static bool fits(const struct phi_kv *kv)
{
    const unsigned bits = (unsigned)phi_kv_type_size(kv->type) * 8;

    switch (kv->type) {
    case PHI_KV_U8:
    case PHI_KV_U16:
    case PHI_KV_U32:
        return kv->v.u >> bits == 0;
    case PHI_KV_BOOL:
        return kv->v.u <= 1;
    case PHI_KV_I8:
    case PHI_KV_I16:
    case PHI_KV_I32:
        return kv->v.i >= -((int64_t)1 << (bits - 1)) &&
               kv->v.i < (int64_t)1 << (bits - 1);
    default:
        return true;
    }
}

static void put_value(struct phi_buf *b, const struct phi_kv *kv)
{
    const size_t size = phi_kv_type_size(kv->type);

    switch (kv->type) {
    case PHI_KV_F32:
        phi_buf_f32(b, (float)kv->v.f);
        return;
    case PHI_KV_F64:
        phi_buf_f64(b, kv->v.f);
        return;
    case PHI_KV_STRING:
        put_string(b, kv->v.str.p, kv->v.str.n);
        return;
    case PHI_KV_ARRAY:
        phi_buf_u32(b, kv->v.arr.type);
        phi_buf_u64(b, kv->v.arr.n);
        if (kv->v.arr.type != PHI_KV_STRING)
            phi_buf_put(b, kv->v.arr.num,
                        kv->v.arr.n * phi_kv_type_size(kv->v.arr.type));
        else
            for (size_t i = 0; i < kv->v.arr.n; i++)
                put_string(b, kv->v.arr.str[i].p, kv->v.arr.str[i].n);
        return;
    default:
        /* Two's complement, cut to the type's size (fits() has looked). */
        for (size_t i = 0; i < size; i++)
            phi_buf_u8(b, (uint8_t)(kv->v.u >> 8 * i));
        return;
    }
}

static enum phi_status refuse_key(const struct phi_kv *kv, const char *fault,
                                  struct phi_err *err)
{
    return phi_fail(err, PHI_E_ARG, "key \"%.*s\": %s, which GGUF cannot hold",
                    PHI_ERR_NAME, kv->key, fault);
}

enum phi_status phi_gguf_put_key(struct phi_buf *b, const struct phi_kv *kv,
                                 struct phi_err *err)
{
    const size_t n = strlen(kv->key);
    const char *fault = phi_gguf_key_fault(kv->key, n);

    if (fault == NULL && !fits(kv))
        fault = "has a value outside the range of its type";
    if (fault != NULL)
        return refuse_key(kv, fault, err);
    put_string(b, kv->key, n);
    phi_buf_u32(b, kv->type);
    put_value(b, kv);
    return PHI_OK;
}

static enum phi_status put_keys(struct phi_buf *b, const struct phi_meta *m,
                                struct phi_err *err)
{
    struct phi_map seen = {0};
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < m->n; i++) {
        const struct phi_kv *kv = &m->kv[i];
        bool added = false;

        st = phi_map_add(&seen, kv->key, strlen(kv->key), 0, &added, err);
        if (st == PHI_OK && !added)
            st = refuse_key(kv, "is there twice", err);
        if (st == PHI_OK)
            st = phi_gguf_put_key(b, kv, err);
    }
    phi_map_release(&seen);
    return st;
}

/* Shape, type and size must agree; *ndims is the rank without leading 1s. */
static enum phi_status check_tensor(const struct phi_sink_tensor *t,
                                    uint32_t *ndims, struct phi_err *err)
{
    const struct phi_dtype_info *d = phi_dtype_info(t->dtype);
    const size_t len = strlen(t->name);
    uint64_t n = 1;
    uint64_t nbytes = 0;

    if (len == 0 || len > PHI_MAX_NAME)
        return phi_fail(err, PHI_E_ARG,
                        "name is %zu bytes long, expected 1 to %d", len,
                        PHI_MAX_NAME);
    if (t->rank < 1 || t->rank > PHI_GGUF_MAX_RANK)
        return phi_fail(err, PHI_E_ARG,
                        "has %" PRIu32 " dimensions, expected 1 to %u", t->rank,
                        PHI_GGUF_MAX_RANK);
    if (d->ggml < 0)
        return phi_fail(err, PHI_E_ARG,
                        "is of type %s, expected a type that GGUF has",
                        d->name);
    for (uint32_t i = 0; i < t->rank; i++) {
        if (t->dim[i] == 0 || !phi_mul_u64(n, t->dim[i], &n) || n > INT64_MAX)
            return phi_fail(err, PHI_E_ARG,
                            "dimension %" PRIu32 " is %" PRIu64
                            ", expected 1 or more and less than 2^63 elements",
                            i, t->dim[i]);
    }
    if (t->dim[t->rank - 1] % d->block != 0 ||
        !phi_dtype_nbytes(t->dtype, n, &nbytes) || nbytes != t->nbytes)
        return phi_fail(err, PHI_E_ARG,
                        "%" PRIu64 " bytes of %s do not follow from %" PRIu64
                        " elements in rows of %" PRIu64,
                        t->nbytes, d->name, n, t->dim[t->rank - 1]);
    *ndims = t->rank;
    while (*ndims > 1 && t->dim[t->rank - *ndims] == 1)
        --*ndims;
    return PHI_OK;
}

/* The entries of all tensors; *at becomes the size of the data. */
static enum phi_status put_tensors(struct phi_gguf_layout *l,
                                   const struct phi_sink_tensor *tensors,
                                   size_t n, uint64_t *at, struct phi_err *err)
{
    struct phi_map seen = {0};
    enum phi_status st = PHI_OK;

    *at = 0;
    for (size_t i = 0; i < n && st == PHI_OK; i++) {
        const struct phi_sink_tensor *t = &tensors[i];
        const size_t len = strlen(t->name);
        uint32_t ndims = 0;
        uint64_t padded;
        bool added = false;

        if ((st = check_tensor(t, &ndims, err)) != PHI_OK ||
            (st = phi_map_add(&seen, t->name, len, 0, &added, err)) != PHI_OK)
            goto named;
        if (!added) {
            st = phi_fail(err, PHI_E_ARG, "is there twice, expected once");
            goto named;
        }
        put_string(&l->header, t->name, len);
        phi_buf_u32(&l->header, ndims);
        for (uint32_t k = 0; k < ndims; k++)
            phi_buf_u64(&l->header, t->dim[t->rank - 1 - k]);
        phi_buf_u32(&l->header, (uint32_t)phi_dtype_info(t->dtype)->ggml);
        phi_buf_u64(&l->header, *at);
        if (!phi_align_u64(t->nbytes, l->align, &padded) ||
            !phi_add_u64(*at, padded, at) || *at > INT64_MAX)
            st = phi_fail(err, PHI_E_ARG,
                          "its %" PRIu64 " bytes end beyond byte 2^63",
                          t->nbytes);
    named:
        if (st == PHI_E_ARG)
            phi_err_prefix(err, "tensor \"%.*s\"", PHI_ERR_NAME, t->name);
    }
    phi_map_release(&seen);
    return st;
}

enum phi_status phi_gguf_layout_init(struct phi_gguf_layout *out,
                                     const struct phi_meta *meta,
                                     const struct phi_sink_tensor *tensors,
                                     size_t n, struct phi_err *err)
{
    struct phi_gguf_layout l = {0};
    struct phi_buf *b = &l.header;
    uint64_t data = 0;
    uint64_t start;
    enum phi_status st = phi_gguf_alignment(meta, &l.align, err);

    *out = (struct phi_gguf_layout){0};
    if (st != PHI_OK)
        return st;
    phi_buf_text(b, PHI_GGUF_MAGIC);
    phi_buf_u32(b, PHI_GGUF_VERSION);
    phi_buf_u64(b, n);
    phi_buf_u64(b, meta->n);
    if ((st = put_keys(b, meta, err)) != PHI_OK ||
        (st = put_tensors(&l, tensors, n, &data, err)) != PHI_OK ||
        (st = phi_buf_status(b, err)) != PHI_OK)
        goto out;
    phi_align_u64(b->n, l.align, &start);
    phi_buf_zeros(b, (size_t)(start - b->n));
    st = phi_buf_status(b, err);
    if (st != PHI_OK)
        goto out;
    if (!phi_add_u64(start, data, &l.nbytes) || l.nbytes > INT64_MAX) {
        st = phi_fail(err, PHI_E_ARG,
                      "%" PRIu64 " bytes of tensors are too many for a file",
                      data);
        goto out;
    }
    *out = l;
    return PHI_OK;
out:
    phi_gguf_layout_release(&l);
    return st;
}

void phi_gguf_layout_release(struct phi_gguf_layout *l)
{
    phi_buf_release(&l->header);
    *l = (struct phi_gguf_layout){0};
}

enum phi_status phi_gguf_size(uint64_t *out, const struct phi_meta *meta,
                              const struct phi_sink_tensor *tensors, size_t n,
                              struct phi_err *err)
{
    struct phi_gguf_layout l;
    const enum phi_status st = phi_gguf_layout_init(&l, meta, tensors, n, err);

    if (st != PHI_OK)
        return st;
    *out = l.nbytes;
    phi_gguf_layout_release(&l);
    return PHI_OK;
}
