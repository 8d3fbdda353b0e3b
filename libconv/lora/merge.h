/* SPDX-License-Identifier: MIT */
/*
 * Adapters merged into a base, exactly: what becomes of each tensor of the
 * base is decided and checked before any weight is read, and done to rows of
 * f32 as they stream by.
 *
 *   source, adapters --> phi_merge_make() --> struct phi_merge
 *     for each tensor with a merge, any rows, by any threads:
 *     read --> widen to f32 --> phi_merge_apply() --> round once
 *
 * Sums are made in the order in which the adapters are given: W + s1 B1 A1,
 * + s2 B2 A2, ..., each rounded to f32. A delta of zero leaves every bit of
 * a weight. DoRA as PEFT 0.21 merges it: m / |V + D| times W + D, where V is
 * the weight without any adapter and W that with the adapters before.
 */
#ifndef PHI_LORA_MERGE_H
#define PHI_LORA_MERGE_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/kernels/lora_kernels.h"
#include "libconv/lora/adapter.h"
#include "libconv/tensor/source.h"

enum phi_merge_kind {
    PHI_MERGE_REPLACE,   /* rows of the adapter's tensor */
    PHI_MERGE_TOKENS,    /* single rows of it */
    PHI_MERGE_ADD,       /* + scale B A */
    PHI_MERGE_DORA,      /* the same, then each row to its magnitude */
    PHI_MERGE_DORA_COLS, /* the same, then each column: embeddings */
    PHI_MERGE_ADD_VECTOR /* + scale b: the bias of B */
};

/* Row `from` of the adapter's tensor takes the place of `row`. */
struct phi_merge_token {
    uint64_t row;
    uint64_t from;
};

/* One operation on some rows of a tensor; elements of a vector are rows. */
struct phi_merge_op {
    enum phi_merge_kind kind;
    size_t module; /* whose; in struct phi_merge */
    uint64_t row;
    uint64_t nrows;
    /* the product and what is made of it */
    float scale;
    size_t rank;
    const float *b; /* (nrows, rank); of ADD_VECTOR (nrows) */
    const float *a; /* (rank, columns) */
    /* DORA: (nrows) magnitudes; DORA_COLS: (columns) factors */
    const float *magnitude;
    /* REPLACE: rows [from, from + nrows) of this tensor */
    const struct phi_adapter *adapter;
    size_t tensor;
    uint64_t from;
    /* TOKENS: rows of that tensor, in the order of rows here */
    const struct phi_merge_token *tokens; /* (ntokens) */
    size_t ntokens;
    /* of the rows that phi_merge_tally() was told of */
    double delta;
    double weight;
};

/* In place of the index of a tensor: there is none. */
#define PHI_MERGE_NONE SIZE_MAX

/* A tensor of the base that changes. */
struct phi_merge_tensor {
    size_t source; /* its index in the source */
    uint64_t rows; /* afterwards: more or fewer for a resized vocabulary */
    uint64_t cols;
    bool vector;              /* rank 1: rows is its length, cols 1 */
    struct phi_merge_op *ops; /* (n), in order */
    size_t n;
};

/* A module of an adapter: a line of the table. */
struct phi_merge_module {
    size_t adapter;   /* index of the input */
    const char *path; /* as the adapter names it */
    bool lora;        /* A and B; rank and scale below are meant */
    bool dora;
    bool replaced;               /* weight or bias, as a whole */
    uint64_t tokens;             /* rows of single tokens that were replaced */
    struct phi_lora_scale scale; /* of the adapter; not the user's */
    bool rslora;
    /* Sums of squares of what the module changed, by how much and from what;
     * filled by phi_merge_sum_up(). */
    double delta;
    double weight;
};

struct phi_merge_input {
    const struct phi_adapter *adapter; /* outlives the merge */
    double scale;                      /* the user's factor, 1 as it is */
};

struct phi_merge_options {
    /* Keys of tensors that may stay unused: PHI_MODULE_ANYWHERE; or NULL */
    const struct phi_module_pattern *allow_unused;
    bool allow_twice;  /* the same adapter */
    bool dequantize;   /* the base may be quantized where it is merged */
    uint32_t features; /* of the kernels (cpu/cpu.h) */
};

struct phi_merge {
    const struct phi_source *source;
    const struct phi_merge_input *inputs; /* (ninputs) */
    size_t ninputs;
    struct phi_merge_tensor *tensors; /* (n), in the source's order */
    size_t n;
    size_t *of_source; /* (source->ntensors) in tensors, or PHI_MERGE_NONE */
    struct phi_merge_module *modules; /* (nmodules) */
    size_t nmodules;
    bool *idle;     /* (inputs) the adapter changes nothing */
    uint64_t vocab; /* rows of a resized embedding; 0: as it was */
    /* Keys of the tensors that allow_unused let pass. */
    const char **unused; /* (nunused) */
    size_t nunused;
    /* its own */
    uint32_t features;
    phi_lora_fn kernel;
    void **owned;
    size_t nowned;
    size_t cap;
};

/*
 * Decides what the adapters do to each tensor of the source, and holds them
 * to account: each tensor of an adapter is used exactly once, each module
 * that the configuration names has all that it needs, every shape fits.
 * PHI_E_FORMAT or PHI_E_UNSUPPORTED otherwise, naming the tensors. Embeddings
 * with DoRA are read once here, for the norms of their columns. source and
 * inputs are borrowed. To be ended with phi_merge_release(), after an error
 * too; fill *out with zeros.
 */
enum phi_status phi_merge_make(struct phi_merge *out,
                               const struct phi_source *source,
                               const struct phi_merge_input *inputs, size_t n,
                               const struct phi_merge_options *options,
                               struct phi_err *err);
void phi_merge_release(struct phi_merge *m);

/*
 * What phi_merge_make() checks and no base is needed for: each tensor has a
 * role, a place in a Phi and the configuration's leave, and the halves of an
 * adapted module have its rank. Values are not looked at. For adapters with a
 * configuration, not bare ones.
 */
enum phi_status phi_merge_check_alone(const struct phi_adapter *a,
                                      struct phi_err *err);

/* PHI_E_IO if a file of an adapter changed since it was opened. */
enum phi_status phi_merge_unchanged(const struct phi_merge *m,
                                    struct phi_err *err);

/* Floats that phi_merge_apply() needs as room: the same for all rows. */
size_t phi_merge_room(const struct phi_merge *m);

/* What becomes of a tensor of the source; NULL: it stays as it is. */
static inline const struct phi_merge_tensor *phi_merge_tensor_of(
    const struct phi_merge *m, size_t source)
{
    return m->of_source[source] != PHI_MERGE_NONE
               ? &m->tensors[m->of_source[source]]
               : NULL;
}

/*
 * Sums of squares, a row each, for the table: of the base's row, and of the
 * change that each operation made to it.
 */
struct phi_merge_sums {
    double *weight; /* (nrows) */
    double *delta;  /* (ops, stride): operation k of row i is at k*stride+i */
    size_t stride;  /* >= nrows */
};

/* Operations of the tensor that has the most: for the size of sums. */
size_t phi_merge_most_ops(const struct phi_merge *m);

/*
 * Does all operations of tensor i to rows [row, row + nrows), in x (nrows,
 * cols) with the base's values (anything where a row is beyond the base's).
 * A vector comes whole: row 0, nrows its length. room is the caller's, of
 * phi_merge_room() floats; sums may be NULL, and for vectors is not filled.
 * Allocates nothing; several threads may call at once, each with its own
 * room. PHI_E_FORMAT where the adapter's file holds what is not finite.
 * The result may be infinite: that is for the caller to find.
 */
enum phi_status phi_merge_apply(const struct phi_merge *m, size_t i, float *x,
                                uint64_t row, size_t nrows, float *room,
                                const struct phi_merge_sums *sums,
                                struct phi_err *err);

/*
 * Adds the sums of rows to the tensor's operations, and in the end those to
 * the modules. With rows in order, tensors in any, the figures are the same
 * for any number of threads.
 */
void phi_merge_tally(struct phi_merge *m, size_t i, uint64_t row, size_t nrows,
                     const struct phi_merge_sums *sums);
void phi_merge_sum_up(struct phi_merge *m);

#endif
