/* SPDX-License-Identifier: MIT */
#include "libconv/lora/adapter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/base/size.h"
#include "libconv/kernels/quant_kernels.h"

/* Whole weights can be as large as the base's; all else is held. */
static bool is_held(const struct phi_adapter_tensor *t)
{
    return t->role != PHI_ADAPTER_UNKNOWN &&
           (t->rank < 2 || (t->role != PHI_ADAPTER_WEIGHT &&
                            t->role != PHI_ADAPTER_BASE_WEIGHT &&
                            t->role != PHI_ADAPTER_ORIGINAL_WEIGHT));
}

/* x holds elements of tensor t from `first` on. */
static enum phi_status check_finite(const struct phi_adapter *a,
                                    const struct phi_adapter_tensor *t,
                                    uint64_t first, const float *x, size_t n,
                                    struct phi_err *err)
{
    uint64_t at;
    size_t i = 0;

    while (i < n && isfinite(x[i]))
        i++;
    if (i == n)
        return PHI_OK;
    at = first + i;
    return phi_fail(err, PHI_E_FORMAT,
                    "%s: tensor \"%.*s\": %s at row %llu, column %llu, "
                    "expected finite numbers",
                    a->file, PHI_ERR_NAME, t->key,
                    isnan(x[i]) ? "NaN"
                    : x[i] > 0  ? "infinity"
                                : "-infinity",
                    (unsigned long long)(at / t->dim[1]),
                    (unsigned long long)(at % t->dim[1]));
}

enum phi_status phi_adapter_rows(const struct phi_adapter *a, size_t i,
                                 uint64_t row, uint64_t n, float *out,
                                 struct phi_err *err)
{
    const struct phi_adapter_tensor *t = &a->tensors[i];
    const size_t count = (size_t)(n * t->dim[1]);
    const uint64_t first = row * t->dim[1];
    const size_t size = phi_dtype_info(t->dtype)->bits / 8;
    uint8_t *raw;
    enum phi_status st;

    if (t->data != NULL) {
        memcpy(out, t->data + first, count * sizeof(*out));
        return PHI_OK;
    }
    /*
     * The stored bytes go to the end of out, which is widened from its
     * beginning: no element is written over before it is read.
     */
    raw = (uint8_t *)out + count * (sizeof(*out) - size);
    st = a->ops->read(a, i, first * size, raw, count * size, err);
    if (st != PHI_OK)
        return st;
    if (t->dtype != PHI_F32)
        phi_widen_kernel(0, t->dtype)(out, raw, count);
    return check_finite(a, t, first, out, count, err);
}

enum phi_status phi_adapter_hold(struct phi_adapter *a, struct phi_err *err)
{
    for (size_t i = 0; i < a->ntensors; i++) {
        struct phi_adapter_tensor *t = &a->tensors[i];
        size_t count;
        float *data;
        enum phi_status st;

        if (t->dim[0] > SIZE_MAX || t->dim[1] > SIZE_MAX)
            return phi_fail(err, PHI_E_NOMEM, "out of memory");
        if (!is_held(t))
            continue;
        if (!phi_mul_size((size_t)t->dim[0], (size_t)t->dim[1], &count))
            return phi_fail(err, PHI_E_NOMEM, "out of memory");
        data = phi_alloc_aligned(count, sizeof(*data), err);
        if (data == NULL)
            return PHI_E_NOMEM;
        st = phi_adapter_rows(a, i, 0, t->dim[0], data, err);
        t->data = data;
        if (st != PHI_OK)
            return st;
    }
    return PHI_OK;
}

void phi_adapter_forget(struct phi_adapter *a)
{
    for (size_t i = 0; i < a->ntensors; i++) {
        free(a->tensors[i].data);
        a->tensors[i].data = NULL;
    }
    phi_lora_config_release(&a->config);
}

enum phi_status phi_adapter_unchanged(const struct phi_adapter *a,
                                      struct phi_err *err)
{
    return a->ops->unchanged(a, err);
}

enum phi_status phi_adapter_not_input(const struct phi_adapter *a,
                                      const char *path, struct phi_err *err)
{
    return a->ops->not_input(a, path, err);
}

void phi_adapter_close(struct phi_adapter *a)
{
    if (a != NULL)
        a->ops->close(a);
}
