/* SPDX-License-Identifier: MIT */
/* What phiconv bench prints. */
#ifndef PHICONV_TOOLS_BENCH_REPORT_H
#define PHICONV_TOOLS_BENCH_REPORT_H

#include "tools/bench.h"
#include "tools/bench_model.h"

/* Rows of kernels and their results; those that were not chosen are not
 * measured. */
struct bench_report {
    const char *level; /* of the kernels, as --cpu names it */
    size_t nthreads;
    double seconds;                 /* a measurement, as asked for */
    const struct bench_list *peaks; /* (BENCH_PEAKS) */
    const struct bench_result *peak_results;
    const struct bench_list *kernels;
    const struct bench_result *kernel_results;
    const struct bench_model *model;
    const struct bench_model_row *model_rows;
    const struct bench_result *model_results;
    size_t nmodel;
};

enum phi_status bench_report_table(const struct bench_report *r,
                                   struct phi_err *err);
enum phi_status bench_report_json(const struct bench_report *r,
                                  struct phi_err *err);

#endif
