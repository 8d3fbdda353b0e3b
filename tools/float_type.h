/* SPDX-License-Identifier: MIT */
/* The word of --dtype. */
#ifndef PHICONV_TOOLS_FLOAT_TYPE_H
#define PHICONV_TOOLS_FLOAT_TYPE_H

#include "libconv/convert/plan_floats.h"
#include "tools/options.h"

/*
 * Sets out->given and out->dtype from "auto" (and NULL), "f32", "f16" or
 * "bf16". Returns -1 to go on, otherwise the exit code.
 */
int float_type_read(struct phi_floats_options *out, const struct command *cmd,
                    const char *word);

#endif
