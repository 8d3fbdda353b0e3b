/* SPDX-License-Identifier: MIT */
/* What output.c (beginning and end) and output_write.c share. */
#ifndef PHI_BASE_OUTPUT_PARTS_H
#define PHI_BASE_OUTPUT_PARTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "libconv/base/lock.h"
#include "libconv/base/output.h"
#include "libconv/base/ranges.h"

struct phi_output {
    int dirfd;
    int fd;
    int direct; /* the same file past the page cache, or -1 */
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

#endif
