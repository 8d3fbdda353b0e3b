/* SPDX-License-Identifier: MIT */
/*
 * Atomic output. The bytes go to a temporary file beside the target; commit
 * syncs it, renames it and syncs the folder. Until then, and after any
 * failure, the name holds what it held before and nothing is left behind:
 *
 *   open    .NAME.RANDOM.tmp, O_EXCL; the exact size reserved up front
 *   write   in order, complete or an error
 *   commit  size check, fsync, close, rename, fsync of the folder
 *   close   without commit: the temporary file is removed
 */
#ifndef PHI_BASE_OUTPUT_H
#define PHI_BASE_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/base/file.h"

struct phi_output;

struct phi_output_options {
    uint64_t size; /* exact size to come; 0: not known */
    bool replace;  /* an existing file may be replaced */
};

/*
 * Fails before anything is written if the target exists and may not be
 * replaced (PHI_E_ARG), is no regular file, its folder does not take files,
 * or the disk has no room for size. On success the caller owns *out.
 */
enum phi_status phi_output_open(struct phi_output **out, const char *path,
                                const struct phi_output_options *options,
                                struct phi_err *err);

/* Appends n bytes. */
enum phi_status phi_output_write(struct phi_output *o, const void *bytes,
                                 size_t n, struct phi_err *err);

/* Bytes written so far. */
uint64_t phi_output_size(const struct phi_output *o);

/*
 * Makes the file durable and visible under its name. If only the last step,
 * syncing the folder, fails, the message says that the file is there. Once
 * it has failed nothing is retried. Call phi_output_close() after it.
 */
enum phi_status phi_output_commit(struct phi_output *o, struct phi_err *err);

/* Frees o; removes the temporary file unless committed. Accepts NULL. */
void phi_output_close(struct phi_output *o);

/*
 * PHI_E_ARG if path exists and is the file `id`, under whatever name: output
 * must never be one of the inputs.
 */
enum phi_status phi_output_not_input(const char *path, struct phi_file_id id,
                                     struct phi_err *err);

#endif
