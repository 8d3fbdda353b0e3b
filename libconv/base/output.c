/* SPDX-License-Identifier: MIT */
/* fallocate() is Linux's; posix_fallocate() may write every block. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "libconv/base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libconv/base/mem.h"

struct phi_output {
    int dirfd;
    int fd;
    char *path; /* as given */
    char *temp; /* name in the folder; NULL when there is none to remove */
    const char *name; /* in path */
    uint64_t size;    /* promised, or 0 */
    uint64_t written;
    bool replace;
    bool failed; /* a write failed: commit refuses */
};

/* A fresh, unguessable name in hexadecimal; the clock is no such thing. */
static enum phi_status temp_name(struct phi_output *o, struct phi_err *err)
{
    uint8_t r[8];
    char hex[17];
    /* Long names are cut: the temporary name must fit 255 bytes too. */
    const int cut = 200;

    if (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r))
        return phi_fail_sys(err, errno, "%s: getrandom", o->path);
    for (size_t i = 0; i < sizeof(r); i++)
        snprintf(hex + 2 * i, 3, "%02x", r[i]);
    free(o->temp);
    o->temp = phi_sprintf(err, ".%.*s.%s.tmp", cut, o->name, hex);
    return o->temp != NULL ? PHI_OK : PHI_E_NOMEM;
}

static enum phi_status open_folder(struct phi_output *o, struct phi_err *err)
{
    const size_t n = (size_t)(o->name - o->path);
    char *dir = n > 0 ? phi_strndup(o->path, n, err) : phi_strdup(".", err);
    enum phi_status st = PHI_OK;

    if (dir == NULL)
        return PHI_E_NOMEM;
    o->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (o->dirfd < 0)
        st = phi_fail_sys(err, errno, "%s: its folder cannot be opened",
                          o->path);
    free(dir);
    return st;
}

/* What stands at the target's name must be nothing or a replaceable file. */
static enum phi_status check_target(const struct phi_output *o,
                                    struct phi_err *err)
{
    struct stat st;

    if (o->name[0] == '\0')
        return phi_fail(err, PHI_E_ARG, "%s: is no name for an output file",
                        o->path);
    if (fstatat(o->dirfd, o->name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return PHI_OK;
        return phi_fail_sys(err, errno, "%s: cannot be examined", o->path);
    }
    if (!S_ISREG(st.st_mode))
        return phi_fail(err, PHI_E_ARG,
                        "%s: is %s, expected a regular file or nothing",
                        o->path,
                        S_ISDIR(st.st_mode)   ? "a folder"
                        : S_ISLNK(st.st_mode) ? "a symbolic link"
                                              : "a special file");
    if (!o->replace) {
        phi_fail(err, PHI_E_ARG, "%s: exists already", o->path);
        return phi_hint(err, "--force replaces it");
    }
    return PHI_OK;
}

/* Takes the space now, so that a full disk is noticed before the work. */
static enum phi_status reserve(struct phi_output *o, struct phi_err *err)
{
    int rc;

    if (o->size == 0)
        return PHI_OK;
    do {
        rc = fallocate(o->fd, 0, 0, (off_t)o->size);
    } while (rc != 0 && errno == EINTR);
    if (rc == 0 || errno == EOPNOTSUPP || errno == ENOSYS)
        return PHI_OK;
    return phi_fail_sys(err, errno, "%s: %llu bytes cannot be reserved",
                        o->path, (unsigned long long)o->size);
}

enum phi_status phi_output_open(struct phi_output **out, const char *path,
                                const struct phi_output_options *options,
                                struct phi_err *err)
{
    struct phi_output *o = phi_alloc(1, sizeof(*o), err);
    enum phi_status st = PHI_E_NOMEM;

    if (o == NULL)
        return st;
    o->dirfd = o->fd = -1;
    o->size = options->size;
    o->replace = options->replace;
    o->path = phi_strdup(path, err);
    if (o->path == NULL)
        goto out;
    o->name = phi_path_base(o->path);
    if ((st = open_folder(o, err)) != PHI_OK ||
        (st = check_target(o, err)) != PHI_OK)
        goto out;
    do {
        if ((st = temp_name(o, err)) != PHI_OK)
            goto out;
        o->fd = openat(o->dirfd, o->temp,
                       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (o->fd < 0 && errno == EEXIST);
    if (o->fd < 0) {
        st = phi_fail_sys(err, errno, "%s: cannot be created", path);
        free(o->temp);
        o->temp = NULL;
        goto out;
    }
    st = reserve(o, err);
    if (st != PHI_OK)
        goto out;
    *out = o;
    return PHI_OK;
out:
    phi_output_close(o);
    return st;
}

enum phi_status phi_output_write(struct phi_output *o, const void *bytes,
                                 size_t n, struct phi_err *err)
{
    const char *p = bytes;

    while (n > 0) {
        const ssize_t put = write(o->fd, p, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            o->failed = true;
            return phi_fail_sys(err, errno, "%s: writing at byte %llu", o->path,
                                (unsigned long long)o->written);
        }
        p += put;
        n -= (size_t)put;
        o->written += (uint64_t)put;
    }
    return PHI_OK;
}

uint64_t phi_output_size(const struct phi_output *o)
{
    return o->written;
}

/* Renames; without `replace` never over a file that came into being since. */
static int publish(const struct phi_output *o)
{
    int rc = renameat2(o->dirfd, o->temp, o->dirfd, o->name,
                       o->replace ? 0 : RENAME_NOREPLACE);

    /* Some file systems know no flags; check_target() has looked. */
    if (rc != 0 && errno == EINVAL)
        rc = renameat(o->dirfd, o->temp, o->dirfd, o->name);
    return rc;
}

enum phi_status phi_output_commit(struct phi_output *o, struct phi_err *err)
{
    int rc;

    if (o->failed)
        return phi_fail(err, PHI_E_IO, "%s: an earlier write failed", o->path);
    if (o->size != 0 && o->written != o->size) {
        return phi_fail(err, PHI_E_ARG,
                        "%s: %llu bytes were written, %llu were promised",
                        o->path, (unsigned long long)o->written,
                        (unsigned long long)o->size);
    }
    if (fsync(o->fd) != 0)
        return phi_fail_sys(err, errno, "%s: fsync", o->path);
    rc = close(o->fd);
    o->fd = -1;
    if (rc != 0)
        return phi_fail_sys(err, errno, "%s: close", o->path);
    if (publish(o) != 0)
        return phi_fail_sys(err, errno, "%s: cannot be put in place", o->path);
    free(o->temp);
    o->temp = NULL;
    if (fsync(o->dirfd) != 0)
        return phi_fail_sys(err, errno,
                            "%s: is complete and in place, but its folder "
                            "cannot be synced; it may not survive a power cut",
                            o->path);
    return PHI_OK;
}

void phi_output_close(struct phi_output *o)
{
    if (o == NULL)
        return;
    if (o->fd >= 0)
        close(o->fd);
    if (o->temp != NULL && o->dirfd >= 0)
        unlinkat(o->dirfd, o->temp, 0);
    if (o->dirfd >= 0)
        close(o->dirfd);
    free(o->temp);
    free(o->path);
    free(o);
}

enum phi_status phi_output_not_input(const char *path, struct phi_file_id id,
                                     struct phi_err *err)
{
    struct stat st;

    if (stat(path, &st) == 0 && st.st_dev == id.dev && st.st_ino == id.ino)
        return phi_fail(err, PHI_E_ARG,
                        "%s: input and output are the same file", path);
    return PHI_OK;
}
