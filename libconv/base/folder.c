/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64
#include "libconv/base/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libconv/base/file.h"
#include "libconv/base/mem.h"

enum phi_status phi_names_add(struct phi_names *names, const char *name,
                              struct phi_err *err)
{
    void *list = names->v;
    const enum phi_status st =
        phi_grow(&list, &names->cap, names->n + 1, sizeof(*names->v), err);

    names->v = list;
    if (st != PHI_OK)
        return st;
    names->v[names->n] = phi_strdup(name, err);
    if (names->v[names->n] == NULL)
        return PHI_E_NOMEM;
    names->n++;
    return PHI_OK;
}

void phi_names_release(struct phi_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->v[i]);
    free(names->v);
    *names = (struct phi_names){0};
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void phi_names_sort(struct phi_names *names)
{
    if (names->n > 1)
        qsort(names->v, names->n, sizeof(*names->v), by_bytes);
}

bool phi_names_have(const struct phi_names *names, const char *name)
{
    return names->n > 0 && bsearch(&name, names->v, names->n, sizeof(*names->v),
                                   by_bytes) != NULL;
}

enum phi_status phi_folder_list(struct phi_names *names, const char *path,
                                struct phi_err *err)
{
    DIR *d = opendir(path);
    enum phi_status st = PHI_OK;

    if (d == NULL)
        return phi_fail_sys(err, errno, "%s: cannot be opened", path);
    for (;;) {
        const struct dirent *e;

        errno = 0;
        e = readdir(d);
        if (e == NULL && errno != 0)
            st = phi_fail_sys(err, errno, "%s: cannot be read", path);
        if (e == NULL || st != PHI_OK)
            break;
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            st = phi_names_add(names, e->d_name, err);
        if (st != PHI_OK)
            break;
    }
    closedir(d);
    phi_names_sort(names);
    return st;
}

enum phi_status phi_folder_around(int *out, const char *path,
                                  struct phi_err *err)
{
    const size_t n = (size_t)(phi_path_base(path) - path);
    char *dir = n > 0 ? phi_strndup(path, n, err) : phi_strdup(".", err);
    enum phi_status st = PHI_OK;

    *out = -1;
    if (dir == NULL)
        return PHI_E_NOMEM;
    *out = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*out < 0)
        st = phi_fail_sys(err, errno, "%s: its folder cannot be opened", path);
    free(dir);
    return st;
}

enum phi_status phi_folder_sync_name(const char *path, struct phi_err *err)
{
    int fd;
    enum phi_status st = phi_folder_around(&fd, path, err);

    if (st == PHI_OK && fsync(fd) != 0)
        st = phi_fail_sys(err, errno, "%s: its folder cannot be synced", path);
    if (fd >= 0)
        close(fd);
    return st;
}
