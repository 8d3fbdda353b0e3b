/* SPDX-License-Identifier: MIT */
#include "tools/commands.h"

#include <stddef.h>

/* A new command is one declaration and one row here. */

const struct command *const commands[] = {
    NULL,
};
