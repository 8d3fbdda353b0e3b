/* SPDX-License-Identifier: MIT */
/*
 * A sink that writes nothing: what would be written is compared with a model
 * that is there, byte by byte. So a plan can be run once more to see whether
 * a file is what its source makes, without a second file.
 */
#ifndef PHI_CONVERT_CHECK_SINK_H
#define PHI_CONVERT_CHECK_SINK_H

#include "libconv/base/err.h"
#include "libconv/tensor/sink.h"

enum phi_check_verdict {
    PHI_CHECK_SAME,
    PHI_CHECK_BYTES,   /* first and count say where and how many */
    PHI_CHECK_SHAPE,   /* another type or shape: nothing was compared */
    PHI_CHECK_MISSING, /* not in the model */
};

struct phi_check {
    enum phi_check_verdict verdict;
    uint64_t first; /* the first byte that differs, in the tensor */
    uint64_t count; /* bytes that differ */
};

/*
 * Compares with `have`. checks (n), filled as tensors are written, tensors and
 * have must outlive the sink; tensors of `have` that are not in the list are
 * the caller's business. It cannot be committed. The caller owns *out.
 */
enum phi_status phi_check_sink_open(struct phi_sink **out,
                                    const struct phi_source *have,
                                    const struct phi_sink_tensor *tensors,
                                    size_t n, struct phi_check *checks,
                                    struct phi_err *err);

#endif
