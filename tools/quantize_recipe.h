/* SPDX-License-Identifier: MIT */
/*
 * The options of "phiconv quantize" that change the types of tensors, from
 * words to a recipe, and the check that each of them did something.
 */
#ifndef PHICONV_TOOLS_QUANTIZE_RECIPE_H
#define PHICONV_TOOLS_QUANTIZE_RECIPE_H

#include "libconv/convert/plan.h"
#include "tools/options.h"

struct quantize_args;
struct quantize_job;

/* Zero-initialised is empty. What the options of every plan borrow from. */
struct quantize_recipe {
    struct phi_recipe recipe; /* all but the type */
    struct phi_type_override embedding;
    struct phi_type_override output;
    struct phi_type_override *overrides; /* (recipe.noverrides) */
    struct phi_imatrix imatrix;          /* of --imatrix */
};

/*
 * Reads the words. Returns -1 to go on, otherwise the exit code; the mistake
 * was printed.
 */
int quantize_recipe_read(struct quantize_recipe *r, const struct command *cmd,
                         const struct quantize_args *args);

/* Reads the importance matrix, if one is given. */
enum phi_status quantize_recipe_load(struct quantize_recipe *r,
                                     const struct quantize_args *args,
                                     struct phi_err *err);

/*
 * After planning: PHI_E_ARG if an option that names tensors decided the type
 * of none in any of the plans.
 */
enum phi_status quantize_recipe_check(const struct quantize_job *job,
                                      struct phi_err *err);

void quantize_recipe_release(struct quantize_recipe *r);

#endif
