/* SPDX-License-Identifier: MIT */
/* The texts of phiconv inspect. */
#ifndef PHICONV_TOOLS_INSPECT_PRINT_H
#define PHICONV_TOOLS_INSPECT_PRINT_H

#include "tools/inspect_job.h"

/* All to stdout. */
enum phi_status inspect_print_summary(const struct inspect_job *job,
                                      struct phi_err *err);
enum phi_status inspect_print_metadata(const struct inspect_job *job,
                                       struct phi_err *err);
enum phi_status inspect_print_tensors(const struct inspect_job *job,
                                      struct phi_err *err);
enum phi_status inspect_print_diffable(const struct inspect_job *job,
                                       struct phi_err *err);
enum phi_status inspect_print_json(const struct inspect_job *job,
                                   struct phi_err *err);

#endif
