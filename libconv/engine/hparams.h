/* SPDX-License-Identifier: MIT */
/*
 * The shape of a Phi, read from metadata and checked. What the keys mean and
 * their defaults: llama.cpp's loader; a key of the attention or the rotation
 * that is not understood is refused, for it would change the numbers.
 */
#ifndef PHI_ENGINE_HPARAMS_H
#define PHI_ENGINE_HPARAMS_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/tensor/model_parts.h"
#include "libconv/tensor/source.h"

struct phi_hparams {
    struct phi_sizes sizes; /* the same numbers, for phi_model_check() */
    size_t n_vocab;         /* rows of the embedding */
    size_t n_ctx;           /* longest sequence the model was made for */
    size_t n_embd;          /* n_head * head_dim */
    size_t n_ff;
    size_t n_layer;
    size_t n_head;
    size_t n_head_kv; /* divides n_head */
    size_t head_dim;
    size_t n_rot; /* even, at most head_dim */
    double norm_eps;
    double rope_base;
    double rope_factor; /* positions are divided by it */
};

/*
 * Reads and checks the keys of `s`. PHI_E_FORMAT for values that cannot be,
 * PHI_E_UNSUPPORTED for models that are not of this family.
 */
enum phi_status phi_hparams_read(struct phi_hparams *h,
                                 const struct phi_source *s,
                                 struct phi_err *err);

#endif
