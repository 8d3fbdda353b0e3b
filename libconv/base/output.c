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
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libconv/base/folder.h"
#include "libconv/base/mem.h"
#include "libconv/base/output_parts.h"

/* From this size on a second descriptor writes past the page cache. */
#define DIRECT_MIN (1u << 20)

char *phi_output_start(const char *path, struct phi_err *err)
{
    /* Long names are cut: the temporary name must fit 255 bytes too. */
    const int cut = 200;

    return phi_sprintf(err, ".%.*s.", cut, phi_path_base(path));
}

/* The clock is no source of names that nobody has. */
enum phi_status phi_output_temp(char **out, const char *path, const char *end,
                                struct phi_err *err)
{
    uint8_t r[PHI_OUTPUT_RANDOM / 2];
    char hex[PHI_OUTPUT_RANDOM + 1];
    char *start;

    if (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r))
        return phi_fail_sys(err, errno, "%s: getrandom", path);
    for (size_t i = 0; i < sizeof(r); i++)
        snprintf(hex + 2 * i, 3, "%02x", r[i]);
    free(*out);
    *out = NULL;
    start = phi_output_start(path, err);
    if (start != NULL)
        *out = phi_sprintf(err, "%s%s%s", start, hex, end);
    free(start);
    return *out != NULL ? PHI_OK : PHI_E_NOMEM;
}

bool phi_output_claim(int fd)
{
    struct stat st;

    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return false;
    /* Where files cannot be locked, nobody takes it for anything. */
    return fstat(fd, &st) != 0 || st.st_nlink > 0;
}

int phi_output_rename_fresh(int dir, const char *from, const char *to)
{
    struct stat st;
    int rc = renameat2(dir, from, dir, to, RENAME_NOREPLACE);

    /* Some file systems know no flags. */
    if (rc == 0 || (errno != EINVAL && errno != ENOSYS))
        return rc;
    if (fstatat(dir, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return renameat(dir, from, dir, to);
}

enum phi_status phi_output_no_name(char **temp, const char *path,
                                   struct phi_err *err)
{
    free(*temp);
    *temp = NULL;
    return phi_fail(err, PHI_E_IO,
                    "%s: others have or lock %d temporary names beside it, "
                    "expected a free one",
                    path, PHI_OUTPUT_TRIES);
}

static const char *kind_of(const struct stat *st)
{
    return S_ISDIR(st->st_mode)   ? "a folder"
           : S_ISLNK(st->st_mode) ? "a symbolic link"
                                  : "a special file";
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
                        o->path, kind_of(&st));
    if (!o->replace) {
        phi_fail(err, PHI_E_ARG, "%s: exists already", o->path);
        return phi_hint(err, "--force replaces it");
    }
    return PHI_OK;
}

/* Asked before: what goes past this limit gets SIGXFSZ, which ends a process
 * that does not ignore it, and a library's may not. */
static bool is_too_large(uint64_t size)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
           limit.rlim_cur != RLIM_INFINITY && size > limit.rlim_cur;
}

static int take_space(const struct phi_output *o)
{
    int rc;

    if (is_too_large(o->size)) {
        errno = EFBIG;
        return -1;
    }
    do {
        rc = fallocate(o->fd, 0, 0, (off_t)o->size);
    } while (rc != 0 && errno == EINTR);
    /* Not every file system can, but all of them can be long and empty. */
    if (rc != 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
        rc = ftruncate(o->fd, (off_t)o->size);
    return rc;
}

/* Takes the space now, so that a full disk is noticed before the work. */
static enum phi_status reserve(struct phi_output *o, struct phi_err *err)
{
    if (o->size == 0 || take_space(o) == 0)
        return PHI_OK;
    return phi_fail_sys(err, errno, "%s: %llu bytes cannot be reserved",
                        o->path, (unsigned long long)o->size);
}

/* Where this is not possible, everything goes through the page cache. */
static void open_direct(struct phi_output *o)
{
    if (o->size >= DIRECT_MIN)
        o->direct = openat(o->dirfd, o->temp, O_WRONLY | O_DIRECT | O_CLOEXEC);
    atomic_store(&o->use_direct, o->direct >= 0);
}

/* An output without folder and file. */
static enum phi_status output_new(struct phi_output **out, const char *path,
                                  struct phi_err *err)
{
    struct phi_output *o = phi_alloc(1, sizeof(*o), err);

    if (o == NULL)
        return PHI_E_NOMEM;
    *out = o;
    o->dirfd = o->fd = o->direct = o->held = -1;
    o->path = phi_strdup(path, err);
    if (o->path == NULL)
        return PHI_E_NOMEM;
    o->name = phi_path_base(o->path);
    return phi_lock_new(&o->lock, err);
}

/* What can be seen before a file is made. */
static enum phi_status begin_at(struct phi_output **out, const char *path,
                                const struct phi_output_options *options,
                                struct phi_err *err)
{
    enum phi_status st = output_new(out, path, err);

    if (st != PHI_OK)
        return st;
    (*out)->size = options->size;
    (*out)->replace = options->replace;
    st = phi_folder_around(&(*out)->dirfd, path, err);
    return st == PHI_OK ? check_target(*out, err) : st;
}

enum phi_status phi_output_check(const char *path,
                                 const struct phi_output_options *options,
                                 struct phi_err *err)
{
    struct phi_output *o = NULL;
    enum phi_status st = begin_at(&o, path, options, err);

    if (st == PHI_OK &&
        faccessat(o->dirfd, ".", W_OK | X_OK, AT_EACCESS) != 0 &&
        (errno == EACCES || errno == EROFS)) /* else let it be tried */
        st = phi_fail_sys(err, errno, "%s: cannot be created", path);
    phi_output_close(o);
    return st;
}

static void create(struct phi_output *o)
{
    o->fd = openat(o->dirfd, o->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                   0666);
}

/* False if another name is to be tried. */
static bool create_locked(struct phi_output *o)
{
    create(o);
    if (o->fd < 0)
        return errno != EEXIST;
    if (phi_output_claim(o->fd))
        return true;
    close(o->fd);
    o->fd = -1;
    unlinkat(o->dirfd, o->temp, 0);
    return false;
}

static enum phi_status create_any(struct phi_output *o, struct phi_err *err)
{
    for (int i = 0; i < PHI_OUTPUT_TRIES; i++) {
        const enum phi_status st =
            phi_output_temp(&o->temp, o->path, PHI_OUTPUT_TEMP, err);

        if (st != PHI_OK || create_locked(o))
            return st;
    }
    return phi_output_no_name(&o->temp, o->path, err);
}

/* After create(). */
static enum phi_status begin(struct phi_output *o, struct phi_err *err)
{
    enum phi_status st;

    if (o->fd < 0) {
        st = phi_fail_sys(err, errno, "%s: cannot be created", o->path);
        free(o->temp);
        o->temp = NULL;
        return st;
    }
    st = reserve(o, err);
    if (st == PHI_OK)
        open_direct(o);
    return st;
}

enum phi_status phi_output_open(struct phi_output **out, const char *path,
                                const struct phi_output_options *options,
                                struct phi_err *err)
{
    struct phi_output *o = NULL;
    enum phi_status st = begin_at(&o, path, options, err);

    if (st != PHI_OK)
        goto out;
    st = create_any(o, err);
    if (st == PHI_OK)
        st = begin(o, err);
out:
    if (st == PHI_OK)
        *out = o;
    else
        phi_output_close(o);
    return st;
}

enum phi_status phi_output_open_in(struct phi_output **out, int dirfd,
                                   const char *path, uint64_t size,
                                   struct phi_err *err)
{
    struct phi_output *o = NULL;
    enum phi_status st = output_new(&o, path, err);

    if (st != PHI_OK)
        goto out;
    o->size = size;
    o->temp = phi_strdup(o->name, err);
    if (o->temp == NULL) {
        st = PHI_E_NOMEM;
        goto out;
    }
    o->dirfd = dirfd;
    o->borrowed = true;
    create(o);
    st = begin(o, err);
out:
    if (st == PHI_OK)
        *out = o;
    else
        phi_output_close(o);
    return st;
}

void phi_output_keep(struct phi_output *o)
{
    o->published = true;
}

/* Every byte from the first to the last was dealt with. */
static enum phi_status check_complete(const struct phi_output *o,
                                      struct phi_err *err)
{
    const uint64_t gap = phi_ranges_gap(&o->done, 0);
    const uint64_t total = phi_ranges_count(&o->done, 0, UINT64_MAX);
    const uint64_t size = o->size != 0 ? o->size : total;

    if (total == size && gap == size)
        return PHI_OK;
    if (gap == total)
        return phi_fail(
            err, PHI_E_ARG, "%s: %llu bytes were written, %llu were promised",
            o->path, (unsigned long long)total, (unsigned long long)size);
    return phi_fail(err, PHI_E_ARG, "%s: byte %llu was not written", o->path,
                    (unsigned long long)gap);
}

/* What is closed can fail one last time. */
static int close_files(struct phi_output *o)
{
    int rc = 0;

    if (o->direct >= 0 && close(o->direct) != 0)
        rc = -1;
    /* The lock is the file's, not the descriptor's, and goes with the last. */
    if (o->fd >= 0 && o->held < 0 && !o->borrowed) {
        o->held = fcntl(o->fd, F_DUPFD_CLOEXEC, 0);
        if (o->held < 0) /* others would take it for a leftover */
            rc = -1;
    }
    if (o->fd >= 0 && close(o->fd) != 0)
        rc = -1;
    o->direct = o->fd = -1;
    return rc;
}

enum phi_status phi_output_sync(struct phi_output *o, struct phi_err *err)
{
    enum phi_status st;

    if (atomic_load(&o->failed))
        return phi_fail(err, PHI_E_IO, "%s: an earlier write failed", o->path);
    if ((st = check_complete(o, err)) != PHI_OK)
        return st;
    /* One file, one fsync: it is of the file, not of the descriptor. */
    if (fsync(o->fd) != 0)
        return phi_fail_sys(err, errno, "%s: fsync", o->path);
    if (close_files(o) != 0)
        return phi_fail_sys(err, errno, "%s: close", o->path);
    o->synced = true;
    return PHI_OK;
}

/*
 * The work may have taken hours: what is replaced now is a file still. *there:
 * it is one that may be.
 */
static enum phi_status check_again(const struct phi_output *o, bool *there,
                                   struct phi_err *err)
{
    struct stat st;

    *there = false;
    if (!o->replace) /* and nothing that came since is replaced */
        return PHI_OK;
    if (fstatat(o->dirfd, o->name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return PHI_OK;
        return phi_fail_sys(err, errno, "%s: cannot be examined", o->path);
    }
    if (!S_ISREG(st.st_mode))
        return phi_fail(err, PHI_E_IO,
                        "%s: became %s meanwhile, expected a regular file or "
                        "nothing",
                        o->path, kind_of(&st));
    *there = true;
    return PHI_OK;
}

/* Swaps the files where it can be done, so that the old one can come back. */
static int put_in_place(struct phi_output *o, bool there)
{
    o->swapped = there && renameat2(o->dirfd, o->temp, o->dirfd, o->name,
                                    RENAME_EXCHANGE) == 0;
    if (o->swapped)
        return 0;
    return o->replace ? renameat(o->dirfd, o->temp, o->dirfd, o->name)
                      : phi_output_rename_fresh(o->dirfd, o->temp, o->name);
}

enum phi_status phi_output_publish(struct phi_output *o, struct phi_err *err)
{
    bool there;
    enum phi_status st;

    if (!o->synced)
        return phi_fail(err, PHI_E_ARG, "%s: is not synced yet", o->path);
    if ((st = check_again(o, &there, err)) != PHI_OK)
        return st;
    if (put_in_place(o, there) != 0)
        return phi_fail_sys(err, errno, "%s: cannot be put in place", o->path);
    o->published = true;
    return PHI_OK;
}

void phi_output_retract(struct phi_output *o)
{
    int rc;

    if (!o->published)
        return;
    if (o->swapped)
        rc = renameat2(o->dirfd, o->temp, o->dirfd, o->name, RENAME_EXCHANGE);
    else
        rc = renameat(o->dirfd, o->name, o->dirfd, o->temp);
    if (rc == 0)
        o->published = o->swapped = false;
}

enum phi_status phi_output_settle(struct phi_output *o, struct phi_err *err)
{
    /* After a swap the temporary name holds the old file. */
    if (o->swapped && unlinkat(o->dirfd, o->temp, 0) == 0)
        o->swapped = false;
    if (fsync(o->dirfd) != 0)
        return phi_fail_sys(err, errno,
                            "%s: is complete and in place, but its folder "
                            "cannot be synced; it may not survive a power cut",
                            o->path);
    return PHI_OK;
}

enum phi_status phi_output_commit(struct phi_output *o, struct phi_err *err)
{
    enum phi_status st = phi_output_sync(o, err);

    if (st == PHI_OK)
        st = phi_output_publish(o, err);
    return st == PHI_OK ? phi_output_settle(o, err) : st;
}

void phi_output_close(struct phi_output *o)
{
    if (o == NULL)
        return;
    close_files(o);
    if (o->temp != NULL && o->dirfd >= 0 && (!o->published || o->swapped))
        unlinkat(o->dirfd, o->temp, 0);
    if (o->held >= 0)
        close(o->held);
    if (o->dirfd >= 0 && !o->borrowed)
        close(o->dirfd);
    phi_ranges_release(&o->done);
    phi_lock_free(o->lock);
    free(o->temp);
    free(o->path);
    free(o);
}

enum phi_status phi_output_save(const char *path,
                                const struct phi_output_options *options,
                                const void *bytes, size_t n,
                                struct phi_err *err)
{
    struct phi_output *o = NULL;
    enum phi_status st = phi_output_open(&o, path, options, err);

    if (st == PHI_OK)
        st = phi_output_write(o, bytes, n, err);
    if (st == PHI_OK)
        st = phi_output_commit(o, err);
    phi_output_close(o);
    return st;
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

enum phi_status phi_output_not_path(const char *path, const char *input,
                                    struct phi_err *err)
{
    struct stat st;

    if (input == NULL || stat(input, &st) != 0)
        return PHI_OK;
    return phi_output_not_input(
        path, (struct phi_file_id){st.st_dev, st.st_ino}, err);
}
