/* SPDX-License-Identifier: MIT */
/*
 * The tensors of a Phi: every name is looked up, every shape checked, and a
 * tensor that the model does not use is refused. Vectors are loaded; matrices
 * stay where they are and are read row by row when they are needed.
 */
#ifndef PHI_ENGINE_WEIGHTS_H
#define PHI_ENGINE_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/engine/hparams.h"
#include "libconv/tensor/source.h"

/* Rows of a tensor of the source, and what is added to their products. */
struct phi_matrix {
    const struct phi_source *source;
    size_t tensor;
    uint64_t row0; /* its first row in the tensor */
    size_t nrows;
    size_t ncols;
    size_t row_nbytes;
    const float *bias; /* (nrows) or NULL */
};

struct phi_layer {
    const float *norm_w;    /* (n_embd) */
    const float *norm_b;    /* (n_embd) */
    struct phi_matrix q;    /* (n_embd, n_embd) */
    struct phi_matrix k;    /* (n_head_kv * head_dim, n_embd) */
    struct phi_matrix v;    /* (n_head_kv * head_dim, n_embd) */
    struct phi_matrix o;    /* (n_embd, n_embd) */
    struct phi_matrix up;   /* (n_ff, n_embd) */
    struct phi_matrix down; /* (n_embd, n_ff) */
    const float *q_norm_w;  /* (head_dim), all four of them or NULL */
    const float *q_norm_b;
    const float *k_norm_w;
    const float *k_norm_b;
};

struct phi_weights {
    struct phi_hparams hparams;
    struct phi_matrix embd;   /* (n_vocab, n_embd) */
    struct phi_layer *layers; /* (n_layer) */
    const float *norm_w;      /* (n_embd) */
    const float *norm_b;      /* (n_embd) */
    struct phi_matrix head;   /* (n_vocab, n_embd); embd's rows if tied */
    float **vectors;          /* (nvectors) what the pointers point into */
    size_t nvectors;
    size_t cap;
};

/*
 * Borrows `s` until phi_weights_release(), which must follow also after an
 * error. PHI_E_FORMAT: a tensor is missing or of another shape;
 * PHI_E_UNSUPPORTED: a type or a tensor that is not understood.
 */
enum phi_status phi_weights_init(struct phi_weights *w,
                                 const struct phi_source *s,
                                 struct phi_err *err);
void phi_weights_release(struct phi_weights *w);

/* `nrows` rows of m from row0 on, with their part of the bias. */
struct phi_matrix phi_matrix_rows(const struct phi_matrix *m, size_t row0,
                                  size_t nrows);

/* Reads rows [row0, row0 + n) as they are stored; n * m->row_nbytes bytes. */
enum phi_status phi_matrix_read(const struct phi_matrix *m, size_t row0,
                                size_t n, void *to, struct phi_err *err);

/*
 * Rows that the source has in panels of `rows` (tensor/source.h) may be read
 * so: whether row0 begins a panel of just that many.
 */
bool phi_matrix_in_panels(const struct phi_matrix *m, size_t row0, size_t rows);

/* Rows of the panel that begins with row0. */
size_t phi_matrix_panel_rows(const struct phi_matrix *m, size_t row0);

/* Reads the panels that hold rows [row0, row0 + n), to the end of the last:
 * whole ones, or the tensor's last. */
enum phi_status phi_matrix_read_panels(const struct phi_matrix *m, size_t row0,
                                       size_t n, void *to, struct phi_err *err);

/* The element type of a matrix. */
enum phi_dtype phi_matrix_dtype(const struct phi_matrix *m);

#endif
