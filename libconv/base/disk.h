/* SPDX-License-Identifier: MIT */
/* Room on file systems, before anything is written. */
#ifndef PHI_BASE_DISK_H
#define PHI_BASE_DISK_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"

/* A file that is going to be written beside what is there. */
struct phi_disk_need {
    const char *path;
    uint64_t nbytes;
};

/*
 * PHI_E_IO (ENOSPC) if the files do not fit, those of one file system taken
 * together; the message says how much they need and how much is free. What
 * cannot be found out is passed over: the outputs reserve their space.
 */
enum phi_status phi_disk_check(const struct phi_disk_need *needs, size_t n,
                               struct phi_err *err);

#endif
