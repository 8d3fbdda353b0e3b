/* SPDX-License-Identifier: MIT */
/* --cpu LEVEL: which kernels a command may use. */
#ifndef PHICONV_TOOLS_LEVELS_H
#define PHICONV_TOOLS_LEVELS_H

#include "tools/options.h"

/*
 * *features: what this processor has, or what LEVEL leaves of it. Returns -1
 * to go on, or the exit code after a usage error: no such level, or this
 * processor lacks it.
 */
int level_features(const struct command *cmd, const struct common *c,
                   uint32_t *features);

#endif
