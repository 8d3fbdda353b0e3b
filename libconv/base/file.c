/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE   /* flock() */
#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64
#include "libconv/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libconv/base/file_parts.h"
#include "libconv/base/mem.h"

/* What is read between two questions whether to go on. */
#define ASK_BYTES ((size_t)1 << 24)

struct phi_file {
    int fd;
    char *path;
    struct stat st; /* as it was at the opening */
    bool locked;
};

static bool says_nothing_there(int sys)
{
    return sys == ENOENT || sys == ENOTDIR || sys == ELOOP ||
           sys == ENAMETOOLONG;
}

enum phi_status phi_file_open(struct phi_file **out, const char *path,
                              struct phi_err *err)
{
    struct phi_file *f = phi_alloc(1, sizeof(*f), err);
    enum phi_status st = PHI_E_NOMEM;

    if (f == NULL)
        return st;
    f->path = phi_strdup(path, err);
    /* O_NONBLOCK: opening a FIFO must fail the test below, not wait. */
    f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (f->path == NULL)
        goto out;
    if (f->fd < 0 || fstat(f->fd, &f->st) != 0) {
        st = phi_fail_sys(err, errno, "%s: cannot be opened", path);
        goto out;
    }
    if (!S_ISREG(f->st.st_mode)) {
        st = phi_fail(err, PHI_E_IO, "%s: is %s, expected a regular file", path,
                      S_ISDIR(f->st.st_mode) ? "a folder" : "a special file");
        goto out;
    }
    *out = f;
    return PHI_OK;
out:
    phi_file_close(f);
    return st;
}

void phi_file_close(struct phi_file *f)
{
    if (f == NULL)
        return;
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    free(f);
}

/* Whether the path still names the file. */
static enum phi_status check_name(const struct phi_file *f, bool may_be_gone,
                                  struct phi_err *err)
{
    struct stat named;
    const int sys = stat(f->path, &named) == 0 ? 0 : errno;
    const bool gone = sys != 0 && says_nothing_there(sys);

    if (gone ? may_be_gone
             : sys == 0 && named.st_dev == f->st.st_dev &&
                   named.st_ino == f->st.st_ino)
        return PHI_OK;
    if (sys != 0 && !gone)
        return phi_fail_sys(err, sys, "%s: cannot be examined", f->path);
    return phi_fail(err, PHI_E_IO, "%s: was replaced meanwhile", f->path);
}

enum phi_status phi_file_lock(struct phi_file *f, struct phi_err *err)
{
    f->locked = flock(f->fd, LOCK_EX | LOCK_NB) == 0;
    if (!f->locked && errno == EWOULDBLOCK)
        return phi_fail(err, PHI_E_IO, "%s: another process is changing it",
                        f->path);
    if (fstat(f->fd, &f->st) != 0)
        return phi_fail_sys(err, errno, "%s: cannot be opened", f->path);
    /* Whoever had the lock may have renamed another file to the name. */
    return check_name(f, false, err);
}

bool phi_file_is_locked(const struct phi_file *f)
{
    return f->locked;
}

uint64_t phi_file_size(const struct phi_file *f)
{
    return (uint64_t)f->st.st_size;
}

const char *phi_file_path(const struct phi_file *f)
{
    return f->path;
}

struct phi_file_id phi_file_identity(const struct phi_file *f)
{
    return (struct phi_file_id){f->st.st_dev, f->st.st_ino};
}

uint64_t phi_file_links(const struct phi_file *f)
{
    return (uint64_t)f->st.st_nlink;
}

int phi_file_descriptor(const struct phi_file *f)
{
    return f->fd;
}

unsigned phi_file_mode(const struct phi_file *f)
{
    return f->st.st_mode & 0777u;
}

enum phi_status phi_file_read(const struct phi_file *f, uint64_t offset,
                              void *to, size_t n, struct phi_err *err)
{
    char *p = to;

    if (offset > phi_file_size(f) || n > phi_file_size(f) - offset)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: %zu bytes wanted at byte %llu, but the file has "
                        "%llu bytes",
                        f->path, n, (unsigned long long)offset,
                        (unsigned long long)phi_file_size(f));
    while (n > 0) {
        /* Linux moves at most 2 GiB a call; ask for less. */
        const size_t want = n < (size_t)1 << 30 ? n : (size_t)1 << 30;
        const ssize_t got = pread(f->fd, p, want, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return phi_fail_sys(err, errno, "%s: reading at byte %llu", f->path,
                                (unsigned long long)offset);
        if (got == 0)
            return phi_fail(err, PHI_E_IO,
                            "%s: became shorter while being read: ends at "
                            "byte %llu, had %llu",
                            f->path, (unsigned long long)offset,
                            (unsigned long long)phi_file_size(f));
        p += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return PHI_OK;
}

enum phi_status phi_file_unchanged(const struct phi_file *f,
                                   struct phi_err *err)
{
    struct stat now;

    if (fstat(f->fd, &now) != 0)
        return phi_fail_sys(err, errno, "%s: fstat", f->path);
    if (now.st_size != f->st.st_size ||
        now.st_mtim.tv_sec != f->st.st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != f->st.st_mtim.tv_nsec)
        return phi_fail(err, PHI_E_IO, "%s: changed while being read", f->path);
    return PHI_OK;
}

enum phi_status phi_file_in_place(const struct phi_file *f, struct phi_err *err)
{
    const enum phi_status st = phi_file_unchanged(f, err);

    return st == PHI_OK ? check_name(f, false, err) : st;
}

enum phi_status phi_file_not_replaced(const struct phi_file *f,
                                      struct phi_err *err)
{
    const enum phi_status st = phi_file_unchanged(f, err);

    return st == PHI_OK ? check_name(f, true, err) : st;
}

static enum phi_status read_all(const struct phi_file *f,
                                const struct phi_monitor *m, uint8_t *to,
                                struct phi_err *err)
{
    const size_t n = (size_t)phi_file_size(f);
    enum phi_status st = PHI_OK;

    for (size_t at = 0; st == PHI_OK && at < n;) {
        const size_t now = n - at < ASK_BYTES ? n - at : ASK_BYTES;

        st = phi_file_read(f, at, to + at, now, err);
        at += now;
        if (st == PHI_OK)
            st = phi_monitor_tick(m, at, n, NULL, err);
    }
    return st;
}

enum phi_status phi_file_load(const char *path, uint64_t limit, uint8_t **out,
                              size_t *n, struct phi_err *err)
{
    return phi_file_load_large(path, limit, NULL, out, n, err);
}

enum phi_status phi_file_load_large(const char *path, uint64_t limit,
                                    const struct phi_monitor *m, uint8_t **out,
                                    size_t *n, struct phi_err *err)
{
    struct phi_file *f = NULL;
    uint8_t *p = NULL;
    enum phi_status st = phi_file_open(&f, path, err);

    if (st != PHI_OK)
        goto out;
    if (phi_file_size(f) > limit) {
        st = phi_fail(
            err, PHI_E_FORMAT, "%s: has %llu bytes, the limit is %llu", path,
            (unsigned long long)phi_file_size(f), (unsigned long long)limit);
        goto out;
    }
    if (phi_file_size(f) >= SIZE_MAX)
        st = phi_fail(err, PHI_E_NOMEM, "out of memory: %s", path);
    else if ((p = phi_alloc((size_t)phi_file_size(f) + 1, 1, err)) == NULL)
        st = PHI_E_NOMEM;
    if (st != PHI_OK)
        goto out;
    st = read_all(f, m, p, err);
    if (st == PHI_OK)
        st = phi_file_unchanged(f, err);
    if (st != PHI_OK)
        goto out;
    *out = p;
    *n = (size_t)phi_file_size(f);
    p = NULL;
out:
    free(p);
    phi_file_close(f);
    return st;
}

enum phi_path_kind phi_path_kind(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return says_nothing_there(errno) ? PHI_PATH_NONE : PHI_PATH_UNKNOWN;
    if (S_ISREG(st.st_mode))
        return PHI_PATH_FILE;
    return S_ISDIR(st.st_mode) ? PHI_PATH_DIR : PHI_PATH_OTHER;
}

bool phi_path_may_be(const char *path, enum phi_path_kind kind)
{
    const enum phi_path_kind is = phi_path_kind(path);

    return is == kind || is == PHI_PATH_UNKNOWN;
}

enum phi_status phi_path_plain(bool *plain, const char *path,
                               struct phi_err *err)
{
    struct stat st;
    const int sys = lstat(path, &st) == 0 ? 0 : errno;

    *plain = sys == 0 && S_ISREG(st.st_mode);
    if (sys != 0 && !says_nothing_there(sys))
        return phi_fail_sys(err, sys, "%s: cannot be examined", path);
    return PHI_OK;
}

char *phi_path_join(const char *dir, const char *name, struct phi_err *err)
{
    const size_t n = strlen(dir);
    const bool slash = n > 0 && dir[n - 1] == '/';

    return phi_sprintf(err, "%s%s%s", dir, slash || n == 0 ? "" : "/", name);
}

const char *phi_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

enum phi_status phi_path_same_place(bool *same, const char *a, const char *b,
                                    struct phi_err *err)
{
    const char *base_a = phi_path_base(a);
    const char *base_b = phi_path_base(b);
    char *dir_a = phi_strndup(a, (size_t)(base_a - a), err);
    char *dir_b = phi_strndup(b, (size_t)(base_b - b), err);
    const bool room = dir_a != NULL && dir_b != NULL;
    struct stat sa;
    struct stat sb;

    *same = room && strcmp(base_a, base_b) == 0 &&
            stat(dir_a[0] != '\0' ? dir_a : ".", &sa) == 0 &&
            stat(dir_b[0] != '\0' ? dir_b : ".", &sb) == 0 &&
            sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
    free(dir_a);
    free(dir_b);
    return room ? PHI_OK : PHI_E_NOMEM;
}
