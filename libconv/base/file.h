/* SPDX-License-Identifier: MIT */
/*
 * Reading files at offsets. Only regular files are opened (links to them are
 * followed: model caches are made of links), reads are pread() and complete
 * or an error, and phi_file_unchanged() tells at the end whether somebody
 * wrote to the file meanwhile. A phi_file may be read by several threads.
 */
#ifndef PHI_BASE_FILE_H
#define PHI_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/base/monitor.h"

struct phi_file;

/* Which file it is, whatever its name: device and inode. */
struct phi_file_id {
    uint64_t dev;
    uint64_t ino;
};

/* On success the caller owns *out. */
enum phi_status phi_file_open(struct phi_file **out, const char *path,
                              struct phi_err *err);
void phi_file_close(struct phi_file *f); /* accepts NULL */

/*
 * For who will change the file by what is in it: keeps others who ask for the
 * same away until it is closed. To be called before anything is read: size and
 * time that phi_file_unchanged() looks at are those of now. PHI_E_IO if another
 * process has locked it, or has put another file in its place. Where files
 * cannot be locked, it has no effect.
 */
enum phi_status phi_file_lock(struct phi_file *f, struct phi_err *err);

uint64_t phi_file_size(const struct phi_file *f);
const char *phi_file_path(const struct phi_file *f); /* as opened; borrowed */
struct phi_file_id phi_file_identity(const struct phi_file *f);
uint64_t phi_file_links(const struct phi_file *f); /* names that it has */

/* Reads exactly n bytes at offset, or fails: PHI_E_FORMAT past the end. */
enum phi_status phi_file_read(const struct phi_file *f, uint64_t offset,
                              void *to, size_t n, struct phi_err *err);

/*
 * PHI_E_IO if size or modification time differ from the opening. A file that
 * another has taken the name of is what it was: who reads f alone needs to know
 * no more.
 */
enum phi_status phi_file_unchanged(const struct phi_file *f,
                                   struct phi_err *err);

/*
 * The same for who also opens f's path again: PHI_E_IO, too, if nothing or
 * another file has that name now.
 */
enum phi_status phi_file_in_place(const struct phi_file *f,
                                  struct phi_err *err);

/* The same for who has opened it again, and needs the name no more: it may be
 * gone, as when the folder was moved. */
enum phi_status phi_file_not_replaced(const struct phi_file *f,
                                      struct phi_err *err);

/*
 * The whole file of at most `limit` bytes, with a NUL after it that *n does
 * not count; to be released with free(). PHI_E_IO if it changed meanwhile.
 */
enum phi_status phi_file_load(const char *path, uint64_t limit, uint8_t **out,
                              size_t *n, struct phi_err *err);

/* The same for a large file. m: in bytes, or NULL. */
enum phi_status phi_file_load_large(const char *path, uint64_t limit,
                                    const struct phi_monitor *m, uint8_t **out,
                                    size_t *n, struct phi_err *err);

enum phi_path_kind {
    PHI_PATH_NONE,
    PHI_PATH_FILE,
    PHI_PATH_DIR,
    PHI_PATH_OTHER,
    PHI_PATH_UNKNOWN /* it cannot be examined: opening it says why */
};

/* What path names, links followed. */
enum phi_path_kind phi_path_kind(const char *path);

/* Whether that is what path names, or what it names is unknown: who would
 * pass over what is not there is to open it then. */
bool phi_path_may_be(const char *path, enum phi_path_kind kind);

/* Whether it is a regular file itself, no link to one. Not so if nothing is
 * there; PHI_E_IO if it cannot be examined. */
enum phi_status phi_path_plain(bool *plain, const char *path,
                               struct phi_err *err);

/* "dir/name", to be released with free(); NULL and err without memory. */
char *phi_path_join(const char *dir, const char *name, struct phi_err *err);

/* The part after the last '/', borrowed from path. */
const char *phi_path_base(const char *path);

/* Whether two paths, of files that need not be there, name the same entry of
 * the same folder. */
enum phi_status phi_path_same_place(bool *same, const char *a, const char *b,
                                    struct phi_err *err);

#endif
