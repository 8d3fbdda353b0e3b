/* SPDX-License-Identifier: MIT */
/* The part of "phiconv quantize" that writes. */
#ifndef PHICONV_TOOLS_QUANTIZE_WRITE_H
#define PHICONV_TOOLS_QUANTIZE_WRITE_H

#include "tools/quantize_job.h"

/*
 * Writes, syncs and names every output of the planned job. Refuses before
 * anything is created what does not fit the disks.
 */
enum phi_status quantize_write_files(struct quantize_job *job,
                                     struct phi_err *err);

#endif
