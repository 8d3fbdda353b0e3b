/* SPDX-License-Identifier: MIT */
/*
 * Working memory of the engine. One space serves models in turn: its blocks
 * grow to the largest that was asked for and are used again, since memory
 * touched for the first time is slow. Zero-initialised is empty.
 */
#ifndef PHI_ENGINE_SPACE_H
#define PHI_ENGINE_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libconv/engine/weights.h"

/* Rows of weights that one thread works on at a time. */
#define PHI_GROUP 64
/* Columns of them that are widened at a time; whole blocks of any type. */
#define PHI_DEPTH 512
/* Tokens that go through a group of integers at a time, and columns of it that
 * are multiplied before the next; nothing depends on them but speed. */
#define PHI_INTEGER_TOKENS 60
#define PHI_INTEGER_DEPTH  2560
/* Different inputs that the jobs of one run have, at most. */
#define PHI_ACTS 2

struct phi_block {
    void *p; /* 64-byte aligned */
    size_t n;
};

/* One thread's own memory, and its failure if it had one. */
struct phi_space_worker {
    struct phi_block raw;    /* PHI_GROUP rows as they are stored */
    struct phi_block rows;   /* f32 (PHI_PANEL, PHI_DEPTH) */
    struct phi_block panels; /* f32 (PHI_GROUP/16, PHI_DEPTH, 16) */
    struct phi_block acc;    /* f64 (ntokens, PHI_GROUP) */
    struct phi_block bytes;  /* a job's panels of bytes, term by term */
    struct phi_block sums;   /* f32 (PHI_INTEGER_TOKENS, PHI_GROUP) */
    struct phi_block q;      /* f32 (head_dim, 16), and a head of one query */
    struct phi_block scores; /* f32 (n_ctx up to whole panels, 16) */
    struct phi_block heads;  /* f64 (panels of head_dim, 16, 16) */
    enum phi_status status;
    size_t item; /* that failed: the lowest of this thread */
    struct phi_err err;
};

struct phi_space {
    size_t nworkers;
    struct phi_space_worker *workers; /* (nworkers) */
    struct phi_block x;    /* f32 (ntokens, n_embd) residual stream */
    struct phi_block h;    /* f32 (ntokens, n_embd) normalised */
    struct phi_block q;    /* f32 (ntokens, n_embd), then attention */
    struct phi_block k;    /* f32 (ntokens, n_head_kv * head_dim) */
    struct phi_block v;    /* f32 (ntokens, n_head_kv * head_dim) */
    struct phi_block ff;   /* f32 (ntokens, n_ff) */
    struct phi_block keys; /* f32, packed: attention.h */
    struct phi_block values;
    struct phi_block act[PHI_ACTS];   /* quantized activations of a run */
    struct phi_block tiles[PHI_ACTS]; /* the same in f32: linear.c */
    struct phi_block ff_act;          /* ff, quantized where it is made */
};

/* What the blocks must hold. */
struct phi_space_size {
    const struct phi_weights *weights;
    size_t nthreads;
    size_t nwindows;
    size_t n_ctx; /* tokens of a window */
};

/* Grows s for a pass of this size. */
enum phi_status phi_space_fit(struct phi_space *s,
                              const struct phi_space_size *size,
                              struct phi_err *err);
/* Grows b to n elements of `size` bytes; what was in it is lost. */
enum phi_status phi_block_fit(struct phi_block *b, size_t n, size_t size,
                              struct phi_err *err);

void phi_space_release(struct phi_space *s);

/* Bytes of one token in the blocks, without those of the workers. */
size_t phi_space_token_nbytes(const struct phi_hparams *h);

/* Whether the worker is to do this item: none above one of its own that failed.
 * Others go on, so that the lowest that fails is found by whatever thread. */
static inline bool phi_space_wants(const struct phi_space_worker *k,
                                   size_t item)
{
    return k->status == PHI_OK || item < k->item;
}

/* The failure of the lowest item, and the workers are clean again. */
enum phi_status phi_space_status(struct phi_space *s, struct phi_err *err);

#endif
