/* SPDX-License-Identifier: MIT */
/* phiconv inspect --compare: two models, tensor by tensor. */
#ifndef PHICONV_TOOLS_INSPECT_COMPARE_H
#define PHICONV_TOOLS_INSPECT_COMPARE_H

#include "tools/inspect_job.h"

/*
 * Compares what a and b have open, and prints it. *same: both have the same
 * tensors with the same shapes and values, whatever their types.
 */
enum phi_status inspect_compare(const struct inspect_job *a,
                                const struct inspect_job *b, bool *same,
                                struct phi_err *err);

#endif
