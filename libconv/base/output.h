/* SPDX-License-Identifier: MIT */
/*
 * Atomic output. The bytes go to a temporary file beside the target; commit
 * syncs it, renames it and syncs the folder. Until then, and after any
 * failure, the name holds what it held before and nothing is left behind:
 *
 *   open     .NAME.RANDOM.tmp, O_EXCL; the exact size reserved up front
 *   put      any part from any thread, every byte once
 *   sync     every byte is accounted for; fsync, close
 *   publish  rename; retract takes it back
 *   settle   what was replaced goes; fsync of the folder
 *   close    without publish: the temporary file is removed
 *
 * Several outputs that belong together are all synced before the first of
 * them is published, and all published before the first is settled.
 */
#ifndef PHI_BASE_OUTPUT_H
#define PHI_BASE_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/base/file.h"

/* Memory and file offset should agree modulo this. */
#define PHI_OUTPUT_PAGE 4096

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

/*
 * The same checks, but for the room, before long work whose output is opened
 * at its end; writes nothing.
 */
enum phi_status phi_output_check(const char *path,
                                 const struct phi_output_options *options,
                                 struct phi_err *err);

/* Appends n bytes after the last that this function wrote. */
enum phi_status phi_output_write(struct phi_output *o, const void *bytes,
                                 size_t n, struct phi_err *err);

/*
 * Writes n bytes at offset; several threads may do so at once. Where bytes
 * and offset agree modulo PHI_OUTPUT_PAGE, whole pages pass by the page
 * cache (O_DIRECT) if the file system knows how.
 */
enum phi_status phi_output_put(struct phi_output *o, uint64_t offset,
                               const void *bytes, size_t n,
                               struct phi_err *err);

/*
 * Writes n bytes of f, from byte `from` of it, at offset: within the system,
 * which shares blocks where the file system can and both agree modulo one.
 */
enum phi_status phi_output_copy(struct phi_output *o, uint64_t offset,
                                const struct phi_file *f, uint64_t from,
                                uint64_t n, struct phi_err *err);

/* Gives the output the permissions of f, which it will replace. */
enum phi_status phi_output_like(struct phi_output *o, const struct phi_file *f,
                                struct phi_err *err);

/* The n bytes at offset stay zero, as all of a reserved file is at first. */
enum phi_status phi_output_zeros(struct phi_output *o, uint64_t offset,
                                 uint64_t n, struct phi_err *err);

/* How many of the n bytes at offset were written so far. */
uint64_t phi_output_count(struct phi_output *o, uint64_t offset, uint64_t n);

/* Bytes written so far. */
uint64_t phi_output_size(struct phi_output *o);

/*
 * Makes the finished file durable under its temporary name. PHI_E_ARG if a
 * byte of it was not written. Once it has failed nothing is retried.
 */
enum phi_status phi_output_sync(struct phi_output *o, struct phi_err *err);

/* Makes the synced file visible under its name. */
enum phi_status phi_output_publish(struct phi_output *o, struct phi_err *err);

/*
 * Puts back what the name held before phi_output_publish(), as far as the
 * file system lets it. Does nothing if o was not published.
 */
void phi_output_retract(struct phi_output *o);

/*
 * Ends what was published: there is no way back. A failure says that the file
 * is there and may not survive a power cut.
 */
enum phi_status phi_output_settle(struct phi_output *o, struct phi_err *err);

/* Sync, publish and settle. Call phi_output_close() after it. */
enum phi_status phi_output_commit(struct phi_output *o, struct phi_err *err);

/* From open to close in one, for a file of n bytes that are at hand. */
enum phi_status phi_output_save(const char *path,
                                const struct phi_output_options *options,
                                const void *bytes, size_t n,
                                struct phi_err *err);

/* Frees o; removes the temporary file unless published. Accepts NULL. */
void phi_output_close(struct phi_output *o);

/*
 * PHI_E_ARG if path exists and is the file `id`, under whatever name: output
 * must never be one of the inputs.
 */
enum phi_status phi_output_not_input(const char *path, struct phi_file_id id,
                                     struct phi_err *err);

/* The same of an input that is known by its path; NULL is none. */
enum phi_status phi_output_not_path(const char *path, const char *input,
                                    struct phi_err *err);

#endif
