/* SPDX-License-Identifier: MIT */
/*
 * Recipes: which type a tensor gets in a file of a given type. The names, the
 * numbers and the rules are llama.cpp's (llama-quantize, 2026-08), so that a
 * file means the same to everybody who sees its name.
 *
 * Some rules count: "every third layer", "the first eighth". They count the
 * tensors that they were asked about, in the order of the output, so a walk
 * over all tensors is an object of its own.
 */
#ifndef PHI_QUANT_RECIPE_H
#define PHI_QUANT_RECIPE_H

#include "libconv/base/err.h"
#include "libconv/quant/file_type.h"
#include "libconv/quant/name_pattern.h"
#include "libconv/tensor/source.h"

/* A type that the user has asked for. */
struct phi_type_override {
    const char *text; /* the words of the command line, for messages */
    enum phi_dtype dtype;
    struct phi_name_pattern *pattern; /* of the tensors it is for */
};

/* What is wanted of a file. Everything is borrowed. */
struct phi_recipe {
    const struct phi_file_type *type;
    bool pure;         /* one type for all, no rules */
    bool leave_output; /* output.weight keeps its type */
    /* What is not quantized keeps its type, as that of a GGUF file does; of
     * a folder it becomes F32 otherwise. */
    bool keep;
    /* For token_embd.weight and output.weight, whatever else says; or NULL.
     * A tied embedding is not output.weight: the rules ask `output` for it. */
    const struct phi_type_override *embedding;
    const struct phi_type_override *output;
    /* For others, in files of a block type: the first that matches decides. */
    const struct phi_type_override *overrides; /* (noverrides) */
    size_t noverrides;
    bool has_imatrix; /* there is an importance matrix */
};

struct phi_choice {
    enum phi_dtype dtype;
    enum phi_dtype wanted; /* another type if the width does not allow it */
    const char *why;       /* a few words; a constant */
    const struct phi_type_override *by; /* that decided, or NULL */
};

/* The state of one walk over the tensors of a model. */
struct phi_recipe_walk {
    const struct phi_recipe *recipe;
    bool has_output; /* the model has an output.weight of its own */
    bool from_gguf;  /* tensors that are not quantized keep their type */
    int n_layer;
    int n_gqa;    /* query heads that share a key/value head */
    int n_values; /* tensors of attention values */
    int i_values; /* those that the rules were asked about so far */
    int i_down;   /* the same of ffn_down */
};

/*
 * Starts a walk; both must outlive it. PHI_E_FORMAT if the rules need a number
 * of the model that its metadata lacks.
 */
enum phi_status phi_recipe_begin(struct phi_recipe_walk *w,
                                 const struct phi_recipe *r,
                                 const struct phi_source *s,
                                 struct phi_err *err);

/*
 * The type for the next tensor; tensors come in llama-quantize's order, which
 * is that of phi_plan. PHI_E_UNSUPPORTED if its width fits neither the wanted
 * type nor a fallback.
 */
enum phi_status phi_recipe_next(struct phi_recipe_walk *w,
                                const struct phi_tensor *t,
                                struct phi_choice *out, struct phi_err *err);

/*
 * Whether llama-quantize makes a tensor of this name and type only with an
 * importance matrix: without one, Q2_K in q2_k_s files is not worth having.
 */
bool phi_recipe_needs_importance(const struct phi_recipe *r, const char *name,
                                 enum phi_dtype dtype);

#endif
