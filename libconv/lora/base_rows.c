/* SPDX-License-Identifier: MIT */
#include "libconv/lora/base_rows.h"

#include <stdlib.h>

#include "libconv/base/mem.h"

/* Bytes of f32 at a time: what fits a second-level cache. */
#define PIECE ((size_t)256 << 10)

enum phi_status phi_base_rows_init(struct phi_base_rows *b,
                                   const struct phi_source *source,
                                   size_t tensor, size_t nfloats,
                                   uint32_t features, struct phi_err *err)
{
    const struct phi_tensor *t = &source->tensors[tensor];
    size_t most;
    uint64_t nbytes;

    b->source = source;
    b->tensor = tensor;
    b->widen = phi_widen_kernel(features, t->dtype);
    if (b->widen == NULL ||
        !phi_dtype_nbytes(t->dtype, phi_tensor_cols(t), &nbytes))
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: tensor \"%.*s\": is %s, which cannot be merged",
                        t->file, PHI_ERR_NAME, t->origin,
                        phi_dtype_info(t->dtype)->name);
    b->cols = (size_t)phi_tensor_cols(t);
    b->have = phi_tensor_rows(t);
    b->row_nbytes = (size_t)nbytes;
    b->row_nblk = b->cols / phi_dtype_info(t->dtype)->block;
    b->rows =
        t->rank < 2 || b->cols == 0 ? 1 : PIECE / sizeof(float) / b->cols + 1;
    most = b->rows * b->cols > nfloats ? b->rows * b->cols : nfloats;
    b->raw = phi_alloc(b->rows, b->row_nbytes, err);
    b->x = phi_alloc_aligned(most, sizeof(*b->x), err);
    return b->raw != NULL && b->x != NULL ? PHI_OK : PHI_E_NOMEM;
}

enum phi_status phi_base_rows_read(const struct phi_base_rows *b, uint64_t row,
                                   size_t n, struct phi_err *err)
{
    const size_t stored = row >= b->have      ? 0
                          : b->have - row < n ? (size_t)(b->have - row)
                                              : n;
    enum phi_status st;

    if (stored == 0)
        return PHI_OK;
    st = phi_source_read(b->source, b->tensor, row * b->row_nbytes, b->raw,
                         stored * b->row_nbytes, err);
    if (st == PHI_OK)
        b->widen(b->x, b->raw, stored * b->row_nblk);
    return st;
}

void phi_base_rows_release(struct phi_base_rows *b)
{
    free(b->raw);
    free(b->x);
    *b = (struct phi_base_rows){0};
}
