/* SPDX-License-Identifier: MIT */
/*
 * Which tensors a Phi consists of: from the configuration, the name of each
 * in the checkpoint and in GGUF (gguf-py's tensor_mapping.py), and its shape.
 */
#ifndef PHI_FORMATS_HF_NAMES_H
#define PHI_FORMATS_HF_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "formats/hf_config.h"
#include "libconv/base/err.h"
#include "libconv/base/map.h"
#include "libconv/tensor/source.h"

/* Room for every name that a tensor of a Phi has in a checkpoint. */
#define PHI_HF_ORIGIN_ROOM 64

/* A tensor that the model must have. */
struct phi_hf_slot {
    char origin[PHI_HF_ORIGIN_ROOM]; /* its name in the checkpoint */
    char name[PHI_MAX_NAME + 1];     /* in GGUF */
    uint32_t rank;                   /* 1 or 2 */
    uint64_t dim[2];                 /* outermost first */
    bool tied; /* the same as the embedding: need not be */
};

struct phi_hf_slots {
    struct phi_hf_slot *slot; /* (n) */
    size_t n;
    struct phi_map index; /* origin -> slot */
};

/*
 * old: names of 2023, as in transformer.h.0.mixer.Wqkv.weight, with query,
 * key and value in one tensor. Fill out = {0}; release it also after an
 * error.
 */
enum phi_status phi_hf_slots_make(struct phi_hf_slots *out,
                                  const struct phi_hf_config *c, bool old,
                                  struct phi_err *err);
void phi_hf_slots_release(struct phi_hf_slots *slots);

/* The slot of a name in the checkpoint, or NULL. */
const struct phi_hf_slot *phi_hf_slots_find(const struct phi_hf_slots *slots,
                                            const char *origin);

/* The way back: where a tensor with a name of GGUF's is in a checkpoint. */
struct phi_hf_place {
    char origin[PHI_HF_ORIGIN_ROOM];
    uint64_t order; /* ascending in the order of the model's state dict */
};

/* False if the naming has no tensor of that name (fused or not fused). */
bool phi_hf_place_of(struct phi_hf_place *out, const char *name, bool old);

/* Whether a name is one of the old naming. */
bool phi_hf_is_old(const char *origin);

/* Buffers that checkpoints carry though they can be computed. */
bool phi_hf_is_skipped(const char *origin);

/*
 * Whether a name tells of a quantizer or an adapter whose traces a checkpoint
 * must not have; then *what it is and *hint are constants.
 */
bool phi_hf_leftover(const char *origin, const char **what, const char **hint);

/* Fails: the tensor has no slot; says why, as far as its name tells. */
enum phi_status phi_hf_unexpected(const struct phi_hf_config *c,
                                  const char *file, const char *origin,
                                  struct phi_err *err);

#endif
