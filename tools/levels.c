/* SPDX-License-Identifier: MIT */
#include "tools/levels.h"

#include <stdio.h>

#include "libconv/cpu/cpu.h"

/* The levels that this processor has: "scalar, avx2". */
static const char *level_list(char *out, size_t n)
{
    const uint32_t here = phi_cpu_detect();
    const char *name;
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; (name = phi_cpu_level_name(i)) != NULL && at < n; i++) {
        uint32_t needs = 0;

        if (phi_cpu_level(name, &needs) && (needs & ~here) == 0)
            at += (size_t)snprintf(out + at, n - at, "%s%s", at > 0 ? ", " : "",
                                   name);
    }
    return out;
}

/* A level with nearly that name, or NULL. */
static const char *near_level(const char *word)
{
    const char *names[16];
    size_t n = 0;

    while (n < 16 && (names[n] = phi_cpu_level_name(n)) != NULL)
        n++;
    return nearest_word(word, names, n);
}

int level_features(const struct command *cmd, const struct common *c,
                   uint32_t *features)
{
    const uint32_t here = phi_cpu_detect();
    uint32_t wanted;
    const char *near;
    char list[256];

    *features = here;
    if (c->cpu == NULL)
        return -1;
    if (!phi_cpu_level(c->cpu, &wanted) && (near = near_level(c->cpu)) != NULL)
        return usage_error(cmd, "%s%s: unknown level, did you mean %s?",
                           c->cpu_origin, c->cpu, near);
    if (!phi_cpu_level(c->cpu, &wanted))
        return usage_error(cmd, "%s%s: unknown level, expected one of %s",
                           c->cpu_origin, c->cpu,
                           level_list(list, sizeof(list)));
    if ((wanted & ~here) != 0)
        return usage_error(cmd, "%s%s: this processor lacks it, it has %s",
                           c->cpu_origin, c->cpu,
                           level_list(list, sizeof(list)));
    *features = wanted;
    return -1;
}
