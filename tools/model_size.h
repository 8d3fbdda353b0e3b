/* SPDX-License-Identifier: MIT */
/* How much a model takes, as inspect and the reports of eval-ppl tell it. */
#ifndef PHICONV_TOOLS_MODEL_SIZE_H
#define PHICONV_TOOLS_MODEL_SIZE_H

#include <stdbool.h>

#include "libconv/tensor/source.h"

/*
 * (ntensors), for free(): whether a tensor lies where an earlier one does. A
 * tied tensor is there twice and stored once. NULL and *err without memory.
 */
bool *model_shared(const struct phi_source *s, struct phi_err *err);

/* Bytes of the files that hold its tensors. */
uint64_t model_file_nbytes(const struct phi_source *s);

#endif
