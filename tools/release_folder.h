/* SPDX-License-Identifier: MIT */
/* The files of a release folder: each is written, hashed and listed. */
#ifndef PHICONV_TOOLS_RELEASE_FOLDER_H
#define PHICONV_TOOLS_RELEASE_FOLDER_H

#include "libconv/base/buf.h"
#include "tools/release_job.h"

/* Which files of the model's folder say under which terms it may be used. */
enum phi_status release_scan_licences(struct release_job *job,
                                      struct phi_err *err);

/* Lists the models, which are there already. */
enum phi_status release_add_outputs(struct release_job *job,
                                    struct phi_err *err);
enum phi_status release_add_licences(struct release_job *job,
                                     struct phi_err *err);
enum phi_status release_add_report(struct release_job *job,
                                   struct phi_err *err);

/* Hashes of everything else, as sha256sum -c reads them. */
enum phi_status release_add_sums(struct release_job *job, struct phi_err *err);

/* Writes a file of these bytes and lists it. */
enum phi_status release_add_text(struct release_job *job, const char *name,
                                 const struct phi_buf *text,
                                 struct phi_err *err);

void release_folder_release(struct release_job *job);

#endif
