/* SPDX-License-Identifier: MIT */
/* Names in a release folder. */
#ifndef PHICONV_TOOLS_RELEASE_NAMES_H
#define PHICONV_TOOLS_RELEASE_NAMES_H

#include <stdbool.h>

#include "libconv/base/buf.h"
#include "libconv/base/err.h"

/* What verify-release takes, and release therefore makes at most. */
#define RELEASE_MAX_NAME    200
#define RELEASE_MAX_OUTPUTS 64

/*
 * Whether a file of a release may have this name: letters, digits and . _ -,
 * neither a point nor a dash first. Such names are one part of a path, mean
 * the same in every shell and need no escapes in any of its files.
 */
bool release_plain_name(const char *name);

struct release_job;

/* Title of the model, and names of the outputs, after it was opened. */
enum phi_status release_make_names(struct release_job *job,
                                   struct phi_err *err);

/* Refuses a name of more than RELEASE_MAX_NAME bytes. */
enum phi_status release_check_length(const char *name, struct phi_err *err);

#endif
