/* SPDX-License-Identifier: MIT */
/*
 * Files for tests: folders under the working directory (ctest's build folder)
 * that are removed again, and helpers to fill and change them. Any failure
 * fails the test. Define _POSIX_C_SOURCE 200809L before the first include.
 */
#ifndef PHI_TESTS_FIXTURE_H
#define PHI_TESTS_FIXTURE_H

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "tests/unit/unit.h"

/* A fresh folder; its name, relative, to be ended with fixture_remove(). */
static inline char *fixture_folder(void)
{
    char *dir = phi_strdup("fixture-XXXXXX", NULL);

    ck_assert_ptr_nonnull(dir);
    ck_assert_ptr_nonnull(mkdtemp(dir));
    return dir;
}

/* How many entries a folder has. */
static inline size_t fixture_entries(const char *path)
{
    DIR *d = opendir(path);
    size_t n = 0;

    ck_assert_ptr_nonnull(d);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n - 2;
}

/* Removes the folder, the files in it and its name. */
static inline void fixture_remove(char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *e;

    ck_assert_ptr_nonnull(d);
    while ((e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            ck_assert_int_eq(unlinkat(dirfd(d), e->d_name, 0), 0);
    }
    closedir(d);
    ck_assert_int_eq(rmdir(dir), 0);
    free(dir);
}

/* "dir/name", to be released with free(). */
static inline char *fixture_path(const char *dir, const char *name)
{
    char *path = phi_path_join(dir, name, NULL);

    ck_assert_ptr_nonnull(path);
    return path;
}

static inline void fixture_write(const char *dir, const char *name,
                                 const void *bytes, size_t n)
{
    char *path = fixture_path(dir, name);
    FILE *f = fopen(path, "wb");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
    free(path);
}

static inline void fixture_text(const char *dir, const char *name,
                                const char *text)
{
    fixture_write(dir, name, text, strlen(text));
}

/* The whole file with a NUL after it, to be released with free(). */
static inline char *fixture_load(const char *dir, const char *name, size_t *n)
{
    char *path = fixture_path(dir, name);
    uint8_t *bytes = NULL;

    ck_ok(phi_file_load(path, UINT32_MAX, &bytes, n, &err));
    free(path);
    return (char *)bytes;
}

/* dir/name becomes a copy of from/name. */
static inline void fixture_copy(const char *from, const char *dir,
                                const char *name)
{
    size_t n;
    char *bytes = fixture_load(from, name, &n);

    fixture_write(dir, name, bytes, n);
    free(bytes);
}

/* Replaces the first `old`, which must be there, in a text file. */
static inline void fixture_edit(const char *dir, const char *name,
                                const char *old, const char *new)
{
    size_t n;
    char *text = fixture_load(dir, name, &n);
    const char *at = strstr(text, old);
    char *edited;

    ck_assert_msg(at != NULL, "%s: no %s", name, old);
    edited = phi_sprintf(NULL, "%.*s%s%s", (int)(at - text), text, new,
                         at + strlen(old));
    ck_assert_ptr_nonnull(edited);
    fixture_text(dir, name, edited);
    free(edited);
    free(text);
}

#endif
