/* SPDX-License-Identifier: MIT */
#include "tools/float_type.h"

#include <string.h>

#define NWORDS 4

int float_type_read(struct phi_floats_options *out, const struct command *cmd,
                    const char *word)
{
    static const char *const names[NWORDS] = {"auto", "f32", "f16", "bf16"};
    static const enum phi_dtype types[NWORDS] = {PHI_F32, PHI_F32, PHI_F16,
                                                 PHI_BF16};
    const char *near;
    size_t i = 0;

    while (word != NULL && i < NWORDS && strcmp(word, names[i]) != 0)
        i++;
    if (i < NWORDS) {
        out->given = i > 0;
        out->dtype = types[i];
        return -1;
    }
    near = nearest_word(word, names, NWORDS);
    if (near != NULL)
        return usage_error(cmd, "unknown type \"%s\", did you mean %s?", word,
                           near);
    return usage_error(cmd, "unknown type \"%s\"", word);
}
