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
#include "libconv/tensor/sink.h"
#include "libconv/tensor/source.h"

/* A row is worked on as a whole; no Phi has one of more than 200,064. */
#define PHI_PLAN_MAX_COLS (1 << 22)

struct phi_plan_step {
    size_t source;   /* index of the tensor in the source */
    const char *why; /* of its type; a constant */
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
    const struct phi_file_type *type;
    bool pure;
};

/*
 * Plans the GGUF of the given type. Tensors are ordered as llama-quantize
 * orders them: outside the layers first, then layer by layer, by name within;
 * two plans of one source have the same order. Names are borrowed from the
 * source, which must outlive the plan. On success the caller owns *plan's
 * memory and ends it with phi_plan_release().
 */
enum phi_status phi_plan_make(struct phi_plan *plan, const struct phi_source *s,
                              const struct phi_plan_options *options,
                              struct phi_err *err);
void phi_plan_release(struct phi_plan *plan);

/* Bits a weight, over all tensors. */
double phi_plan_bits(const struct phi_plan *plan);

#endif
