/* SPDX-License-Identifier: MIT */
/*
 * Which tensors a Phi consists of, under GGUF's names, and their shapes: the
 * one list, which readers of folders, the plan, the export and the engine
 * share. A part is a weight, and a bias where it has one.
 */
#ifndef PHI_TENSOR_MODEL_PARTS_H
#define PHI_TENSOR_MODEL_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/tensor/source.h"

/* The numbers that dimensions are made of. */
struct phi_sizes {
    uint64_t vocab; /* rows of the embedding */
    uint64_t embd;  /* heads * head_dim */
    uint64_t ff;
    uint64_t layers;
    uint64_t heads;
    uint64_t kv_heads; /* divides heads */
    uint64_t head_dim;
};

enum phi_part {
    PHI_PART_EMBD,
    PHI_PART_Q,
    PHI_PART_K,
    PHI_PART_V,
    PHI_PART_QKV, /* the three, rows one after the other */
    PHI_PART_O,
    PHI_PART_Q_NORM,
    PHI_PART_K_NORM,
    PHI_PART_UP,
    PHI_PART_DOWN,
    PHI_PART_NORM,
    PHI_PART_LAST_NORM,
    PHI_PART_HEAD,
    PHI_NPARTS
};

/* A number that a dimension can be. */
enum phi_size {
    PHI_SIZE_NONE,
    PHI_SIZE_EMBD,
    PHI_SIZE_FF,
    PHI_SIZE_VOCAB,
    PHI_SIZE_KV,
    PHI_SIZE_QKV,
    PHI_SIZE_HEAD_DIM
};

struct phi_part_info {
    const char *name; /* in a layer, "blk.N." is in front of it */
    bool layer;       /* one a layer */
    bool bias;        /* has one */
    enum phi_size rows;
    enum phi_size cols; /* PHI_SIZE_NONE: a vector */
};

extern const struct phi_part_info phi_parts[PHI_NPARTS];

/* Of a tensor or module outside the layers: the embedding, for instance. */
#define PHI_NO_LAYER UINT64_MAX

/* A tensor of a part. */
struct phi_part_place {
    enum phi_part part;
    uint64_t layer; /* or PHI_NO_LAYER */
    bool bias;
};

/* "PREFIX N ." in front of *path, which moves behind it; N has no zeros in
 * front and is at most a million. False: something else, *path stays. */
bool phi_layer_read(const char **path, const char *prefix, uint64_t *layer);

/* The layer of a tensor, by its name in GGUF; false: none. */
bool phi_layer_of(uint64_t *layer, const char *name);

/* Which tensor a name is; false: none of a Phi. */
bool phi_part_of(struct phi_part_place *out, const char *name);

/* The name of a part's weight or bias, in out (n bytes); the layer counts in
 * layers only. Returns out. */
char *phi_part_name(char *out, size_t n, uint64_t layer, enum phi_part part,
                    bool bias);

/* The dimensions of weight or bias of a part; returns the rank, 1 or 2. */
uint32_t phi_part_shape(uint64_t dim[2], enum phi_part part, bool bias,
                        const struct phi_sizes *sizes);

/*
 * The sizes by metadata, and the vocabulary by token_embd.weight. What divides
 * is checked; nothing is above its maximum. Messages lack the file.
 */
enum phi_status phi_sizes_read(struct phi_sizes *out,
                               const struct phi_source *s, uint64_t max_width,
                               uint64_t max_layers, struct phi_err *err);

/*
 * Every tensor of the model is there once and of the right shape, and no
 * other. A head without a weight is the embedding; norms of heads are in all
 * layers or in none; query, key and value are three tensors or one.
 */
enum phi_status phi_model_check(const struct phi_source *s,
                                const struct phi_sizes *sizes,
                                struct phi_err *err);

#endif
