/* SPDX-License-Identifier: MIT */
/* The word of --dtype. */
#ifndef PHICONV_TOOLS_FLOAT_TYPE_H
#define PHICONV_TOOLS_FLOAT_TYPE_H

#include "libconv/convert/plan_floats.h"
#include "tools/options.h"

/* The words, for OPT_WORD. */
#define FLOAT_TYPES "auto f32 f16 bf16"

/* Sets out->given and out->dtype from one of them; NULL is auto. */
void float_type_read(struct phi_floats_options *out, const char *word);

#endif
