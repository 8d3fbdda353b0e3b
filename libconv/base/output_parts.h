/* SPDX-License-Identifier: MIT */
/*
 * What output.c (beginning and end), output_write.c and output_folder.c
 * share.
 */
#ifndef PHI_BASE_OUTPUT_PARTS_H
#define PHI_BASE_OUTPUT_PARTS_H

#include <dirent.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "libconv/base/lock.h"
#include "libconv/base/output.h"
#include "libconv/base/ranges.h"

struct phi_output {
    int dirfd;
    bool borrowed; /* dirfd is the folder's that the file is in */
    int fd;
    int direct; /* the same file past the page cache, or -1 */
    int held;   /* fd once more, from sync to close, for its lock; or -1 */
    atomic_bool use_direct;
    char *path;       /* as given */
    char *temp;       /* name in the folder; NULL before there is one */
    const char *name; /* in path */
    uint64_t size;    /* promised, or 0 */
    uint64_t at;      /* where phi_output_write() goes on */
    struct phi_lock *lock;
    struct phi_ranges done; /* under the lock */
    bool replace;
    atomic_bool failed; /* a write failed: commit refuses */
    bool synced;
    bool published;
    bool swapped; /* `temp` names what was replaced */
};

/* Temporary names: a start, so many random digits (hexadecimal), an end. */
#define PHI_OUTPUT_RANDOM 16
#define PHI_OUTPUT_TEMP   ".tmp"
#define PHI_OUTPUT_OLD    ".old" /* of a folder that steps aside */
#define PHI_OUTPUT_TRIES  100    /* names, if others have them or lock them */

/* ".NAME." of path, of a length that leaves room for the rest. For free(). */
char *phi_output_start(const char *path, struct phi_err *err);

/*
 * A fresh, unguessable name beside path, with that end, in place of *out,
 * which is freed.
 */
enum phi_status phi_output_temp(char **out, const char *path, const char *end,
                                struct phi_err *err);

/*
 * Locks what was just made under a temporary name: leftovers.h. False if
 * somebody took it for a leftover in between; it is gone then, or will be.
 */
bool phi_output_claim(int fd);

/*
 * A rename that never replaces anything; not even an empty folder. -1 and
 * errno: EEXIST.
 */
int phi_output_rename_fresh(int dir, const char *from, const char *to);

/* All names that were tried beside path are others'. Frees *temp. */
enum phi_status phi_output_no_name(char **temp, const char *path,
                                   struct phi_err *err);

/* The folder `name` in the folder `at`, to be read; NULL and errno. */
DIR *phi_output_read_folder(int at, const char *name);

/* Removes the folder `name` of files. False and errno if it is still there;
 * true if there is none. */
bool phi_output_remove_folder(int parent, const char *name);

/*
 * Begins a file in the folder dirfd, which nobody looks into yet: it has its
 * own name, the last part of path, from the start, and phi_output_sync() is
 * all that it needs. phi_output_close() removes it unless phi_output_keep()
 * was called. dirfd is borrowed until then; the rest of path is for messages.
 */
enum phi_status phi_output_open_in(struct phi_output **out, int dirfd,
                                   const char *path, uint64_t size,
                                   struct phi_err *err);
void phi_output_keep(struct phi_output *o);

#endif
