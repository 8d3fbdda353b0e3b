/* SPDX-License-Identifier: MIT */
/*
 * Rotary positions (Su et al., "RoFormer", 2021), pairs (i, i + n_rot/2) as
 * GPT-NeoX has them. Angles, sines and cosines are in double.
 */
#ifndef PHI_ENGINE_ROPE_H
#define PHI_ENGINE_ROPE_H

#include "libconv/engine/hparams.h"

struct phi_rope {
    size_t n_rot;
    double *table; /* (positions, n_rot/2, 2): cosine, sine */
};

enum phi_status phi_rope_init(struct phi_rope *r, const struct phi_hparams *h,
                              size_t npositions, struct phi_err *err);
void phi_rope_release(struct phi_rope *r);

/* Turns the first n_rot values of a head in place. */
void phi_rope_apply(const struct phi_rope *r, float *head, size_t position);

#endif
