/* SPDX-License-Identifier: MIT */
/*
 * Recipes as text, one output a line:
 *
 *   # more bits where it matters
 *   q4_k_m tensor:ffn_down=q6_k output:q8_0
 *   q4_k_m=Q4_K_M-plain pure
 *
 * A line is TYPE, or TYPE=LABEL to call the file after LABEL, and words that
 * change it: pure, leave-output, embedding:TYPE, output:TYPE and any number
 * of tensor:REGEX=TYPE, of which the first that fits decides. They mean what
 * the options of quantize mean. It is what files say of themselves in the key
 * phiconv.recipe.
 */
#ifndef PHICONV_TOOLS_RECIPE_FILE_H
#define PHICONV_TOOLS_RECIPE_FILE_H

#include "tools/quantize_recipe.h"
#include "tools/release_names.h"

/* Of a file; no recipe needs as much. A release's manifest says the same in a
 * little more: each line has an end there, and q4_k is called q4_k_m. */
#define RECIPE_MAX_BYTES ((uint64_t)1 << 16)
#define RECIPE_MAX_TEXT  ((uint64_t)65536 + 256)

/* Zero-initialise; end with recipe_file_release(). */
struct recipe_file {
    char *text;                              /* what everything borrows from */
    const char **words;                      /* of overrides, line after line */
    const char *types[RELEASE_MAX_OUTPUTS];  /* (n) */
    const char *labels[RELEASE_MAX_OUTPUTS]; /* (n) or NULL */
    size_t lines[RELEASE_MAX_OUTPUTS];       /* (n) where it is in the file */
    struct quantize_recipe recipes[RELEASE_MAX_OUTPUTS]; /* (n) */
    size_t n;
    size_t nwords;
};

/* Adds the lines of a file. PHI_E_FORMAT with file and line. */
enum phi_status recipe_file_load(struct recipe_file *out, const char *path,
                                 struct phi_err *err);

/* The same of a text that messages call `name`; n bytes, of which there may be
 * RECIPE_MAX_TEXT: every pattern is looked for in every tensor's name. */
enum phi_status recipe_file_parse(struct recipe_file *out, const char *text,
                                  size_t n, const char *name,
                                  struct phi_err *err);

/* Says at which line of the file `name` the mistake in err is: it becomes one
 * of the file, PHI_E_FORMAT, if it is one of a word, PHI_E_ARG. */
enum phi_status recipe_file_refuse(const char *name, size_t line,
                                   struct phi_err *err);

void recipe_file_release(struct recipe_file *f);

#endif
