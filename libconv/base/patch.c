/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE       /* flock() */
#define _FILE_OFFSET_BITS 64
#include "libconv/base/patch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libconv/base/file_parts.h"
#include "libconv/base/mem.h"

struct phi_patch {
    int fd;
    uint64_t size;
    char *path;
};

static enum phi_status begin(struct phi_patch *p, const struct phi_file *f,
                             struct phi_err *err)
{
    const struct phi_file_id id = phi_file_identity(f);
    struct stat st;

    p->fd = open(p->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (p->fd < 0 && errno == ELOOP)
        return phi_fail(err, PHI_E_ARG,
                        "%s: is a symbolic link, expected the file itself",
                        p->path);
    if (p->fd < 0 || fstat(p->fd, &st) != 0)
        return phi_fail_sys(err, errno, "%s: cannot be opened for writing",
                            p->path);
    if (st.st_dev != id.dev || st.st_ino != id.ino)
        return phi_fail(err, PHI_E_IO, "%s: was replaced meanwhile", p->path);
    p->size = (uint64_t)st.st_size;
    if (!phi_file_is_locked(f) && flock(p->fd, LOCK_EX | LOCK_NB) != 0 &&
        errno == EWOULDBLOCK)
        return phi_fail(err, PHI_E_IO, "%s: another process is changing it",
                        p->path);
    /* Where files cannot be locked there is nothing to wait for. */
    return PHI_OK;
}

enum phi_status phi_patch_open(struct phi_patch **out, const struct phi_file *f,
                               struct phi_err *err)
{
    struct phi_patch *p = phi_alloc(1, sizeof(*p), err);
    enum phi_status st = PHI_E_NOMEM;

    if (p == NULL)
        return st;
    p->fd = -1;
    p->path = phi_strdup(phi_file_path(f), err);
    if (p->path != NULL)
        st = begin(p, f, err);
    /* Under the lock: nobody else has changed it since it was read. */
    if (st == PHI_OK)
        st = phi_file_unchanged(f, err);
    if (st == PHI_OK)
        *out = p;
    else
        phi_patch_close(p);
    return st;
}

enum phi_status phi_patch_put(struct phi_patch *p, uint64_t offset,
                              const void *bytes, size_t n, struct phi_err *err)
{
    const char *from = bytes;

    if (offset > p->size || n > p->size - offset)
        return phi_fail(err, PHI_E_ARG, "%s: %zu bytes at %llu are not in it",
                        p->path, n, (unsigned long long)offset);
    while (n > 0) {
        const ssize_t put = pwrite(p->fd, from, n, (off_t)offset);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return phi_fail_sys(err, errno, "%s: writing at byte %llu", p->path,
                                (unsigned long long)offset);
        from += put;
        offset += (uint64_t)put;
        n -= (size_t)put;
    }
    return PHI_OK;
}

enum phi_status phi_patch_sync(struct phi_patch *p, struct phi_err *err)
{
    if (fsync(p->fd) != 0)
        return phi_fail_sys(err, errno, "%s: fsync", p->path);
    return PHI_OK;
}

void phi_patch_close(struct phi_patch *p)
{
    if (p == NULL)
        return;
    if (p->fd >= 0)
        close(p->fd);
    free(p->path);
    free(p);
}

bool phi_patch_is_atomic(uint64_t offset, size_t n)
{
    return n > 0 &&
           offset / PHI_PATCH_SECTOR == (offset + n - 1) / PHI_PATCH_SECTOR;
}
