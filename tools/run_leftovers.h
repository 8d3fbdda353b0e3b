/* SPDX-License-Identifier: MIT */
/*
 * Temporary files that are in the way of nobody, but take room: what runs
 * that were killed have left is removed before an output is begun, and what a
 * run could not remove of its own is named at its end.
 */
#ifndef PHICONV_TOOLS_RUN_LEFTOVERS_H
#define PHICONV_TOOLS_RUN_LEFTOVERS_H

#include "tools/options.h"

/*
 * Removes what runs that were killed have left of the output at path, a file
 * or a folder, and notes each that was removed, or that stays and why; with -q
 * it says nothing. Keeps a copy of path for leftovers_after(). Does nothing if
 * path is NULL.
 */
void leftovers_before(struct common *c, const char *path);

/*
 * When all outputs are closed: notes what is left of those that
 * leftovers_before() was given, because it could not be removed, whether the
 * run failed or not, and with -q, too; and, but for -q, what is removed only
 * now. Frees the copies.
 */
void leftovers_after(struct common *c);

#endif
