/* SPDX-License-Identifier: MIT */
#include "tools/float_type.h"

void float_type_read(struct phi_floats_options *out, const char *word)
{
    static const enum phi_dtype types[] = {PHI_F32, PHI_F32, PHI_F16, PHI_BF16};
    const int i = word != NULL ? word_in(FLOAT_TYPES, word) : 0;

    out->given = i > 0;
    out->dtype = types[i > 0 ? i : 0];
}
