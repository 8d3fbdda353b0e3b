/* SPDX-License-Identifier: MIT */
/*
 * What the name of a model says about it. Hub names follow a loose habit,
 * "org/Basename-SIZE-finetune-version"; the heuristics are those of gguf-py's
 * metadata.py, so that the same folder gets the same general.* keys:
 *
 *   microsoft/Phi-3-mini-4k-instruct
 *   org       basename size finetune
 *
 * Letters outside ASCII are letters without case here.
 */
#ifndef PHI_FORMATS_HF_NAMING_H
#define PHI_FORMATS_HF_NAMING_H

#include <stdint.h>

#include "libconv/base/err.h"

/* Each part is owned, not empty, or NULL where the name does not say. */
struct phi_model_id {
    char *name; /* the whole name without the organization */
    char *org;
    char *basename;
    char *finetune;
    char *version;
    char *size_label;
};

/*
 * Takes id apart. nparams is the model's number of parameters, 0 if unknown:
 * a size far from it ("4k" in a model of 4e9) is a context length. An id with
 * a blank is a sentence and has only a name; one that is a path on somebody's
 * computer ("..", "C:\phi") has nothing.
 */
enum phi_status phi_model_id_parse(struct phi_model_id *out, const char *id,
                                   uint64_t nparams, struct phi_err *err);
void phi_model_id_release(struct phi_model_id *id);

/*
 * "phi-1_5-chat" as "Phi 1_5 Chat": '-' becomes a blank, words without
 * capitals get one unless they begin with a digit or are a version. To be
 * released with free(); NULL and err without memory.
 */
char *phi_model_id_title(const char *text, struct phi_err *err);

/* Room for every number with its NUL. */
#define PHI_SIZE_LABEL_MAX 32

/* 2779683840 as "2.8B": at least two digits, K M B T. Returns out. */
char *phi_size_label_format(char out[PHI_SIZE_LABEL_MAX], uint64_t nparams);

#endif
