/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE   /* flock() */
#define _FILE_OFFSET_BITS 64
#include "libconv/base/leftovers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libconv/base/folder.h"
#include "libconv/base/mem.h"
#include "libconv/base/output_parts.h"

/* One search. */
struct search {
    int dir;
    const char *path;  /* of the output, without slashes at its end */
    const char *name;  /* in path */
    const char *start; /* what leftovers begin with */
    phi_leftover_fn tell;
    void *ctx;
};

static bool has_ending(const char *rest, const char *ending)
{
    return strspn(rest, "0123456789abcdef") == PHI_OUTPUT_RANDOM &&
           strcmp(rest + PHI_OUTPUT_RANDOM, ending) == 0;
}

static int open_to_lock(int dir, const char *name)
{
    return openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/*
 * A run that has exchanged the old file and its own holds the lock of its own,
 * which has the output's name then.
 */
static bool is_being_ended(const struct search *s)
{
    const int fd = open_to_lock(s->dir, s->name);
    const bool busy =
        fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;

    if (fd >= 0)
        close(fd);
    return busy;
}

static bool remove_it(const struct search *s, const char *name, bool folder)
{
    return folder ? phi_output_remove_folder(s->dir, name)
                  : unlinkat(s->dir, name, 0) == 0;
}

/* False if somebody needs it, or it is nothing that was left. */
static bool clear_one(const struct search *s, const char *name,
                      enum phi_leftover *what)
{
    const int fd = open_to_lock(s->dir, name);
    struct stat st;
    bool found = false;

    *what = PHI_LEFTOVER_STAYS;
    if (fd < 0)
        return errno == EACCES;
    if (fstat(fd, &st) != 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        goto out;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        found = errno != EWOULDBLOCK;
        goto out;
    }
    if (is_being_ended(s))
        goto out;
    found = true;
    if (remove_it(s, name, S_ISDIR(st.st_mode)))
        *what = PHI_LEFTOVER_REMOVED;
out:
    close(fd);
    return found;
}

/* False if there is nothing to be told of it. */
static bool judge(const struct search *s, const char *name,
                  enum phi_leftover *what)
{
    const size_t n = strlen(s->start);

    *what = PHI_LEFTOVER_OLD;
    if (strncmp(name, s->start, n) != 0)
        return false;
    if (has_ending(name + n, PHI_OUTPUT_OLD))
        return !is_being_ended(s);
    return has_ending(name + n, PHI_OUTPUT_TEMP) && clear_one(s, name, what);
}

static void look_at(const struct search *s, const char *name)
{
    enum phi_leftover what;
    char *path;

    if (!judge(s, name, &what))
        return;
    path = phi_sprintf(NULL, "%.*s%s", (int)(s->name - s->path), s->path, name);
    if (path != NULL)
        s->tell(s->ctx, path, what);
    free(path);
}

void phi_leftovers_clear(const char *path, phi_leftover_fn tell, void *ctx)
{
    struct search s = {.dir = -1, .tell = tell, .ctx = ctx};
    size_t n = strlen(path);
    const struct dirent *e;
    char *copy, *start = NULL;
    DIR *d = NULL;

    while (n > 1 && path[n - 1] == '/')
        n--;
    copy = phi_strndup(path, n, NULL);
    if (copy == NULL)
        return;
    start = phi_output_start(copy, NULL);
    s.path = copy;
    s.name = phi_path_base(copy);
    s.start = start;
    if (start != NULL && s.name[0] != '\0' &&
        phi_folder_around(&s.dir, copy, NULL) == PHI_OK)
        d = phi_output_read_folder(s.dir, ".");
    while (d != NULL && (e = readdir(d)) != NULL)
        look_at(&s, e->d_name);
    if (d != NULL)
        closedir(d);
    if (s.dir >= 0)
        close(s.dir);
    free(start);
    free(copy);
}
