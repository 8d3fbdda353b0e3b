/* SPDX-License-Identifier: MIT */
/*
 * A plan says what becomes of every tensor before anything is written: its
 * place in the output, type, size and the reason. Every refusal that does not
 * need the weights themselves happens while it is made.
 */
#ifndef PHI_CONVERT_PLAN_H
#define PHI_CONVERT_PLAN_H

#include "libconv/base/err.h"
#include "libconv/quant/recipe.h"
#include "libconv/tensor/imatrix.h"
#include "libconv/tensor/sink.h"
#include "libconv/tensor/source.h"

/* A row is worked on as a whole; no Phi has one of more than 200,064. */
#define PHI_PLAN_MAX_COLS (1 << 22)

struct phi_plan_step {
    size_t source;         /* index of the tensor in the source */
    const char *why;       /* of its type; a constant */
    enum phi_dtype wanted; /* not the output's: its width fits another only */
    const struct phi_type_override *by; /* that decided, or NULL; borrowed */
    /* For the quantizer of every row: (columns), borrowed from the options'
     * matrix; NULL if it has none or the type takes none. */
    const float *importance;
};

struct phi_plan {
    const struct phi_file_type *type;
    struct phi_meta meta;
    struct phi_plan_step *steps;     /* (n), in output order */
    struct phi_sink_tensor *tensors; /* (n), the same tensors */
    size_t n;
    uint64_t weights; /* elements of all tensors */
    uint64_t nbytes;  /* bytes of all tensors, without padding and header */
};

struct phi_plan_options {
    struct phi_recipe recipe;          /* has_imatrix is set by the plan */
    const struct phi_imatrix *imatrix; /* or NULL */
    bool allow_requantize; /* quantized tensors may change their type */
    bool strict;           /* see phi_plan_make() */
};

/*
 * Plans the GGUF of the given type. A source that lacks a tensor of the model
 * or has another is refused (tensor/model_parts.h). Tensors are ordered as
 * llama-quantize orders them: outside the layers first, then layer by layer, by
 * name within; two plans of one source have the same order. Names are borrowed
 * from the source, importance from the matrix, and both must outlive the plan.
 * On success the caller owns *plan's memory and ends it with
 * phi_plan_release().
 *
 * An importance matrix must have an entry of the right width for every tensor
 * whose quantizer takes one, but for token_embd.weight and output.weight,
 * which matrices seldom have and which then do without. The metadata name it
 * if any tensor takes one, and what a source says of another only while
 * tensors that may be made with it are copied.
 *
 * strict refuses what else is done without a question: a fallback type for an
 * odd width, and float types that cannot hold every value of the source's
 * type (F32 to F16, F16 to BF16, BF16 to F16, ...).
 */
enum phi_status phi_plan_make(struct phi_plan *plan, const struct phi_source *s,
                              const struct phi_plan_options *options,
                              struct phi_err *err);
void phi_plan_release(struct phi_plan *plan);

/* Whether the importance matrix weighs anything. */
bool phi_plan_has_importance(const struct phi_plan *plan);

/* (n) Which tensor of the source each is, for free(); NULL without memory. */
size_t *phi_plan_map(const struct phi_plan *plan, struct phi_err *err);

/* Bits a weight, over all tensors. */
double phi_plan_bits(const struct phi_plan *plan);

#endif
