/* SPDX-License-Identifier: MIT */
/* All subcommands: one row each, defined in cmd_<name>.c. */
#ifndef PHICONV_TOOLS_COMMANDS_H
#define PHICONV_TOOLS_COMMANDS_H

#include "tools/options.h"

/* Sorted as the list of commands is printed; ends with NULL. */
extern const struct command *const commands[];

/* The command of that name; NULL: *near is one with nearly that name, or
 * NULL. */
const struct command *command_find(const char *name, const char **near);

#endif
