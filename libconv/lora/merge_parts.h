/* SPDX-License-Identifier: MIT */
/* What the files of a merge share while it is made; see merge.h. */
#ifndef PHI_LORA_MERGE_PARTS_H
#define PHI_LORA_MERGE_PARTS_H

#include "libconv/base/map.h"
#include "libconv/lora/merge.h"
#include "libconv/lora/module_names.h"

/* Rows that phi_merge_apply() works on at a time. */
#define PHI_MERGE_GROUP 4

/* All that an adapter has of one module. */
struct phi_merge_group {
    const char *path;
    struct phi_lora_place place;
    size_t tensor[PHI_ADAPTER_NROLES]; /* of the adapter, or PHI_MERGE_NONE */
    bool adapts;                       /* by the configuration */
    bool saves;
    size_t module; /* its line in the table */
};

struct phi_merge_maker {
    struct phi_merge *out; /* its source is NULL where nothing is merged */
    const struct phi_merge_options *options;
    const struct phi_merge_input *inputs;
    struct phi_map names; /* of the source: canonical name -> index */
    size_t cap;           /* of out->tensors */
    size_t modules_cap;
    size_t unused_cap;
    /* the current adapter */
    size_t input;
    const struct phi_adapter *adapter;
    uint64_t work; /* that its patterns took */
    enum phi_lora_naming naming;
    struct phi_merge_group *groups; /* (ngroups) */
    size_t ngroups;
};

/* A part of a module that one tensor of the base holds. */
struct phi_merge_part {
    size_t source; /* the tensor */
    uint64_t row;  /* in it */
    uint64_t nrows;
    uint64_t from; /* row of the module */
};

struct phi_merge_parts {
    struct phi_merge_part part[3];
    size_t n;      /* 0: the base has no such tensor */
    uint64_t rows; /* of all parts */
    uint64_t cols;
};

static inline const struct phi_tensor *phi_merge_base(
    const struct phi_merge_maker *m, size_t source)
{
    return &m->out->source->tensors[source];
}

/* Rows, or the length of a vector. */
static inline uint64_t phi_merge_length(const struct phi_tensor *t)
{
    return t->rank == 1 ? t->dim[0] : phi_tensor_rows(t);
}

/* Rows that a tensor of the source has by now: a resized one has others. */
static inline uint64_t phi_merge_rows_now(const struct phi_merge *m,
                                          size_t source)
{
    const size_t i = m->of_source[source];

    return i != PHI_MERGE_NONE ? m->tensors[i].rows
                               : phi_merge_length(&m->source->tensors[source]);
}

/* Whether an operation takes the place of rows. */
static inline bool phi_merge_replaces(const struct phi_merge_op *op)
{
    return op->kind == PHI_MERGE_REPLACE || op->kind == PHI_MERGE_TOKENS;
}

/* The first of the operation's tokens that is `row` or behind it; ntokens:
 * none is. */
static inline size_t phi_merge_token_from(const struct phi_merge_op *op,
                                          uint64_t row)
{
    size_t low = 0;
    size_t high = op->ntokens;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;

        if (op->tokens[mid].row < row)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/*
 * The tensors of the base that hold a module's weight or bias: query, key and
 * value may be one tensor there and three in the adapter, or the reverse.
 */
enum phi_status phi_merge_find(const struct phi_merge_maker *m,
                               const struct phi_lora_place *place, bool bias,
                               struct phi_merge_parts *out,
                               struct phi_err *err);

/*
 * Tensor i of the adapter has no use. Fails with the reason, unless it may be
 * so: then it is kept in the list.
 */
enum phi_status phi_merge_no_use(struct phi_merge_maker *m, size_t i,
                                 struct phi_err *err, const char *fmt, ...)
    PHI_PRINTF(4, 5);

/* Whether the group has any tensor that is used. */
bool phi_merge_is_used(const struct phi_merge_group *g);

/* Sets what the configuration says of the group; its tensors that have no
 * use are taken out. */
enum phi_status phi_merge_check_group(struct phi_merge_maker *m,
                                      struct phi_merge_group *g,
                                      struct phi_err *err);

/* Where nothing names modules, those with one half have the other. */
enum phi_status phi_merge_check_halves(const struct phi_merge_maker *m,
                                       struct phi_err *err);

/* Every module of the base that the configuration names has its tensors;
 * map: path -> group. */
enum phi_status phi_merge_check_complete(struct phi_merge_maker *m,
                                         const struct phi_map *map,
                                         struct phi_err *err);

/* A and B of an adapted group have the rank that the configuration says. */
enum phi_status phi_merge_check_rank(struct phi_merge_maker *m,
                                     const struct phi_merge_group *g,
                                     struct phi_err *err);

/* Makes the operations of a group whose tensors are all wanted. */
enum phi_status phi_merge_group_ops(struct phi_merge_maker *m,
                                    struct phi_merge_group *g,
                                    struct phi_err *err);

/* Fills the factors of columns (DORA_COLS): reads those tensors. */
enum phi_status phi_merge_norms(struct phi_merge *m, struct phi_err *err);

/* Whether tensor `tensor` of the adapter holds what tensor `source` of the
 * base holds. */
enum phi_status phi_merge_is_same(const struct phi_merge_maker *m,
                                  size_t tensor, size_t source, bool *same,
                                  struct phi_err *err);

/* Only what takes a place, in rows [row, row + n) of t. */
enum phi_status phi_merge_replace_rows(const struct phi_merge *m,
                                       const struct phi_merge_tensor *t,
                                       float *x, uint64_t row, size_t n,
                                       struct phi_err *err);

/* Memory that phi_merge_release() frees; NULL and err without. */
void *phi_merge_own(struct phi_merge *m, size_t n, size_t size,
                    struct phi_err *err);

#endif
