/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE       /* renameat2() */
#define _FILE_OFFSET_BITS 64
#include "libconv/base/output_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libconv/base/folder.h"
#include "libconv/base/mem.h"
#include "libconv/base/output_parts.h"

struct phi_output_folder {
    int parent;
    DIR *dir;   /* the new folder, open from the start: to remove what is in it
                   takes neither memory nor a descriptor then */
    int fd;     /* dir's, or -1 */
    char *path; /* as given, without slashes at its end */
    const char *name; /* in path */
    char *temp;       /* beside it; NULL before there is one */
    char *aside;      /* of what is replaced, where folders cannot be swapped */
    char *marker;
    DIR *old;               /* what is to be replaced, open from the start, by
                               which it is known in the end; or NULL */
    struct phi_names names; /* in it at the start, in order */
    bool replace;
    bool synced;
    bool published;
    bool swapped;              /* `temp` names what was replaced */
    bool moved;                /* `aside` does */
    struct phi_output **files; /* (n) */
    size_t n;
    size_t cap;
};

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

DIR *phi_output_read_folder(int at, const char *name)
{
    const int fd =
        openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

    if (d == NULL && fd >= 0) {
        const int sys = errno;

        close(fd);
        errno = sys;
    }
    return d;
}

/* ---- the beginning ------------------------------------------------------- */

static enum phi_status hint_whole(struct phi_err *err)
{
    return phi_hint(err, "a folder is replaced as a whole: remove this one "
                         "yourself, or choose another name");
}

static bool holds_folder(const struct phi_output_folder *f, const char *name)
{
    struct stat s;

    return fstatat(dirfd(f->old), name, &s, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(s.st_mode);
}

static enum phi_status list_old(struct phi_output_folder *f,
                                struct phi_err *err)
{
    const struct dirent *e;
    enum phi_status st = PHI_OK;

    while (st == PHI_OK && (errno = 0, e = readdir(f->old)) != NULL) {
        if (!is_dot(e->d_name))
            st = phi_names_add(&f->names, e->d_name, err);
    }
    /* What cannot be listed is not empty. */
    if (st == PHI_OK && errno != 0)
        st = phi_fail_sys(err, errno, "%s: cannot be read", f->path);
    phi_names_sort(&f->names);
    return st;
}

/* What would go is a folder of files, and one of ours. */
static enum phi_status check_contents(struct phi_output_folder *f,
                                      struct phi_err *err)
{
    enum phi_status st;

    f->old = phi_output_read_folder(f->parent, f->name);
    if (f->old == NULL)
        return phi_fail_sys(err, errno, "%s: cannot be opened", f->path);
    if ((st = list_old(f, err)) != PHI_OK)
        return st;
    for (size_t i = 0; i < f->names.n; i++) {
        if (!holds_folder(f, f->names.v[i]))
            continue;
        phi_fail(err, PHI_E_ARG,
                 "%s: holds the folder \"%.*s\", expected files only", f->path,
                 PHI_ERR_NAME, f->names.v[i]);
        return hint_whole(err);
    }
    if (f->names.n == 0 || phi_names_have(&f->names, f->marker))
        return PHI_OK;
    phi_fail(err, PHI_E_ARG,
             "%s: holds files, but no %s, expected a model or an empty folder",
             f->path, f->marker);
    return hint_whole(err);
}

static void forget_old(struct phi_output_folder *f)
{
    if (f->old != NULL)
        closedir(f->old);
    f->old = NULL;
    phi_names_release(&f->names);
}

/* What stands at the target's name must be nothing or a replaceable folder. */
static enum phi_status check_target(struct phi_output_folder *f,
                                    struct phi_err *err)
{
    struct stat s;

    forget_old(f);
    if (f->name[0] == '\0' || is_dot(f->name))
        return phi_fail(err, PHI_E_ARG, "%s: is no name for an output folder",
                        f->path);
    if (fstatat(f->parent, f->name, &s, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return PHI_OK;
        return phi_fail_sys(err, errno, "%s: cannot be examined", f->path);
    }
    if (!S_ISDIR(s.st_mode))
        return phi_fail(err, PHI_E_ARG,
                        "%s: is %s, expected a folder or nothing", f->path,
                        S_ISREG(s.st_mode)   ? "a file"
                        : S_ISLNK(s.st_mode) ? "a symbolic link"
                                             : "a special file");
    if (!f->replace) {
        phi_fail(err, PHI_E_ARG, "%s: exists already", f->path);
        return phi_hint(err, "--force replaces it");
    }
    return check_contents(f, err);
}

/* False if another name is to be tried; *st if not. */
static bool try_temp(struct phi_output_folder *f, enum phi_status *st,
                     struct phi_err *err)
{
    *st = phi_output_temp(&f->temp, f->path, PHI_OUTPUT_TEMP, err);
    if (*st != PHI_OK)
        return true;
    if (mkdirat(f->parent, f->temp, 0777) != 0) {
        if (errno == EEXIST)
            return false;
        *st = phi_fail_sys(err, errno, "%s: cannot be created", f->path);
        free(f->temp);
        f->temp = NULL;
        return true;
    }
    f->dir = phi_output_read_folder(f->parent, f->temp);
    if (f->dir == NULL) {
        if (errno == ENOENT)
            return false;
        *st = phi_fail_sys(err, errno, "%s: cannot be opened", f->path);
        return true;
    }
    f->fd = dirfd(f->dir);
    if (phi_output_claim(f->fd))
        return true;
    closedir(f->dir);
    f->dir = NULL;
    f->fd = -1;
    unlinkat(f->parent, f->temp, AT_REMOVEDIR);
    return false;
}

static enum phi_status make_temp(struct phi_output_folder *f,
                                 struct phi_err *err)
{
    enum phi_status st;

    for (int i = 0; i < PHI_OUTPUT_TRIES; i++)
        if (try_temp(f, &st, err))
            return st;
    return phi_output_no_name(&f->temp, f->path, err);
}

/* Slashes at the end of path do not count. */
static enum phi_status set_path(struct phi_output_folder *f, const char *path,
                                struct phi_err *err)
{
    size_t n = strlen(path);
    char *copy;

    while (n > 1 && path[n - 1] == '/')
        n--;
    copy = phi_strndup(path, n, err);
    if (copy == NULL)
        return PHI_E_NOMEM;
    free(f->path);
    f->path = copy;
    f->name = phi_path_base(copy);
    return PHI_OK;
}

enum phi_status phi_output_folder_open(
    struct phi_output_folder **out, const char *path,
    const struct phi_output_folder_options *options, struct phi_err *err)
{
    struct phi_output_folder *f = phi_alloc(1, sizeof(*f), err);
    enum phi_status st = PHI_E_NOMEM;

    if (f == NULL)
        return st;
    f->parent = f->fd = -1;
    f->replace = options->replace;
    f->marker = phi_strdup(options->marker, err);
    if (f->marker == NULL || (st = set_path(f, path, err)) != PHI_OK)
        goto out;
    if ((st = phi_folder_around(&f->parent, f->path, err)) != PHI_OK ||
        (st = check_target(f, err)) != PHI_OK)
        goto out;
    st = make_temp(f, err);
out:
    if (st == PHI_OK)
        *out = f;
    else
        phi_output_folder_close(f);
    return st;
}

char *phi_output_folder_temp(const struct phi_output_folder *f,
                             struct phi_err *err)
{
    return phi_sprintf(err, "%.*s%s", (int)(f->name - f->path), f->path,
                       f->temp);
}

enum phi_status phi_output_folder_rename(struct phi_output_folder *f,
                                         const char *path, struct phi_err *err)
{
    const enum phi_status st = set_path(f, path, err);

    return st == PHI_OK ? check_target(f, err) : st;
}

enum phi_status phi_output_folder_file(struct phi_output **out,
                                       struct phi_output_folder *f,
                                       const char *name, uint64_t size,
                                       struct phi_err *err)
{
    void *list = f->files;
    char *path;
    enum phi_status st;

    if (name[0] == '\0' || is_dot(name) || strchr(name, '/') != NULL)
        return phi_fail(err, PHI_E_ARG, "%s: \"%.*s\" is no name for a file",
                        f->path, PHI_ERR_NAME, name);
    st = phi_grow(&list, &f->cap, f->n + 1, sizeof(struct phi_output *), err);
    f->files = list;
    if (st != PHI_OK)
        return st;
    path = phi_path_join(f->path, name, err);
    if (path == NULL)
        return PHI_E_NOMEM;
    st = phi_output_open_in(&f->files[f->n], f->fd, path, size, err);
    if (st == PHI_OK)
        *out = f->files[f->n++];
    free(path);
    return st;
}

/* ---- the end ------------------------------------------------------------- */

enum phi_status phi_output_folder_sync(struct phi_output_folder *f,
                                       struct phi_err *err)
{
    for (size_t i = 0; i < f->n; i++) {
        enum phi_status st;

        if (f->files[i]->synced)
            continue;
        st = phi_output_sync(f->files[i], err);
        if (st != PHI_OK)
            return st;
    }
    if (fsync(f->fd) != 0)
        return phi_fail_sys(err, errno, "%s: fsync", f->path);
    f->synced = true;
    return PHI_OK;
}

static enum phi_status check_grown(const struct phi_output_folder *f,
                                   struct phi_err *err)
{
    const struct dirent *e;

    rewinddir(f->old);
    while ((errno = 0, e = readdir(f->old)) != NULL) {
        if (is_dot(e->d_name) || (phi_names_have(&f->names, e->d_name) &&
                                  !holds_folder(f, e->d_name)))
            continue;
        phi_fail(err, PHI_E_IO,
                 "%s: \"%.*s\" was put there meanwhile, expected what it held "
                 "at the start",
                 f->path, PHI_ERR_NAME, e->d_name);
        return hint_whole(err);
    }
    if (errno != 0)
        return phi_fail_sys(err, errno, "%s: cannot be read", f->path);
    return PHI_OK;
}

/*
 * The work may have taken hours: what is replaced now, and removed, is what
 * was looked at before it. *there: it is still.
 */
static enum phi_status check_again(const struct phi_output_folder *f,
                                   bool *there, struct phi_err *err)
{
    struct stat was, is;

    *there = false;
    if (f->old == NULL) /* and nothing that came since is replaced */
        return PHI_OK;
    if (fstatat(f->parent, f->name, &is, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return PHI_OK;
        return phi_fail_sys(err, errno, "%s: cannot be examined", f->path);
    }
    if (fstat(dirfd(f->old), &was) != 0)
        return phi_fail_sys(err, errno, "%s: cannot be examined", f->path);
    if (is.st_dev != was.st_dev || is.st_ino != was.st_ino) {
        phi_fail(err, PHI_E_IO,
                 "%s: was replaced meanwhile, expected the folder that was "
                 "there at the start",
                 f->path);
        return hint_whole(err);
    }
    *there = true;
    return check_grown(f, err);
}

static int rename_fresh(const struct phi_output_folder *f, const char *from,
                        const char *to)
{
    return phi_output_rename_fresh(f->parent, from, to);
}

/* The old one steps aside, then the new one takes its name. */
static int put_in_turn(struct phi_output_folder *f)
{
    if (rename_fresh(f, f->name, f->aside) != 0)
        return -1;
    f->moved = true;
    if (rename_fresh(f, f->temp, f->name) != 0) {
        const int sys = errno;

        if (rename_fresh(f, f->aside, f->name) == 0)
            f->moved = false;
        errno = sys;
        return -1;
    }
    return 0;
}

/* Puts the new folder in place; `aside` is a fresh name. */
static int put_in_place(struct phi_output_folder *f, bool replace)
{
    if (!replace)
        return rename_fresh(f, f->temp, f->name);
    if (renameat2(f->parent, f->temp, f->parent, f->name, RENAME_EXCHANGE) ==
        0) {
        f->swapped = true;
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    return put_in_turn(f);
}

enum phi_status phi_output_folder_publish(struct phi_output_folder *f,
                                          struct phi_err *err)
{
    bool there;
    enum phi_status st;

    if (!f->synced)
        return phi_fail(err, PHI_E_ARG, "%s: is not synced yet", f->path);
    st = phi_output_temp(&f->aside, f->path, PHI_OUTPUT_OLD, err);
    if (st != PHI_OK || (st = check_again(f, &there, err)) != PHI_OK)
        return st;
    if (put_in_place(f, there) != 0) {
        const int sys = errno;

        if (f->moved)
            return phi_fail_sys(err, sys,
                                "%s: cannot be put in place; what it held is "
                                "%s now",
                                f->path, f->aside);
        return phi_fail_sys(err, sys, "%s: cannot be put in place", f->path);
    }
    f->published = true;
    forget_old(f); /* open folders cannot be removed everywhere */
    return PHI_OK;
}

void phi_output_folder_retract(struct phi_output_folder *f)
{
    int rc;

    if (!f->published)
        return;
    if (f->swapped)
        rc = renameat2(f->parent, f->temp, f->parent, f->name, RENAME_EXCHANGE);
    else
        rc = rename_fresh(f, f->name, f->temp);
    if (rc != 0)
        return;
    f->published = f->swapped = false;
    if (f->moved && rename_fresh(f, f->aside, f->name) == 0)
        f->moved = false;
}

static void remove_files(DIR *d)
{
    const struct dirent *e;
    bool any = true;

    /* Removing may hide entries from a reader: until there are none. */
    while (any) {
        any = false;
        rewinddir(d);
        while ((e = readdir(d)) != NULL) {
            if (!is_dot(e->d_name) && unlinkat(dirfd(d), e->d_name, 0) == 0)
                any = true;
        }
    }
}

bool phi_output_remove_folder(int parent, const char *name)
{
    DIR *d = phi_output_read_folder(parent, name);

    /* Another run may have taken it for a leftover: that is as well. */
    if (d == NULL)
        return errno == ENOENT;
    remove_files(d);
    closedir(d);
    return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

/* What was replaced goes; true if there is nothing left of it. */
static bool remove_old(struct phi_output_folder *f)
{
    if (f->swapped && f->temp != NULL &&
        phi_output_remove_folder(f->parent, f->temp))
        f->swapped = false;
    if (f->moved && f->published &&
        phi_output_remove_folder(f->parent, f->aside))
        f->moved = false;
    return !f->swapped && !f->moved;
}

enum phi_status phi_output_folder_settle(struct phi_output_folder *f,
                                         struct phi_err *err)
{
    if (fsync(f->parent) != 0)
        return phi_fail_sys(err, errno,
                            "%s: is complete and in place, but the folder "
                            "around it cannot be synced; it may not survive a "
                            "power cut",
                            f->path);
    if (!remove_old(f))
        return phi_fail_sys(err, errno,
                            "%s: is complete and in place, but what it "
                            "replaces cannot be removed; it is %s now",
                            f->path, f->swapped ? f->temp : f->aside);
    return PHI_OK;
}

void phi_output_folder_close(struct phi_output_folder *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->n; i++) {
        if (f->published)
            phi_output_keep(f->files[i]);
        phi_output_close(f->files[i]);
    }
    forget_old(f);
    remove_old(f);
    if (f->dir != NULL && !f->published)
        remove_files(f->dir);
    if (f->temp != NULL && !f->published)
        unlinkat(f->parent, f->temp, AT_REMOVEDIR);
    if (f->dir != NULL)
        closedir(f->dir);
    if (f->parent >= 0)
        close(f->parent);
    free(f->files);
    free(f->marker);
    free(f->aside);
    free(f->temp);
    free(f->path);
    free(f);
}
