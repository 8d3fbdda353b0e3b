/* SPDX-License-Identifier: MIT */
/* A sink whose tensors are known to their writer in another order. */
#ifndef PHI_TENSOR_SINK_ORDER_H
#define PHI_TENSOR_SINK_ORDER_H

#include "libconv/tensor/sink.h"

/*
 * Tensor i of *out is tensor map[i] of `inner`, for all n of them; map is
 * copied. *out owns inner, which is closed with it, and after a failure too.
 */
enum phi_status phi_sink_reorder(struct phi_sink **out, struct phi_sink *inner,
                                 const size_t *map, size_t n,
                                 struct phi_err *err);

#endif
