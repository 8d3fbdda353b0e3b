/* SPDX-License-Identifier: MIT */
/*
 * Opens anything that holds tensors, to be looked at:
 *
 *   folder with adapter_config.json and without config.json    "adapter"
 *   another folder                                             "hf"
 *   GGUF, one part of a split one, of an adapter or not        "gguf"
 *   GGUF of the type imatrix, or its older form                "imatrix"
 *   packed file                                                "phipack"
 *   safetensors                                                "safetensors"
 */
#ifndef PHI_FORMATS_ANY_MODEL_H
#define PHI_FORMATS_ANY_MODEL_H

#include <stdbool.h>

#include "libconv/base/err.h"
#include "libconv/tensor/source.h"

/*
 * A folder that hf_dir.h reads has GGUF's names and keys, as it would be
 * converted. One that it does not read, or any if `stored`, has the names of
 * its files and the values of config.json; why->status is then the reason, or
 * PHI_OK. On success the caller owns *out.
 */
enum phi_status phi_any_open(struct phi_source **out, const char *path,
                             bool stored, struct phi_err *why,
                             struct phi_err *err);

#endif
