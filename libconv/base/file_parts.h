/* SPDX-License-Identifier: MIT */
/* What an output that copies a file needs to know of it. */
#ifndef PHI_BASE_FILE_PARTS_H
#define PHI_BASE_FILE_PARTS_H

#include "libconv/base/file.h"

int phi_file_descriptor(const struct phi_file *f); /* borrowed */
unsigned phi_file_mode(const struct phi_file *f);  /* permissions */
bool phi_file_is_locked(const struct phi_file *f); /* by phi_file_lock() */

#endif
