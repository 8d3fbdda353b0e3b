/* SPDX-License-Identifier: MIT */
/*
 * The options of "phiconv quantize" that change the types of tensors, from
 * words to a recipe, and the check that each of them did something.
 */
#ifndef PHICONV_TOOLS_QUANTIZE_RECIPE_H
#define PHICONV_TOOLS_QUANTIZE_RECIPE_H

#include "libconv/convert/plan.h"
#include "tools/options.h"

struct quantize_job;

/* What they are called in messages: words of a file are no options. */
struct quantize_recipe_names {
    const char *tensor;
    const char *embedding;
    const char *output;
    const char *leave_output;
};

extern const struct quantize_recipe_names quantize_option_names;

/* The words; borrowed. */
struct quantize_recipe_words {
    const struct quantize_recipe_names *names;
    const char *const *tensors; /* (ntensors) REGEX=TYPE */
    size_t ntensors;
    const char *embedding; /* or NULL */
    const char *output;    /* or NULL */
    bool pure;
    bool leave_output;
};

/* Zero-initialised is empty. What the options of plans borrow from. */
struct quantize_recipe {
    const struct quantize_recipe_names *names;
    struct phi_recipe recipe; /* all but the type */
    struct phi_type_override embedding;
    struct phi_type_override output;
    struct phi_type_override *overrides; /* (recipe.noverrides) */
};

/*
 * Reads the words, which must outlive the recipe. PHI_E_ARG for a mistake.
 * End with quantize_recipe_release(), whatever it returns.
 */
enum phi_status quantize_recipe_read(struct quantize_recipe *r,
                                     const struct quantize_recipe_words *words,
                                     struct phi_err *err);

/*
 * After planning: PHI_E_ARG if a word that names tensors decided the type of
 * none in any of the plans that are made by its recipe.
 */
enum phi_status quantize_recipe_check(const struct quantize_job *job,
                                      struct phi_err *err);

void quantize_recipe_release(struct quantize_recipe *r);

#endif
