/* SPDX-License-Identifier: MIT */
/* The page of eval-ppl --report: one file that needs nothing else. */
#ifndef PHICONV_TOOLS_EVAL_HTML_H
#define PHICONV_TOOLS_EVAL_HTML_H

#include "tools/eval_gates.h"
#include "tools/eval_report.h"

/*
 * Appends the page: verdict, table, gates, and plots: divergence against size,
 * its histogram, what single tokens lost, perplexity by window, the worst
 * windows. No script, nothing from the network, light and dark. The same
 * results make the same bytes.
 */
enum phi_status eval_html_page(struct phi_buf *b,
                               const struct eval_gates *gates,
                               const struct eval_report *r,
                               struct phi_err *err);

/* The page as a file. Atomic, as eval_gates_junit(). */
enum phi_status eval_html_write(const struct eval_gates *gates,
                                const struct eval_report *r, const char *path,
                                bool replace, struct phi_err *err);

#endif
