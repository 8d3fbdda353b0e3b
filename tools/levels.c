/* SPDX-License-Identifier: MIT */
#include "tools/levels.h"

#include <stdio.h>

#include "libconv/cpu/cpu.h"

/* "scalar, avx2" */
static const char *level_list(char *out, size_t n)
{
    const char *name;
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; (name = phi_cpu_level_name(i)) != NULL && at < n; i++)
        at +=
            (size_t)snprintf(out + at, n - at, "%s%s", i > 0 ? ", " : "", name);
    return out;
}

int level_features(const struct command *cmd, const struct common *c,
                   uint32_t *features)
{
    const uint32_t here = phi_cpu_detect();
    uint32_t wanted;
    char list[256];

    *features = here;
    if (c->cpu == NULL || c->cpu[0] == '\0')
        return -1;
    if (!phi_cpu_level(c->cpu, &wanted))
        return usage_error(cmd, "--cpu %s: unknown level, expected %s", c->cpu,
                           level_list(list, sizeof(list)));
    if ((wanted & ~here) != 0)
        return usage_error(cmd, "--cpu %s: this processor does not have it",
                           c->cpu);
    *features = wanted;
    return -1;
}
