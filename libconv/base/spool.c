/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64
#include "libconv/base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libconv/base/folder.h"
#include "libconv/base/mem.h"
#include "libconv/base/output_parts.h"

struct phi_spool {
    int fd;
    char *path; /* of what it lies beside */
    atomic_ullong end;
};

/* Makes a file under a name that nobody has, and takes the name away. */
static enum phi_status create_in(struct phi_spool *s, int dir,
                                 struct phi_err *err)
{
    enum phi_status st = PHI_OK;
    char *name = NULL;

    for (int i = 0; st == PHI_OK && i < PHI_OUTPUT_TRIES; i++) {
        st = phi_output_temp(&name, s->path, PHI_OUTPUT_TEMP, err);
        if (st != PHI_OK)
            break;
        s->fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (s->fd >= 0) {
            /* Who takes it for a leftover removes the same name. */
            if (unlinkat(dir, name, 0) != 0 && errno != ENOENT)
                st = phi_fail_sys(err, errno, "%s: cannot be removed", name);
            free(name);
            return st;
        }
        if (errno != EEXIST)
            st = phi_fail_sys(err, errno, "%s: no file can be made beside it",
                              s->path);
    }
    if (st == PHI_OK)
        return phi_output_no_name(&name, s->path, err);
    free(name);
    return st;
}

static enum phi_status create(struct phi_spool *s, struct phi_err *err)
{
    int dir = -1;
    enum phi_status st = phi_folder_around(&dir, s->path, err);

    if (st == PHI_OK)
        st = create_in(s, dir, err);
    if (dir >= 0)
        close(dir);
    return st;
}

enum phi_status phi_spool_open(struct phi_spool **out, const char *beside,
                               struct phi_err *err)
{
    struct phi_spool *s = phi_alloc(1, sizeof(*s), err);
    enum phi_status st = PHI_E_NOMEM;

    if (s == NULL)
        return st;
    s->fd = -1;
    s->path = phi_strdup(beside, err);
    if (s->path != NULL)
        st = create(s, err);
    if (st == PHI_OK)
        *out = s;
    else
        phi_spool_close(s);
    return st;
}

void phi_spool_close(struct phi_spool *s)
{
    if (s == NULL)
        return;
    if (s->fd >= 0)
        close(s->fd);
    free(s->path);
    free(s);
}

enum phi_status phi_spool_add(struct phi_spool *s, const void *bytes, size_t n,
                              uint64_t *at, struct phi_err *err)
{
    const uint8_t *p = bytes;
    uint64_t to = atomic_fetch_add(&s->end, n);

    *at = to;
    while (n > 0) {
        const ssize_t done = pwrite(s->fd, p, n, (off_t)to);

        if (done < 0 && errno != EINTR)
            return phi_fail_sys(err, errno,
                                "%s: %zu bytes cannot be put aside beside it",
                                s->path, n);
        if (done > 0) {
            p += done;
            to += (uint64_t)done;
            n -= (size_t)done;
        }
    }
    return PHI_OK;
}

enum phi_status phi_spool_read(const struct phi_spool *s, uint64_t at, void *to,
                               size_t n, struct phi_err *err)
{
    uint8_t *p = to;

    while (n > 0) {
        const ssize_t done = pread(s->fd, p, n, (off_t)at);

        if (done == 0)
            return phi_fail(err, PHI_E_IO, "%s: what was put aside is lost",
                            s->path);
        if (done < 0 && errno != EINTR)
            return phi_fail_sys(
                err, errno, "%s: what was put aside cannot be read", s->path);
        if (done > 0) {
            p += done;
            at += (uint64_t)done;
            n -= (size_t)done;
        }
    }
    return PHI_OK;
}
