/* SPDX-License-Identifier: MIT */
/*
 * Recipes: which type a tensor gets in a file of a given type. The names, the
 * numbers and the rules are llama.cpp's (llama-quantize, 2026-08), so that a
 * file means the same to everybody who sees its name.
 */
#ifndef PHI_QUANT_RECIPE_H
#define PHI_QUANT_RECIPE_H

#include "libconv/base/err.h"
#include "libconv/tensor/source.h"

struct phi_file_type {
    const char *name;     /* "q4_0" */
    uint32_t number;      /* general.file_type, llama.cpp's LLAMA_FTYPE */
    enum phi_dtype dtype; /* of most tensors */
};

/* By name in any case; NULL if phiconv writes no such type. */
const struct phi_file_type *phi_file_type_find(const char *name);

/* Row i of the list, for help and messages; NULL after the last. */
const struct phi_file_type *phi_file_type_at(size_t i);

/*
 * The name that belongs to a general.file_type, of all that llama.cpp knows;
 * "unknown" for others.
 */
const char *phi_file_type_name(uint64_t number);

struct phi_recipe {
    const struct phi_file_type *type;
    bool pure;       /* no exceptions for the output tensor */
    bool has_output; /* the model has an output.weight of its own */
    bool from_gguf;  /* tensors that are not quantized keep their type */
};

struct phi_choice {
    enum phi_dtype dtype;
    const char *why; /* a few words; a constant */
};

/*
 * The type for tensor t. PHI_E_UNSUPPORTED if its width fits neither the
 * wanted type nor a fallback.
 */
enum phi_status phi_recipe_choose(const struct phi_recipe *r,
                                  const struct phi_tensor *t,
                                  struct phi_choice *out, struct phi_err *err);

#endif
