/* SPDX-License-Identifier: MIT */
/* How fast a run of quantize was, and what kept it from being faster. */
#ifndef PHICONV_TOOLS_QUANTIZE_RATE_H
#define PHICONV_TOOLS_QUANTIZE_RATE_H

#include "tools/quantize_job.h"
#include "tools/report.h"

/* A line for people on stdout. */
void quantize_print_rate(const struct quantize_job *job);

/* The key "run" for programs; null where nothing was written. */
void quantize_json_rate(struct json_out *j, const struct quantize_job *job);

#endif
