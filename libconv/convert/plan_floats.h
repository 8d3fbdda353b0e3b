/* SPDX-License-Identifier: MIT */
/*
 * A plan that keeps the model one of floats: each tensor that is stored goes
 * into the output once, in the source's order, as a Hugging Face folder has
 * them (formats/hf_folder_sink.h).
 */
#ifndef PHI_CONVERT_PLAN_FLOATS_H
#define PHI_CONVERT_PLAN_FLOATS_H

#include "libconv/base/err.h"
#include "libconv/convert/plan.h"
#include "libconv/lora/merge.h"

struct phi_floats_options {
    /*
     * Every tensor becomes `dtype`: F32, F16 or BF16. Without `given`, a
     * folder's keep their types; those of any other source, which has norms
     * and biases in F32, all get the matrices' type, and F32 if that is no
     * float or not one.
     */
    bool given;
    enum phi_dtype dtype;
    bool dequantize;               /* blocks may become floats */
    const struct phi_merge *merge; /* what will be merged; or NULL */
};

/* The type of all matrices: F32, F16 or BF16; F32 if they differ or are none
 * of these. */
enum phi_dtype phi_floats_common(const struct phi_source *s);

/*
 * Fills plan->steps, tensors, n, weights and nbytes; names are borrowed from
 * the source. A tied output.weight that is the embedding's bytes is left out.
 * PHI_E_UNSUPPORTED for blocks without `dequantize`, and for what is no
 * float. To be ended with phi_plan_release().
 */
enum phi_status phi_plan_floats(struct phi_plan *plan,
                                const struct phi_source *s,
                                const struct phi_floats_options *options,
                                struct phi_err *err);

#endif
