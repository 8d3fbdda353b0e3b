/* SPDX-License-Identifier: MIT */
/* manifest.json of a release: docs/manifest.md describes it. */
#ifndef PHICONV_TOOLS_RELEASE_MANIFEST_H
#define PHICONV_TOOLS_RELEASE_MANIFEST_H

#include "tools/release_job.h"

/* All files that it is to list must be in the folder. */
enum phi_status release_add_manifest(struct release_job *job,
                                     struct phi_err *err);

/* The same on standard output. */
enum phi_status release_print_manifest(struct release_job *job,
                                       struct phi_err *err);

/*
 * The date of SOURCE_DATE_EPOCH (reproducible-builds.org) as
 * "2026-08-18T12:00:00Z"; "" if it is not set. PHI_E_ARG if it is no number.
 */
enum phi_status release_date(char out[32], struct phi_err *err);

#endif
