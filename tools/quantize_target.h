/* SPDX-License-Identifier: MIT */
/* The format of a target of "phiconv quantize": GGUF or packed. */
#ifndef PHICONV_TOOLS_QUANTIZE_TARGET_H
#define PHICONV_TOOLS_QUANTIZE_TARGET_H

#include "tools/quantize_job.h"

/*
 * Of "TYPE", "pack:TYPE" or "pack", n bytes: the part that names the type,
 * "copy" where there is none. True if it is to be packed.
 */
bool quantize_word_packed(const char *word, size_t n, const char **type,
                          size_t *ntype);

/* The type that such a word names, and whether it is to be packed; PHI_E_ARG
 * if there is none. */
enum phi_status quantize_word_type(const struct phi_file_type **out,
                                   bool *packed, const char *word, size_t n,
                                   struct phi_err *err);

/* -1, or the exit code of a mistake that was printed: its file's name is that
 * of another format, or it cannot be split. */
int quantize_check_format(const struct quantize_job *job,
                          const struct quantize_target *t, const char *path);

/*
 * Once the plan is made: whether it only changes the container, and then what
 * keeps the rest as it was, byte for byte; the file's exact or, with planes,
 * greatest size.
 */
enum phi_status quantize_plan_format(struct quantize_job *job,
                                     struct quantize_target *t,
                                     struct phi_err *err);

/* Gives it a path, which it owns then, or another one before it is begun. */
enum phi_status quantize_name_target(struct quantize_target *t, char *path,
                                     struct phi_err *err);

/* Begins the file. */
enum phi_status quantize_open_format(const struct quantize_job *job,
                                     struct quantize_target *t,
                                     struct phi_err *err);

void quantize_release_format(struct quantize_target *t);

#endif
