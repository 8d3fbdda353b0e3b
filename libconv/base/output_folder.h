/* SPDX-License-Identifier: MIT */
/*
 * Atomic output of a folder of files. They are written into a temporary
 * folder beside the target, which gets the target's name when all are
 * durable. Until then, and after any failure, the name holds what it held
 * before and nothing is left behind:
 *
 *   open     .NAME.RANDOM.tmp/
 *   file     a file in it, its exact size reserved
 *   sync     every byte of every file is accounted for; fsync of all
 *   publish  renames the folder, or swaps it with the one that is replaced
 *   settle   fsync of the folder around it; what was replaced goes
 *   close    without publish: the temporary folder is removed
 *
 * A folder that is replaced goes whole, so only one that looks as if it had
 * been written by the same program is: it holds nothing but files, and one of
 * them has the name that the caller gives; or it is empty. What is there when
 * the output is published must be that folder still, with no more in it:
 * PHI_E_IO otherwise, and it stays.
 */
#ifndef PHI_BASE_OUTPUT_FOLDER_H
#define PHI_BASE_OUTPUT_FOLDER_H

#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/base/output.h"

struct phi_output_folder;

struct phi_output_folder_options {
    bool replace;       /* an existing folder may be replaced, if it holds */
    const char *marker; /* a file of this name, or nothing; borrowed */
};

/*
 * Fails before anything is written if the target exists and may not be
 * replaced (PHI_E_ARG) or the folder around it does not take folders. Slashes
 * at the end of path are ignored. On success the caller owns *out.
 */
enum phi_status phi_output_folder_open(
    struct phi_output_folder **out, const char *path,
    const struct phi_output_folder_options *options, struct phi_err *err);

/*
 * Begins a file of exactly `size` bytes; 0: not known. name is one part of a
 * path, not there yet. *out is the folder's: it is to be filled, and may be
 * passed to phi_output_sync() as soon as it is complete, which closes the
 * file.
 */
enum phi_status phi_output_folder_file(struct phi_output **out,
                                       struct phi_output_folder *f,
                                       const char *name, uint64_t size,
                                       struct phi_err *err);

/*
 * The path of the temporary folder, to be released with free(), for writers
 * that know nothing of this one: what they put there, files only, belongs to
 * the output as if it had been begun with phi_output_folder_file(). They make
 * it durable themselves. Messages should say the target's name instead.
 */
char *phi_output_folder_temp(const struct phi_output_folder *f,
                             struct phi_err *err);

/*
 * The output gets another name, the last part of a path beside the first one;
 * checked as phi_output_folder_open() does. Not after publish.
 */
enum phi_status phi_output_folder_rename(struct phi_output_folder *f,
                                         const char *path, struct phi_err *err);

/* As the functions of output.h with the same names. */
enum phi_status phi_output_folder_sync(struct phi_output_folder *f,
                                       struct phi_err *err);
enum phi_status phi_output_folder_publish(struct phi_output_folder *f,
                                          struct phi_err *err);
enum phi_status phi_output_folder_settle(struct phi_output_folder *f,
                                         struct phi_err *err);
void phi_output_folder_retract(struct phi_output_folder *f);

/* Accepts NULL. */
void phi_output_folder_close(struct phi_output_folder *f);

#endif
