/* SPDX-License-Identifier: MIT */
/* Between options.c and what prints pages: all option tables of a command. */
#ifndef PHICONV_TOOLS_OPTION_TABLE_H
#define PHICONV_TOOLS_OPTION_TABLE_H

#include "tools/options.h"

/* Table i: the command's own, those of computing commands, the common ones;
 * then NULL. */
const struct option *option_table(const struct command *cmd, size_t i);

/* What the exit codes mean, {code, text}; the same for every command. Ends
 * with NULL. */
extern const char *const option_exit_codes[][2];

#endif
