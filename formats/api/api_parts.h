/* SPDX-License-Identifier: MIT */
/* What the files of the public interface share. */
#ifndef PHI_FORMATS_API_PARTS_H
#define PHI_FORMATS_API_PARTS_H

#include "formats/adapted_model.h"
#include "formats/api/phiconv.h"
#include "libconv/base/monitor.h"

struct phiconv_model {
    struct phi_adapted adapted;
    struct phi_source *merged; /* with adapters; else NULL */
};

/* The model as it is read: merged where there are adapters. */
const struct phi_source *phiconv_source_of(const struct phiconv_model *m);

/* Copies err, which has a status, to error (or NULL); the public status. */
enum phiconv_status phiconv_fail(struct phiconv_error *error,
                                 enum phi_status st, const struct phi_err *err);

/*
 * Copies options of an earlier version, which are shorter, or of this one;
 * what the caller does not know of stays as it is. PHI_E_ARG for any others.
 */
enum phi_status phiconv_take_options(void *to, size_t n, const void *from,
                                     size_t size, struct phi_err *err);

/* A progress function as a monitor. */
struct phiconv_ticker {
    phiconv_progress_fn progress;
    void *context;
};
struct phi_monitor phiconv_monitor(struct phiconv_ticker *t);

#endif
