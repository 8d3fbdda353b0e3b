/* SPDX-License-Identifier: MIT */
/* Between options.c and option_help.c: all option tables of a command. */
#ifndef PHICONV_TOOLS_OPTION_TABLE_H
#define PHICONV_TOOLS_OPTION_TABLE_H

#include "tools/options.h"

/* Table i: the command's own, those of computing commands, the common ones;
 * then NULL. */
const struct option *option_table(const struct command *cmd, size_t i);

#endif
