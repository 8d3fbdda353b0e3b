/* SPDX-License-Identifier: MIT */
/* What "phiconv quantize" prints of a planned or finished run. */
#ifndef PHICONV_TOOLS_QUANTIZE_REPORT_H
#define PHICONV_TOOLS_QUANTIZE_REPORT_H

#include "tools/quantize_job.h"

/* Remarks on stderr: what became of the plans that was not asked for. */
void quantize_print_notes(const struct quantize_job *job);

/* A line an output, and with --dry-run or --verbose a line a tensor. */
enum phi_status quantize_print_summary(const struct quantize_job *job,
                                       struct phi_err *err);

/* All of it as one JSON object. */
enum phi_status quantize_print_json(const struct quantize_job *job,
                                    struct phi_err *err);

#endif
