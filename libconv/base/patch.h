/* SPDX-License-Identifier: MIT */
/*
 * Changing bytes of a file where they lie. The one place that writes into a
 * file that somebody may have open; everything else goes through output.h.
 * Nothing here is atomic but a write within one sector, and even that is so
 * for disks and for a process that is killed, not for a reader that looks at
 * that moment: callers order their writes so that the file is whole between
 * any two of them, and sync in between.
 */
#ifndef PHI_BASE_PATCH_H
#define PHI_BASE_PATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/base/file.h"

/* What a disk writes whole or not at all. */
#define PHI_PATCH_SECTOR 512u

struct phi_patch;

/*
 * Opens the file at path, which must be the one that f has open, for writing,
 * and locks it against other patches unless phi_file_lock() has. PHI_E_IO
 * if another process has locked it, PHI_E_ARG if path is a symbolic link. On
 * success the caller owns *out.
 */
enum phi_status phi_patch_open(struct phi_patch **out, const struct phi_file *f,
                               struct phi_err *err);

/* Writes n bytes within the file. */
enum phi_status phi_patch_put(struct phi_patch *p, uint64_t offset,
                              const void *bytes, size_t n, struct phi_err *err);
enum phi_status phi_patch_sync(struct phi_patch *p, struct phi_err *err);
void phi_patch_close(struct phi_patch *p); /* accepts NULL */

/* Whether a change of these bytes is one sector's. */
bool phi_patch_is_atomic(uint64_t offset, size_t n);

#endif
